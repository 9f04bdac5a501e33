package lobby_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
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
	"foyer/internal/ratelimit"
	"foyer/lobby"
	"foyer/rooms"
	"foyer/test/env"
)

func TestMain(m *testing.M) {
	os.Exit(env.RunTests(m, func() error {
		// database/sql and the LiveKit SDK keep these for the life of the process.
		return goleak.Find(goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"))
	}))
}

// soon is how long a test waits for what should happen immediately, on a busy machine.
const soon = time.Minute

const liveKitSecret = "a LiveKit secret of 32 bytes ...."

// fast are settings with a quick heartbeat. Nobody loses their place, since a machine that pauses for a while does not
// mean that its guests are gone.
var fast = settings{
	liveSettings{
		Grace: time.Hour, Heartbeat: 50 * time.Millisecond, DeniedFor: time.Minute, AdmittedFor: time.Hour,
	},
	lobbySettings{Secret: "a secret of at least 32 bytes, for tests", TicketTTL: time.Hour},
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
	node

	db       *ent.Client
	accounts *accounts.Service
	rooms    *rooms.Editor
	owner    *ent.User
	room     *ent.Room
	prefix   string
}

// newWorld runs a lobby on a Redis. Settings get the prefix.
func newWorld(
	t testing.TB, rdb redis.UniversalClient, prefix string, settings settings,
) *world {
	t.Helper()
	w := &world{db: env.SQLite(t), prefix: prefix}
	w.accounts = accounts.New(w.db, accounts.Settings{UsersChooseNames: true})
	w.rooms = rooms.NewEditor(rooms.New(w.db, w.accounts, rooms.Settings{DefaultAccessLevel: room.AccessLevelRESTRICTED}))
	w.owner = w.user(t, "Olga Owner")
	made, err := w.rooms.Create(as(w.owner), rooms.CreateInput{Name: "Room"})
	require.NoError(t, err)
	w.room = made
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
	settings.KeyPrefix = w.prefix
	state := live.New(rdb, settings.liveSettings)
	s, err := lobby.New(state, w.accounts, w.rooms.Service, livekit.New(livekit.Settings{
		URL: "ws://127.0.0.1:1", PublicURL: "ws://livekit.test", APIKey: "key",
		APISecret: liveKitSecret, TokenTTL: time.Minute,
		DefaultSources: []string{"camera", "microphone"}, HostsAreRoomAdmins: true,
	}), ratelimit.New(rdb, w.prefix), settings.lobbySettings)
	require.NoError(t, err)
	for _, run := range []func(context.Context) error{state.Run, s.Run} {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- run(ctx) }()
		t.Cleanup(func() {
			cancel()
			assert.NoError(t, <-done)
		})
	}
	return node{s, state}
}

func (w *world) user(t testing.TB, name string) *ent.User {
	t.Helper()
	u, err := w.accounts.SignIn(context.Background(), auth.Identity{
		Subject: uuid.NewString(), Email: uuid.NewString() + "@example.org", FullName: name,
	})
	require.NoError(t, err)
	return u
}

// host is the context of the room's owner.
func (w *world) host() context.Context { return as(w.owner) }

func as(u *ent.User) context.Context {
	return auth.NewContext(context.Background(), auth.Viewer{UserID: u.ID})
}

// guest is the context of nobody.
func guest() context.Context { return context.Background() }

func (w *world) knock(t testing.TB, name string) *lobby.Request {
	t.Helper()
	r, err := w.RequestEntry(guest(), lobby.RequestEntryInput{RoomID: &w.room.ID, DisplayName: &name})
	require.NoError(t, err)
	require.Equal(t, live.Waiting, r.Entry.Status)
	return r
}

func (w *world) decide(of *lobby.Request) lobby.DecideInput {
	return lobby.DecideInput{RoomID: w.room.ID, EntryID: of.Entry.ID}
}

