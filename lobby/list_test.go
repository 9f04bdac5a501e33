package lobby_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/live"
	"foyer/lobby"
	"foyer/test/env"
)

// TestCachedListIsTheCurrentOne: whatever happens to a lobby, here, at another server or in Redis, a server with a
// cached list shows the same as one without.
func TestCachedListIsTheCurrentOne(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, calm)
		get := func(s *lobby.Service) *live.Lobby {
			list, err := s.Get(w.Host(), w.Room.ID)
			require.NoError(t, err)
			return list
		}
		ada, bob := w.knock(t, "Ada"), w.knock(t, "Bob")
		cleo := w.knock(t, "Cleo")
		first := get(w.Service)
		require.Len(t, first.Entries, 3)
		assert.Same(t, first.Entries[0], get(w.Service).Entries[0], "it is not read again while it is the same")

		key := prefix + "lobby:{" + w.Room.ID.String() + "}:"
		lost := func(names ...string) func() {
			return func() {
				for _, name := range names {
					require.EqualValues(t, 1, rdb.Del(context.Background(), key+name).Val())
				}
			}
		}
		for _, of := range []struct {
			what    string
			happens func()
			names   []string
		}{
			{"a message", func() { w.say(t, "Soon") }, []string{"Ada", "Bob", "Cleo"}},
			{"a decision at another server", func() {
				_, err := w.server(t, rdb, calm).Admit(w.Host(), w.decide(ada))
				require.NoError(t, err)
			}, []string{"Bob", "Cleo"}},
			{"another guest", func() { w.knock(t, "Dan") }, []string{"Bob", "Cleo", "Dan"}},
			{"a lost version", lost("version"), []string{"Bob", "Cleo", "Dan"}},
			{"a lost entry", lost("entry:" + cleo.Entry.ID.String()), []string{"Bob", "Dan"}},
			{"a guest who gives up", func() {
				_, err := w.Cancel(env.Guest(), bob.Ticket)
				require.NoError(t, err)
			}, []string{"Dan"}},
			{"a lost list", lost("waiting"), []string{}},
			{"a lost lobby", lost("version", "present"), []string{}},
		} {
			get(w.Service)
			of.happens()
			remembered, read := get(w.Service), get(w.server(t, rdb, calm).Service)
			assert.Equal(t, read, remembered, of.what)
			assert.Equal(t, of.names, names(remembered), of.what)
			assert.Equal(t, read, get(w.Service), of.what)
		}
	})
}
