// Package ratelimit counts requests against limits: in Redis, for all servers together, and in this
// process while Redis is away. The limits then hold for each server by itself.
//
// A limit of n within a time lets n requests through at once, and after that one each time/n (GCRA).
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
	// patience is how long Redis may take to count; then it counts as away.
	patience = 2 * time.Second
	// pause is how long Redis is not asked after it was away: nobody should wait for it each time.
	pause = time.Second
)

// Limit is how many requests of one kind may be made for one key within a time.
type Limit struct {
	// Name says what is limited, in words of this program's own: there are few.
	Name string
	// Key is whom or what it is limited for: an address, a user, a room.
	Key string
	// Requests may be made within a time; 0 is any number.
	Requests int
	Within   time.Duration
	// Cost is how many requests this one counts for; 0 is one.
	Cost int

	// onlyAsk reports what is left, and counts nothing.
	onlyAsk bool
}

// PerMinute limits requests within a minute.
func PerMinute(name, key string, requests int) Limit {
	return Limit{Name: name, Key: key, Requests: requests, Within: time.Minute}
}

// PerHour limits requests within an hour.
func PerHour(name, key string, requests int) Limit {
	return Limit{Name: name, Key: key, Requests: requests, Within: time.Hour}
}

// Times returns the limit for a request that counts for several.
func (l Limit) Times(cost int) Limit {
	l.Cost = cost
	return l
}

// cost is how many requests this one counts for.
func (l Limit) cost() int {
	if l.onlyAsk {
		return 0
	}
	return max(1, l.Cost)
}

// every is the time in which one request more may be made.
func (l Limit) every() time.Duration { return l.Within / time.Duration(l.Requests) }

// Limiter counts. A nil one lets everything through.
type Limiter struct {
	redis  *redis_rate.Limiter
	prefix string
	local  local

	// awayUntil is when Redis is asked again, in nanoseconds since 1970.
	awayUntil atomic.Int64
	away      atomic.Bool // it has been said
}

// New returns a Limiter. Its keys in Redis are rate:PREFIX NAME:KEY, without the space, and end by
// themselves when the limit is full again.
func New(rdb redis.UniversalClient, prefix string) *Limiter {
	return &Limiter{redis: redis_rate.NewLimiter(rdb), prefix: prefix}
}

// Allow counts a request against limits, one after the other. The first one that is exceeded is a
// RateLimited error with a message for people and the time to wait; those after it count nothing.
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

// Left reports whether one more request would be let through by every limit, and counts nothing. When it would not,
// the error is that of Allow. It is for what is counted only once its outcome is known, such as guesses that fail.
func (l *Limiter) Left(ctx context.Context, refusal string, limits ...Limit) error {
	for i := range limits {
		limits[i].onlyAsk = true
	}
	return l.Allow(ctx, refusal, limits...)
}

// count returns how long to wait; 0 when the request may be made.
func (l *Limiter) count(ctx context.Context, limit Limit) time.Duration {
	if time.Now().UnixNano() < l.awayUntil.Load() {
		return l.local.count(limit)
	}
	wait, err := l.countInRedis(ctx, limit)
	if err == nil {
		l.away.Store(false)
		return wait
	}
	if ctx.Err() == nil { // else it is the client who is in a hurry
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
	if limit.onlyAsk && result.Remaining == 0 {
		return max(time.Nanosecond, result.ResetAfter-limit.Within+limit.every()), nil
	}
	return max(0, result.RetryAfter), nil // -1 when it may be made
}