func (w *world) listed(t testing.TB) []string {
	t.Helper()
	l, err := w.Get(w.host(), w.room.ID)
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
func (w *world) withNewRoom(t testing.TB) *world {
	t.Helper()
	another := *w
	var err error
	another.room, err = w.rooms.Create(w.host(), rooms.CreateInput{Name: "Another room"})
	require.NoError(t, err)
	return &another
}

// watch is a subscription of a test.
type watch[T any] struct {
	t      testing.TB
	states <-chan T
	stop   context.CancelFunc
	last   *T
}

func watched[T any](
	t testing.TB, ctx context.Context, start func(context.Context) (<-chan T, error),
) *watch[T] {
	t.Helper()
	ctx, stop := context.WithCancel(ctx)
	states, err := start(ctx)
	require.NoError(t, err)
	w := &watch[T]{t: t, states: states, stop: stop}
	t.Cleanup(w.end)
	return w
}

// end stops watching, and waits until nothing of it is left.
func (w *watch[T]) end() {
	w.stop()
	for range w.states {
	}
}

func (w *watch[T]) next() T {
	w.t.Helper()
	select {
	case state, open := <-w.states:
		require.True(w.t, open, "the subscription ended")
		w.last = &state
		return state
	case <-time.After(soon):
		require.Fail(w.t, "nothing came")
		panic("unreachable")
	}
}

// until returns the first state that is as expected.
func (w *watch[T]) until(wanted func(T) bool) T {
	w.t.Helper()
	for {
		if state := w.next(); wanted(state) {
			return state
		}
	}
}

// catchUp waits until the last state is as expected.
func (w *watch[T]) catchUp(t interface{ Fatalf(string, ...any) }, wanted func(T) bool) {
	for w.last == nil || !wanted(*w.last) {
		select {
		case state, open := <-w.states:
			if !open {
				t.Fatalf("the subscription ended")
			}
			w.last = &state
		case <-time.After(soon):
			t.Fatalf("the last that was seen is %+v", w.last)
		}
	}
}

func (w *world) watchEntry(t testing.TB, s *lobby.Service, of *lobby.Request) *watch[*live.Entry] {
	t.Helper()
	return watched(t, guest(), func(ctx context.Context) (<-chan *live.Entry, error) {
		return s.WatchEntry(ctx, of.Ticket)
	})
}

func (w *world) watchLobby(t testing.TB, s *lobby.Service) *watch[*live.Lobby] {
	t.Helper()
	return watched(t, w.host(), func(ctx context.Context) (<-chan *live.Lobby, error) {
		return s.WatchLobby(ctx, w.room.ID, func(error) {})
	})
}

func is(status live.Status) func(*live.Entry) bool {
	return func(e *live.Entry) bool { return e.Status == status }
}

func requireKind(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, fault.Of(err).Kind, "%v", err)
}

func TestGuestIsAdmitted(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, calm)
		host := w.watchLobby(t, w.Service)
		assert.Empty(t, names(host.next()))

		anna := w.knock(t, "Anna")
		assert.Equal(t, []string{"Anna"}, names(host.next()), "the host sees her immediately")
		entry := w.watchEntry(t, w.Service, anna)
		assert.Equal(t, live.Waiting, entry.next().Status)

		admitted, err := w.Admit(w.host(), w.decide(anna))
		require.NoError(t, err)
		assert.Equal(t, live.Admitted, admitted.Status)
		told := entry.next()
		assert.Equal(t, live.Admitted, told.Status)
		assert.Greater(t, told.Version, anna.Entry.Version)
		assert.Empty(t, names(host.next()), "she does not wait any more")

		details, err := w.ConnectionDetails(guest(), told)
		require.NoError(t, err)
		assert.Equal(t, "Anna", details.ParticipantName)
		assert.Equal(t, w.room.ID.String(), details.RoomName)
	})
}

