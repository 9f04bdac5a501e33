package meetings_test

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"foyer/accounts"
	"foyer/auth"
	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
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

// world is a server's rules with a LiveKit of their own, which tells them of its rooms.
type world struct {
	*meetings.Service

	t        testing.TB
	db       *ent.Client
	accounts *accounts.Service
	rooms    *rooms.Editor
	live     *live.Service
	lobby    *lobby.Service
	rtc      *livekit.Client
	livekit  *env.LiveKitServer
	rdb      redis.UniversalClient
	prefix   string
	owner    *ent.User
	room     *ent.Room

	mu sync.Mutex
	// deaf: events are refused, as by a server that is away. Those that were are counted.
	deaf bool
	// loses: events are lost on their way, though LiveKit believes that they were taken.
	loses   bool
	refused int
	events  []livekit.Kind
}

// setDeaf has the world refuse events, or take them again.
func (w *world) setDeaf(deaf bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deaf = deaf
}

// setLoses has events be lost on their way to the world, or not any more.
func (w *world) setLoses(loses bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loses = loses
}

// heard returns how many events of a kind were processed.
func (w *world) heard(kind livekit.Kind) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return count(w.events, kind)
}

// hasRefused returns how many events were refused.
func (w *world) hasRefused() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused
}

// options change what a world is made of.
type options struct {
	roomAdmins, fixedNames bool
	deployment             string
	accessLevel            room.AccessLevel
	// grace is that of meetings in which nobody is; ten minutes when zero.
	grace time.Duration
	// through is where LiveKit's API is reached instead, once it runs.
	through func(liveKitURL string) string
	// redis is a client of the world's own Redis.
	redis redis.UniversalClient
}

func newWorld(t testing.TB, o options) *world {
	t.Helper()
	w := &world{t: t, db: env.SQLite(t)}
	web := httptest.NewServer(http.HandlerFunc(w.hear))
	t.Cleanup(web.Close)
	w.livekit = env.StartLiveKit(t, web.URL)
	url := w.livekit.URL()
	if o.through != nil {
		url = o.through(url)
	}
	rdb, prefix := o.redis, ""
	if rdb == nil {
		rdb, prefix = env.Redis(t)
	}
	w.rdb, w.prefix = rdb, prefix
	if o.accessLevel == "" {
		o.accessLevel = room.AccessLevelRESTRICTED
	}
	w.accounts = accounts.New(w.db, accounts.Settings{UsersChooseNames: !o.fixedNames})
	w.rooms = rooms.NewEditor(rooms.New(w.db, w.accounts, rooms.Settings{DefaultAccessLevel: o.accessLevel}))
	w.rtc = livekit.New(livekit.Settings{
		URL: url, PublicURL: w.livekit.URL(), APIKey: w.livekit.Key(), APISecret: w.livekit.Secret(),
		TokenTTL:           time.Minute,
		DefaultSources:     []string{"camera", "microphone", "screen_share", "screen_share_audio"},
		HostsAreRoomAdmins: o.roomAdmins, Deployment: o.deployment,
	})
	var err error
	w.live = live.New(rdb, live.Settings{
		KeyPrefix: prefix, Grace: time.Minute, Heartbeat: time.Second, DeniedFor: time.Minute, AdmittedFor: time.Hour,
		MeetingGrace: cmp.Or(o.grace, 10*time.Minute),
	})
	w.lobby, err = lobby.New(w.live, w.accounts, w.rooms.Service, w.rtc, ratelimit.New(rdb, prefix), lobby.Settings{
		Secret: "a secret of at least 32 bytes, for tests", TicketTTL: time.Hour,
	})
	require.NoError(t, err)
	recordings := recordings.New(recordings.Dependencies{
		DB: w.db, Redis: rdb, Accounts: w.accounts, Rooms: w.rooms.Service, Live: w.live, RTC: w.rtc,
		Outbox: outbox.New(w.db, outbox.Settings{}),
	}, recordings.Settings{})
	w.Service = meetings.New(w.rooms.Service, w.lobby, w.live, w.rtc, recordings, meetings.Settings{
		UsersChooseNames: !o.fixedNames, HostsAreRoomAdmins: o.roomAdmins,
		ReviewInterval: 100 * time.Millisecond,
	})
	w.runLobby()
	w.owner = w.user("Olga Owner")
	w.room, err = w.rooms.Create(as(w.owner), rooms.CreateInput{Name: "Room"})
	require.NoError(t, err)
	return w
}

func (w *world) runLobby() {
	for _, run := range []func(context.Context) error{w.live.Run, w.lobby.Run} {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- run(ctx) }()
		w.t.Cleanup(func() {
			cancel()
			assert.NoError(w.t, <-done)
		})
	}
}

// hear processes an event as the server does.
func (w *world) hear(rw http.ResponseWriter, r *http.Request) {
	event, err := w.rtc.Receive(rw, r)
	w.mu.Lock()
	deaf, loses := w.deaf, w.loses
	if deaf {
		w.refused++
	}
	w.mu.Unlock()
	switch {
	case deaf:
		rw.WriteHeader(http.StatusServiceUnavailable)
	case loses:
	case err != nil:
		rw.WriteHeader(http.StatusUnauthorized)
	default:
		if w.ReceiveEvent(context.Background(), event) != nil {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
		w.mu.Lock()
		w.events = append(w.events, event.Kind)
		w.mu.Unlock()
	}
}

// runs has a server compare meetings with LiveKit, until the test ends or stop is called.
func (w *world) runs() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(w.t, <-done)
	})
	w.t.Cleanup(stop)
	return stop
}

