package auth

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// staleWait is how long a caller waits for a new value while there is an old one.
const staleWait = time.Second

// cached is a value that an issuer provides. It is requested again before it is old, by one request for all callers. No
// caller waits longer than its context allows, and the last value stays in use while the issuer does not answer.
type cached[T any] struct {
	// fetch requests the value from the issuer. It has its own timeout.
	fetch func(context.Context) (T, error)
	// life is how long a value is used. pause is the minimum time between two requests.
	life, pause time.Duration

	mu    sync.Mutex
	state cachedState[T]
	// fetching is closed when the current request ends; nil if there is none.
	fetching chan struct{}
	began    time.Time
}

// cachedState is the last value, and the result of the last request.
type cachedState[T any] struct {
	value T
	at    time.Time // zero if there is no value
	// tried is when the last request ended; failure is its error.
	tried   time.Time
	failure error
}

// get returns the value. With newer, it requests a newer value, unless one was requested just now, and fails if there
// is none.
func (c *cached[T]) get(ctx context.Context, newer bool) (T, error) {
	known := c.current()
	age := time.Since(known.at)
	if !newer && age < c.life/2 {
		return known.value, nil
	}
	failing := known.failure != nil && time.Since(known.tried) <= issuerTimeout+c.pause
	done, began := c.refresh(ctx)
	var enough <-chan time.Time
	switch {
	case newer || known.at.IsZero(): // an old value does not help
	case age > c.life && !failing:
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
	known = c.current()
	if known.failure != nil && (newer || known.at.IsZero()) {
		return known.value, known.failure
	}
	return known.value, nil
}

func (c *cached[T]) current() cachedState[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// refresh starts a request, unless one is running or ended just now. It returns a channel that is closed when the
// request ends, and when it started.
func (c *cached[T]) refresh(ctx context.Context) (done <-chan struct{}, began time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.fetching != nil:
	case time.Since(c.state.tried) > c.pause:
		c.fetching, c.began = make(chan struct{}), time.Now()
		go c.request(context.WithoutCancel(ctx)) // other callers wait for it too
	default:
		return closed, c.began
	}
	return c.fetching, c.began
}

func (c *cached[T]) request(ctx context.Context) {
	value, err := c.fetch(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.tried, c.state.failure = time.Now(), err; err == nil {
		c.state.value, c.state.at = value, c.state.tried
	}
	close(c.fetching)
	c.fetching = nil
}

// closed is a closed channel.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
