package ratelimit_test

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/fault"
	"foyer/internal/ratelimit"
	"foyer/test/env"
)

// TestPeekCountsNothing, in Redis and in the process.
func TestPeekCountsNothing(t *testing.T) {
	t.Parallel()
	test := func(t *testing.T, l *ratelimit.Limiter) {
		t.Helper()
		one := ratelimit.PerHour("guess", "x", 3)
		for range 10 {
			require.NoError(t, l.Peek(t.Context(), "", one))
		}
		for range 3 {
			require.NoError(t, l.Peek(t.Context(), "", one))
			require.NoError(t, l.Allow(t.Context(), "", one))
		}
		err := l.Peek(t.Context(), "too often", one)
		require.True(t, fault.Is(err, fault.RateLimited), "%v", err)
		assert.Equal(t, "too often", fault.Of(err).Message)
		assert.InDelta(t, 1200, fault.Of(err).Details["retryAfter"], 60, "one each twenty minutes")
		require.NoError(t, l.Peek(t.Context(), "", ratelimit.PerHour("guess", "y", 3)))
		require.NoError(t, l.Peek(t.Context(), "", ratelimit.PerHour("guess", "x", 0)), "any number")
	}
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		test(t, ratelimit.New(rdb, prefix))
	})
	t.Run("in process", func(t *testing.T) { test(t, ratelimit.New(dead(t), "")) })
}