func TestDecisionReachesGuestAtAnotherServer(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, calm)
		there := w.server(t, rdb, calm).Service
		anna := w.knock(t, "Anna")
		entry, host := w.watchEntry(t, there, anna), w.watchLobby(t, there)
		entry.next()
		assert.Equal(t, []string{"Anna"}, names(host.next()))
		_, err := w.Deny(w.host(), w.decide(anna))
		require.NoError(t, err)
		entry.until(is(live.Denied))
		host.until(func(l *live.Lobby) bool { return l.TotalCount() == 0 })
	})
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, calm)

		t.Run("the same again is fine", func(t *testing.T) {
			anna := w.knock(t, "Anna")
			first, err := w.Admit(w.host(), w.decide(anna))
			require.NoError(t, err)
			again, err := w.Admit(w.host(), w.decide(anna))
			require.NoError(t, err)
			assert.Equal(t, first, again)
		})
		t.Run("the first stands", func(t *testing.T) {
			bob := w.knock(t, "Bob")
			_, err := w.Deny(w.host(), w.decide(bob))
			require.NoError(t, err)
			_, err = w.Admit(w.host(), w.decide(bob))
			requireKind(t, err, fault.Conflict)
			assert.Equal(t, "DENIED", fault.Of(err).Details["decision"])
		})
		t.Run("a guest who gave up cannot be admitted", func(t *testing.T) {
			carl := w.knock(t, "Carl")
			_, err := w.Cancel(guest(), carl.Ticket)
			require.NoError(t, err)
			_, err = w.Admit(w.host(), w.decide(carl))
			requireKind(t, err, fault.Conflict)
			assert.Equal(t, "LEFT", fault.Of(err).Details["decision"])
		})
		t.Run("giving up does not undo a decision", func(t *testing.T) {
			dora := w.knock(t, "Dora")
			_, err := w.Admit(w.host(), w.decide(dora))
			require.NoError(t, err)
			_, err = w.Cancel(guest(), dora.Ticket)
			requireKind(t, err, fault.Conflict)
		})
		t.Run("asking again does not undo a decision", func(t *testing.T) {
			emil := w.knock(t, "Emil")
			_, err := w.Admit(w.host(), w.decide(emil))
			require.NoError(t, err)
			again := w.again(t, emil)
			assert.Equal(t, live.Admitted, again.Entry.Status)
			assert.Equal(t, emil.Entry.ID, again.Entry.ID)
		})
		t.Run("unknown entries", func(t *testing.T) {
			_, err := w.Admit(w.host(), lobby.DecideInput{RoomID: w.room.ID, EntryID: uuid.New()})
			requireKind(t, err, fault.NotFound)
			entries, err := w.AdmitAll(w.host(),
				lobby.AdmitAllInput{RoomID: w.room.ID, EntryIds: []uuid.UUID{uuid.New()}})
			require.NoError(t, err)
			assert.Empty(t, entries)
		})
		t.Run("several and all", func(t *testing.T) {
			one, two, three := w.knock(t, "1"), w.knock(t, "2"), w.knock(t, "3")
			_, err := w.Deny(w.host(), w.decide(two))
			require.NoError(t, err)
			some, err := w.AdmitAll(w.host(), lobby.AdmitAllInput{
				RoomID: w.room.ID, EntryIds: []uuid.UUID{one.Entry.ID, two.Entry.ID},
			})
			require.NoError(t, err)
			require.Len(t, some, 1, "the denied one stays denied")
			none, err := w.AdmitAll(w.host(),
				lobby.AdmitAllInput{RoomID: w.room.ID, EntryIds: []uuid.UUID{}})
			require.NoError(t, err)
			assert.Empty(t, none, "an empty list is nobody, not everybody")
			assert.Equal(t, []string{"3"}, w.listed(t))
			all, err := w.AdmitAll(w.host(), lobby.AdmitAllInput{RoomID: w.room.ID})
			require.NoError(t, err)
			require.Len(t, all, 1)
			assert.Equal(t, three.Entry.ID, all[0].ID)
			assert.Empty(t, w.listed(t))
		})
	})
}

// again asks to enter with the ticket of an earlier request.
func (w *world) again(t testing.TB, r *lobby.Request) *lobby.Request {
	t.Helper()
	again, err := w.RequestEntry(guest(), lobby.RequestEntryInput{RoomID: &w.room.ID, Ticket: &r.Ticket})
	require.NoError(t, err)
	return again
}

func TestPresence(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, lapsing)
		host := w.watchLobby(t, w.Service)
		stays, leaves := w.knock(t, "Stays"), w.knock(t, "Leaves")
		staying, leaving := w.watchEntry(t, w.Service, stays), w.watchEntry(t, w.Service, leaves)
		staying.next()
		leaving.next()
		lease := func() float64 {
			key := prefix + "lobby:{" + w.room.ID.String() + "}:present"
			return rdb.ZScore(context.Background(), key, stays.Entry.ID.String()).Val()
		}
		first := lease()
		host.until(func(l *live.Lobby) bool { return l.TotalCount() == 2 })
		leaving.end()
		gone := host.until(func(l *live.Lobby) bool { return l.TotalCount() == 1 })
		assert.Equal(t, []string{"Stays"}, names(gone))

		assert.Greater(t, lease(), first, "watching keeps a place for as long as it lasts")
		assert.Equal(t, []string{"Stays"}, w.listed(t))
		_, err := w.WatchEntry(guest(), leaves.Ticket)
		requireKind(t, err, fault.NotFound)
		back := w.again(t, leaves)
		assert.Equal(t, live.Waiting, back.Entry.Status)
		assert.Equal(t, leaves.Entry.ID, back.Entry.ID, "the ticket keeps the identity")
	})
}

