package lobby_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/room"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/lobby"
	"foyer/rooms"
	"foyer/test/env"
)

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

		admitted, err := w.Admit(w.Host(), w.decide(anna))
		require.NoError(t, err)
		assert.Equal(t, live.Admitted, admitted.Status)
		told := entry.next()
		assert.Equal(t, live.Admitted, told.Status)
		assert.Greater(t, told.Version, anna.Entry.Version)
		assert.Empty(t, names(host.next()), "she does not wait any more")

		details, err := w.ConnectionDetails(env.Guest(), told)
		require.NoError(t, err)
		assert.Equal(t, "Anna", details.ParticipantName)
		assert.Equal(t, w.Room.ID.String(), details.RoomName)
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
		_, err := w.Deny(w.Host(), w.decide(anna))
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
			first, err := w.Admit(w.Host(), w.decide(anna))
			require.NoError(t, err)
			again, err := w.Admit(w.Host(), w.decide(anna))
			require.NoError(t, err)
			assert.Equal(t, first, again)
		})
		t.Run("the first stands", func(t *testing.T) {
			bob := w.knock(t, "Bob")
			_, err := w.Deny(w.Host(), w.decide(bob))
			require.NoError(t, err)
			_, err = w.Admit(w.Host(), w.decide(bob))
			env.RequireFault(t, fault.Conflict, err)
			assert.Equal(t, "DENIED", fault.Of(err).Details["decision"])
		})
		t.Run("a guest who gave up cannot be admitted", func(t *testing.T) {
			carl := w.knock(t, "Carl")
			_, err := w.Cancel(env.Guest(), carl.Ticket)
			require.NoError(t, err)
			_, err = w.Admit(w.Host(), w.decide(carl))
			env.RequireFault(t, fault.Conflict, err)
			assert.Equal(t, "LEFT", fault.Of(err).Details["decision"])
		})
		t.Run("giving up does not undo a decision", func(t *testing.T) {
			dora := w.knock(t, "Dora")
			_, err := w.Admit(w.Host(), w.decide(dora))
			require.NoError(t, err)
			_, err = w.Cancel(env.Guest(), dora.Ticket)
			env.RequireFault(t, fault.Conflict, err)
		})
		t.Run("asking again does not undo a decision", func(t *testing.T) {
			emil := w.knock(t, "Emil")
			_, err := w.Admit(w.Host(), w.decide(emil))
			require.NoError(t, err)
			again := w.again(t, emil)
			assert.Equal(t, live.Admitted, again.Entry.Status)
			assert.Equal(t, emil.Entry.ID, again.Entry.ID)
		})
		t.Run("unknown entries", func(t *testing.T) {
			_, err := w.Admit(w.Host(), lobby.DecideInput{RoomID: w.Room.ID, EntryID: uuid.New()})
			env.RequireFault(t, fault.NotFound, err)
			entries, err := w.AdmitAll(w.Host(),
				lobby.AdmitAllInput{RoomID: w.Room.ID, EntryIds: []uuid.UUID{uuid.New()}})
			require.NoError(t, err)
			assert.Empty(t, entries)
		})
		t.Run("several and all", func(t *testing.T) {
			one, two, three := w.knock(t, "1"), w.knock(t, "2"), w.knock(t, "3")
			_, err := w.Deny(w.Host(), w.decide(two))
			require.NoError(t, err)
			some, err := w.AdmitAll(w.Host(), lobby.AdmitAllInput{
				RoomID: w.Room.ID, EntryIds: []uuid.UUID{one.Entry.ID, two.Entry.ID},
			})
			require.NoError(t, err)
			require.Len(t, some, 1, "the denied one stays denied")
			none, err := w.AdmitAll(w.Host(),
				lobby.AdmitAllInput{RoomID: w.Room.ID, EntryIds: []uuid.UUID{}})
			require.NoError(t, err)
			assert.Empty(t, none, "an empty list is nobody, not everybody")
			assert.Equal(t, []string{"3"}, w.listed(t))
			all, err := w.AdmitAll(w.Host(), lobby.AdmitAllInput{RoomID: w.Room.ID})
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
	again, err := w.RequestEntry(env.Guest(), lobby.RequestEntryInput{RoomID: &w.Room.ID, Ticket: &r.Ticket})
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
			key := prefix + "lobby:{" + w.Room.ID.String() + "}:present"
			return rdb.ZScore(context.Background(), key, stays.Entry.ID.String()).Val()
		}
		first := lease()
		host.until(func(l *live.Lobby) bool { return l.TotalCount() == 2 })
		leaving.end()
		gone := host.until(func(l *live.Lobby) bool { return l.TotalCount() == 1 })
		assert.Equal(t, []string{"Stays"}, names(gone))

		assert.Greater(t, lease(), first, "watching keeps a place for as long as it lasts")
		assert.Equal(t, []string{"Stays"}, w.listed(t))
		_, err := w.WatchEntry(env.Guest(), leaves.Ticket)
		env.RequireFault(t, fault.NotFound, err)
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

func TestDenied(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		settings := calm
		settings.DeniedFor = 5 * time.Second
		w := newWorld(t, rdb, prefix, settings)
		user := w.User("Ursula")
		request, err := w.RequestEntry(env.As(user), lobby.RequestEntryInput{RoomID: &w.Room.ID})
		require.NoError(t, err)
		_, err = w.Deny(w.Host(), w.decide(request))
		require.NoError(t, err)

		again, err := w.RequestEntry(env.As(user),
			lobby.RequestEntryInput{RoomID: &w.Room.ID, Ticket: &request.Ticket})
		require.NoError(t, err)
		assert.Equal(t, live.Denied, again.Entry.Status)
		if assert.NotNil(t, again.Entry.RetryAfter, "they learn when they may ask again") {
			assert.Contains(t, []int{1, 2, 3, 4, 5}, *again.Entry.RetryAfter, "seconds")
		}
		assert.Nil(t, request.Entry.RetryAfter, "who waits has nothing to wait for but the host")
		_, err = w.RequestEntry(env.As(user), lobby.RequestEntryInput{RoomID: &w.Room.ID})
		env.RequireFault(t, fault.RateLimited, err) // a second device of the same account
		assert.Positive(t, fault.Of(err).Details["retryAfter"])

		require.EventuallyWithT(t, func(c *assert.CollectT) {
			later, err := w.RequestEntry(env.As(user),
				lobby.RequestEntryInput{RoomID: &w.Room.ID, Ticket: &request.Ticket})
			if assert.NoError(c, err) {
				assert.Equal(c, live.Waiting, later.Entry.Status, "after a time they may ask again")
			}
		}, env.Soon, 50*time.Millisecond)
	})
}

