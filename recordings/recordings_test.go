package recordings_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/google/uuid"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"foyer/accounts"
	"foyer/auth"
	"foyer/ent"
	"foyer/ent/recording"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/internal/bucket"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/internal/outbox"
	"foyer/internal/ratelimit"
	"foyer/lobby"
	"foyer/meetings"
	"foyer/recordings"
	"foyer/rooms"
	"foyer/test/env"
)

// soon is how long a test waits for what should happen at once, on a busy machine.
const soon = time.Minute

func TestMain(m *testing.M) {
	lksdk.SetLogger(logger.GetDiscardLogger()) // it says much, and of the test's own calls only
	os.Exit(env.RunTests(m, ours))
}

// ours is what goleak finds, if a goroutine of Foyer's is among it: LiveKit's client of the tests ends its
// own late.
func ours() error {
	found := goleak.Find()
	if found == nil || !strings.Contains(found.Error(), "foyer/") {
		return nil
	}
	return found
}

// line is the network between us and another, which can be cut and can hang.
type line struct {
	t     testing.TB
	proxy *toxiproxy.Proxy
}

// through returns a line to a URL, and the URL at which it begins.
func through(t testing.TB, url string) (*line, string) {
	t.Helper()
	scheme, address, _ := strings.Cut(url, "://")
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	here := fmt.Sprintf("127.0.0.1:%d", env.FreePort(t))
	l := &line{t, toxiproxy.NewProxy(server, "line", here, address)}
	require.NoError(t, l.proxy.Start())
	t.Cleanup(l.cut)
	return l, scheme + "://" + l.proxy.Listen
}

// cut ends every connection, and lets no other be made until mend.
func (l *line) cut()  { l.proxy.Stop() }
func (l *line) mend() { require.NoError(l.t, l.proxy.Start()) }

// hang has no answer come at all, until quick.
func (l *line) hang() {
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(`{"name": "hang", "type": "timeout",
		"stream": "downstream", "toxicity": 1, "attributes": {"timeout": 0}}`))
	require.NoError(l.t, err)
}

func (l *line) quick() { l.proxy.Toxics.ResetToxics(context.Background()) }

// world is a server's rules with a LiveKit, an egress worker and a bucket of their own.
type world struct {
	*recordings.Recordings

	t        testing.TB
	db       *ent.Client
	rdb      redis.UniversalClient
	accounts *accounts.Service
	rooms    *rooms.Editor
	live     *live.Service
	lobby    *lobby.Service
	calls    *meetings.Service
	rtc      *livekit.Client
	outbox   *outbox.Outbox
	livekit  *env.LiveKitServer
	egress   *env.Egress
	files    env.S3Bucket
	// toLiveKit and toBucket are our lines to them; the egress worker has others.
	toLiveKit, toBucket *line
	settings            recordings.Settings
	outside             recordings.Outside

	owner *ent.User
	room  *ent.Room

	mu sync.Mutex
	// deaf: events are lost.
	deaf bool
	// ends are the final statuses that were noted, in order.
	ends []recording.Status
}

// options change what a world is made of.
type options struct {
	db       *ent.Client
	settings func(*recordings.Settings)
	// idle: nothing is compared or delivered but when the test says so.
	idle bool
}

func newWorld(t testing.TB, o options) *world {
	t.Helper()
	w := &world{t: t, db: o.db, files: env.Bucket(t)}
	if w.db == nil {
		w.db = env.SQLite(t)
	}
	web := httptest.NewServer(http.HandlerFunc(w.hear))
	t.Cleanup(web.Close)
	w.livekit, w.egress = env.StartEgress(t, web.URL, &w.files)
	var prefix, url, endpoint string
	w.rdb, prefix = env.Redis(t)
	w.toLiveKit, url = through(t, w.livekit.URL())
	w.toBucket, endpoint = through(t, w.files.Endpoint)
	w.accounts = accounts.New(w.db, accounts.Settings{})
	w.rooms = rooms.NewEditor(rooms.New(w.db, w.accounts, rooms.Settings{DefaultAccessLevel: room.AccessLevelPUBLIC}))
	w.rtc = livekit.New(livekit.Settings{
		URL: url, PublicURL: w.livekit.URL(), APIKey: w.livekit.Key(), APISecret: w.livekit.Secret(),
		TokenTTL: time.Minute, DefaultSources: []string{"microphone"},
	})
	files, err := bucket.Open(bucket.Settings{
		Endpoint: endpoint, PublicEndpoint: endpoint, Name: w.files.Name, Region: "us-east-1",
		AccessKey: w.files.AccessKey, SecretKey: w.files.Secret,
	})
	require.NoError(t, err)
	w.live = live.New(w.rdb, live.Settings{
		KeyPrefix: prefix, Grace: time.Minute, Heartbeat: time.Second, DeniedFor: time.Minute, AdmittedFor: time.Hour,
	})
	w.lobby, err = lobby.New(w.live, w.accounts, w.rooms.Service, w.rtc, ratelimit.New(w.rdb, prefix), lobby.Settings{
		Secret: "a secret of at least 32 bytes, for tests", TicketTTL: time.Hour,
	})
	require.NoError(t, err)
	w.outbox = outbox.New(w.db, outbox.Settings{
		Timeout: 20 * time.Second, Backoff: 50 * time.Millisecond, MaxBackoff: 200 * time.Millisecond,
		GiveUp: time.Millisecond, Kept: []string{recordings.Kind},
		Keep: time.Hour, Poll: 100 * time.Millisecond, Concurrency: 2,
	})
	w.settings = recordings.Settings{
		PublicURL: "https://meet.example.org", Served: true,
		Notice: "You are being recorded.", Layout: "speaker",
		StartTimeout: time.Hour, StopTimeout: time.Hour, Interval: 100 * time.Millisecond,
		KeyPrefix: prefix, OnEnd: []func(context.Context, *ent.Tx, *ent.Recording) error{w.onEnd},
	}
	if o.settings != nil {
		o.settings(&w.settings)
	}
	w.outside = recordings.Outside{
		DB: w.db, Redis: w.rdb, Accounts: w.accounts, Rooms: w.rooms.Service, Live: w.live, RTC: w.rtc,
		Bucket: files, Outbox: w.outbox,
	}
	w.Recordings = recordings.New(w.outside, w.settings)
	w.calls = meetings.New(w.rooms.Service, w.lobby, w.live, w.rtc, w.Recordings, meetings.Settings{})
	w.run(w.live.Run)
	w.run(w.lobby.Run)
	if !o.idle {
		w.work()
	}
	w.owner = w.user("Olga Owner")
	w.room, err = w.rooms.Create(as(w.owner), rooms.CreateInput{Name: "Room"})
	require.NoError(t, err)
	return w
}

