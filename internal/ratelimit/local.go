package ratelimit

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// localKeys is how many keys of one name are counted in this process, some 15 MB. Of more, those are
// forgotten that asked longest ago: strangers with many addresses take each other's place, and nobody's
// whom another name counts.
const localKeys = 50_000

// local counts in this process.
type local struct {
	mu     sync.Mutex
	byName map[string]*lru.Cache[string, *rate.Limiter]
}

// count returns how long to wait; 0 when the request may be made.
func (l *local) count(limit Limit) time.Duration {
	now := time.Now()
	bucket := l.bucket(limit)
	if limit.onlyAsk {
		return time.Duration(max(0, 1-bucket.TokensAt(now)) * float64(limit.every()))
	}
	reservation := bucket.ReserveN(now, limit.cost())
	if !reservation.OK() {
		return limit.Within // it asks for more than there ever is
	}
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now) // what is refused does not count
	}
	return wait
}

// bucket returns what counts for the key of a limit.
func (l *local) bucket(limit Limit) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	keys := l.byName[limit.Name]
	if keys == nil {
		keys, _ = lru.New[string, *rate.Limiter](localKeys) // fails for no size but 0
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
