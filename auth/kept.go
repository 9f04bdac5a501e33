package auth

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// staleWait is how long somebody waits for something newer while there is something old.
const staleWait = time.Second

// kept is what an issuer has said, which is asked for again before it is old: by one request for all who need it.
// Nobody waits longer than they like, and while the issuer is away or hangs, what it said last holds.
type kept[T any] struct {
	// ask asks the issuer, and ends by itself.
	ask func(context.Context) (T, error)
	// life is how long an answer is used, pause the time between two requests, whatever is needed.
	life, pause time.Duration

	mu    sync.Mutex
	state answered[T]
	// asking is closed when the request that is under way has ended; nil when none is.
	asking chan struct{}
	began  time.Time
}

// answered is what is known.
type answered[T any] struct {
	value T
	at    time.Time // zero when there is no value
	// tried is when the latest request ended, failure how it failed.
	tried   time.Time
	failure error
}

// get returns what the issuer says. Newer asks for something that is newer than what is known, if that was not asked
// for just now, and fails when it cannot be had.
func (k *kept[T]) get(ctx context.Context, newer bool) (T, error) {
	known := k.known()
	age := time.Since(known.at)
	if !newer && age < k.life/2 {
		return known.value, nil
	}
	failing := known.failure != nil && time.Since(known.tried) <= issuerTimeout+k.pause
	done, began := k.refresh(ctx)
	var enough <-chan time.Time
	switch {
	case newer || known.at.IsZero(): // nothing else will do
	case age > k.life && !failing:
		timer := time.NewTimer(time.Until(began.Add(staleWait)))
		defer timer.Stop()
		enough = timer.C
	default:
		return known.value, nil
	}
	select {
	case <-done:
	case <-enough:
	case <-ctx.Done():
		return known.value, fmt.Errorf("%w: %w", errAway, ctx.Err())
	}
	known = k.known()
	if known.failure != nil && (newer || known.at.IsZero()) {
		return known.value, known.failure
	}
	return known.value, nil
}

func (k *kept[T]) known() answered[T] {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

// refresh begins a request, unless one is under way or ended just now. It returns what is closed at its end, and
// when it began.
func (k *kept[T]) refresh(ctx context.Context) (done <-chan struct{}, began time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.asking != nil:
	case time.Since(k.state.tried) > k.pause:
		k.asking, k.began = make(chan struct{}), time.Now()
		go k.request(context.WithoutCancel(ctx)) // others wait for the answer: it is not the caller's to give up
	default:
		return closed, k.began
	}
	return k.asking, k.began
}

func (k *kept[T]) request(ctx context.Context) {
	value, err := k.ask(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state.tried, k.state.failure = time.Now(), err; err == nil {
		k.state.value, k.state.at = value, k.state.tried
	}
	close(k.asking)
	k.asking = nil
}

// closed is a channel that is closed.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
