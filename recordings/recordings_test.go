package recordings_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/recording"
	"foyer/ent/room"
	"foyer/internal/bucket"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/internal/outbox"
	"foyer/lobby"
	"foyer/meetings"
	"foyer/recordings"
	"foyer/rooms"
	"foyer/test/env"
)

func TestMain(m *testing.M) {
	lksdk.SetLogger(logger.GetDiscardLogger()) // it logs only requests of the tests
	os.Exit(env.RunTests(m, env.OurGoroutines))
}

// world is a server's rules with its own LiveKit, egress worker and bucket.
type world struct {
	*env.World
	service

	live     *live.Service
	lobby    *lobby.Service
	meetings *meetings.Service
	livekit  *livekit.Client
	outbox   *outbox.Outbox
	liveKit  *env.LiveKitServer
	egress   *env.Egress
	files    env.S3Bucket
	// toLiveKit and toBucket are the server's connections; the egress worker has its own.
	toLiveKit, toBucket *env.Line
	settings            recordings.Settings
	dependencies        recordings.Dependencies

	mu sync.Mutex
	// losing: LiveKit's events are lost.
	losing bool
	// ends has the final statuses that OnEnd got, in order.
	ends []recording.Status
}

// service embeds the Service below World, whose Room takes precedence.
type service struct{ *recordings.Service }

// options change a world.
type options struct {
	db       *ent.Client
	settings func(*recordings.Settings)
	// idle: nothing is reconciled or delivered until the test calls work.
	idle bool
}

func newWorld(t testing.TB, o options) *world {
	t.Helper()
	rdb, prefix := env.Redis(t)
	w := &world{files: env.Bucket(t), World: env.NewWorld(t, env.Setup{
		DB: o.db, Redis: rdb, Prefix: prefix, Rooms: rooms.Settings{DefaultAccessLevel: room.AccessLevelPUBLIC},
	})}
	w.startLiveKit()
	w.live, w.lobby = w.NewLobby(rdb, w.livekit, env.LiveSettings, env.LobbySettings)
	w.outbox = outbox.New(w.DB, outbox.Settings{
		Timeout: 20 * time.Second, Backoff: 50 * time.Millisecond, MaxBackoff: 200 * time.Millisecond,
		GiveUp: time.Millisecond, Kept: []string{recordings.Kind},
		Keep: time.Hour, Poll: 100 * time.Millisecond, Concurrency: 2,
	})
	w.settings = recordings.Settings{
		PublicURL: "https://meet.example.org", Served: true,
		Notice: "You are being recorded.", Layout: "speaker",
		StartTimeout: time.Hour, StopTimeout: time.Hour, Interval: 100 * time.Millisecond,
		KeyPrefix: prefix,
	}
	if o.settings != nil {
		o.settings(&w.settings)
	}
	w.dependencies = recordings.Dependencies{
		DB: w.DB, Redis: rdb, Accounts: w.People, Rooms: w.Rooms.Service, Live: w.live, LiveKit: w.livekit,
		Bucket: w.bucket(), Outbox: w.outbox, OnEnd: w.onEnd,
	}
	w.Service = recordings.New(w.dependencies, w.settings)
	w.meetings = meetings.New(meetings.Dependencies{
		Rooms: w.Rooms.Service, Lobby: w.lobby, Live: w.live, LiveKit: w.livekit, Recordings: w.Service,
	}, meetings.Settings{})
	env.Run(t, w.live.Run)
	env.Run(t, w.lobby.Run)
	if !o.idle {
		w.work()
	}
	return w
}

// startLiveKit starts a LiveKit with an egress worker. It sends its events to the world.
func (w *world) startLiveKit() {
	w.T.Helper()
	web := httptest.NewServer(http.HandlerFunc(w.receive))
	w.T.Cleanup(web.Close)
	w.liveKit, w.egress = env.StartEgress(w.T, web.URL, &w.files)
	settings := w.liveKit.Settings()
	w.toLiveKit, settings.URL = env.Through(w.T, settings.URL)
	settings.DefaultSources = []string{"microphone"}
	w.livekit = livekit.New(settings)
}

