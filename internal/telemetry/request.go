// Package telemetry tells those who run Foyer what it does: metrics, traces, and what the log says of a
// request. It knows nothing of what Foyer is for; whoever has something to tell calls it.
//
// None of it holds anything secret or personal: what can be told is spelled out, by the caller's own
// words or by an allow-list, so that no client can make a series, a name of a span, or a line.
package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// Request is one HTTP request, as the log tells of it.
type Request struct {
	// ID is under which the log and the client's errors have it.
	ID string

	mu    sync.Mutex
	ran   Operation
	count int
	// open: something of the request has outlived its handler. tell is to be called when that ends; nil
	// while the handler runs.
	open bool
	tell func()
}

type requestKey struct{}

// WithRequest returns a context of a request.
func WithRequest(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// Context returns a context of a request and of nothing else. It is the request itself: those of sockets
// are kept for as long as they are open. A nil request's is empty.
func (r *Request) Context() context.Context {
	if r == nil {
		return context.Background()
	}
	return (*requestContext)(r)
}

type requestContext Request

func (*requestContext) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (*requestContext) Done() <-chan struct{}                   { return nil }
func (*requestContext) Err() error                              { return nil }

func (r *requestContext) Value(key any) any {
	if key == (requestKey{}) {
		return (*Request)(r)
	}
	return nil
}

// RequestOf returns the request of a context; nil when it is of none.
func RequestOf(ctx context.Context) *Request {
	r, _ := ctx.Value(requestKey{}).(*Request)
	return r
}

// Ran notes that a request has run an operation. A nil request takes no note.
func (r *Request) Ran(o Operation) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ran = o
	r.count++
}

// Outlive says that something comes of a request that outlives its handler, and of which Ended will tell.
// A nil request takes no note of either.
func (r *Request) Outlive() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = true
}

// Ended says that what has outlived the handler of a request has ended.
func (r *Request) Ended() {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.open = false
	tell := r.tell
	r.tell = nil
	r.mu.Unlock()
	if tell != nil {
		tell()
	}
}

// Served has tell called when a request has been served altogether: at once, or when what has outlived
// its handler ends.
func (r *Request) Served(tell func()) {
	r.mu.Lock()
	if r.open {
		r.tell, tell = tell, nil
	}
	r.mu.Unlock()
	if tell != nil {
		tell()
	}
}

// AppendAttrs adds what the log says of a request: of one operation its names, of several how many, and the id.
func (r *Request) AppendAttrs(attrs []slog.Attr) []slog.Attr {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.count {
	case 0:
	case 1:
		attrs = append(attrs, slog.String("operation", r.ran.Name), slog.String("field", r.ran.Field))
	default:
		attrs = append(attrs, slog.Int("operations", r.count))
	}
	return append(attrs, slog.String(requestID, r.ID))
}

// requestID is what the log calls a request's id.
const requestID = "requestId"

// Logged returns a handler that adds to each record which request and which trace it belongs to.
func Logged(h slog.Handler) slog.Handler { return logHandler{h} }

type logHandler struct{ slog.Handler }

func (h logHandler) Handle(ctx context.Context, record slog.Record) error {
	if r := RequestOf(ctx); r != nil && !has(record, requestID) {
		record.AddAttrs(slog.String(requestID, r.ID))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		record.AddAttrs(slog.String("traceId", span.TraceID().String()))
	}
	return h.Handler.Handle(ctx, record)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

func (h logHandler) WithGroup(name string) slog.Handler { return logHandler{h.Handler.WithGroup(name)} }

func has(record slog.Record, key string) (found bool) {
	record.Attrs(func(a slog.Attr) bool {
		found = a.Key == key
		return !found
	})
	return found
}
