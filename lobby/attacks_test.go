package lobby_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	lkauth "github.com/livekit/protocol/auth"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/lobby"
	"foyer/test/env"
)

// TestMemberCannotAdmitAFriend: a person who may walk in shows the ticket of a guest who waits.
func TestMemberCannotAdmitAFriend(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	member := w.User("Member")
	w.Give(w.Room, member, roomaccess.RoleMEMBER)
	friend := w.knock(t, "Friend")
	own, err := w.RequestEntry(env.As(member),
		lobby.RequestEntryInput{RoomID: &w.Room.ID, Ticket: &friend.Ticket})
	require.NoError(t, err)
	assert.Equal(t, live.Admitted, own.Entry.Status, "they walk in")
	assert.NotEqual(t, friend.Entry.ID, own.Entry.ID)
	assert.Equal(t, []string{"Friend"}, w.listed(t), "the friend still waits")
}

// TestTicketBringsNoRole: a ticket proves an entry, not who holds it.
func TestTicketBringsNoRole(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	user := w.User("Ursula")
	request, err := w.RequestEntry(env.As(user), lobby.RequestEntryInput{RoomID: &w.Room.ID})
	require.NoError(t, err)
	_, err = w.Admit(w.Host(), w.decide(request))
	require.NoError(t, err)
	w.Give(w.Room, user, roomaccess.RoleADMINISTRATOR)
	token := func(ctx context.Context) string {
		made, err := w.CreateRoomToken(ctx,
			lobby.CreateRoomTokenInput{RoomID: &w.Room.ID, Ticket: &request.Ticket})
		require.NoError(t, err)
		return roleIn(t, made.ConnectionDetails.ParticipantToken)
	}
	assert.Equal(t, "administrator", token(env.As(user)))
	assert.Empty(t, token(env.Guest()), "signed out")
	assert.Empty(t, token(env.As(w.User("Another"))), "in other hands")
}

// TestAdmissionByRuleEndsWithTheRule: a room is opened and closed again while somebody waits.
func TestAdmissionByRuleEndsWithTheRule(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	anna := w.knock(t, "Anna")
	set := func(level room.AccessLevel) {
		w.DB.Room.UpdateOneID(w.Room.ID).SetAccessLevel(level).ExecX(t.Context())
		require.NoError(t, w.LetIn(env.Guest(), w.Room.ID))
	}
	token := func() error {
		_, err := w.CreateRoomToken(env.Guest(),
			lobby.CreateRoomTokenInput{RoomID: &w.Room.ID, Ticket: &anna.Ticket})
		return err
	}
	set(room.AccessLevelPUBLIC)
	require.NoError(t, token())
	set(room.AccessLevelRESTRICTED)
	env.RequireFault(t, fault.LobbyRequired, token())
	again := w.again(t, anna)
	assert.Equal(t, live.Waiting, again.Entry.Status, "they ask like everybody else")
	assert.Equal(t, []string{"Anonymous"}, w.listed(t))

	bob := w.knock(t, "Bob")
	_, err := w.Admit(w.Host(), w.decide(bob))
	require.NoError(t, err)
	set(room.AccessLevelPUBLIC)
	set(room.AccessLevelRESTRICTED)
	assert.Equal(t, live.Admitted, w.again(t, bob).Entry.Status, "what a host decided stays")
}

