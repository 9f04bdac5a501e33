package transport

import (
	"context"
	"time"
)

// socketContext is the context of a socket, which ends with it. It is the socket itself: a context that can
// be cancelled takes a hundred bytes, and so is made when somebody asks when it is done. While a guest
// waits nobody does.
type socketContext socket

// cancelable is a context that has been made so.
type cancelable struct {
	context.Context

	cancel context.CancelFunc
}

// over is the context of sockets that have ended before anybody asked.
var over = func() *cancelable {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return &cancelable{ctx, cancel}
}()

func (c *socketContext) Deadline() (time.Time, bool) { return c.detached.Deadline() }

func (c *socketContext) Done() <-chan struct{} {
	if made := c.cancelable.Load(); made != nil {
		return made.Done()
	}
	ctx, cancel := context.WithCancel(c.detached)
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

// Value finds the context that has been made as well, on which those hang that are made of this one.
func (c *socketContext) Value(key any) any {
	if made := c.cancelable.Load(); made != nil && made != over {
		return made.Value(key)
	}
	return c.detached.Value(key)
}

// cancel ends the socket's context.
func (s *socket) cancel() {
	if !s.cancelable.CompareAndSwap(nil, over) {
		s.cancelable.Load().cancel()
	}
}