func TestGuestWhoPollsKeepsTheirPlace(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, lapsing)
	host := w.watchLobby(t, w.Service)
	polls := w.knock(t, "Polls")
	host.until(func(l *live.Lobby) bool { return l.TotalCount() == 1 })
	for end := time.Now().Add(lapsing.Grace * 3 / 2); time.Now().Before(end); {
		assert.Equal(t, polls.Entry.Version, w.again(t, polls).Entry.Version, "nothing changes")
		time.Sleep(lapsing.Grace / 20) // a guest who polls
	}
	assert.Equal(t, []string{"Polls"}, w.listed(t))
	host.until(func(l *live.Lobby) bool { return l.TotalCount() == 0 })
}

// TestNoKeyStaysInRedis: except the room's version, which expires.
func TestNoKeyStaysInRedis(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, lapsing)
	w.knock(t, "Never comes back")
	watcher := w.watchEntry(t, w.Service, w.knock(t, "Watches a while"))
	watcher.next()
	watcher.end()
	w.nothingStays(t, rdb)
	ttl, err := rdb.TTL(context.Background(), prefix+"lobby:{"+w.room.ID.String()+"}:version").Result()
	require.NoError(t, err)
	assert.Positive(t, ttl)
}

func TestDenied(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		settings := calm
		settings.DeniedFor = 5 * time.Second
		w := newWorld(t, rdb, prefix, settings)
		user := w.user(t, "Ursula")
		request, err := w.RequestEntry(as(user), lobby.RequestEntryInput{RoomID: &w.room.ID})
		require.NoError(t, err)
		_, err = w.Deny(w.host(), w.decide(request))
		require.NoError(t, err)

		again, err := w.RequestEntry(as(user),
			lobby.RequestEntryInput{RoomID: &w.room.ID, Ticket: &request.Ticket})
		require.NoError(t, err)
		assert.Equal(t, live.Denied, again.Entry.Status)
		if assert.NotNil(t, again.Entry.RetryAfter, "they learn when they may ask again") {
			assert.Contains(t, []int{1, 2, 3, 4, 5}, *again.Entry.RetryAfter, "seconds")
		}
		assert.Nil(t, request.Entry.RetryAfter, "who waits has nothing to wait for but the host")
		_, err = w.RequestEntry(as(user), lobby.RequestEntryInput{RoomID: &w.room.ID})
		requireKind(t, err, fault.RateLimited) // a second device of the same account
		assert.Positive(t, fault.Of(err).Details["retryAfter"])

		require.EventuallyWithT(t, func(c *assert.CollectT) {
			later, err := w.RequestEntry(as(user),
				lobby.RequestEntryInput{RoomID: &w.room.ID, Ticket: &request.Ticket})
			if assert.NoError(c, err) {
				assert.Equal(c, live.Waiting, later.Entry.Status, "after a time they may ask again")
			}
		}, soon, 50*time.Millisecond)
	})
}

func TestMeetingEnds(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, calm)
		waits, admitted := w.knock(t, "Waits"), w.knock(t, "Admitted")
		_, err := w.Admit(w.host(), w.decide(admitted))
		require.NoError(t, err)
		waiting, in := w.watchEntry(t, w.Service, waits), w.watchEntry(t, w.Service, admitted)
		waiting.next()
		in.next()

		_, err = w.live.End(guest(), w.room.ID)
		require.NoError(t, err)
		waiting.until(is(live.Ended))
		in.until(is(live.Ended))
		assert.Empty(t, w.listed(t))
		_, err = w.CreateRoomToken(guest(), lobby.CreateRoomTokenInput{
			RoomID: &w.room.ID, Ticket: &admitted.Ticket,
		})
		requireKind(t, err, fault.LobbyRequired) // the admission has ended with the meeting

		again := w.again(t, waits)
		assert.Equal(t, live.Waiting, again.Entry.Status)
		waiting.until(is(live.Waiting)) // the guest is still subscribed
	})
}

