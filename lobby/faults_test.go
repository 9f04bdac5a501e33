package lobby_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/live"
	"foyer/lobby"
	"foyer/test/env"
)

// TestDecisionArrivesAlthoughTheSubscriptionIsCut: the connection that would carry the bell is killed around the
// decision, repeatedly. No heartbeat helps: only the new subscription rings.
func TestDecisionArrivesAlthoughTheSubscriptionIsCut(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	w := newWorld(t, server.Client(t), "", calm)
	admin := server.Client(t)
	host := w.watchLobby(t, w.Service)
	for range 30 {
		anna := w.knock(t, "Anna")
		entry := w.watchEntry(t, w.Service, anna)
		entry.next()
		var both sync.WaitGroup
		both.Go(func() {
			_ = admin.Do(context.Background(), "CLIENT", "KILL", "TYPE", "pubsub").Err()
		})
		both.Go(func() {
			_, err := w.Admit(w.Host(), w.decide(anna))
			assert.NoError(t, err)
		})
		both.Wait()
		entry.until(is(live.Admitted))
		entry.end()
	}
	w.knock(t, "Last")
	host.until(func(l *live.Lobby) bool {
		return l.TotalCount() == 1 && l.Entries[0].DisplayName == "Last"
	})
}

// onlyCommands is part of hooks that concern only single commands.
type onlyCommands struct{}

func (onlyCommands) DialHook(next redis.DialHook) redis.DialHook { return next }
func (onlyCommands) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// deafening loses every bell that a client rings, as a network may.
type deafening struct{ onlyCommands }

func (deafening) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		args := cmd.Args()
		for i, arg := range args {
			if arg == "PUBLISH" {
				args[i] = "SPUBLISH" // which subscribers of the channel do not receive
			}
		}
		return next(ctx, cmd)
	}
}

func TestHeartbeatMakesUpForLostBells(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, fast)
	silent, _ := env.Redis(t)
	silent.AddHook(deafening{})
	muffled := &world{w.World, w.server(t, silent, fast)}

	host := w.watchLobby(t, w.Service)
	host.next()
	anna := muffled.knock(t, "Anna")
	host.until(func(l *live.Lobby) bool { return l.TotalCount() == 1 })
	entry := w.watchEntry(t, w.Service, anna)
	entry.next()
	_, err := muffled.Admit(w.Host(), w.decide(anna))
	require.NoError(t, err)
	entry.until(is(live.Admitted))
	host.until(func(l *live.Lobby) bool { return l.TotalCount() == 0 })
	_, err = muffled.live.End(env.Guest(), w.Room.ID)
	require.NoError(t, err)
	entry.until(is(live.Ended))
}

// hindered is a Redis that answers no heartbeat of a room for a while, and is slow for guests who leave it.
type hindered struct {
	room   atomic.Pointer[string] // none until the test sets one
	missed atomic.Int64           // heartbeats
	works  atomic.Bool
	slow   time.Duration
}

func (*hindered) DialHook(next redis.DialHook) redis.DialHook { return next }
func (h *hindered) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "evalsha" && h.concerns(cmd) {
			<-time.After(h.slow)
		}
		return next(ctx, cmd)
	}
}
func (h *hindered) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if !h.works.Load() && slices.ContainsFunc(cmds, h.concerns) {
			h.missed.Add(1)
			for _, cmd := range cmds {
				cmd.SetErr(context.DeadlineExceeded)
			}
			return context.DeadlineExceeded
		}
		return next(ctx, cmds)
	}
}

func (h *hindered) concerns(cmd redis.Cmder) bool {
	room := h.room.Load()
	return room != nil && strings.Contains(fmt.Sprint(cmd.Args()...), *room)
}

// nothingStays waits until a room has no more in Redis than its version.
func (w *world) nothingStays(t *testing.T, rdb redis.UniversalClient) {
	t.Helper()
	env.Eventually(t, func(c *assert.CollectT) {
		keys, err := rdb.Keys(context.Background(), w.Prefix+"*").Result()
		assert.NoError(c, err)
		assert.Equal(c, []string{w.Prefix + "lobby:{" + w.Room.ID.String() + "}:version"}, keys)
	})
}

// TestGoneGuestIsRemovedThoughAHeartbeatFails: nobody watches the room any more who would make up for it.
func TestGoneGuestIsRemovedThoughAHeartbeatFails(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	h := &hindered{}
	rdb.AddHook(h)
	settings := fast
	settings.Grace = 100 * time.Millisecond
	w := newWorld(t, rdb, prefix, settings)
	room := w.Room.ID.String()
	h.room.Store(&room)
	w.knock(t, "Never comes back")
	require.Eventually(t, func() bool { return h.missed.Load() > 0 }, env.Soon, time.Millisecond)
	h.works.Store(true)
	w.nothingStays(t, rdb)
}

// TestGoneGuestIsRemovedThoughRedisIsSlow: the grace time begins later than the guest has left.
func TestGoneGuestIsRemovedThoughRedisIsSlow(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	h := &hindered{slow: 10 * lapsing.Heartbeat}
	h.works.Store(true)
	rdb.AddHook(h)
	w := newWorld(t, rdb, prefix, lapsing)
	watcher := w.watchEntry(t, w.Service, w.knock(t, "Watches a while"))
	watcher.next()
	room := w.Room.ID.String()
	h.room.Store(&room)
	watcher.end()
	w.nothingStays(t, rdb)
}

