package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/google/uuid"
	livekitproto "github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/database"
	"foyer/ent/recording"
	"foyer/test/env"
)

const (
	startRecording = `mutation($input: StartRecordingInput!) { startRecording(input: $input) {
		recording { id status mode canDelete room { id } } } }`
	stopRecording = `mutation($input: StopRecordingInput!) { stopRecording(input: $input) {
		recording { id status } } }`
	deleteRecording = `mutation($input: DeleteRecordingInput!) { deleteRecording(input: $input) {
		recordingId } }`
	deleteRoom  = `mutation($input: DeleteRoomInput!) { deleteRoom(input: $input) { room { id } } }`
	watchRecord = `subscription($roomId: ID!) { roomStatus(roomId: $roomId) {
		recording recordingStatus recordingMode recordingNotice } }`
	oneRecording = `query($id: ID!) { recording(id: $id) { id status reason size duration url
		startedAt endedAt expiresAt isExpired canDelete transcribe language transcript
		downloadUrl mode room { id } sharedWith { fullName } } }`
)

// recorder is a server that records, with everything that it needs. The test can lose LiveKit's events and block the
// connection to LiveKit.
type recorder struct {
	*server

	environ []string
	livekit *env.LiveKitServer
	egress  *env.Egress
	files   env.S3Bucket
	db      *ent.Client
	line    *toxiproxy.Proxy
	deaf    atomic.Bool
	host    string
	roomID  string
}

// startRecorder starts it with a meeting in its room.
func startRecorder(t *testing.T, environ ...string) *recorder {
	t.Helper()
	r := &recorder{files: env.Bucket(t)}
	address := fmt.Sprintf("127.0.0.1:%d", env.FreePort(t))
	forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	events := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if !r.deaf.Load() {
			forward.ServeHTTP(w, q)
		}
	}))
	t.Cleanup(events.Close)
	l, egress := env.StartEgress(t, events.URL+"/webhooks/livekit", &r.files)
	r.livekit, r.egress = l, egress
	proxies := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	here := fmt.Sprintf("127.0.0.1:%d", env.FreePort(t))
	r.line = toxiproxy.NewProxy(proxies, "livekit", here, strings.TrimPrefix(l.URL(), "ws://"))
	require.NoError(t, r.line.Start())
	t.Cleanup(r.line.Stop)
	stores := shared(t)
	database, err := database.Open(strings.TrimPrefix(stores[0], "DATABASE_URL="), 4)
	require.NoError(t, err)
	t.Cleanup(func() { database.Close() })
	r.db = database.Client
	r.environ = append(append(append([]string{
		"FOYER_ADDR=" + address, "LIVEKIT_URL=ws://" + r.line.Listen, "LIVEKIT_PUBLIC_URL=" + l.URL(),
		"LIVEKIT_API_KEY=" + l.Key(), "LIVEKIT_API_SECRET=" + l.Secret(),
		"FOYER_RECORDING_INTERVAL=200ms", "FOYER_RECORDING_START_TIMEOUT=10s",
		"FOYER_RECORDING_STOP_TIMEOUT=1m", "FOYER_RECORDING_NOTICE=You are being recorded.",
		"FOYER_MEDIA_SECRET=" + mediaSecret,
	}, stores...), r.files.Environ()...), environ...)
	r.server = startServer(t, r.environ...)
	r.host = r.login("Olga Owner")
	r.roomID = r.room(r.host, object{"accessLevel": "PUBLIC"})
	r.join(r.host, object{"roomId": r.roomID})
	return r
}

