// Package lease lets only one server at a time do something: the one that holds a key in Redis.
package lease

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

const (
	// duration is how long a killed server blocks the lease. A running server renews it three times as often.
	duration = 6 * time.Second
	// Pause is how long to wait before the next attempt while another server holds a lease.
	Pause = time.Second
)

// renew extends a lease by ARGV[2] ms, or deletes it if that is 0, unless another server holds it now.
var renew = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

// Alone runs f unless another server holds the lease, and reports whether it ran. The context of f ends when the lease
// is lost.
func Alone(
	ctx context.Context, rdb redis.UniversalClient, key string, f func(context.Context) error,
) (bool, error) {
	mine := uuid.NewString()
	won, err := rdb.SetNX(ctx, key, mine, duration).Result()
	if err != nil || !won {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		defer cancel()
		keep(ctx, rdb, key, mine)
	})
	defer renewing.Wait()
	defer cancel()
	return true, f(ctx)
}

// keep renews a lease until ctx ends, and then releases it. It returns early if the lease is lost.
func keep(ctx context.Context, rdb redis.UniversalClient, key, mine string) {
	ticker := time.NewTicker(duration / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			kept, err := renew.Run(ctx, rdb, []string{key}, mine, duration.Milliseconds()).Int()
			if err == nil && kept == 0 {
				return
			}
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Pause)
			defer cancel()
			_ = renew.Run(ctx, rdb, []string{key}, mine, 0).Err() // otherwise it expires
			return
		}
	}
}