func TestRedisRestartsWhileGuestsWait(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	w := newWorld(t, server.Client(t), "", fast)
	host := w.watchLobby(t, w.Service)
	for _, name := range []string{"Anna", "Bob"} {
		guest := w.knock(t, name)
		entry := w.watchEntry(t, w.Service, guest)
		entry.next()
		server.Restart(t)
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			_, err := w.Admit(w.Host(), w.decide(guest))
			assert.NoError(c, err)
		}, env.Soon, 20*time.Millisecond)
		entry.until(is(live.Admitted))
	}
	host.until(func(l *live.Lobby) bool { return l.TotalCount() == 0 })
}

// TestGuestsKeepTheirPlacesWhenRedisLosesThem: all of Redis is lost; guests who still watch get their old places back.
func TestGuestsKeepTheirPlacesWhenRedisLosesThem(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	admin := server.Client(t)
	w := newWorld(t, server.Client(t), "", fast)
	host := w.watchLobby(t, w.Service)
	var entries []*watch[*live.Entry]
	var requests []*lobby.Request
	for _, name := range []string{"Anna", "Bob", "Carl"} {
		r := w.knock(t, name)
		entry := w.watchEntry(t, w.Service, r)
		entry.next()
		entries, requests = append(entries, entry), append(requests, r)
	}
	before := host.until(func(l *live.Lobby) bool { return l.TotalCount() == 3 })
	require.NoError(t, admin.FlushAll(context.Background()).Err())
	after := host.until(func(l *live.Lobby) bool {
		return l.TotalCount() == 3 && l.Version > before.Version
	})
	assert.Equal(t, []string{"Anna", "Bob", "Carl"}, names(after))
	assert.Equal(t, before.Entries[0].Since, after.Entries[0].Since)
	_, err := w.Admit(w.Host(), w.decide(requests[1]))
	require.NoError(t, err)
	entries[1].until(is(live.Admitted))
}

// TestGuestMovesToAnotherServer: the guest's server dies; with their ticket they find the decision that another server
// has made meanwhile.
func TestGuestMovesToAnotherServer(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, fast)
		there := w.server(t, rdb, fast).Service
		anna := w.knock(t, "Anna")
		here := w.watchEntry(t, w.Service, anna)
		here.next()
		here.end()
		_, err := w.Admit(w.Host(), w.decide(anna))
		require.NoError(t, err)
		assert.Equal(t, live.Admitted, w.watchEntry(t, there, anna).next().Status)
	})
}

// TestClusterMovesARoom: the slot of a room moves to another node while a guest and a host watch.
func TestClusterMovesARoom(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.RedisCluster(t)
	w := newWorld(t, rdb, prefix, fast)
	anna := w.knock(t, "Anna")
	entry, host := w.watchEntry(t, w.Service, anna), w.watchLobby(t, w.Service)
	entry.next()
	host.next()
	moveSlot(t, rdb.(*redis.ClusterClient), prefix+"lobby:{"+w.Room.ID.String()+"}:waiting")
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		_, err := w.Admit(w.Host(), w.decide(anna))
		assert.NoError(c, err)
	}, env.Soon, 50*time.Millisecond)
	entry.until(is(live.Admitted))
	host.until(func(l *live.Lobby) bool { return l.TotalCount() == 0 })
	w.knock(t, "Bob")
	host.until(func(l *live.Lobby) bool { return l.TotalCount() == 1 })
}

// TestBellsAreShardedOnACluster: only the node of the room's slot knows them.
func TestBellsAreShardedOnACluster(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.RedisCluster(t)
	cluster := rdb.(*redis.ClusterClient)
	w := newWorld(t, rdb, prefix, calm)
	host := w.watchLobby(t, w.Service)
	host.next()
	bell := prefix + "lobby:{" + w.Room.ID.String() + "}:bell"
	owner, err := cluster.MasterForKey(context.Background(), bell)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return len(owner.PubSubShardChannels(context.Background(), prefix+"*").Val()) == 1
	}, env.Soon, 20*time.Millisecond)
	assert.Equal(t, []string{bell}, owner.PubSubShardChannels(context.Background(), prefix+"*").Val())
	err = cluster.ForEachMaster(context.Background(), func(ctx context.Context, node *redis.Client) error {
		assert.Empty(t, node.PubSubChannels(ctx, prefix+"*").Val(), "no bell goes to every node")
		if node.Options().Addr != owner.Options().Addr {
			assert.Empty(t, node.PubSubShardChannels(ctx, prefix+"*").Val())
		}
		return nil
	})
	require.NoError(t, err)
	w.knock(t, "Anna")
	host.until(func(l *live.Lobby) bool { return l.TotalCount() == 1 }) // without a heartbeat
}

// moveSlot moves the slot of a key, with its keys, from its node to another.
func moveSlot(t *testing.T, cluster *redis.ClusterClient, key string) {
	t.Helper()
	ctx := context.Background()
	slot := cluster.ClusterKeySlot(ctx, key).Val()
	from, err := cluster.MasterForKey(ctx, key)
	require.NoError(t, err)
	var to *redis.Client
	var mu sync.Mutex
	require.NoError(t, cluster.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		if node.Options().Addr != from.Options().Addr {
			to = node
		}
		return nil
	}))
	fromID, toID := from.Do(ctx, "CLUSTER", "MYID").Val(), to.Do(ctx, "CLUSTER", "MYID").Val()
	require.NoError(t, to.Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", fromID).Err())
	require.NoError(t, from.Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", toID).Err())
	host, port, err := net.SplitHostPort(to.Options().Addr)
	require.NoError(t, err)
	for {
		keys := from.ClusterGetKeysInSlot(ctx, int(slot), 100).Val()
		if len(keys) == 0 {
			break
		}
		for _, key := range keys {
			require.NoError(t, from.Migrate(ctx, host, port, key, 0, time.Minute).Err())
		}
	}
	for _, node := range []*redis.Client{to, from} {
		require.NoError(t, node.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", toID).Err())
	}
}
