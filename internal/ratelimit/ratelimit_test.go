package ratelimit_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/fault"
	"foyer/internal/ratelimit"
	"foyer/test/env"
)

// try makes one request against a limit of three per hour.
func try(l *ratelimit.Limiter, key string) error {
	return l.Allow(context.Background(), "too often", ratelimit.PerHour("knock", key, 3))
}

// requireThree checks that three requests are allowed and the next is refused, for one key only.
func requireThree(t *testing.T, l *ratelimit.Limiter) {
	t.Helper()
	for range 3 {
		require.NoError(t, try(l, "192.0.2.1"))
	}
	err := try(l, "192.0.2.1")
	require.True(t, fault.Is(err, fault.RateLimited), "%v", err)
	assert.Equal(t, "too often", fault.Of(err).Message)
	assert.InDelta(t, 1200, fault.Of(err).Details["retryAfter"], 60, "one each twenty minutes")
	require.NoError(t, try(l, "192.0.2.2"), "another address is not concerned")
	require.NoError(t, l.Allow(t.Context(), "", ratelimit.PerHour("token", "192.0.2.1", 3)), "nor is another limit")
}

func TestLimitAppliesToEachKey(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		requireThree(t, ratelimit.New(rdb, prefix))
		err := try(ratelimit.New(rdb, prefix), "192.0.2.1")
		assert.True(t, fault.Is(err, fault.RateLimited), "another server knows: %v", err)
		assert.NoError(t, try(ratelimit.New(rdb, prefix+"other:"), "192.0.2.1"), "another product does not")
	})
}

// dead returns a client of a Redis that does not run.
func dead(t *testing.T) redis.UniversalClient {
	client := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", env.FreePort(t))})
	t.Cleanup(func() { client.Close() })
	return client
}

func TestLimitsApplyInTheProcessDuringAnOutageOfRedis(t *testing.T) {
	t.Parallel()
	requireThree(t, ratelimit.New(dead(t), ""))
}

func TestRequestIsAllowedAfterTheTimeToWait(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) (redis.UniversalClient, string){
		"in Redis":   func(t *testing.T) (redis.UniversalClient, string) { return env.Redis(t) },
		"in process": func(t *testing.T) (redis.UniversalClient, string) { return dead(t), "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rdb, prefix := open(t)
			l := ratelimit.New(rdb, prefix)
			once := ratelimit.Limit{Name: "knock", Key: "x", Requests: 2, Within: 20 * time.Second}
			require.NoError(t, l.Allow(t.Context(), "", once.Times(2)))
			err := l.Allow(t.Context(), "", once)
			require.True(t, fault.Is(err, fault.RateLimited), "%v", err)
			wait := fault.Of(err).Details["retryAfter"].(int)
			assert.LessOrEqual(t, wait, 10)
			<-time.After(time.Duration(wait) * time.Second) // as the error tells clients to
			assert.NoError(t, l.Allow(t.Context(), "", once))
		})
	}
}

func TestRefusedRequestCountsNothing(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) (redis.UniversalClient, string){
		"in Redis":   func(t *testing.T) (redis.UniversalClient, string) { return env.Redis(t) },
		"in process": func(t *testing.T) (redis.UniversalClient, string) { return dead(t), "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rdb, prefix := open(t)
			l := ratelimit.New(rdb, prefix)
			full := ratelimit.PerHour("full", "x", 1)
			require.NoError(t, l.Allow(t.Context(), "", full))
			five, after := ratelimit.PerHour("five", "x", 5), ratelimit.PerHour("after", "x", 1)
			for range 10 {
				assert.Error(t, l.Allow(t.Context(), "", five.Times(6)), "more than there ever is")
				assert.Error(t, l.Allow(t.Context(), "", full, after))
			}
			assert.NoError(t, l.Allow(t.Context(), "", five.Times(5), after))
			assert.Error(t, l.Allow(t.Context(), "", five))
		})
	}
}

func TestNothingIsCountedWithoutALimit(t *testing.T) {
	t.Parallel()
	var none *ratelimit.Limiter
	assert.NoError(t, none.Allow(t.Context(), "", ratelimit.PerHour("knock", "x", 1)))
	rdb, prefix := env.Redis(t)
	l := ratelimit.New(rdb, prefix)
	for range 3 {
		assert.NoError(t, l.Allow(t.Context(), "", ratelimit.PerHour("knock", "x", 0)))
	}
	keys, err := rdb.Exists(t.Context(), "rate:"+prefix+"knock:x").Result()
	require.NoError(t, err)
	assert.Zero(t, keys)
}

// TestConcurrentRequestsDoNotExceedTheLimit: of 200 at the same time, ten are allowed.
func TestConcurrentRequestsDoNotExceedTheLimit(t *testing.T) {
	t.Parallel()
	shared, prefix := env.RedisCluster(t)
	for name, l := range map[string]*ratelimit.Limiter{
		"in Redis": ratelimit.New(shared, prefix), "in process": ratelimit.New(dead(t), ""),
	} {
		var group sync.WaitGroup
		var allowed atomic.Int32
		for range 200 {
			group.Go(func() {
				if l.Allow(context.Background(), "", ratelimit.PerHour("knock", "x", 10)) == nil {
					allowed.Add(1)
				}
			})
		}
		group.Wait()
		assert.EqualValues(t, 10, allowed.Load(), name)
	}
}

// TestRedisCountsAgainAfterAnOutage, and the limits apply meanwhile.
func TestRedisCountsAgainAfterAnOutage(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	l := ratelimit.New(server.Client(t), "")
	requireThree(t, l)
	server.Stop(t)
	for range 3 {
		require.NoError(t, try(l, "192.0.2.1"), "counted anew, by this server alone")
	}
	require.True(t, fault.Is(try(l, "192.0.2.1"), fault.RateLimited))
	server.Start(t)
	rdb := server.Client(t)
	require.Eventually(t, func() bool {
		_ = try(l, "192.0.2.9")
		return rdb.Exists(context.Background(), "rate:knock:192.0.2.9").Val() == 1
	}, time.Minute, 50*time.Millisecond)
}

// TestMillionAddressesDoNotFillMemory, and do not displace a user's key of another limit.
func TestMillionAddressesDoNotFillMemory(t *testing.T) {
	l := ratelimit.New(dead(t), "")
	user := ratelimit.PerHour("user", "ada", 1)
	require.NoError(t, l.Allow(t.Context(), "", user))
	before := heap()
	for i := range 1_000_000 {
		require.NoError(t, l.Allow(t.Context(), "", ratelimit.PerHour("address", fmt.Sprint(i), 1)))
	}
	grown := heap() - before
	t.Logf("%d KB for a million addresses", grown>>10)
	assert.Less(t, grown, int64(32<<20))
	assert.Error(t, l.Allow(t.Context(), "", ratelimit.PerHour("address", "999999", 1)), "the last are known")
	assert.Error(t, l.Allow(t.Context(), "", user))
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