func TestCaps(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		from := func(address string) context.Context {
			return auth.NewContext(env.Guest(), auth.Viewer{Address: address})
		}
		t.Run("how many may wait", func(t *testing.T) {
			settings := calm
			settings.Capacity = 2
			w := newWorld(t, rdb, prefix, settings)
			first := w.knock(t, "1")
			w.knock(t, "2")
			_, err := w.RequestEntry(env.Guest(), lobby.RequestEntryInput{RoomID: &w.Room.ID})
			env.RequireFault(t, fault.RateLimited, err)
			assert.Equal(t, live.Waiting, w.again(t, first).Entry.Status, "who waits may ask again")
			_, err = w.Cancel(env.Guest(), first.Ticket)
			require.NoError(t, err)
			w.knock(t, "3")
			assert.Equal(t, []string{"2", "3"}, w.listed(t))
		})
		t.Run("how often an address may ask", func(t *testing.T) {
			settings := calm
			settings.KnocksPerAddress = 3
			w := newWorld(t, rdb, prefix, settings)
			in := lobby.RequestEntryInput{RoomID: &w.Room.ID}
			for range settings.KnocksPerAddress {
				_, err := w.RequestEntry(from("192.0.2.1"), in)
				require.NoError(t, err)
			}
			_, err := w.RequestEntry(from("192.0.2.1"), in)
			env.RequireFault(t, fault.RateLimited, err)
			assert.InDelta(t, 20, fault.Of(err).Details["retryAfter"], 10)
			_, err = w.RequestEntry(from("192.0.2.2"), in)
			require.NoError(t, err, "another address is not concerned")
			assert.Len(t, w.listed(t), 4, "who is refused is not stored")
		})
		t.Run("how often a user may ask", func(t *testing.T) {
			settings := calm
			settings.KnocksPerUser = 2
			w := newWorld(t, rdb, prefix, settings)
			in := lobby.RequestEntryInput{RoomID: &w.Room.ID}
			ada, bob := env.As(w.User("Ada")), env.As(w.User("Bob"))
			for range settings.KnocksPerUser {
				_, err := w.RequestEntry(ada, in)
				require.NoError(t, err)
			}
			_, err := w.RequestEntry(ada, in)
			env.RequireFault(t, fault.RateLimited, err)
			_, err = w.RequestEntry(bob, in)
			require.NoError(t, err, "another user is not concerned")
			for range 3 * settings.KnocksPerUser {
				_, err = w.RequestEntry(env.Guest(), in)
				require.NoError(t, err, "nor are those without an account")
			}
		})
		t.Run("how often tokens may be asked for", func(t *testing.T) {
			settings := calm
			settings.TokensPerAddress, settings.TokensPerUser = 3, 2
			w := newWorld(t, rdb, prefix, settings)
			in := lobby.CreateRoomTokenInput{RoomID: &w.Room.ID}
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
				return auth.NewContext(env.Guest(), auth.Viewer{UserID: user.ID, Address: address})
			}
			assert.Empty(t, kind(at("192.0.2.6", w.Owner)))
			assert.Empty(t, kind(at("192.0.2.7", w.Owner)))
			assert.Equal(t, fault.RateLimited, kind(at("192.0.2.8", w.Owner)), "from every address")
			assert.Equal(t, fault.LobbyRequired, kind(at("192.0.2.8", w.User("Ada"))))
		})
		t.Run("how many tokens a room gives", func(t *testing.T) {
			settings := calm
			settings.TokensPerRoom = 2
			w := newWorld(t, rdb, prefix, settings)
			for range 5 {
				_, err := w.CreateRoomToken(env.Guest(), lobby.CreateRoomTokenInput{RoomID: &w.Room.ID})
				env.RequireFault(t, fault.LobbyRequired, err) // strangers use up nothing
			}
			public := room.AccessLevelPUBLIC
			other, err := w.Rooms.Create(w.Host(), rooms.CreateInput{Name: "Other", AccessLevel: &public})
			require.NoError(t, err)
			_, err = w.Rooms.Update(w.Host(), rooms.UpdateInput{RoomID: w.Room.ID, AccessLevel: &public})
			require.NoError(t, err)
			in := lobby.CreateRoomTokenInput{RoomID: &w.Room.ID}
			for range settings.TokensPerRoom {
				_, err := w.CreateRoomToken(env.Guest(), in)
				require.NoError(t, err)
			}
			_, err = w.CreateRoomToken(env.Guest(), in)
			env.RequireFault(t, fault.RateLimited, err)
			_, err = w.CreateRoomToken(env.Guest(), lobby.CreateRoomTokenInput{RoomID: &other.ID})
			require.NoError(t, err, "another room is not concerned")
		})
		t.Run("how often a room may be asked for", func(t *testing.T) {
			settings := calm
			settings.KnocksPerRoom = 2
			w := newWorld(t, rdb, prefix, settings)
			w.knock(t, "1")
			w.knock(t, "2")
			_, err := w.RequestEntry(from("192.0.2.3"), lobby.RequestEntryInput{RoomID: &w.Room.ID})
			env.RequireFault(t, fault.RateLimited, err)
		})
	})
}
