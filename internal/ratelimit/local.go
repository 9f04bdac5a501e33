package ratelimit

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// localKeys is the maximum number of keys per name in this process, about 15 MB. Beyond it, the least recently used
// keys are dropped: strangers with many addresses displace each other, but no key of another name.
const localKeys = 50_000

// local counts in this process.
type local struct {
	mu     sync.Mutex
	byName map[string]*lru.Cache[string, *rate.Limiter]
}

// count returns how long to wait; 0 if the request is allowed.
func (l *local) count(limit Limit) time.Duration {
	now := time.Now()
	bucket := l.bucket(limit)
	if limit.peek {
		return time.Duration(max(0, 1-bucket.TokensAt(now)) * float64(limit.every()))
	}
	reservation := bucket.ReserveN(now, limit.cost())
	if !reservation.OK() {
		return limit.Within // it costs more than the whole limit
	}
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now) // a refused request does not count
	}
	return wait
}

// bucket returns the counter for the key of a limit.
func (l *local) bucket(limit Limit) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	keys := l.byName[limit.Name]
	if keys == nil {
		keys, _ = lru.New[string, *rate.Limiter](localKeys) // fails only for size 0
		if l.byName == nil {
			l.byName = map[string]*lru.Cache[string, *rate.Limiter]{}
		}
		l.byName[limit.Name] = keys
	}
	if known, ok := keys.Get(limit.Key); ok {
		return known
	}
	made := rate.NewLimiter(rate.Every(limit.every()), limit.Requests)
	keys.Add(limit.Key, made)
	return made
}
