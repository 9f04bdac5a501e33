package transport

import (
	"context"
	"net/http"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
)

// stream answers an operation as server-sent events (graphql-sse, distinct connections mode): an
// event next for each answer, and complete. This goroutine alone writes. Answers are fetched by
// another, one ahead at most: a slow client misses states between, never the last one. A subscription
// that waits has no other goroutine: this one looks for a new state when there may be one.
func (t HTTP) stream(ctx context.Context, w http.ResponseWriter, operation created) {
	if t.Life != nil && operation.Operation.Operation == ast.Subscription {
		var free context.CancelFunc
		ctx, free = t.Life(ctx)
		defer free()
	}
	running, cancel := t.bound(ctx, operation)
	fetching := fetch(running, operation)
	defer fetching.close(cancel)

	s := newEvents(w, t.WriteTimeout)
	heartbeat := time.NewTicker(t.Heartbeat)
	defer heartbeat.Stop()
	for s.err == nil {
		select {
		case <-ctx.Done():
			return
		case <-t.Stopping.Done():
			return
		case <-heartbeat.C:
			s.write(":\n\n")
		case <-fetching.woken:
			fetching.look(running)
		case <-fetching.answers.ready:
			answer, ok, over := fetching.answers.take()
			if ok {
				s.next(answer)
			}
			if over && !t.cut(ctx) {
				s.complete(fetching.failed)
			}
			if over {
				return
			}
		}
	}
}

// cut reports whether a stream is cut off, which may be what has ended its operation. It ends without
// complete then, so that its client connects again.
func (t HTTP) cut(ctx context.Context) bool { return ctx.Err() != nil || t.Stopping.Err() != nil }

// fetched is what comes of an operation.
type fetched struct {
	operation created
	// answers holds the latest.
	answers *mailbox[[]byte]
	// failed is the answer that tells why the operation failed after the last of answers; nil when it
	// did not. It is set when answers is closed.
	failed []byte
	end    *ending
	// done is closed when no goroutine runs the operation any more: it has ended, or its source is waited for.
	done chan struct{}
	// What a subscription keeps that waits for its source's word, which woken gives; source is nil when it
	// does not.
	woken  chan struct{}
	source Source
	plan   *plan
	values []any
}

// fetch runs an operation until it or ctx ends, or it waits.
func fetch(ctx context.Context, operation created) *fetched {
	f := &fetched{
		operation: operation, answers: newMailbox[[]byte](), done: make(chan struct{}), woken: make(chan struct{}, 1),
	}
	ctx, f.end = withEnd(ctx)
	go func() {
		defer close(f.done)
		if !f.run(ctx) {
			f.answers.close()
		}
	}()
	return f
}

// run runs the operation, and reports whether it waits.
func (f *fetched) run(ctx context.Context) (waits bool) {
	defer func() {
		if reason := recover(); reason != nil {
			f.failed = body(f.operation.panicked(ctx, reason), true)
		}
	}()
	ctx, opening := withOpening(ctx, f.wake)
	defer opening.close()
	next := f.operation.run(ctx)
	for answer := next(); answer != nil; answer = next() {
		if opening.source != nil {
			f.wait(opening)
			f.answers.put(body(answer, true))
			return true
		}
		f.answers.put(body(answer, true)) // as JSON: gqlgen makes the next one in the same memory
	}
	if failed := f.operation.endOf(ctx, f.end); failed != nil {
		f.failed = body(failed, true)
	}
	return false
}

// wait keeps of an operation what its next states need.
func (f *fetched) wait(opening *opening) {
	f.source, opening.source = opening.source, nil
	f.plan = planOf(f.operation.OperationContext)
	f.values = f.plan.pack(f.operation.Variables)
	f.source.Sent()
}

// wake is what a source calls that may have something new.
func (f *fetched) wake() {
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

// look fetches the next state of a source, if there is one.
func (f *fetched) look(ctx context.Context) {
	<-f.done // the first one has been executed
	if f.source == nil {
		return
	}
	ctx = context.WithValue(ctx, endKey{}, f.end)
	answer, failed := f.plan.next(ctx, f.source, f.values, f.operation.exec)
	switch {
	case failed != nil:
		f.failed = body(failed, true)
		f.answers.close()
	case answer != nil:
		f.answers.put(body(answer, true))
		f.source.Sent()
	}
}

// close ends the operation, and returns when nothing of it is left.
func (f *fetched) close(cancel context.CancelFunc) {
	cancel()
	<-f.done
	if f.source != nil {
		f.source.Close()
	}
	f.end.call()
}

// events writes events, each within a time limit.
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	err     error // of the first write that failed; nothing is written after it
}

func newEvents(w http.ResponseWriter, timeout time.Duration) *events {
	h := w.Header()
	h.Set("Content-Type", typeStream+"; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx is to pass events on as they come
	h.Add("Vary", "Accept")
	s := &events{w: w, control: http.NewResponseController(w), timeout: timeout}
	w.WriteHeader(http.StatusOK)
	s.write(":\n\n")
	return s
}

func (s *events) next(answer []byte) { s.write("event: next\ndata: " + string(answer) + "\n\n") }

// complete ends the stream, with an answer that tells of an error if there is one.
func (s *events) complete(failed []byte) {
	if failed != nil {
		s.next(failed)
	}
	s.write("event: complete\ndata:\n\n")
}

// write lets the deadline stand no longer than the write: HTTP/2 ends a stream whose deadline passes
// while nothing is written, and over HTTP/1 the connection is to serve more requests.
func (s *events) write(text string) {
	if s.err != nil {
		return
	}
	if s.err = s.control.SetWriteDeadline(time.Now().Add(s.timeout)); s.err != nil {
		return
	}
	if _, s.err = s.w.Write([]byte(text)); s.err != nil {
		return
	}
	if s.err = s.control.Flush(); s.err != nil {
		return
	}
	s.err = s.control.SetWriteDeadline(time.Time{})
}
