package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/database"
	"foyer/ent/recording"
	"foyer/ent/schema"
	"foyer/internal/mail"
	"foyer/internal/outbox"
	"foyer/internal/webhook"
	"foyer/notifications"
	"foyer/test/env"
)

const (
	webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	otherSecret   = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// told is a service that receives webhooks about recordings. It is not started yet, and its address stays the same.
type told struct {
	t    *testing.T
	addr string

	mu       sync.Mutex
	requests []toldRequest
	respond  func(toldRequest) int // nil for 200
}

type toldRequest struct {
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

func (r toldRequest) id() string { return r.Headers["Webhook-Id"] }

func newTold(t *testing.T) *told {
	t.Helper()
	return &told{t: t, addr: fmt.Sprintf("127.0.0.1:%d", env.FreePort(t))}
}

// url contains a password, which no log may contain.
func (s *told) url() string { return "http://" + s.addr + "/hooks?key=hunter2" }

func (s *told) start() {
	s.t.Helper()
	listener, err := net.Listen("tcp", s.addr)
	require.NoError(s.t, err)
	server := &http.Server{Handler: s}
	go func() { _ = server.Serve(listener) }()
	s.t.Cleanup(func() { server.Close() })
}

func (s *told) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	request := toldRequest{map[string]string{}, string(body)}
	for name := range r.Header {
		request.Headers[name] = r.Header.Get(name)
	}
	s.mu.Lock()
	s.requests = append(s.requests, request)
	respond := s.respond
	s.mu.Unlock()
	if respond != nil {
		w.WriteHeader(respond(request))
	}
}

func (s *told) all() []toldRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// endRecording saves a recording as a server does that is killed next: the notifications are in the database, and no
// outbox was woken up.
func endRecording(t *testing.T, databaseURL, roomID string, options schema.RecordingOptions, urls ...string) string {
	t.Helper()
	db, err := database.Open(databaseURL, 2)
	require.NoError(t, err)
	defer db.Close()
	sender, err := webhook.NewSender(webhook.Settings{URLs: urls, Secrets: []string{webhookSecret}})
	require.NoError(t, err)
	service, err := notifications.New(notifications.Dependencies{
		DB: db.Client, Outbox: outbox.New(db.Client, outbox.Settings{}), Webhooks: sender,
		Send: func(context.Context, mail.Message) error { return nil }, // this server is killed before it sends
	}, notifications.Settings{})
	require.NoError(t, err)
	access := db.RoomAccess.Query().OnlyX(t.Context())
	tx, err := db.Tx(t.Context())
	require.NoError(t, err)
	transcript := recording.TranscriptNONE
	if options.Transcribe {
		transcript = recording.TranscriptPENDING
	}
	rec, err := tx.Recording.Create().SetTranscript(transcript).
		SetRoomID(uuid.MustParse(roomID)).SetStartedBy(access.UserID).
		SetMode(recording.ModeAUDIO).SetOptions(options).SetStatus(recording.StatusSAVED).
		SetStartedAt(time.Now().Add(-time.Minute)).SetEndedAt(time.Now()).
		SetSize(9).SetDuration(60_000).Save(t.Context())
	require.NoError(t, err)
	require.NoError(t, service.RecordingEnded(t.Context(), tx, rec))
	require.NoError(t, tx.Commit())
	return rec.ID.String()
}

// value returns the value of a variable.
func value(t *testing.T, environ []string, name string) string {
	t.Helper()
	for _, setting := range environ {
		if text, ok := strings.CutPrefix(setting, name+"="); ok {
			return text
		}
	}
	require.Fail(t, name+" is not set")
	return ""
}

// TestVerifierOfTheSpecificationAccepts only what the server sends, also while its secrets change.
func TestVerifierOfTheSpecificationAccepts(t *testing.T) {
	t.Parallel()
	service, bucket, environ := newTold(t), env.Bucket(t), shared(t)
	service.start()
	environ = append(environ, bucket.Environ()...)
	s := startServer(t, append(environ, "FOYER_WEBHOOK_URLS="+service.url(),
		"FOYER_WEBHOOK_SECRET="+otherSecret+","+webhookSecret, "FOYER_WEBHOOK_DOWNLOAD_URLS=true")...)
	roomID := s.room(s.login("Olga Owner"), object{"name": "Café 🦊"})
	id := endRecording(t, value(t, environ, "DATABASE_URL"), roomID,
		schema.RecordingOptions{Transcribe: true, Language: "fr"}, service.url())
	bucket.Put(t, "recordings/"+id+".ogg", "OggS and…")
	env.Eventually(t, func(c *assert.CollectT) { assert.Len(c, service.all(), 1) })
	good := service.all()[0]
	changed, undated := good, good
	changed.Body = strings.Replace(good.Body, "fr", "de", 1)
	undated.Headers = map[string]string{"webhook-id": good.id(), "webhook-timestamp": "1600000000",
		"webhook-signature": good.Headers["Webhook-Signature"]}
	requests, err := json.Marshal([]toldRequest{good, changed, undated})
	require.NoError(t, err)
	for _, secret := range []string{webhookSecret, otherSecret} {
		answers := node(t, "webhook.mjs", secret, string(requests))
		payload := env.Receive(t, answers)
		assert.Equal(t, "recording.ready", at(payload, "payload.type"))
		assert.Equal(t, id, at(payload, "payload.data.recordingId"))
		assert.Equal(t, "No matching signature found", env.Receive(t, answers)["error"])
		assert.Equal(t, "Message timestamp too old", env.Receive(t, answers)["error"])
	}
	answers := node(t, "webhook.mjs", "whsec_"+strings.Repeat("A", 32), string(requests))
	assert.Equal(t, "No matching signature found", env.Receive(t, answers)["error"])
	env.Receive(t, answers)
	env.Receive(t, answers)

	var said object
	require.NoError(t, json.Unmarshal([]byte(good.Body), &said))
	file, err := http.Get(text(said, "data.downloadUrl"))
	require.NoError(t, err)
	defer file.Body.Close()
	content, err := io.ReadAll(file.Body)
	require.NoError(t, err)
	assert.Equal(t, "OggS and…", string(content), "the service gets the file")
	require.NoError(t, s.stop())
	assert.NotContains(t, s.log(), "X-Amz-Signature")
	assert.NotContains(t, s.log(), "hunter2")
}

// TestNotificationsOfARecordingSurviveCrashes: the server that saved the recording ends, the next is killed while it
// delivers,
// and a third delivers under the same id, while the mail server and the service start one after the other.
func TestNotificationsOfARecordingSurviveCrashes(t *testing.T) {
	t.Parallel()
	service := newTold(t)
	asked, hold := make(chan struct{}, 99), make(chan struct{})
	service.respond = func(toldRequest) int {
		asked <- struct{}{}
		<-hold
		return http.StatusNoContent
	}
	smtp, environ := mailServer(t)
	environ = append(append(environ, shared(t)...),
		"FOYER_WEBHOOK_URLS="+service.url(), "FOYER_WEBHOOK_SECRET="+webhookSecret)
	first := startServer(t, environ...)
	roomID := first.room(first.login("Olga Owner"), object{})
	id := endRecording(t, value(t, environ, "DATABASE_URL"), roomID, schema.RecordingOptions{}, service.url())
	service.start()
	env.Receive(t, asked)
	first.kill() // between the delivery and its record
	close(hold)
	second := startServer(t, environ...)
	env.Eventually(t, func(c *assert.CollectT) { assert.Len(c, service.all(), 2) })
	smtp.Start()
	env.Eventually(t, func(c *assert.CollectT) {
		assert.Equal(c, map[string]int{"olga.owner@example.org": 1}, recipients(smtp))
	})
	require.NoError(t, second.stop())
	third := startServer(t, environ...) // has nothing left to deliver
	require.NoError(t, third.stop())
	got := service.all()
	require.Len(t, got, 2)
	assert.Equal(t, got[0].id(), got[1].id(), "a receiver that compares ids processes it once")
	assert.Equal(t, got[0].Body, got[1].Body)
	assert.Contains(t, got[0].Body, id)
	mails := smtp.Received()
	require.Len(t, mails, 1)
	assert.Contains(t, strings.ReplaceAll(string(mails[0].Raw), "=\r\n", ""),
		"https://meet.example.org/recordings/"+id)
	for _, s := range []*server{first, second, third} {
		assert.NotContains(t, s.log(), "hunter2", "the log names the host alone")
		assert.NotContains(t, s.log(), "olga.owner@")
	}
}

func TestTranscriptReportRequiresTheSecret(t *testing.T) {
	t.Parallel()
	secret, environ := strings.Repeat("s", minSecret), shared(t)
	s := startServer(t, append(environ, "FOYER_TRANSCRIPT_WEBHOOK_SECRET="+secret)...)
	host := s.login("Olga Owner")
	id := endRecording(t, value(t, environ, "DATABASE_URL"), s.room(host, object{}),
		schema.RecordingOptions{Transcribe: true})
	say := func(authorization, body string) int {
		t.Helper()
		request, err := http.NewRequest(http.MethodPost, s.url+"/webhooks/transcript", strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Authorization", authorization)
		got, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer got.Body.Close()
		answer, err := io.ReadAll(got.Body)
		require.NoError(t, err)
		assert.NotContains(t, string(answer), secret)
		return got.StatusCode
	}
	shown := func() string {
		t.Helper()
		return text(s.must(host, `query($id: ID!) { recording(id: $id) { transcript } }`, object{"id": id}),
			"recording.transcript")
	}
	ready := `{"recordingId": "` + id + `", "status": "READY"}`
	for _, authorization := range []string{
		"", "Bearer", "Bearer ", "Bearer " + secret + "s", "Bearer " + secret[1:], "Basic " + secret,
		secret, "Bearer " + host, "Bearer " + webhookSecret,
	} {
		assert.Equal(t, http.StatusUnauthorized, say(authorization, ready), authorization)
	}
	assert.Equal(t, "PENDING", shown())
	good := "Bearer " + secret
	for body, status := range map[string]int{
		``: 400, `{}`: 400, `[]`: 400, `null`: 400, `{"recordingId": 1}`: 400, ready + ready: 400,
		`{"recordingId": "x", "status": "READY"}`:                        400,
		`{"recordingId": "` + id + `"}`:                                  400,
		`{"recordingId": "` + id + `", "status": "PENDING"}`:             400,
		`{"recordingId": "` + id + `", "status": "ready"}`:               400,
		`{"recordingId": "` + uuid.NewString() + `", "status": "READY"}`: 404,
		`{"x": "` + strings.Repeat("x", maxTranscript) + `"}`:            413,
	} {
		assert.Equal(t, status, say(good, body), "%.100s", body)
	}
	assert.Equal(t, "PENDING", shown())
	assert.Equal(t, http.StatusOK, say("bearer "+secret, strings.Replace(ready, "{", `{"text": "…", `, 1)))
	assert.Equal(t, "READY", shown())
	assert.Equal(t, http.StatusOK, say(good, ready), "again")
	assert.Equal(t, http.StatusConflict, say(good, strings.Replace(ready, "READY", "FAILED", 1)))
	assert.Equal(t, "READY", shown())
	require.NoError(t, s.stop())
	assert.NotContains(t, s.log(), secret)
}

func TestTranscriptsCannotBeReportedWithoutASecret(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for _, authorization := range []string{"", "Bearer ", "Bearer x"} {
		request, err := http.NewRequest(http.MethodPost, s.url+"/webhooks/transcript", strings.NewReader("{}"))
		require.NoError(t, err)
		request.Header.Set("Authorization", authorization)
		got, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		got.Body.Close()
		assert.Equal(t, http.StatusNotFound, got.StatusCode)
	}
}

// ear receives LiveKit's events instead of the server. They are lost until the test passes them on.
type ear struct {
	mu   sync.Mutex
	news []toldRequest
}

func (e *ear) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.news = append(e.news, toldRequest{map[string]string{"Authorization": r.Header.Get("Authorization")},
		string(body)})
}

func (e *ear) heard() []toldRequest {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.news)
}

