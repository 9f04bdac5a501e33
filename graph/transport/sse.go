package transport

import (
	"context"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// stream answers an operation as server-sent events (graphql-sse, distinct connections mode): an
// event next for each answer, and complete. This goroutine alone writes. Answers are fetched by
// another, one ahead at most: a slow client misses states between, never the last one.
func (t HTTP) stream(ctx context.Context, w http.ResponseWriter, operation created) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ctx, end := withEnd(ctx)
	answers := newMailbox[*graphql.Response]()
	fetched := make(chan struct{})
	go func() {
		defer close(fetched)
		defer answers.close()
		defer func() {
			if reason := recover(); reason != nil {
				logPanic(reason)
				answers.put(internal())
			}
		}()
		next := operation.run(ctx)
		for answer := next(); answer != nil; answer = next() {
			answers.put(answer)
		}
	}()
	defer func() { cancel(); <-fetched }()

	s := newEvents(w, t.WriteTimeout)
	heartbeat := time.NewTicker(t.Heartbeat)
	defer heartbeat.Stop()
	for s.err == nil {
		select {
		case <-ctx.Done():
			return
		case <-t.Stopping.Done():
			return // without complete: the client is to connect again
		case <-heartbeat.C:
			s.write(":\n\n")
		case <-answers.ready:
			answer, ok, over := answers.take()
			if ok {
				s.next(answer)
			}
			if over {
				s.complete(operation.endOf(ctx, end))
				return
			}
		}
	}
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
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx is to pass events on as they come
	h.Add("Vary", "Accept")
	s := &events{w: w, control: http.NewResponseController(w), timeout: timeout}
	w.WriteHeader(http.StatusOK)
	s.write(":\n\n")
	return s
}

func (s *events) next(answer *graphql.Response) {
	s.write("event: next\ndata: " + string(body(answer, true)) + "\n\n")
}

// complete ends the stream, because of an error if there is one.
func (s *events) complete(failed *graphql.Response) {
	if failed != nil {
		s.next(failed)
	}
	s.write("event: complete\ndata:\n\n")
	_ = s.control.SetWriteDeadline(time.Time{}) // the connection may serve more requests
}

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
	s.err = s.control.Flush()
}
