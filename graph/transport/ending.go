package transport

import (
	"context"
	"sync"
	"sync/atomic"
)

// ending is what happens when an operation ends: the error that ended it, and the functions to call.
type ending struct {
	err atomic.Pointer[error]

	mu    sync.Mutex
	calls []func()
}

type endKey struct{}

// withEnd returns a context for EndWith and AtEnd, and the ending that they fill.
func withEnd(ctx context.Context) (context.Context, *ending) {
	end := &ending{}
	return context.WithValue(ctx, endKey{}, end), end
}

// EndWith returns a function for a subscription's source: called before the source closes its channel, it makes the
// subscription end with an error, on every transport.
func EndWith(ctx context.Context) func(error) {
	end, ok := ctx.Value(endKey{}).(*ending)
	if !ok {
		return func(error) {}
	}
	return func(err error) { end.err.Store(&err) }
}

// AtEnd registers a function to call when the operation of ctx ends; a subscription ends after its last state. Without
// an operation in ctx the function is never called.
func AtEnd(ctx context.Context, f func()) {
	if end, ok := ctx.Value(endKey{}).(*ending); ok {
		end.mu.Lock()
		defer end.mu.Unlock()
		end.calls = append(end.calls, f)
	}
}

// take returns a function that makes the registered calls. The caller has to call it; call makes none of them any more.
func (e *ending) take() func() {
	e.mu.Lock()
	defer e.mu.Unlock()
	calls := e.calls
	if e.calls = nil; len(calls) == 1 {
		return calls[0]
	}
	return func() {
		for _, f := range calls {
			f()
		}
	}
}

func (e *ending) call() { e.take()() }