// TestLostEndOfARecordingIsReportedOnce: LiveKit's events are lost and the server is killed while the recording ends.
// The
// next server finds the end by itself. Whatever events arrive later, the owner gets one e-mail and the service one
// message, with an address of the file. The transcript that the service reports is shown.
func TestLostEndOfARecordingIsReportedOnce(t *testing.T) {
	t.Parallel()
	lksdk.SetLogger(logger.GetDiscardLogger())
	events, service, bucket := &ear{}, newTold(t), env.Bucket(t)
	listener := httptest.NewServer(events)
	t.Cleanup(listener.Close)
	service.start()
	livekit, egress := env.StartEgress(t, listener.URL, &bucket)
	smtp, environ := mailServer(t)
	smtp.Start()
	secret := strings.Repeat("s", minSecret)
	environ = slices.Concat(environ, shared(t), bucket.Environ(), []string{
		"LIVEKIT_URL=" + livekit.URL(), "LIVEKIT_API_KEY=" + livekit.Key(),
		"LIVEKIT_API_SECRET=" + livekit.Secret(), "FOYER_RECORDING_INTERVAL=200ms",
		"FOYER_WEBHOOK_URLS=" + service.url(), "FOYER_WEBHOOK_SECRET=" + webhookSecret,
		"FOYER_WEBHOOK_DOWNLOAD_URLS=true", "FOYER_TRANSCRIPT_WEBHOOK_SECRET=" + secret,
	})
	first := startServer(t, environ...)
	host := first.login("Olga Owner")
	roomID := first.room(host, object{"name": "Café"})
	first.join(host, object{"roomId": roomID})
	started := first.must(host, startRecording, object{"input": object{
		"roomId": roomID, "mode": "AUDIO", "options": object{"transcribe": true, "language": "fr"},
	}})
	id := text(started, "startRecording.recording.id")
	transcript := func(s *server) string {
		t.Helper()
		data := s.must(host, `query($id: ID!) { recording(id: $id) { transcript } }`, object{"id": id})
		return text(data, "recording.transcript")
	}
	assert.Equal(t, "NONE", transcript(first))
	env.Eventually(t, func(c *assert.CollectT) { assert.Len(c, egress.Running(), 1) })
	first.kill()
	egress.End(egress.Running()[0], livekitproto.EgressStatus_EGRESS_COMPLETE)
	env.Eventually(t, func(c *assert.CollectT) {
		assert.True(c, slices.ContainsFunc(events.heard(), func(r toldRequest) bool {
			return strings.Contains(r.Body, "egress_ended")
		}))
	})
	assert.Empty(t, service.all())

	second := startServer(t, environ...)
	env.Eventually(t, func(c *assert.CollectT) {
		assert.Len(c, service.all(), 1)
		assert.Equal(c, map[string]int{"olga.owner@example.org": 1}, recipients(smtp))
	})
	h := &heard{second, livekit}
	for range 2 { // the events arrive late, and twice
		for _, event := range events.heard() {
			assert.Equal(t, http.StatusOK, h.event(event.Body, event.Headers["Authorization"]))
		}
	}
	db, err := database.Open(value(t, environ, "DATABASE_URL"), 2)
	require.NoError(t, err)
	defer db.Close()
	for _, m := range db.OutboxMessage.Query().AllX(t.Context()) {
		assert.NotNil(t, m.DeliveredAt)
	}
	assert.Equal(t, 2, db.OutboxMessage.Query().CountX(t.Context()), "nothing else was to be told")

	var said object
	require.NoError(t, json.Unmarshal([]byte(service.all()[0].Body), &said))
	assert.Equal(t, id, text(said, "data.recordingId"))
	assert.Equal(t, object{"transcribe": true, "language": "fr"}, at(said, "data.options"))
	assert.EqualValues(t, len(env.AudioFile), at(said, "data.size"))
	file, err := http.Get(text(said, "data.downloadUrl"))
	require.NoError(t, err)
	defer file.Body.Close()
	content, err := io.ReadAll(file.Body)
	require.NoError(t, err)
	assert.Equal(t, env.AudioFile, content)

	assert.Equal(t, "PENDING", transcript(second))
	request, err := http.NewRequest(http.MethodPost, second.url+"/webhooks/transcript",
		strings.NewReader(`{"recordingId": "`+id+`", "status": "READY"}`))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+secret)
	got, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	got.Body.Close()
	assert.Equal(t, http.StatusOK, got.StatusCode)
	assert.Equal(t, "READY", transcript(second))
}