// TestGuestComesBackWhenSingleKeysAreLost, as under eviction.
func TestGuestComesBackWhenSingleKeysAreLost(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, fast)
		anna := w.knock(t, "Anna")
		entry := w.watchEntry(t, w.Service, anna)
		entry.next()
		told := make(chan live.Status, 1)
		go func() { // a client that reads whatever comes
			for e := range entry.states {
				if e.Status == live.Admitted {
					told <- e.Status
				}
			}
		}()
		all := prefix + "lobby:{" + w.Room.ID.String() + "}:"
		for _, key := range []string{"entry:" + anna.Entry.ID.String(), "present", "waiting", "version"} {
			require.NoError(t, rdb.Del(context.Background(), all+key).Err())
			require.EventuallyWithT(t, func(c *assert.CollectT) {
				present, err := rdb.ZScore(context.Background(), all+"present", anna.Entry.ID.String()).Result()
				assert.NoError(c, err, key)
				assert.Greater(c, present, float64(time.Now().UnixMilli()), key)
				status, err := rdb.HGet(context.Background(), all+"entry:"+anna.Entry.ID.String(), "status").Result()
				assert.NoError(c, err, key)
				assert.Equal(c, "WAITING", status, key)
				assert.Equal(c, []string{"Anna"}, w.listed(t), key)
			}, env.Soon, 20*time.Millisecond)
		}
		_, err := w.Admit(w.Host(), w.decide(anna))
		require.NoError(t, err)
		select {
		case <-told:
		case <-time.After(env.Soon):
			require.Fail(t, "the guest does not learn of it")
		}
	})
}

// TestRedisGoesBackInTime: Redis restarts from an older copy, like a replica that had fallen behind. A decision that
// the guest knows stays.
func TestRedisGoesBackInTime(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	admin := server.Client(t)
	w := newWorld(t, server.Client(t), "", fast)
	anna := w.knock(t, "Anna")
	entry := w.watchEntry(t, w.Service, anna)
	entry.next()
	key := "lobby:{" + w.Room.ID.String() + "}:"
	before := map[string]string{}
	for _, name := range []string{"waiting", "present", "version", "entry:" + anna.Entry.ID.String()} {
		before[name] = admin.Dump(context.Background(), key+name).Val()
	}
	_, err := w.Admit(w.Host(), w.decide(anna))
	require.NoError(t, err)
	told := entry.until(is(live.Admitted))
	_, err = admin.TxPipelined(t.Context(), func(all redis.Pipeliner) error {
		for name, dump := range before {
			all.RestoreReplace(t.Context(), key+name, 0, dump)
		}
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, admin.Do(context.Background(), "CLIENT", "KILL", "TYPE", "pubsub").Err())
	again := entry.next()
	assert.Equal(t, live.Admitted, again.Status)
	assert.Greater(t, again.Version, told.Version)
	assert.Empty(t, w.listed(t))
}

// TestThousandsAreAdmittedTogether: they are more than one script may name.
func TestThousandsAreAdmittedTogether(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	const guests = 9000
	atOnce(30, func(int) {
		for range guests / 30 {
			_, err := w.RequestEntry(env.Guest(), lobby.RequestEntryInput{RoomID: &w.Room.ID})
			assert.NoError(t, err)
		}
	})
	require.Len(t, w.listed(t), guests)
	w.DB.Room.UpdateOneID(w.Room.ID).SetAccessLevel(room.AccessLevelPUBLIC).ExecX(t.Context())
	require.NoError(t, w.LetIn(env.Guest(), w.Room.ID))
	assert.Empty(t, w.listed(t))
}

// TestHostLearnsThatTheRoomIsDeleted: also when nobody waits.
func TestHostLearnsThatTheRoomIsDeleted(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	why := make(chan error, 1)
	host := watched(t, w.Host(), func(ctx context.Context) (<-chan *live.Lobby, error) {
		return w.WatchLobby(ctx, w.Room.ID, func(err error) { why <- err })
	})
	host.next()
	w.DB.Room.DeleteOne(w.Room).ExecX(t.Context())
	_, err := w.live.End(env.Guest(), w.Room.ID)
	require.NoError(t, err)
	select {
	case err := <-why:
		env.RequireFault(t, fault.NotFound, err)
	case <-time.After(env.Soon):
		require.Fail(t, "the host does not learn of it")
	}
}

// TestGuestWhoWatchesAndStopsDoesNotDisturbOthers: a cluster confirms both, perhaps after the next subscription was
// requested.
func TestGuestWhoWatchesAndStopsDoesNotDisturbOthers(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, calm)
		var rung atomic.Int64
		for range 20 { // some of them at the same node
			another := w.withNewRoom()
			ready := make(chan struct{}, 1)
			honest, err := w.OpenEntry(env.Guest(), another.knock(t, "Honest").Ticket, func() {
				rung.Add(1)
				select {
				case ready <- struct{}{}:
				default:
				}
			})
			require.NoError(t, err)
			t.Cleanup(honest.Close)
			<-ready // its bell has arrived
		}
		flaps := w.knock(t, "Flaps")
		before := rung.Load()
		for range 500 {
			watch, err := w.OpenEntry(env.Guest(), flaps.Ticket, func() {})
			require.NoError(t, err)
			watch.Close()
		}
		heard := make(chan struct{}, 1)
		last, err := w.OpenEntry(env.Guest(), flaps.Ticket, func() {
			select {
			case heard <- struct{}{}:
			default:
			}
		})
		require.NoError(t, err)
		t.Cleanup(last.Close)
		require.EventuallyWithT(t, func(c *assert.CollectT) { // by a bell, for there is no heartbeat
			_, err := w.SetMessage(w.Host(), lobby.SetMessageInput{RoomID: w.Room.ID, Message: new(uuid.NewString())})
			assert.NoError(c, err)
			assert.Positive(c, len(heard))
		}, env.Soon, 100*time.Millisecond)
		assert.Equal(t, before, rung.Load(), "the others were rung, as after a broken subscription")
	})
}

