package transport

import (
	"context"
	"time"
)

// socketContext is a socket's context, which ends with the socket. It is the socket itself: a cancelable context takes
// a hundred bytes, so it is made only when something needs Done. For an idle socket nothing does.
type socketContext socket

// cancelable is a context and the function that cancels it.
type cancelable struct {
	context.Context

	cancel context.CancelFunc
}

// canceled is the context of a socket that ended before a cancelable one was made.
var canceled = func() *cancelable {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return &cancelable{ctx, cancel}
}()

func (c *socketContext) Deadline() (time.Time, bool) { return c.base.Deadline() }

func (c *socketContext) Done() <-chan struct{} {
	if made := c.cancelable.Load(); made != nil {
		return made.Done()
	}
	ctx, cancel := context.WithCancel(c.base)
	if !c.cancelable.CompareAndSwap(nil, &cancelable{ctx, cancel}) {
		cancel()
	}
	return c.cancelable.Load().Done()
}

func (c *socketContext) Err() error {
	if made := c.cancelable.Load(); made != nil {
		return made.Err()
	}
	return nil
}

// Value also finds the cancelable context itself, so that a child context registers there.
func (c *socketContext) Value(key any) any {
	if made := c.cancelable.Load(); made != nil && made != canceled {
		return made.Value(key)
	}
	return c.base.Value(key)
}

// cancel ends the socket's context.
func (s *socket) cancel() {
	if !s.cancelable.CompareAndSwap(nil, canceled) {
		s.cancelable.Load().cancel()
	}
}
