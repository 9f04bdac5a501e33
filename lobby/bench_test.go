package lobby_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/live"
	"foyer/lobby"
	"foyer/test/env"
)

// BenchmarkLobby shows that the cost of a lobby does not depend on the number of others.
func BenchmarkLobby(b *testing.B) {
	for _, others := range []int{10, 100_000} {
		b.Run(fmt.Sprintf("others=%d", others), func(b *testing.B) {
			server := env.StartRedis(b)
			rdb := server.Client(b)
			require.NoError(b, rdb.ConfigSet(context.Background(), "appendonly", "no").Err())
			w := newWorld(b, rdb, "", calm)
			fillOthers(b, rdb, others)
			b.Run("knock", w.benchKnock)
			b.Run("decide", w.benchDecide)
			b.Run("list50", w.benchList)
			b.Run("token", w.benchToken)
		})
	}
}

// fillOthers gives other rooms a lobby with a guest each.
func fillOthers(b *testing.B, rdb redis.UniversalClient, n int) {
	b.Helper()
	pipe := rdb.Pipeline()
	for i := range n {
		lobbyKey := "lobby:{" + uuid.NewString() + "}:"
		guest := uuid.NewString()
		pipe.ZAdd(context.Background(), lobbyKey+"waiting", redis.Z{Score: float64(i), Member: guest})
		pipe.ZAdd(context.Background(), lobbyKey+"present",
			redis.Z{Score: float64(time.Now().Add(time.Hour).UnixMilli()), Member: guest})
		pipe.HSet(context.Background(), lobbyKey+"entry:"+guest, "name", "Guest", "status", "WAITING")
		if i%1000 == 999 || i == n-1 {
			_, err := pipe.Exec(context.Background())
			require.NoError(b, err)
		}
	}
}

func (w *world) benchKnock(b *testing.B) {
	name := "Guest"
	w = w.withNewRoom()
	for b.Loop() {
		_, err := w.RequestEntry(env.Guest(), lobby.RequestEntryInput{RoomID: &w.Room.ID, DisplayName: &name})
		require.NoError(b, err)
	}
}

func (w *world) benchDecide(b *testing.B) {
	w = w.withNewRoom()
	requests := make([]*lobby.Request, 1000)
	for i := 0; b.Loop(); i++ {
		if i %= len(requests); i == 0 {
			b.StopTimer()
			for j := range requests {
				requests[j] = w.knock(b, "Guest")
			}
			b.StartTimer()
		}
		_, err := w.Admit(w.Host(), w.decide(requests[i]))
		require.NoError(b, err)
	}
}

func (w *world) benchList(b *testing.B) {
	w = w.withNewRoom()
	for range 50 {
		w.knock(b, "Guest")
	}
	for b.Loop() {
		list, err := w.Get(w.Host(), w.Room.ID)
		require.NoError(b, err)
		require.Len(b, list.Entries, 50)
	}
}

func (w *world) benchToken(b *testing.B) {
	w = w.withNewRoom()
	admitted, err := w.Admit(w.Host(), w.decide(w.knock(b, "Guest")))
	require.NoError(b, err)
	for b.Loop() {
		_, err := w.ConnectionDetails(env.Guest(), admitted)
		require.NoError(b, err)
	}
}

// BenchmarkMemoryOfAWaitingGuest fills a room, and rooms of ten, with 10,000 guests, each from another address, and
// reports what each of them costs Redis in all.
func BenchmarkMemoryOfAWaitingGuest(b *testing.B) {
	const guests = 10_000
	for _, inRoom := range []int{guests, 10} {
		b.Run(fmt.Sprintf("room=%d", inRoom), func(b *testing.B) {
			for b.Loop() {
				server := env.StartRedis(b)
				rdb := server.Client(b)
				require.NoError(b, rdb.ConfigSet(context.Background(), "appendonly", "no").Err())
				settings := calm
				settings.Capacity, settings.AddressShare = 2*guests, 50
				w := newWorld(b, rdb, "", settings)
				w.knock(b, "Warm-up") // the scripts are loaded
				before := usedMemory(b, rdb)
				for i := range guests {
					if i%inRoom == 0 {
						w = w.withNewRoom()
					}
					name := fmt.Sprintf("Guest number %05d", i)
					_, err := w.RequestEntry(of(env.Guest(), fmt.Sprintf("192.0.%d.%d", 2+i/250, i%250)),
						lobby.RequestEntryInput{RoomID: &w.Room.ID, DisplayName: &name})
					require.NoError(b, err)
				}
				b.ReportMetric(float64(usedMemory(b, rdb)-before)/guests, "B/guest")
				server.Stop(b)
			}
		})
	}
}

// usedMemory is all that Redis has allocated.
func usedMemory(b *testing.B, rdb *redis.Client) int {
	b.Helper()
	info, err := rdb.InfoMap(context.Background(), "memory").Result()
	require.NoError(b, err)
	used, err := strconv.Atoi(info["Memory"]["used_memory"])
	require.NoError(b, err)
	return used
}

// TestRedisNeverScansItsKeys: and one decision costs the same few commands however many others wait.
func TestRedisNeverScansItsKeys(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	admin := server.Client(t)
	patient := fast
	patient.Grace = time.Hour // nobody's place lapses on a busy machine
	w := newWorld(t, server.Client(t), "", patient)
	host := w.watchLobby(t, w.Service)
	for range 10 {
		anna, bob, carl := w.knock(t, "Anna"), w.knock(t, "Bob"), w.knock(t, "Carl")
		entry := w.watchEntry(t, w.Service, anna)
		entry.next()
		w.again(t, bob)
		_, err := w.Admit(w.Host(), w.decide(anna))
		require.NoError(t, err)
		entry.until(is(live.Admitted))
		_, err = w.Deny(w.Host(), w.decide(bob))
		require.NoError(t, err)
		_, err = w.Cancel(env.Guest(), carl.Ticket)
		require.NoError(t, err)
		_, err = w.AdmitAll(w.Host(), lobby.AdmitAllInput{RoomID: w.Room.ID})
		require.NoError(t, err)
	}
	host.until(func(l *live.Lobby) bool { return l.TotalCount() == 0 })
	_, err := w.live.End(env.Guest(), w.Room.ID)
	require.NoError(t, err)
	stats, err := admin.Info(context.Background(), "commandstats").Result()
	require.NoError(t, err)
	for _, searching := range []string{"keys", "scan", "hscan", "sscan", "zscan", "randomkey", "flushdb"} {
		assert.NotContains(t, stats, "cmdstat_"+searching+":")
	}
	assert.Contains(t, stats, "cmdstat_evalsha:", "the statistics are of what we did")
	assert.Positive(t, strings.Count(stats, "cmdstat_"))
}
