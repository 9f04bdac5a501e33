// Package telemetry has Foyer's metrics, its traces, and its log lines about requests. It knows nothing of rooms or
// meetings: other packages call it with what they measured.
//
// None of it contains anything secret or personal. Names come from our own code or from an allow-list, so a client
// cannot create a time series, a span name or a log line.
package telemetry

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// Request is one HTTP request, as the metrics count it and the log describes it. A nil one is neither counted nor
// logged.
type Request struct {
	// ID is the request's id in the log and in errors that clients see.
	ID string
	// Began is when the request arrived.
	Began time.Time
	// Metrics count the request; nil does not.
	Metrics *Metrics

	mu sync.Mutex
	// last is the request's latest operation, operations how many it has run.
	last       Operation
	operations int
}

// Answer is how a request was answered.
type Answer struct {
	Method, Route string
	Status        int
	Bytes         int64
	// Streams: the answer is a WebSocket or an event stream, which lasts as long as its client likes.
	Streams bool
	// Level is that of the log line.
	Level slog.Level
}

type requestKey struct{}

// WithRequest returns a context of a request.
func WithRequest(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// Context returns a context that has the request and nothing else. It allocates nothing, because each open socket
// keeps one.
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

// RequestOf returns the request of a context; nil when it has none.
func RequestOf(ctx context.Context) *Request {
	r, _ := ctx.Value(requestKey{}).(*Request)
	return r
}

// Ran notes that the request has run an operation.
func (r *Request) Ran(o Operation) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = o
	r.operations++
}

// Finish counts the request and writes its log line. Call it once: when the request has been answered or, if it became
// a socket, when the socket has closed.
func (r *Request) Finish(ctx context.Context, a Answer) {
	if r == nil {
		return
	}
	took := time.Since(r.Began)
	r.Metrics.Request(a.Method, a.Route, a.Status, a.Streams, took)
	if handler := slog.Default().Handler(); handler.Enabled(ctx, a.Level) {
		_ = handler.Handle(ctx, r.record(a, took))
	}
}

// record is the request's log line. It is made without slog.LogAttrs, which would look up the caller, and with one
// call of AddAttrs, because a record grows with each.
func (r *Request) record(a Answer, took time.Duration) slog.Record {
	attrs := [8]slog.Attr{slog.String("method", Method(a.Method)), slog.String("route", a.Route),
		slog.Int("status", a.Status), slog.Int64("bytes", a.Bytes),
		slog.Float64("milliseconds", float64(took.Microseconds())/1000)}
	record := slog.NewRecord(time.Now(), a.Level, "request", 0)
	record.AddAttrs(r.appendOperations(attrs[:5])...)
	return record
}

// appendOperations appends the names of the request's operation, or how many it has run, and the request's id.
func (r *Request) appendOperations(attrs []slog.Attr) []slog.Attr {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.operations {
	case 0:
	case 1:
		attrs = append(attrs, slog.String("operation", r.last.Name), slog.String("field", r.last.Field))
	default:
		attrs = append(attrs, slog.Int("operations", r.operations))
	}
	return append(attrs, slog.String(requestID, r.ID))
}

// Route returns the pattern that a request matched, without its method. It is never the path, which may contain
// anything.
func Route(r *http.Request) string {
	pattern := r.Pattern
	if _, path, found := strings.Cut(pattern, " "); found {
		pattern = path
	}
	if pattern == "" {
		return "none"
	}
	return pattern
}

// requestID is the log's name for a request's id.
const requestID = "requestId"

// Logged returns a handler that adds to each record the ids of its request and its trace.
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