// TestOldestOfTooManyWatchersOfAnEntryEnds: so a change of an entry is never much work.
func TestOldestOfTooManyWatchersOfAnEntryEnds(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, lapsing)
	anna := w.knock(t, "Anna")
	const many, most = 100, 8
	watches, woken := make([]*lobby.EntryWatch, many), make([]atomic.Int64, many)
	for i := range watches {
		var err error
		watches[i], err = w.OpenEntry(env.Guest(), anna.Ticket, func() { woken[i].Add(1) })
		require.NoError(t, err)
	}
	for i, watch := range watches[:many-most] {
		assert.Positive(t, woken[i].Load(), "it is woken to learn of it")
		_, err := watch.Next(env.Guest())
		env.RequireFault(t, fault.Conflict, err)
		assert.Equal(t, "REPLACED", fault.Of(err).Details["reason"])
		watch.Close()
	}
	for _, watch := range watches[many-most:] {
		e, err := watch.Next(env.Guest())
		require.NoError(t, err)
		assert.Equal(t, live.Waiting, e.Status)
	}
	for i := range woken {
		woken[i].Store(0)
	}
	_, err := w.Admit(w.Host(), w.decide(anna))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return woken[many-1].Load() > 0 }, env.Soon, time.Millisecond)
	for i := range watches[:many-most] {
		assert.Zero(t, woken[i].Load(), "who has ended is rung")
	}
	for _, watch := range watches[many-most:] {
		e, err := watch.Next(env.Guest())
		require.NoError(t, err)
		assert.Equal(t, live.Admitted, e.Status)
		watch.Close()
	}
}

// TestReplacedWatcherKeepsThePlaceOfTheOthers: its end does not mean that the guest has gone.
func TestReplacedWatcherKeepsThePlaceOfTheOthers(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, lapsing)
	anna := w.knock(t, "Anna")
	first := w.watchEntry(t, w.Service, anna)
	first.next()
	others := make([]*watch[*live.Entry], 8)
	for i := range others {
		others[i] = w.watchEntry(t, w.Service, anna)
		others[i].next()
	}
	for range first.states { // until it ends
	}
	time.Sleep(2 * lapsing.Grace)
	assert.Equal(t, []string{"Anna"}, w.listed(t))
	for _, other := range others {
		other.end()
	}
	require.Eventually(t, func() bool { return len(w.listed(t)) == 0 }, env.Soon, 100*time.Millisecond)
}

// roleIn returns the role that a join token carries.
func roleIn(t testing.TB, token string) string {
	t.Helper()
	parsed, err := lkauth.ParseAPIToken(token)
	require.NoError(t, err)
	_, claims, err := parsed.Verify(liveKitSecret)
	require.NoError(t, err)
	assert.Equal(t, claims.Attributes[livekit.AttributeRole] == livekit.RoleAdministrator, claims.Video.RoomAdmin)
	return claims.Attributes[livekit.AttributeRole]
}
