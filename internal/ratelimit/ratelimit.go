// Package ratelimit limits rates of requests. It counts in Redis, for all servers together, and in the process while
// Redis cannot be reached; then the limits apply to each server.
//
// A limit of n within a time allows n requests immediately, and after that one per time/n (GCRA).
package ratelimit

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"foyer/internal/fault"
)

const (
	// patience is how long Redis may take to count before it counts as unreachable.
	patience = 2 * time.Second
	// pause is how long Redis is not used after a failure, so that not every request waits for it.
	pause = time.Second
)

// Limit is the maximum number of requests of one kind for one key within a time.
type Limit struct {
	// Name is the kind of request. There are few names, and none comes from a client.
	Name string
	// Key is what the limit applies to: an address, a user, a room.
	Key string
	// Requests is the maximum number within a time; 0 means no limit.
	Requests int
	Within   time.Duration
	// Cost is the number of requests that this one counts as; 0 means one.
	Cost int

	// peek checks the limit without counting.
	peek bool
}

// PerMinute limits requests within a minute.
func PerMinute(name, key string, requests int) Limit {
	return Limit{Name: name, Key: key, Requests: requests, Within: time.Minute}
}

// PerHour limits requests within an hour.
func PerHour(name, key string, requests int) Limit {
	return Limit{Name: name, Key: key, Requests: requests, Within: time.Hour}
}

// Times returns the limit for a request that counts as several.
func (l Limit) Times(cost int) Limit {
	l.Cost = cost
	return l
}

// cost is the number of requests that this one counts as.
func (l Limit) cost() int {
	if l.peek {
		return 0
	}
	return max(1, l.Cost)
}

// every is the time after which one more request is allowed.
func (l Limit) every() time.Duration { return l.Within / time.Duration(l.Requests) }

// Limiter counts requests. A nil Limiter allows everything.
type Limiter struct {
	redis  *redis_rate.Limiter
	prefix string
	local  local

	// awayUntil is when Redis is tried again, in nanoseconds since 1970.
	awayUntil atomic.Int64
	away      atomic.Bool // the outage has been logged
}

// New returns a Limiter. Its keys in Redis are rate:PREFIX NAME:KEY, without the space. They expire when the full limit
// is available again.
func New(rdb redis.UniversalClient, prefix string) *Limiter {
	return &Limiter{redis: redis_rate.NewLimiter(rdb), prefix: prefix}
}

// Allow counts a request against limits, one after the other. If one is exceeded, it returns a RateLimited error with a
// message for people and the time to wait, and does not count against the limits after it.
func (l *Limiter) Allow(ctx context.Context, refusal string, limits ...Limit) error {
	if l == nil {
		return nil
	}
	for _, limit := range limits {
		if limit.Requests == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fault.From(err, fault.Unavailable, "this took too long; try again soon")
		}
		if wait := l.count(ctx, limit); wait > 0 {
			return fault.TooMany(refusal, wait)
		}
	}
	return nil
}

// Peek returns the error that Allow would return, and counts nothing. It is for requests that count only once their
// outcome is known, such as failed guesses.
func (l *Limiter) Peek(ctx context.Context, refusal string, limits ...Limit) error {
	for i := range limits {
		limits[i].peek = true
	}
	return l.Allow(ctx, refusal, limits...)
}

// count returns how long to wait; 0 if the request is allowed.
func (l *Limiter) count(ctx context.Context, limit Limit) time.Duration {
	if time.Now().UnixNano() < l.awayUntil.Load() {
		return l.local.count(limit)
	}
	wait, err := l.countInRedis(ctx, limit)
	if err == nil {
		l.away.Store(false)
		return wait
	}
	if ctx.Err() == nil { // otherwise the request itself was cancelled
		l.awayUntil.Store(time.Now().Add(pause).UnixNano())
		if !l.away.Swap(true) {
			slog.WarnContext(ctx, "Redis does not count; each server has limits of its own until it does", "err", err)
		}
	}
	return l.local.count(limit)
}

func (l *Limiter) countInRedis(ctx context.Context, limit Limit) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	result, err := l.redis.AllowN(ctx, l.prefix+limit.Name+":"+limit.Key, redis_rate.Limit{
		Rate: limit.Requests, Burst: limit.Requests, Period: limit.Within,
	}, limit.cost())
	if err != nil {
		return 0, err
	}
	if limit.peek && result.Remaining == 0 {
		return max(time.Nanosecond, result.ResetAfter-limit.Within+limit.every()), nil
	}
	return max(0, result.RetryAfter), nil // -1 if it is allowed
}
