package meetings_test

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
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

	"foyer/accounts"
	"foyer/ent/room"
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

// world is a server's rules with a LiveKit of their own, which sends them its events.
type world struct {
	*env.World
	*meetings.Service

	live    *live.Service
	lobby   *lobby.Service
	livekit *livekit.Client
	liveKit *env.LiveKitServer

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
	rdb, prefix := o.redis, ""
	if rdb == nil {
		rdb, prefix = env.Redis(t)
	}
	w := &world{World: env.NewWorld(t, env.Setup{
		Redis: rdb, Prefix: prefix, People: accounts.Settings{UsersChooseNames: !o.fixedNames},
		Rooms: rooms.Settings{DefaultAccessLevel: o.accessLevel},
	})}
	web := httptest.NewServer(http.HandlerFunc(w.hear))
	t.Cleanup(web.Close)
	w.liveKit = env.StartLiveKit(t, web.URL)
	settings := w.liveKit.Settings()
	settings.HostsAreRoomAdmins, settings.Deployment = o.roomAdmins, o.deployment
	if o.through != nil {
		settings.URL = o.through(settings.URL)
	}
	w.livekit = livekit.New(settings)
	w.serve(cmp.Or(o.grace, 10*time.Minute), meetings.Settings{
		UsersChooseNames: !o.fixedNames, HostsAreRoomAdmins: o.roomAdmins,
		ReviewInterval: 100 * time.Millisecond,
	})
	env.Run(t, w.live.Run)
	env.Run(t, w.lobby.Run)
	return w
}

// serve makes the rules of one server.
func (w *world) serve(grace time.Duration, settings meetings.Settings) {
	state := env.LiveSettings
	state.MeetingGrace = grace
	w.live, w.lobby = w.NewLobby(w.Redis, w.livekit, state, env.LobbySettings)
	recordings := recordings.New(recordings.Dependencies{
		DB: w.DB, Redis: w.Redis, Accounts: w.People, Rooms: w.Rooms.Service, Live: w.live, LiveKit: w.livekit,
		Outbox: outbox.New(w.DB, outbox.Settings{}),
	}, recordings.Settings{})
	w.Service = meetings.New(meetings.Dependencies{
		Rooms: w.Rooms.Service, Lobby: w.lobby, Live: w.live, LiveKit: w.livekit, Recordings: recordings,
	}, settings)
}

// hear processes an event as the server does.
func (w *world) hear(rw http.ResponseWriter, r *http.Request) {
	event, err := w.livekit.Receive(rw, r)
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

// runs makes a server compare meetings with LiveKit, until the test ends or stop is called.
func (w *world) runs() (stop func()) { return env.Run(w.T, w.Run) }

// pass is what a person was given to enter.
type pass struct {
	id      uuid.UUID
	ticket  string
	details *livekit.Details
}

// token gives a person who may walk in a token.
func (w *world) token(ctx context.Context, name string) pass {
	w.T.Helper()
	p, err := w.tryToken(ctx, name)
	require.NoError(w.T, err)
	return p
}

func (w *world) tryToken(ctx context.Context, name string) (pass, error) {
	token, err := w.lobby.CreateRoomToken(ctx, lobby.CreateRoomTokenInput{
		RoomID: &w.Room.ID, DisplayName: &name,
	})
	if err != nil {
		return pass{}, err
	}
	return pass{token.ParticipantID, token.Ticket, token.ConnectionDetails}, nil
}

// admitted is a guest who asked and whom the owner let in.
func (w *world) admitted(ctx context.Context, name string) pass {
	w.T.Helper()
	request := w.knock(ctx, name)
	e, err := w.lobby.Admit(w.Host(), lobby.DecideInput{RoomID: w.Room.ID, EntryID: request.Entry.ID})
	require.NoError(w.T, err)
	details, err := w.lobby.ConnectionDetails(ctx, e)
	require.NoError(w.T, err)
	return pass{e.ID, request.Ticket, details}
}

func (w *world) knock(ctx context.Context, name string) *lobby.Request {
	w.T.Helper()
	request, err := w.lobby.RequestEntry(ctx, lobby.RequestEntryInput{
		RoomID: &w.Room.ID, DisplayName: &name,
	})
	require.NoError(w.T, err)
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
	w.T.Helper()
	c, err := w.tryEnter(p)
	require.NoError(w.T, err)
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
	w.T.Cleanup(c.room.Disconnect)
	return c, nil
}

// counted joins, and waits until LiveKit's event of this connection was processed.
func (w *world) counted(p pass) *person {
	w.T.Helper()
	c := w.enter(p)
	inside := w.Prefix + "lobby:{" + w.Room.ID.String() + "}:inside"
	env.Eventually(w.T, func(t *assert.CollectT) {
		assert.Contains(t, w.Redis.HGet(context.Background(), inside, p.id.String()).Val(),
			c.room.LocalParticipant.SID())
	})
	return c
}

// stays has the owner stay in the meeting: LiveKit ends a meeting two seconds after the last person has left.
func (w *world) stays() {
	w.T.Helper()
	w.counted(w.token(w.Host(), "Olga"))
}

// isRemoved waits until the person is disconnected.
func (c *person) isRemoved() {
	c.w.T.Helper()
	select {
	case <-c.gone:
		assert.Equal(c.w.T, livekitproto.DisconnectReason_PARTICIPANT_REMOVED, c.room.DisconnectReason())
	case <-time.After(env.Soon):
		require.Fail(c.w.T, "they are still there")
	}
}

// isThere waits until LiveKit has the person, in a way that holds.
func (c *person) isThere() *livekit.Participant {
	c.w.T.Helper()
	p, err := c.w.livekit.Participant(context.Background(), c.w.Room.ID.String(), livekit.IdentityOf(c.id))
	require.NoError(c.w.T, err)
	return p
}

// silence is what a microphone sends in which nobody speaks, as opus.
var (
	opus    = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}
	silence = media.Sample{Data: []byte{0xf8, 0xff, 0xfe}, Duration: 20 * time.Millisecond}
)

// publish sends a track of a source, and returns when LiveKit lists it.
func (c *person) publish(source livekitproto.TrackSource) *lksdk.LocalTrackPublication {
	c.w.T.Helper()
	track, err := lksdk.NewLocalSampleTrack(opus)
	require.NoError(c.w.T, err)
	publication, err := c.room.LocalParticipant.PublishTrack(track, &lksdk.TrackPublicationOptions{
		Name: "track", Source: source,
	})
	require.NoError(c.w.T, err)
	env.Eventually(c.w.T, func(t *assert.CollectT) {
		assert.NoError(t, track.WriteSample(silence, nil))
		sent := func(t livekit.Track) bool { return t.SID == publication.SID() }
		assert.True(t, slices.ContainsFunc(c.isThere().Tracks, sent))
	})
	return publication
}

func (w *world) meeting() *live.Meeting {
	w.T.Helper()
	m, err := w.live.Meeting(context.Background(), w.Room.ID)
	require.NoError(w.T, err)
	return m
}

type ctx = context.Context
