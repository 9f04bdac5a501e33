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
	lksdk.SetLogger(logger.GetDiscardLogger()) // it says much, and of the test's own calls only
	os.Exit(env.RunTests(m, env.OurGoroutines))
}

// world is a server's rules with a LiveKit, an egress worker and a bucket of their own.
type world struct {
	*env.World
	service

	live    *live.Service
	lobby   *lobby.Service
	calls   *meetings.Service
	rtc     *livekit.Client
	outbox  *outbox.Outbox
	livekit *env.LiveKitServer
	egress  *env.Egress
	files   env.S3Bucket
	// toLiveKit and toBucket are our lines to them; the egress worker has others.
	toLiveKit, toBucket *env.Line
	settings            recordings.Settings
	dependencies        recordings.Dependencies

	mu sync.Mutex
	// deaf: events are lost.
	deaf bool
	// ends are the final statuses that were noted, in order.
	ends []recording.Status
}

// service has the methods of recordings.Service, below those of World: the Room of a world is not that of a recording.
type service struct{ *recordings.Service }

// options change what a world is made of.
type options struct {
	db       *ent.Client
	settings func(*recordings.Settings)
	// idle: nothing is compared or delivered but when the test says so.
	idle bool
}

func newWorld(t testing.TB, o options) *world {
	t.Helper()
	rdb, prefix := env.Redis(t)
	w := &world{files: env.Bucket(t), World: env.NewWorld(t, env.Setup{
		DB: o.db, Redis: rdb, Prefix: prefix, Rooms: rooms.Settings{DefaultAccessLevel: room.AccessLevelPUBLIC},
	})}
	w.startLiveKit()
	w.live, w.lobby = w.NewLobby(rdb, w.rtc, env.LiveSettings, env.LobbySettings)
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
		DB: w.DB, Redis: rdb, Accounts: w.People, Rooms: w.Rooms.Service, Live: w.live, RTC: w.rtc,
		Bucket: w.bucket(), Outbox: w.outbox, OnEnd: w.onEnd,
	}
	w.Service = recordings.New(w.dependencies, w.settings)
	w.calls = meetings.New(w.Rooms.Service, w.lobby, w.live, w.rtc, w.Service, meetings.Settings{})
	env.Run(t, w.live.Run)
	env.Run(t, w.lobby.Run)
	if !o.idle {
		w.work()
	}
	return w
}

// startLiveKit starts a LiveKit with an egress worker, which sends the world its events.
func (w *world) startLiveKit() {
	w.T.Helper()
	web := httptest.NewServer(http.HandlerFunc(w.hear))
	w.T.Cleanup(web.Close)
	w.livekit, w.egress = env.StartEgress(w.T, web.URL, &w.files)
	settings := w.livekit.Settings()
	w.toLiveKit, settings.URL = env.Through(w.T, settings.URL)
	settings.DefaultSources = []string{"microphone"}
	w.rtc = livekit.New(settings)
}

// bucket is the bucket, through a line.
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

// work compares and delivers from now on.
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

// hear takes an event as the server does.
func (w *world) hear(rw http.ResponseWriter, r *http.Request) {
	event, err := w.rtc.Receive(rw, r)
	w.mu.Lock()
	deaf := w.deaf
	w.mu.Unlock()
	switch {
	case deaf:
	case err != nil:
		rw.WriteHeader(http.StatusUnauthorized)
	case w.calls.ReceiveEvent(context.Background(), event) != nil:
		rw.WriteHeader(http.StatusServiceUnavailable)
	}
}

// loseEvents has events of LiveKit's be lost from now on, or not any more.
func (w *world) loseEvents(lose bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deaf = lose
}

func (w *world) host() context.Context { return env.As(w.Owner) }

// call begins a call in the room: somebody enters.
func (w *world) call() *lksdk.Room {
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

// start begins a recording.
func (w *world) start() *ent.Recording {
	w.T.Helper()
	rec, err := w.Start(w.Host(), w.input())
	require.NoError(w.T, err)
	return rec
}

// active begins a recording, and waits until it records.
func (w *world) active() *ent.Recording {
	w.T.Helper()
	return w.until(w.start().ID, recording.StatusACTIVE)
}

func (w *world) now(id uuid.UUID) *ent.Recording {
	w.T.Helper()
	return w.DB.Recording.GetX(context.Background(), id)
}

// only returns the only recording there is.
func (w *world) only() *ent.Recording {
	w.T.Helper()
	return w.DB.Recording.Query().OnlyX(context.Background())
}

// until waits until a recording has a status.
func (w *world) until(id uuid.UUID, status recording.Status) *ent.Recording {
	w.T.Helper()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, status, w.now(id).Status) })
	return w.now(id)
}

// unwanted waits until the worker records nothing.
func (w *world) unwanted() {
	w.T.Helper()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Empty(t, w.egress.Running()) })
}

func ptr[T any](v T) *T { return &v }

func TestCallIsRecorded(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, options{db: db})
		w.call()
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
		w.unwanted()
	})
}