func TestAccessLevelChangesWhilePeopleWait(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, fast)
		anonymous := w.knock(t, "Anonymous")
		signedIn, err := w.RequestEntry(as(w.user(t, "Ursula")),
			lobby.RequestEntryInput{RoomID: &w.room.ID})
		require.NoError(t, err)
		nobody, user := w.watchEntry(t, w.Service, anonymous), w.watchEntry(t, w.Service, signedIn)
		nobody.next()
		user.next()

		// Nobody but the heartbeat notices: as if the server that made the change had died.
		w.db.Room.UpdateOne(w.room).SetAccessLevel(room.AccessLevelTRUSTED).ExecX(t.Context())
		user.until(is(live.Admitted))
		assert.Equal(t, []string{"Anonymous"}, w.listed(t))
		w.db.Room.UpdateOne(w.room).SetAccessLevel(room.AccessLevelPUBLIC).ExecX(t.Context())
		nobody.until(is(live.Admitted))
	})
}

func TestDeletedRoomEndsItsLobby(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, fast)
	entry := w.watchEntry(t, w.Service, w.knock(t, "Anna"))
	entry.next()
	w.db.Room.DeleteOne(w.room).ExecX(t.Context())
	entry.until(is(live.Ended))
}

func TestPeopleWhoMayWalkInDoNotWait(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	member := w.user(t, "Max Member")
	w.db.RoomAccess.Create().SetRoom(w.room).SetUser(member).SetRole(roomaccess.RoleMEMBER).
		ExecX(t.Context())

	request, err := w.RequestEntry(as(member), lobby.RequestEntryInput{RoomID: &w.room.ID})
	require.NoError(t, err)
	assert.Equal(t, live.Admitted, request.Entry.Status)
	details, err := w.ConnectionDetails(as(member), request.Entry)
	require.NoError(t, err)
	assert.Equal(t, "Max Member", details.ParticipantName)
	assert.Empty(t, w.listed(t), "nobody can admit them")

	token, err := w.CreateRoomToken(as(member), lobby.CreateRoomTokenInput{
		Slug: &w.room.Slug, Ticket: &request.Ticket,
	})
	require.NoError(t, err)
	assert.Equal(t, request.Entry.ID, token.ParticipantID, "the ticket keeps the identity")
	other, err := w.CreateRoomToken(as(member), lobby.CreateRoomTokenInput{RoomID: &w.room.ID})
	require.NoError(t, err)
	assert.NotEqual(t, token.ParticipantID, other.ParticipantID, "another device has another")
	stolen, err := w.CreateRoomToken(as(w.owner), lobby.CreateRoomTokenInput{
		RoomID: &w.room.ID, Ticket: &request.Ticket,
	})
	require.NoError(t, err)
	assert.NotEqual(t, token.ParticipantID, stolen.ParticipantID, "another account has another")

	_, err = w.CreateRoomToken(guest(), lobby.CreateRoomTokenInput{RoomID: &w.room.ID})
	requireKind(t, err, fault.LobbyRequired)
}

func TestSubscriptionOfAFormerHostEnds(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	admin := w.user(t, "Ada")
	access := w.db.RoomAccess.Create().SetRoom(w.room).SetUser(admin).
		SetRole(roomaccess.RoleADMINISTRATOR).SaveX(t.Context())
	why := make(chan error, 1)
	host := watched(t, as(admin), func(ctx context.Context) (<-chan *live.Lobby, error) {
		return w.WatchLobby(ctx, w.room.ID, func(err error) { why <- err })
	})
	host.next()
	access.Update().SetRole(roomaccess.RoleMEMBER).ExecX(t.Context())
	w.knock(t, "Not for the former host")
	select {
	case l, open := <-host.states:
		require.False(t, open, "the former host sees %v", l)
		requireKind(t, <-why, fault.Forbidden)
	case <-time.After(soon):
		require.Fail(t, "the former host still watches")
	}
}