// bucket opens the bucket through a connection that tests can cut.
func (w *world) bucket() *bucket.Bucket {
	w.T.Helper()
	var endpoint string
	w.toBucket, endpoint = env.Through(w.T, w.files.Endpoint)
	files, err := bucket.Open(bucket.Settings{
		Endpoint: endpoint, PublicEndpoint: endpoint, Name: w.files.Name, Region: "us-east-1",
		AccessKey: w.files.AccessKey, SecretKey: w.files.Secret,
	})
	require.NoError(w.T, err)
	return files
}

// work reconciles and delivers until the test ends.
func (w *world) work() {
	env.Run(w.T, w.Run)
	env.Run(w.T, func(ctx context.Context) error {
		return w.outbox.Run(ctx, map[string]outbox.Deliver{recordings.Kind: w.Deliver})
	})
}

func (w *world) onEnd(_ context.Context, _ *ent.Tx, rec *ent.Recording) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends = append(w.ends, rec.Status)
	return nil
}

func (w *world) ended() []recording.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]recording.Status(nil), w.ends...)
}

// receive handles an event of LiveKit as the server does.
func (w *world) receive(rw http.ResponseWriter, r *http.Request) {
	event, err := w.livekit.Receive(rw, r)
	w.mu.Lock()
	losing := w.losing
	w.mu.Unlock()
	switch {
	case losing:
	case err != nil:
		rw.WriteHeader(http.StatusUnauthorized)
	case w.meetings.ReceiveEvent(context.Background(), event) != nil:
		rw.WriteHeader(http.StatusServiceUnavailable)
	}
}

// loseEvents says whether events of LiveKit are lost from now on.
func (w *world) loseEvents(lose bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.losing = lose
}

// join starts a meeting in the room: the owner joins.
func (w *world) join() *lksdk.Room {
	w.T.Helper()
	token, err := w.lobby.CreateRoomToken(w.Host(), lobby.CreateRoomTokenInput{RoomID: &w.Room.ID})
	require.NoError(w.T, err)
	details := token.ConnectionDetails
	connected, err := lksdk.ConnectToRoomWithToken(details.ServerURL, details.ParticipantToken,
		lksdk.NewRoomCallback(), lksdk.WithAutoSubscribe(false), env.Patient())
	require.NoError(w.T, err)
	w.T.Cleanup(connected.Disconnect)
	return connected
}

func (w *world) input() recordings.StartInput {
	return recordings.StartInput{RoomID: w.Room.ID, Mode: recording.ModeSCREEN}
}

// start starts a recording.
func (w *world) start() *ent.Recording {
	w.T.Helper()
	rec, err := w.Start(w.Host(), w.input())
	require.NoError(w.T, err)
	return rec
}

// active starts a recording, and waits until it is ACTIVE.
func (w *world) active() *ent.Recording {
	w.T.Helper()
	return w.until(w.start().ID, recording.StatusACTIVE)
}

func (w *world) reload(id uuid.UUID) *ent.Recording {
	w.T.Helper()
	return w.DB.Recording.GetX(context.Background(), id)
}

// only returns the only recording.
func (w *world) only() *ent.Recording {
	w.T.Helper()
	return w.DB.Recording.Query().OnlyX(context.Background())
}

// until waits for a status of a recording.
func (w *world) until(id uuid.UUID, status recording.Status) *ent.Recording {
	w.T.Helper()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, status, w.reload(id).Status) })
	return w.reload(id)
}

// untilNothingRuns waits until the worker runs no egress.
func (w *world) untilNothingRuns() {
	w.T.Helper()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Empty(t, w.egress.Running()) })
}

func TestMeetingIsRecorded(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, options{db: db})
		w.join()
		rec := w.active()
		assert.NotNil(t, rec.StartedAt)
		stopped, err := w.Stop(w.Host(), w.Room.ID)
		require.NoError(t, err)
		assert.Equal(t, rec.ID, stopped.ID)
		rec = w.until(rec.ID, recording.StatusSAVED)
		assert.EqualValues(t, len(env.ScreenFile), *rec.Size)
		assert.EqualValues(t, 2000, *rec.Duration)
		assert.NotNil(t, rec.EndedAt)
		assert.Empty(t, rec.Reason)
		assert.True(t, w.files.Has(t, recordings.Key(rec)))
		assert.Equal(t, []recording.Status{recording.StatusSAVED}, w.ended())
		w.untilNothingRuns()
	})
}
