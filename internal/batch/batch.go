// Package batch batches identical work from concurrent requests: one query, one pipeline or one insert costs several
// times as much as one more item in it.
//
// Nothing is cached. A request only joins a batch that has not started, so no result is older than its request. A
// single request is not delayed.
package batch

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// Most is the maximum number of requests in a batch. A caller with more gets a batch of its own.
	Most = 64
	// patience is the time limit of a batch with several callers. Each caller waits only as long as its own context
	// lasts.
	patience = 10 * time.Second
	// longest is how long a batch waits for running ones, so that one that hangs does not delay others for long.
	longest = 50 * time.Millisecond
)

var errPanicked = errors.New("a batch panicked")

// Batcher batches requests of one kind. It is safe for concurrent use.
type Batcher[Req, Res any] struct {
	// do returns a result for each of the requests. Several of them may be equal.
	do func(ctx context.Context, requests []Req) ([]Res, error)

	running chan struct{} // has a slot for each batch that may run
	longest time.Duration
	mu      sync.Mutex
	next    *batch[Req, Res] // not started yet; nil if no request waits
}

// batch has the requests that are done together and, once it is done, their results.
type batch[Req, Res any] struct {
	requests []Req
	callers  int
	done     chan struct{}
	results  []Res
	err      error
}

// New returns a Batcher that runs at most atOnce batches at the same time, unless they take long.
func New[Req, Res any](
	atOnce int, do func(ctx context.Context, requests []Req) (results []Res, err error),
) *Batcher[Req, Res] {
	return &Batcher[Req, Res]{do: do, running: make(chan struct{}, atOnce), longest: longest}
}

// One returns the result of a request.
func (b *Batcher[Req, Res]) One(ctx context.Context, request Req) (result Res, err error) {
	results, err := b.All(ctx, request)
	if err == nil {
		result = results[0]
	}
	return result, err
}

// All returns the results of requests, in their order. Callers with equal requests share what the results refer to. An
// error is that of the whole batch.
func (b *Batcher[Req, Res]) All(ctx context.Context, requests ...Req) ([]Res, error) {
	if err := ctx.Err(); err != nil || len(requests) == 0 {
		return nil, err
	}
	if len(requests) > Most {
		return b.do(ctx, requests)
	}
	mine, at := b.join(requests)
	if at == 0 {
		b.start(ctx, mine)
	}
	select {
	case <-mine.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if mine.err != nil {
		return nil, mine.err
	}
	return mine.results[at : at+len(requests)], nil
}

// join adds requests to the next batch, and returns their position in it. The caller at position 0 has to start the
// batch.
func (b *Batcher[Req, Res]) join(requests []Req) (mine *batch[Req, Res], at int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil || len(b.next.requests)+len(requests) > Most {
		b.next = &batch[Req, Res]{done: make(chan struct{})}
	}
	mine, at = b.next, len(b.next.requests)
	mine.requests, mine.callers = append(mine.requests, requests...), mine.callers+1
	return mine, at
}

// start runs a batch as soon as it may run. If the context of its first caller ends, the batch still runs for the
// others.
func (b *Batcher[Req, Res]) start(ctx context.Context, mine *batch[Req, Res]) {
	if b.slot(ctx) {
		defer func() { <-b.running }()
	}
	if ctx.Err() == nil {
		b.run(ctx, mine)
		return
	}
	go func() {
		defer func() {
			if reason := recover(); reason != nil {
				slog.Error("a batch panicked", "reason", reason, "stack", string(debug.Stack()))
			}
		}()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		b.run(ctx, mine)
	}()
}

// slot waits for a slot to run in, but not for long, and reports whether it got one.
func (b *Batcher[Req, Res]) slot(ctx context.Context) bool {
	select {
	case b.running <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(b.longest)
	defer timer.Stop()
	select {
	case b.running <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

func (b *Batcher[Req, Res]) run(ctx context.Context, mine *batch[Req, Res]) {
	defer close(mine.done)
	mine.err = errPanicked // replaced unless do panics
	runtime.Gosched()      // lets callers join that are about to
	if b.seal(mine) > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
	}
	mine.results, mine.err = b.do(ctx, mine.requests)
}

// seal closes a batch to more requests, and returns the number of its callers.
func (b *Batcher[Req, Res]) seal(mine *batch[Req, Res]) (callers int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == mine {
		b.next = nil
	}
	return mine.callers
}