// work compares and delivers from now on.
func (w *world) work() {
	w.run(w.Run)
	w.run(func(ctx context.Context) error {
		return w.outbox.Run(ctx, map[string]outbox.Deliver{recordings.Kind: w.Deliver})
	})
}

// run runs a long part until the test ends.
func (w *world) run(part func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		assert.NoError(w.t, <-done)
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
	case w.calls.Hear(context.Background(), event) != nil:
		rw.WriteHeader(http.StatusServiceUnavailable)
	}
}

// loseEvents has events of LiveKit's be lost from now on, or not any more.
func (w *world) loseEvents(lose bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deaf = lose
}

func (w *world) user(name string) *ent.User {
	w.t.Helper()
	u, err := w.accounts.SignIn(context.Background(), auth.Identity{
		Subject: uuid.NewString(), Email: uuid.NewString() + "@example.org", EmailVerified: true,
		FullName: name,
	})
	require.NoError(w.t, err)
	return u
}

// member is a new user with a role in the room.
func (w *world) member(name string, role roomaccess.Role) *ent.User {
	w.t.Helper()
	u := w.user(name)
	_, err := w.rooms.Grant(w.host(), rooms.GrantInput{RoomID: w.room.ID, UserID: &u.ID, Role: role})
	require.NoError(w.t, err)
	return u
}

func (w *world) host() context.Context { return as(w.owner) }

func as(u *ent.User) context.Context {
	if u == nil {
		return context.Background()
	}
	return auth.NewContext(context.Background(), auth.Viewer{UserID: u.ID})
}

// call begins a call in the room: somebody enters.
func (w *world) call() *lksdk.Room {
	w.t.Helper()
	token, err := w.lobby.CreateRoomToken(w.host(), lobby.CreateRoomTokenInput{RoomID: &w.room.ID})
	require.NoError(w.t, err)
	details := token.ConnectionDetails
	connected, err := lksdk.ConnectToRoomWithToken(details.ServerURL, details.ParticipantToken,
		lksdk.NewRoomCallback(), lksdk.WithAutoSubscribe(false), env.Patient())
	require.NoError(w.t, err)
	w.t.Cleanup(connected.Disconnect)
	return connected
}

func (w *world) input() recordings.StartInput {
	return recordings.StartInput{RoomID: w.room.ID, Mode: recording.ModeSCREEN}
}

// start begins a recording.
func (w *world) start() *ent.Recording {
	w.t.Helper()
	rec, err := w.Start(w.host(), w.input())
	require.NoError(w.t, err)
	return rec
}

// active begins a recording, and waits until it records.
func (w *world) active() *ent.Recording {
	w.t.Helper()
	return w.until(w.start().ID, recording.StatusACTIVE)
}

func (w *world) now(id uuid.UUID) *ent.Recording {
	w.t.Helper()
	return w.db.Recording.GetX(context.Background(), id)
}

// only returns the only recording there is.
func (w *world) only() *ent.Recording {
	w.t.Helper()
	return w.db.Recording.Query().OnlyX(context.Background())
}

// until waits until a recording has a status.
func (w *world) until(id uuid.UUID, status recording.Status) *ent.Recording {
	w.t.Helper()
	w.eventually(func(t *assert.CollectT) { assert.Equal(t, status, w.now(id).Status) })
	return w.now(id)
}

// unwanted waits until the worker records nothing.
func (w *world) unwanted() {
	w.t.Helper()
	w.eventually(func(t *assert.CollectT) { assert.Empty(t, w.egress.Running()) })
}

func (w *world) eventually(f func(t *assert.CollectT)) {
	w.t.Helper()
	env.Eventually(w.t, f)
}

func requireKind(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, fault.Of(err).Kind, "%v", err)
}

func ptr[T any](v T) *T { return &v }

func TestCallIsRecorded(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, options{db: db})
		w.call()
		rec := w.active()
		assert.NotNil(t, rec.StartedAt)
		stopped, err := w.Stop(w.host(), w.room.ID)
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