func TestRights(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	stranger, member := w.user(t, "Stranger"), w.user(t, "Member")
	w.db.RoomAccess.Create().SetRoom(w.room).SetUser(member).SetRole(roomaccess.RoleMEMBER).
		ExecX(t.Context())
	elsewhere, err := w.rooms.Create(as(stranger), rooms.CreateInput{Name: "Elsewhere"})
	require.NoError(t, err)
	anna := w.knock(t, "Anna")

	for _, viewer := range []struct {
		name string
		ctx  context.Context
		kind fault.Kind
	}{
		{"nobody", guest(), fault.Unauthenticated},
		{"stranger", as(stranger), fault.Forbidden},
		{"member", as(member), fault.Forbidden},
	} {
		t.Run(viewer.name, func(t *testing.T) {
			_, err := w.Admit(viewer.ctx, w.decide(anna))
			requireKind(t, err, viewer.kind)
			_, err = w.Deny(viewer.ctx, w.decide(anna))
			requireKind(t, err, viewer.kind)
			_, err = w.AdmitAll(viewer.ctx, lobby.AdmitAllInput{RoomID: w.room.ID})
			requireKind(t, err, viewer.kind)
			_, err = w.Get(viewer.ctx, w.room.ID)
			requireKind(t, err, viewer.kind)
			_, err = w.WatchLobby(viewer.ctx, w.room.ID, func(error) {})
			requireKind(t, err, viewer.kind)
		})
	}
	_, err = w.Admit(as(stranger), lobby.DecideInput{RoomID: elsewhere.ID, EntryID: anna.Entry.ID})
	requireKind(t, err, fault.NotFound) // a host, but of another room
	_, err = w.Admit(w.host(), lobby.DecideInput{RoomID: uuid.New(), EntryID: anna.Entry.ID})
	requireKind(t, err, fault.NotFound)
	assert.Equal(t, []string{"Anna"}, w.listed(t), "nothing has changed")
}

