package transport

import (
	"context"
	"net/http"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
)

// stream answers with server-sent events (graphql-sse, distinct connections mode): one event next for each response,
// and then complete. This goroutine alone writes. Another one fetches responses, at most one ahead: a slow client
// misses states in between, but never the last one. While a subscription waits for its source, that other goroutine
// has ended, and this one fetches the next state.
func (t HTTP) stream(ctx context.Context, w http.ResponseWriter, operation prepared) {
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
			fetching.next(running)
		case <-fetching.responses.ready:
			response, ok, closed := fetching.responses.take()
			if ok {
				s.next(response)
			}
			if closed && !t.cut(ctx) {
				s.complete(fetching.failed)
			}
			if closed {
				return
			}
		}
	}
}

// cut reports whether the stream is cut off, which may be what ended its operation. Such a stream ends without
// complete, so that its client reconnects.
func (t HTTP) cut(ctx context.Context) bool { return ctx.Err() != nil || t.Stopping.Err() != nil }

// events writes events, each within a timeout.
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
	h.Set("X-Accel-Buffering", "no") // so that nginx does not buffer events
	h.Add("Vary", "Accept")
	s := &events{w: w, control: http.NewResponseController(w), timeout: timeout}
	w.WriteHeader(http.StatusOK)
	s.write(":\n\n")
	return s
}

func (s *events) next(response []byte) { s.write("event: next\ndata: " + string(response) + "\n\n") }

// complete ends the stream, after a response with an error if there is one.
func (s *events) complete(failed []byte) {
	if failed != nil {
		s.next(failed)
	}
	s.write("event: complete\ndata:\n\n")
}

// write sets a deadline for the write and removes it afterwards: HTTP/2 ends a stream whose deadline passes while it is
// idle, and an HTTP/1 connection serves more requests.
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
