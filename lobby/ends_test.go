package lobby_test

import (
	"context"
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/room"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/lobby"
	"foyer/test/env"
)

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
	ttl, err := rdb.TTL(context.Background(), prefix+"lobby:{"+w.Room.ID.String()+"}:version").Result()
	require.NoError(t, err)
	assert.Positive(t, ttl)
}

func TestMeetingEnds(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, calm)
		waits, admitted := w.knock(t, "Waits"), w.knock(t, "Admitted")
		_, err := w.Admit(w.Host(), w.decide(admitted))
		require.NoError(t, err)
		waiting, in := w.watchEntry(t, w.Service, waits), w.watchEntry(t, w.Service, admitted)
		waiting.next()
		in.next()

		_, err = w.live.End(env.Guest(), w.Room.ID)
		require.NoError(t, err)
		waiting.until(is(live.Ended))
		in.until(is(live.Ended))
		assert.Empty(t, w.listed(t))
		_, err = w.CreateRoomToken(env.Guest(), lobby.CreateRoomTokenInput{
			RoomID: &w.Room.ID, Ticket: &admitted.Ticket,
		})
		env.RequireFault(t, fault.LobbyRequired, err) // the admission has ended with the meeting

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
		signedIn, err := w.RequestEntry(env.As(w.User("Ursula")),
			lobby.RequestEntryInput{RoomID: &w.Room.ID})
		require.NoError(t, err)
		nobody, user := w.watchEntry(t, w.Service, anonymous), w.watchEntry(t, w.Service, signedIn)
		nobody.next()
		user.next()

		// Nobody but the heartbeat notices: as if the server that made the change had died.
		w.DB.Room.UpdateOne(w.Room).SetAccessLevel(room.AccessLevelTRUSTED).ExecX(t.Context())
		user.until(is(live.Admitted))
		assert.Equal(t, []string{"Anonymous"}, w.listed(t))
		w.DB.Room.UpdateOne(w.Room).SetAccessLevel(room.AccessLevelPUBLIC).ExecX(t.Context())
		nobody.until(is(live.Admitted))
	})
}

func TestDeletedRoomEndsItsLobby(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, fast)
	entry := w.watchEntry(t, w.Service, w.knock(t, "Anna"))
	entry.next()
	w.DB.Room.DeleteOne(w.Room).ExecX(t.Context())
	entry.until(is(live.Ended))
}

func TestMutationsAreUnavailableWithoutRedis(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	w := newWorld(t, server.Client(t), "", fast)
	anna := w.knock(t, "Anna")
	server.Stop(t)
	name := "Bob"
	_, err := w.RequestEntry(env.Guest(), lobby.RequestEntryInput{RoomID: &w.Room.ID, DisplayName: &name})
	env.RequireFault(t, fault.Unavailable, err)
	_, err = w.Admit(w.Host(), w.decide(anna))
	env.RequireFault(t, fault.Unavailable, err)
	var cause error = fault.Of(err)
	assert.NotEqual(t, cause.Error(), fault.Of(err).Message, "the log learns why")
	assert.Error(t, errors.Unwrap(cause))
	_, err = w.CreateRoomToken(w.Host(), lobby.CreateRoomTokenInput{RoomID: &w.Room.ID})
	env.RequireFault(t, fault.Unavailable, err) // people must have a pass when LiveKit reports that they join
}