func TestCaps(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		from := func(address string) context.Context {
			return auth.NewContext(guest(), auth.Viewer{Address: address})
		}
		t.Run("how many may wait", func(t *testing.T) {
			settings := calm
			settings.Capacity = 2
			w := newWorld(t, rdb, prefix, settings)
			first := w.knock(t, "1")
			w.knock(t, "2")
			_, err := w.RequestEntry(guest(), lobby.RequestEntryInput{RoomID: &w.room.ID})
			requireKind(t, err, fault.RateLimited)
			assert.Equal(t, live.Waiting, w.again(t, first).Entry.Status, "who waits may ask again")
			_, err = w.Cancel(guest(), first.Ticket)
			require.NoError(t, err)
			w.knock(t, "3")
			assert.Equal(t, []string{"2", "3"}, w.listed(t))
		})
		t.Run("how often an address may ask", func(t *testing.T) {
			settings := calm
			settings.KnocksPerAddress = 3
			w := newWorld(t, rdb, prefix, settings)
			in := lobby.RequestEntryInput{RoomID: &w.room.ID}
			for range settings.KnocksPerAddress {
				_, err := w.RequestEntry(from("192.0.2.1"), in)
				require.NoError(t, err)
			}
			_, err := w.RequestEntry(from("192.0.2.1"), in)
			requireKind(t, err, fault.RateLimited)
			assert.InDelta(t, 20, fault.Of(err).Details["retryAfter"], 10)
			_, err = w.RequestEntry(from("192.0.2.2"), in)
			require.NoError(t, err, "another address is not concerned")
			assert.Len(t, w.listed(t), 4, "who is refused is not stored")
		})
		t.Run("how often a user may ask", func(t *testing.T) {
			settings := calm
			settings.KnocksPerUser = 2
			w := newWorld(t, rdb, prefix, settings)
			in := lobby.RequestEntryInput{RoomID: &w.room.ID}
			ada, bob := as(w.user(t, "Ada")), as(w.user(t, "Bob"))
			for range settings.KnocksPerUser {
				_, err := w.RequestEntry(ada, in)
				require.NoError(t, err)
			}
			_, err := w.RequestEntry(ada, in)
			requireKind(t, err, fault.RateLimited)
			_, err = w.RequestEntry(bob, in)
			require.NoError(t, err, "another user is not concerned")
			for range 3 * settings.KnocksPerUser {
				_, err = w.RequestEntry(guest(), in)
				require.NoError(t, err, "nor are those without an account")
			}
		})
		t.Run("how often tokens may be asked for", func(t *testing.T) {
			settings := calm
			settings.TokensPerAddress, settings.TokensPerUser = 3, 2
			w := newWorld(t, rdb, prefix, settings)
			in := lobby.CreateRoomTokenInput{RoomID: &w.room.ID}
			kind := func(ctx context.Context) fault.Kind {
				_, err := w.CreateRoomToken(ctx, in)
				if err == nil {
					return ""
				}
				if fault.Is(err, fault.RateLimited) {
					assert.Positive(t, fault.Of(err).Details["retryAfter"])
				}
				return fault.Of(err).Kind
			}
			for range settings.TokensPerAddress {
				assert.Equal(t, fault.LobbyRequired, kind(from("192.0.2.4")))
			}
			assert.Equal(t, fault.RateLimited, kind(from("192.0.2.4")))
			assert.Equal(t, fault.LobbyRequired, kind(from("192.0.2.5")))
			at := func(address string, user *ent.User) context.Context {
				return auth.NewContext(guest(), auth.Viewer{UserID: user.ID, Address: address})
			}
			assert.Empty(t, kind(at("192.0.2.6", w.owner)))
			assert.Empty(t, kind(at("192.0.2.7", w.owner)))
			assert.Equal(t, fault.RateLimited, kind(at("192.0.2.8", w.owner)), "from every address")
			assert.Equal(t, fault.LobbyRequired, kind(at("192.0.2.8", w.user(t, "Ada"))))
		})
		t.Run("how many tokens a room gives", func(t *testing.T) {
			settings := calm
			settings.TokensPerRoom = 2
			w := newWorld(t, rdb, prefix, settings)
			for range 5 {
				_, err := w.CreateRoomToken(guest(), lobby.CreateRoomTokenInput{RoomID: &w.room.ID})
				requireKind(t, err, fault.LobbyRequired) // strangers use up nothing
			}
			public := room.AccessLevelPUBLIC
			other, err := w.rooms.Create(w.host(), rooms.CreateInput{Name: "Other", AccessLevel: &public})
			require.NoError(t, err)
			_, err = w.rooms.Update(w.host(), rooms.UpdateInput{RoomID: w.room.ID, AccessLevel: &public})
			require.NoError(t, err)
			in := lobby.CreateRoomTokenInput{RoomID: &w.room.ID}
			for range settings.TokensPerRoom {
				_, err := w.CreateRoomToken(guest(), in)
				require.NoError(t, err)
			}
			_, err = w.CreateRoomToken(guest(), in)
			requireKind(t, err, fault.RateLimited)
			_, err = w.CreateRoomToken(guest(), lobby.CreateRoomTokenInput{RoomID: &other.ID})
			require.NoError(t, err, "another room is not concerned")
		})
		t.Run("how often a room may be asked for", func(t *testing.T) {
			settings := calm
			settings.KnocksPerRoom = 2
			w := newWorld(t, rdb, prefix, settings)
			w.knock(t, "1")
			w.knock(t, "2")
			_, err := w.RequestEntry(from("192.0.2.3"), lobby.RequestEntryInput{RoomID: &w.room.ID})
			requireKind(t, err, fault.RateLimited)
		})
	})
}

func TestMutationsAreUnavailableWithoutRedis(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	w := newWorld(t, server.Client(t), "", fast)
	anna := w.knock(t, "Anna")
	server.Stop(t)
	name := "Bob"
	_, err := w.RequestEntry(guest(), lobby.RequestEntryInput{RoomID: &w.room.ID, DisplayName: &name})
	requireKind(t, err, fault.Unavailable)
	_, err = w.Admit(w.host(), w.decide(anna))
	requireKind(t, err, fault.Unavailable)
	var cause error = fault.Of(err)
	assert.NotEqual(t, cause.Error(), fault.Of(err).Message, "the log learns why")
	assert.Error(t, errors.Unwrap(cause))
	_, err = w.CreateRoomToken(w.host(), lobby.CreateRoomTokenInput{RoomID: &w.room.ID})
	requireKind(t, err, fault.Unavailable) // people must have a pass when LiveKit reports that they join
}
