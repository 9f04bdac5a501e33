package lobby_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/lobby"
	"foyer/test/env"
)

// atOnce runs f n times concurrently.
func atOnce(n int, f func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	all.Wait()
}

func TestOneOfFiftyHostsDecides(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, calm)
		for range 5 {
			anna := w.knock(t, "Anna")
			entry := w.watchEntry(t, w.Service, anna)
			entry.next()
			var mu sync.Mutex
			heard := map[live.Status]int{}
			atOnce(50, func(i int) {
				var err error
				want := live.Admitted
				if i%2 == 0 {
					want = live.Denied
					_, err = w.Deny(w.Host(), w.decide(anna))
				} else {
					_, err = w.Admit(w.Host(), w.decide(anna))
				}
				if err != nil {
					assert.Equal(t, fault.Conflict, fault.Of(err).Kind)
					want = live.Status(fault.Of(err).Details["decision"].(string))
				}
				mu.Lock()
				defer mu.Unlock()
				heard[want]++
			})
			stands := entry.next().Status
			assert.Equal(t, map[live.Status]int{stands: 50}, heard, "all learn the decision that won")
		}
	})
}

func TestRefreshNeverUndoesAnAdmission(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		settings := fast
		settings.Heartbeat = 5 * time.Millisecond
		w := newWorld(t, rdb, prefix, settings)
		for range 20 {
			anna := w.knock(t, "Anna")
			atOnce(10, func(i int) {
				switch {
				case i == 0:
					_, err := w.Admit(w.Host(), w.decide(anna))
					assert.NoError(t, err)
				case i%2 == 0:
					w.again(t, anna)
				default:
					watched(t, env.Guest(), func(ctx context.Context) (<-chan *live.Entry, error) {
						return w.WatchEntry(ctx, anna.Ticket)
					}).end()
				}
			})
			assert.Equal(t, live.Admitted, w.again(t, anna).Entry.Status)
			key := prefix + "lobby:{" + w.Room.ID.String() + "}:entry:" + anna.Entry.ID.String()
			ttl, err := rdb.PTTL(context.Background(), key).Result()
			require.NoError(t, err)
			assert.Greater(t, ttl, settings.AdmittedFor-env.Soon, "the admission is as long as it was")
		}
		assert.Empty(t, w.listed(t))
	})
}

func TestFiveHundredGuestsAreListedInOrder(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, calm)
		host := w.watchLobby(t, w.Service)
		requests := make([]*lobby.Request, 500)
		atOnce(len(requests), func(i int) {
			name := strconv.Itoa(i)
			r, err := w.RequestEntry(env.Guest(),
				lobby.RequestEntryInput{RoomID: &w.Room.ID, DisplayName: &name})
			if assert.NoError(t, err) {
				requests[i] = r
			}
		})
		slices.SortFunc(requests, func(a, b *lobby.Request) int { return a.Entry.Version - b.Entry.Version })
		var inOrder []uuid.UUID
		for _, r := range requests {
			inOrder = append(inOrder, r.Entry.ID)
		}
		list := host.until(func(l *live.Lobby) bool { return l.TotalCount() == len(requests) })
		var listed []uuid.UUID
		for i, e := range list.Entries {
			listed = append(listed, e.ID)
			assert.False(t, i > 0 && e.Since.Before(list.Entries[i-1].Since), "times follow the order")
		}
		assert.Equal(t, inOrder, listed)
	})
}

// TestFloodIsCoalescedForHosts: a host's list is not sent for each of many requests.
func TestFloodIsCoalescedForHosts(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	host := w.watchLobby(t, w.Service)
	host.next()
	begin := time.Now()
	atOnce(200, func(int) {
		_, err := w.RequestEntry(env.Guest(), lobby.RequestEntryInput{RoomID: &w.Room.ID})
		assert.NoError(t, err)
	})
	states := 1
	for host.next().TotalCount() < 200 {
		states++
	}
	most := int(time.Since(begin)/(100*time.Millisecond)) + 2
	assert.LessOrEqual(t, states, most, "at most one list each 100 ms")
}

// TestKnockWakesNoOtherGuest: one guest's request costs the other waiting guests nothing.
func TestKnockWakesNoOtherGuest(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	// Bells arrive in order: after one of them, all before it have woken their watchers.
	bells := uint64(0)
	heard := func(more uint64) {
		t.Helper()
		bells += more
		require.Eventually(t, func() bool { return w.live.Stats().Received == bells }, env.Soon, time.Millisecond)
	}
	w.watchEntry(t, w.Service, w.knock(t, "First")).next()
	require.Eventually(t, func() bool { return w.live.Stats().Rung == 1 }, env.Soon, time.Millisecond, "bells arrive")
	const guests = 20
	for range guests {
		w.watchEntry(t, w.Service, w.knock(t, "Waits")).next()
	}
	last := w.knock(t, "Last")
	w.knock(t, "Nobody watches")
	heard(guests + 2)
	entry := w.watchEntry(t, w.Service, last)
	entry.next()
	before := w.live.Stats().Rung
	_, err := w.Admit(w.Host(), w.decide(last))
	require.NoError(t, err)
	entry.until(is(live.Admitted))
	for range 6 {
		w.knock(t, "Another")
	}
	heard(1 + 6)
	assert.Equal(t, uint64(1), w.live.Stats().Rung-before, "only the guest concerned is woken, and reads their entry")
}