// hang blocks the data to LiveKit (upstream) or from it (downstream) until restart.
func (r *recorder) hang(direction string) {
	r.t.Helper()
	_, err := r.line.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"name": "hang",
		"type": "timeout", "stream": %q, "toxicity": 1, "attributes": {"timeout": 0}}`, direction)))
	require.NoError(r.t, err)
}

// restart starts the killed server again, with working connections.
func (r *recorder) restart() {
	r.t.Helper()
	r.line.Toxics.ResetToxics(context.Background())
	r.deaf.Store(false)
	r.server = startServer(r.t, r.environ...)
	r.host = r.login("Olga Owner")
}

// asks sends an operation without waiting for its answer.
func (r *recorder) asks(query string, input object) {
	body, _ := json.Marshal(object{"query": query, "variables": object{"input": input}})
	request, err := http.NewRequest(http.MethodPost, r.url+"/graphql", bytes.NewReader(body))
	require.NoError(r.t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+r.host)
	go func() {
		if answer, err := http.DefaultClient.Do(request); err == nil {
			answer.Body.Close()
		}
	}()
}

func (r *recorder) start() string {
	r.t.Helper()
	data := r.must(r.host, startRecording, object{"input": object{"roomId": r.roomID, "mode": "SCREEN"}})
	return text(data, "startRecording.recording.id")
}

func (r *recorder) active() string {
	r.t.Helper()
	id := r.start()
	r.until(id, recording.StatusACTIVE)
	return id
}

func (r *recorder) saved() string {
	r.t.Helper()
	id := r.active()
	r.must(r.host, stopRecording, object{"input": object{"roomId": r.roomID}})
	r.until(id, recording.StatusSAVED)
	return id
}

func (r *recorder) row(id string) *ent.Recording {
	return r.db.Recording.GetX(context.Background(), uuid.MustParse(id))
}

func (r *recorder) until(id string, status recording.Status) {
	r.t.Helper()
	env.Eventually(r.t, func(c *assert.CollectT) { assert.Equal(c, status, r.row(id).Status) })
}

func (r *recorder) key(id string) string { return "recordings/" + id + ".mp4" }

func TestRecordingFromStartToEnd(t *testing.T) {
	t.Parallel()
	r := startRecorder(t)
	status := r.subscribe(r.host, watchRecord, object{"roomId": r.roomID})
	assert.Nil(t, at(status.until("roomStatus.recording", "false"), "roomStatus.recordingNotice"))
	hang := make(chan struct{})
	r.egress.Behave(env.Behavior{Hang: hang, Starting: true})
	r.asks(startRecording, object{"roomId": r.roomID, "mode": "SCREEN"})
	told := status.until("roomStatus.recordingStatus", "INITIATED")
	assert.Equal(t, object{
		"recording": true, "recordingStatus": "INITIATED", "recordingMode": "SCREEN",
		"recordingNotice": "You are being recorded.",
	}, at(told, "roomStatus"), "before any media is recorded")
	env.Eventually(t, func(c *assert.CollectT) { assert.Len(c, r.egress.Running(), 1) })
	r.egress.Activate(r.egress.Running()[0])
	close(hang)
	status.until("roomStatus.recordingStatus", "ACTIVE")
	conflict := r.ask(r.host, startRecording, object{"input": object{"roomId": r.roomID, "mode": "AUDIO"}})
	require.Equal(t, "CONFLICT", conflict.code())
	id := fmt.Sprint(conflict.Errors[0].Extensions["recordingId"])
	assert.Equal(t, id, text(r.must(r.host, `query($id: ID!) { room(id: $id) { activeRecording { id } } }`,
		object{"id": r.roomID}), "room.activeRecording.id"))
	r.must(r.host, stopRecording, object{"input": object{"roomId": r.roomID}})
	ended := status.until("roomStatus.recording", "false")
	assert.Nil(t, at(ended, "roomStatus.recordingStatus"))

	data := r.must(r.host, oneRecording, object{"id": id})
	one := at(data, "recording").(object)
	assert.Equal(t, "SAVED", one["status"])
	assert.EqualValues(t, len(env.ScreenFile), one["size"])
	assert.EqualValues(t, 2, one["duration"])
	assert.Equal(t, true, one["canDelete"])
	assert.Equal(t, []any{}, one["sharedWith"])
	assert.True(t, strings.HasSuffix(one["url"].(string), "/media/"+r.key(id)))
	assert.Nil(t, one["reason"])
	list := r.must(r.host, `query($id: ID!) { recordings(roomId: $id) { totalCount edges { node { id } } }
		room(id: $id) { recordings(first: 1) { edges { node { id } } } } }`, object{"id": r.roomID})
	assert.EqualValues(t, 1, at(list, "recordings.totalCount"))
	assert.Equal(t, id, text(at(list, "room.recordings.edges").([]any)[0], "node.id"))

	shareRecording := `mutation($input: ShareRecordingInput!) { shareRecording(input: $input) {
		recording { sharedWith { email } } } }`
	r.must(r.host, shareRecording, object{"input": object{"recordingId": id, "email": "sue@example.org"}})
	stranger := r.login("Simon Stranger")
	assert.Equal(t, "NOT_FOUND", r.ask(stranger, oneRecording, object{"id": id}).code())
	assert.Equal(t, "UNAUTHENTICATED", r.ask("", oneRecording, object{"id": id}).code())
	node := `query($id: ID!) { node(id: $id) { id __typename } }`
	assert.Equal(t, "Recording", text(r.must(r.host, node, object{"id": id}), "node.__typename"))
	assert.Equal(t, "NOT_FOUND", r.ask("", node, object{"id": id}).code())
	r.must(r.host, deleteRecording, object{"input": object{"recordingId": id}})
	assert.Equal(t, "NOT_FOUND", r.ask(r.host, oneRecording, object{"id": id}).code())
	assert.False(t, r.files.Has(t, r.key(id)))
	assert.NotContains(t, r.log(), r.files.Secret)
}

func TestServerWithoutStorageSaysThatItRecordsNothing(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	host := s.login("Olga Owner")
	input := object{"roomId": s.room(host, object{}), "mode": "SCREEN"}
	a := s.ask(host, startRecording, object{"input": input})
	assert.Equal(t, "UNAVAILABLE", a.code())
	assert.Equal(t, "this server records nothing", a.Errors[0].Message)
}

// TestServerIsKilledAtAnyStepOfARecording (kill -9): the next server corrects its row, and the room can be recorded
// again.
func TestServerIsKilledAtAnyStepOfARecording(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// until brings the server to the step.
		until func(t *testing.T, r *recorder)
		// meanwhile happens while no server runs.
		meanwhile func(r *recorder)
		want      recording.Status
	}{
		"start: LiveKit is not asked yet": {
			until: func(t *testing.T, r *recorder) {
				r.hang("upstream")
				r.asks(startRecording, object{"roomId": r.roomID, "mode": "SCREEN"})
				r.waitsAt(recording.StatusINITIATED)
				assert.Empty(t, r.egress.Asked())
			}, want: recording.StatusFAILED,
		},
		"start: LiveKit is asked, and it does not begin": {
			until: func(t *testing.T, r *recorder) {
				r.egress.Behave(env.Behavior{Mute: true})
				r.asks(startRecording, object{"roomId": r.roomID, "mode": "SCREEN"})
				env.Eventually(t, func(c *assert.CollectT) { assert.NotEmpty(c, r.egress.Asked()) })
			}, want: recording.StatusFAILED,
		},
		"start: it has begun, and nobody knows": {
			until: func(t *testing.T, r *recorder) {
				r.deaf.Store(true)
				r.hang("downstream")
				r.asks(startRecording, object{"roomId": r.roomID, "mode": "SCREEN"})
				r.records(t)
				r.waitsAt(recording.StatusINITIATED)
			}, want: recording.StatusACTIVE,
		},
		"start: it has begun, nobody knows, and it ends": {
			until: func(t *testing.T, r *recorder) {
				r.deaf.Store(true)
				r.hang("downstream")
				r.asks(startRecording, object{"roomId": r.roomID, "mode": "SCREEN"})
				r.records(t)
			}, meanwhile: func(r *recorder) { r.ends(livekitproto.EgressStatus_EGRESS_COMPLETE) },
			want: recording.StatusSAVED,
		},
		"start: it is answered": {
			until: func(t *testing.T, r *recorder) {
				r.deaf.Store(true)
				r.start()
				r.records(t)
			},
			want: recording.StatusACTIVE,
		},
		"it records, and ends": {
			until:     func(_ *testing.T, r *recorder) { r.active() },
			meanwhile: func(r *recorder) { r.ends(livekitproto.EgressStatus_EGRESS_COMPLETE) },
			want:      recording.StatusSAVED,
		},
		"it records, and fails": {
			until:     func(_ *testing.T, r *recorder) { r.active() },
			meanwhile: func(r *recorder) { r.ends(livekitproto.EgressStatus_EGRESS_FAILED) },
			want:      recording.StatusFAILED,
		},
		"stop: LiveKit is not asked yet": {
			until: func(_ *testing.T, r *recorder) {
				r.active()
				r.hang("upstream")
				r.asks(stopRecording, object{"roomId": r.roomID})
				r.waitsAt(recording.StatusSTOPPING)
			}, want: recording.StatusSAVED,
		},
		"stop: it has ended, and nobody knows": {
			until: func(t *testing.T, r *recorder) {
				r.active()
				r.deaf.Store(true)
				r.hang("downstream")
				r.asks(stopRecording, object{"roomId": r.roomID})
				r.waitsAt(recording.StatusSTOPPING)
				env.Eventually(t, func(c *assert.CollectT) { assert.Empty(c, r.egress.Running()) })
			}, want: recording.StatusSAVED,
		},
		"stop: it is answered": {
			until: func(_ *testing.T, r *recorder) {
				r.active()
				r.deaf.Store(true)
				r.must(r.host, stopRecording, object{"input": object{"roomId": r.roomID}})
			}, want: recording.StatusSAVED,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRecorder(t)
			c.until(t, r)
			r.kill()
			if c.meanwhile != nil {
				r.deaf.Store(true) // LiveKit would repeat its events for half a minute
				c.meanwhile(r)
			}
			id := r.db.Recording.Query().OnlyX(t.Context()).ID.String()
			r.egress.Behave(env.Behavior{})
			r.restart()
			r.until(id, c.want)
			assert.Equal(t, c.want == recording.StatusSAVED, r.files.Has(t, r.key(id)))
			if c.want == recording.StatusACTIVE {
				r.must(r.host, stopRecording, object{"input": object{"roomId": r.roomID}})
				r.until(id, recording.StatusSAVED)
			}
			r.saved()
		})
	}
}

// records waits until LiveKit knows that the egress has started.
func (r *recorder) records(t *testing.T) {
	t.Helper()
	api := lksdk.NewEgressClient(r.livekit.URL(), r.livekit.Key(), r.livekit.Secret())
	env.Eventually(t, func(c *assert.CollectT) {
		list, err := api.ListEgress(context.Background(), &livekitproto.ListEgressRequest{Active: true})
		assert.NoError(c, err)
		if assert.Len(c, list.GetItems(), 1) {
			assert.Equal(c, livekitproto.EgressStatus_EGRESS_ACTIVE, list.GetItems()[0].GetStatus())
		}
	})
}

// waitsAt waits until the only recording has a status.
func (r *recorder) waitsAt(status recording.Status) {
	r.t.Helper()
	env.Eventually(r.t, func(c *assert.CollectT) {
		list := r.db.Recording.Query().AllX(context.Background())
		if assert.Len(c, list, 1) {
			assert.Equal(c, status, list[0].Status)
		}
	})
}

// ends ends the running egress.
func (r *recorder) ends(as livekitproto.EgressStatus) {
	for _, id := range r.egress.Running() {
		r.egress.End(id, as)
	}
}

// TestServerIsKilledWhileItDeletes: the file is gone, but not the row. The next server deletes it again.
func TestServerIsKilledWhileItDeletes(t *testing.T) {
	t.Parallel()
	r := startRecorder(t)
	id := r.saved()
	tx, err := r.db.Tx(t.Context())
	require.NoError(t, err)
	_, err = tx.Recording.Query().Where(recording.ID(uuid.MustParse(id))).ForUpdate().Only(t.Context())
	require.NoError(t, err)
	r.asks(deleteRecording, object{"recordingId": id})
	env.Eventually(t, func(c *assert.CollectT) { assert.False(c, r.files.Has(r.t, r.key(id))) })
	r.kill()
	require.NoError(t, tx.Rollback())
	r.restart()
	assert.Equal(t, "SAVED", text(r.must(r.host, oneRecording, object{"id": id}), "recording.status"))
	r.must(r.host, deleteRecording, object{"input": object{"recordingId": id}})
	assert.Zero(t, r.db.Recording.Query().CountX(t.Context()))
}

// TestServerIsKilledWhileItDeletesARoom: the next server ends its recording and removes all its files.
func TestServerIsKilledWhileItDeletesARoom(t *testing.T) {
	t.Parallel()
	r := startRecorder(t, "FOYER_OUTBOX_TIMEOUT=5s")
	old, runs := r.saved(), r.active()
	r.hang("upstream")
	r.asks(deleteRoom, object{"roomId": r.roomID})
	env.Eventually(t, func(c *assert.CollectT) {
		assert.Zero(c, r.db.Room.Query().CountX(context.Background()))
	})
	r.kill()
	r.restart()
	env.Eventually(t, func(c *assert.CollectT) {
		assert.Empty(c, r.egress.Running())
		assert.False(c, r.files.Has(r.t, r.key(old)))
	})
	// The file of its last egress goes with the next attempt.
	env.Eventually(t, func(c *assert.CollectT) { assert.False(c, r.files.Has(r.t, r.key(runs))) })
}

func TestForgedEventsOfARecordingAreRefused(t *testing.T) {
	t.Parallel()
	r := startRecorder(t)
	id := r.active()
	row := r.row(id)
	body := recordingEvent("egress_ended", r.roomID, *row.EgressID, "EGRESS_FAILED")
	forged := signature{"devkey", strings.Repeat("x", 32), env.Soon}.of(t, body)
	h := &heard{server: r.server}
	for _, authorization := range []string{"", forged, "Bearer " + r.host} {
		assert.Equal(t, http.StatusUnauthorized, h.event(body, authorization))
	}
	assert.Equal(t, recording.StatusACTIVE, r.row(id).Status)
}
