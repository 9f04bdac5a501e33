package lobby_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"foyer/accounts"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/lobby"
	"foyer/test/env"
)

func TestMain(m *testing.M) {
	os.Exit(env.RunTests(m, func() error {
		// database/sql and the LiveKit SDK keep these for the life of the process.
		return goleak.Find(goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"))
	}))
}

const liveKitSecret = "a LiveKit secret of 32 bytes ...."

// fast are settings with a quick heartbeat. Nobody loses their place, since a machine that pauses for a while does not
// mean that its guests are gone.
var fast = settings{
	liveSettings{
		Grace: time.Hour, Heartbeat: 50 * time.Millisecond, DeniedFor: time.Minute, AdmittedFor: time.Hour,
	},
	env.LobbySettings,
}

// settings are those of a server's lobby, and of what it keeps in Redis.
type settings struct {
	liveSettings
	lobbySettings
}

type (
	liveSettings  = live.Settings
	lobbySettings = lobby.Settings
)

// calm are settings under which nothing happens by itself during a test.
var calm = func() settings {
	s := fast
	s.Heartbeat = time.Hour
	return s
}()

// lapsing are settings under which guests who are gone lose their places while a test runs, and nobody else does.
var lapsing = func() settings {
	s := fast
	s.Grace = 5 * time.Second
	return s
}()

// world is a lobby with a room and its owner.
type world struct {
	*env.World
	node
}

// newWorld runs a lobby on a Redis. Settings get the prefix.
func newWorld(
	t testing.TB, rdb redis.UniversalClient, prefix string, settings settings,
) *world {
	t.Helper()
	w := &world{World: env.NewWorld(t, env.Setup{
		Redis: rdb, Prefix: prefix, People: accounts.Settings{UsersChooseNames: true},
	})}
	w.node = w.server(t, rdb, settings)
	return w
}

// node is one server.
type node struct {
	*lobby.Service

	live *live.Service
}

// server runs one more server's lobby on the same stores.
func (w *world) server(
	t testing.TB, rdb redis.UniversalClient, settings settings,
) node {
	t.Helper()
	state, s := w.NewLobby(rdb, livekit.New(livekit.Settings{
		URL: "ws://127.0.0.1:1", PublicURL: "ws://livekit.test", APIKey: "key",
		APISecret: liveKitSecret, TokenTTL: time.Minute,
		DefaultSources: []string{"camera", "microphone"}, HostsAreRoomAdmins: true,
	}), settings.liveSettings, settings.lobbySettings)
	env.Run(t, state.Run)
	env.Run(t, s.Run)
	return node{s, state}
}

func (w *world) knock(t testing.TB, name string) *lobby.Request {
	t.Helper()
	r, err := w.RequestEntry(env.Guest(), lobby.RequestEntryInput{RoomID: &w.Room.ID, DisplayName: &name})
	require.NoError(t, err)
	require.Equal(t, live.Waiting, r.Entry.Status)
	return r
}

func (w *world) decide(of *lobby.Request) lobby.DecideInput {
	return lobby.DecideInput{RoomID: w.Room.ID, EntryID: of.Entry.ID}
}

func (w *world) listed(t testing.TB) []string {
	t.Helper()
	l, err := w.Get(w.Host(), w.Room.ID)
	require.NoError(t, err)
	return names(l)
}

func names(l *live.Lobby) []string {
	list := []string{}
	for _, e := range l.Entries {
		list = append(list, e.DisplayName)
	}
	return list
}

// withNewRoom is the same world with another room of the same owner.
func (w *world) withNewRoom() *world { return &world{w.In(w.NewRoom(w.Owner, "Another room")), w.node} }

func (w *world) watchEntry(t testing.TB, s *lobby.Service, of *lobby.Request) *watch[*live.Entry] {
	t.Helper()
	return watched(t, env.Guest(), func(ctx context.Context) (<-chan *live.Entry, error) {
		return s.WatchEntry(ctx, of.Ticket)
	})
}

func (w *world) watchLobby(t testing.TB, s *lobby.Service) *watch[*live.Lobby] {
	t.Helper()
	return watched(t, w.Host(), func(ctx context.Context) (<-chan *live.Lobby, error) {
		return s.WatchLobby(ctx, w.Room.ID, func(error) {})
	})
}

func is(status live.Status) func(*live.Entry) bool {
	return func(e *live.Entry) bool { return e.Status == status }
}