func (w *world) user(name string) *ent.User {
	w.t.Helper()
	u, err := w.accounts.SignIn(context.Background(), auth.Identity{
		Subject: uuid.NewString(), Email: uuid.NewString() + "@example.org", FullName: name,
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
	return auth.NewContext(context.Background(), auth.Viewer{UserID: u.ID})
}

// guest is the context of nobody.
func guest() context.Context { return context.Background() }

// pass is what a person was given to enter.
type pass struct {
	id      uuid.UUID
	ticket  string
	details *livekit.Details
}

// token gives a person who may walk in a token.
func (w *world) token(ctx context.Context, name string) pass {
	w.t.Helper()
	p, err := w.tryToken(ctx, name)
	require.NoError(w.t, err)
	return p
}

func (w *world) tryToken(ctx context.Context, name string) (pass, error) {
	token, err := w.lobby.CreateRoomToken(ctx, lobby.CreateRoomTokenInput{
		RoomID: &w.room.ID, DisplayName: &name,
	})
	if err != nil {
		return pass{}, err
	}
	return pass{token.ParticipantID, token.Ticket, token.ConnectionDetails}, nil
}

// admitted is a guest who asked and whom the owner let in.
func (w *world) admitted(ctx context.Context, name string) pass {
	w.t.Helper()
	request := w.knock(ctx, name)
	e, err := w.lobby.Admit(w.host(), lobby.DecideInput{RoomID: w.room.ID, EntryID: request.Entry.ID})
	require.NoError(w.t, err)
	details, err := w.lobby.ConnectionDetails(ctx, e)
	require.NoError(w.t, err)
	return pass{e.ID, request.Ticket, details}
}

func (w *world) knock(ctx context.Context, name string) *lobby.Request {
	w.t.Helper()
	request, err := w.lobby.RequestEntry(ctx, lobby.RequestEntryInput{
		RoomID: &w.room.ID, DisplayName: &name,
	})
	require.NoError(w.t, err)
	return request
}

// person is somebody connected to LiveKit.
type person struct {
	pass

	w    *world
	room *lksdk.Room
	gone chan struct{}
}

// enter connects to LiveKit as a client does.
func (w *world) enter(p pass) *person {
	w.t.Helper()
	c, err := w.tryEnter(p)
	require.NoError(w.t, err)
	return c
}

// tryEnter enters, or returns why that failed. Somebody may be removed before the connection is complete: LiveKit's SDK
// says so at once, but goes on waiting for the connection.
func (w *world) tryEnter(p pass) (*person, error) {
	c := &person{pass: p, w: w, gone: make(chan struct{})}
	callback := lksdk.NewRoomCallback()
	callback.OnDisconnected = sync.OnceFunc(func() { close(c.gone) })
	entered := make(chan error, 1)
	go func() {
		var err error
		c.room, err = lksdk.ConnectToRoomWithToken(p.details.ServerURL, p.details.ParticipantToken,
			callback, lksdk.WithAutoSubscribe(false), env.Patient())
		entered <- err
	}()
	select {
	case err := <-entered:
		if err != nil {
			return nil, err
		}
	case <-c.gone:
		return nil, errors.New("removed while entering")
	}
	w.t.Cleanup(c.room.Disconnect)
	return c, nil
}

// counted joins, and waits until LiveKit's event of this connection was processed.
func (w *world) counted(p pass) *person {
	w.t.Helper()
	c := w.enter(p)
	inside := w.prefix + "lobby:{" + w.room.ID.String() + "}:inside"
	w.eventually(func(t *assert.CollectT) {
		assert.Contains(t, w.rdb.HGet(context.Background(), inside, p.id.String()).Val(), c.room.LocalParticipant.SID())
	})
	return c
}

// stays has the owner stay in the meeting: LiveKit ends a meeting two seconds after the last person has left.
func (w *world) stays() {
	w.t.Helper()
	w.counted(w.token(w.host(), "Olga"))
}

// isRemoved waits until the person is disconnected.
func (c *person) isRemoved() {
	c.w.t.Helper()
	select {
	case <-c.gone:
		assert.Equal(c.w.t, livekitproto.DisconnectReason_PARTICIPANT_REMOVED, c.room.DisconnectReason())
	case <-time.After(soon):
		require.Fail(c.w.t, "they are still there")
	}
}

// isThere waits until LiveKit has the person, in a way that holds.
func (c *person) isThere() *livekit.Participant {
	c.w.t.Helper()
	p, err := c.w.rtc.Participant(context.Background(), c.w.room.ID.String(), livekit.IdentityOf(c.id))
	require.NoError(c.w.t, err)
	return p
}

// silence is what a microphone sends in which nobody speaks, as opus.
var (
	opus    = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}
	silence = media.Sample{Data: []byte{0xf8, 0xff, 0xfe}, Duration: 20 * time.Millisecond}
)

// publish sends a track of a source, and returns when LiveKit lists it.
func (c *person) publish(source livekitproto.TrackSource) *lksdk.LocalTrackPublication {
	c.w.t.Helper()
	track, err := lksdk.NewLocalSampleTrack(opus)
	require.NoError(c.w.t, err)
	publication, err := c.room.LocalParticipant.PublishTrack(track, &lksdk.TrackPublicationOptions{
		Name: "track", Source: source,
	})
	require.NoError(c.w.t, err)
	c.w.eventually(func(t *assert.CollectT) {
		assert.NoError(t, track.WriteSample(silence, nil))
		sent := func(t livekit.Track) bool { return t.SID == publication.SID() }
		assert.True(t, slices.ContainsFunc(c.isThere().Tracks, sent))
	})
	return publication
}

func (w *world) meeting() *live.Meeting {
	w.t.Helper()
	m, err := w.live.Meeting(context.Background(), w.room.ID)
	require.NoError(w.t, err)
	return m
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

type ctx = context.Context

func ptr[T any](v T) *T { return &v }
