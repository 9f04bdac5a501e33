package main

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"foyer/internal/telemetry"
)

const requestIDHeader = "X-Request-Id"

// watched gives every request an id and a span, counts it, and writes its line into the log.
func (a *app) watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		request := &telemetry.Request{ID: a.requestID(r)}
		w.Header().Set(requestIDHeader, request.ID)
		ctx, span := a.span(telemetry.WithRequest(r.Context(), request), r)
		r = r.WithContext(ctx)
		answer := &answered{ResponseWriter: w, status: http.StatusOK}
		finished := false
		defer func() {
			if !finished && !answer.wrote { // it has panicked
				answer.status = http.StatusInternalServerError
			}
			answer.finish()
			a.done(r, request, answer, began)
			telemetry.Served(span, r.Method, route(r), answer.status)
		}()
		next.ServeHTTP(answer, r)
		finished = true
	})
}

// served is what is told of a request. A socket outlives its request, and must not keep it for that.
type served struct {
	request       *telemetry.Request
	method, route string
	bytes         int64
	status        int16
	streams       bool
}

// done has a request told of that was answered: of one of which a socket has come, when that has ended.
func (a *app) done(r *http.Request, request *telemetry.Request, w *answered, began time.Time) {
	what := served{
		request, telemetry.Method(r.Method), route(r), w.bytes, int16(w.status), w.streams(),
	}
	if w.status == http.StatusSwitchingProtocols {
		a.toldLater(what, began)
		return
	}
	a.told(r.Context(), what, time.Since(began))
}

// toldLater is told once what has come of a request, and outlives it, has ended.
func (a *app) toldLater(s served, began time.Time) {
	s.request.Served(func() { a.told(s.request.Context(), s, time.Since(began)) })
}

// told counts a request that was answered, and logs it.
func (a *app) told(ctx context.Context, s served, took time.Duration) {
	a.metrics.Request(s.method, s.route, int(s.status), s.streams, took)
	level := slog.LevelInfo
	if s.route == "/healthz" || s.route == "/readyz" {
		level = slog.LevelDebug
	}
	handler := slog.Default().Handler()
	if !handler.Enabled(ctx, level) {
		return
	}
	// Made by hand: slog.LogAttrs would look up for each where in the code it is.
	line := slog.NewRecord(time.Now(), level, "request", 0)
	// And all at once: a record grows with each call.
	attrs := [8]slog.Attr{slog.String("method", s.method), slog.String("route", s.route),
		slog.Int("status", int(s.status)), slog.Int64("bytes", s.bytes),
		slog.Float64("milliseconds", float64(took.Microseconds())/1000)}
	line.AddAttrs(s.request.AppendAttrs(attrs[:5])...)
	_ = handler.Handle(ctx, line)
}

// span begins the span of a request. A socket has none: it lasts for hours, and each operation on it has
// a trace of its own.
func (a *app) span(ctx context.Context, r *http.Request) (context.Context, trace.Span) {
	if a.traces == nil || isProbe(r) || r.Header.Get("Upgrade") != "" {
		return ctx, noop.Span{}
	}
	return a.traces.Serve(ctx, r)
}

func isProbe(r *http.Request) bool { return r.URL.Path == "/healthz" || r.URL.Path == "/readyz" }

// route is the pattern that a request has matched, without its method; never the path itself, in which
// may be anything.
func route(r *http.Request) string {
	pattern := r.Pattern
	if _, path, found := strings.Cut(pattern, " "); found {
		pattern = path
	}
	if pattern == "" {
		return "none"
	}
	return pattern
}

// aRequestID is what an id may be that a proxy has given.
var aRequestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// requestID is the one that a proxy in front of us has given the request, or a new one. Without such a
// proxy it would be the client's own words.
func (a *app) requestID(r *http.Request) string {
	if id := r.Header.Get(requestIDHeader); a.config.TrustedProxies > 0 && aRequestID.MatchString(id) {
		return id
	}
	return uuid.NewString()
}

// answered notes how a request was answered, and lets no client that does not read keep it waiting: each part
// has its time to be written, unless the handler has set a deadline of its own.
type answered struct {
	http.ResponseWriter

	status int
	bytes  int64
	wrote  bool
	// timed: the handler sets its own deadlines.
	timed bool
}

// Unwrap is for http.ResponseController.
func (w *answered) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *answered) WriteHeader(status int) {
	if !w.wrote && status >= http.StatusOK {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *answered) Write(text []byte) (n int, err error) {
	w.wrote = true
	for first := true; err == nil && (first || n < len(text)); first = false {
		w.renew()
		var written int
		written, err = w.ResponseWriter.Write(text[n:min(n+answerPart, len(text))])
		n += written
	}
	w.bytes += int64(n)
	return n, err
}

// SetWriteDeadline is for http.ResponseController.
func (w *answered) SetWriteDeadline(deadline time.Time) error {
	w.timed = true
	return http.NewResponseController(w.ResponseWriter).SetWriteDeadline(deadline)
}

// renew gives the next part its time.
func (w *answered) renew() {
	if !w.timed {
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(answerTimeout))
	}
}

// finish gives what is still to be written when the handler has returned its time.
func (w *answered) finish() {
	if w.status != http.StatusSwitchingProtocols {
		w.timed = false
		w.renew()
	}
}

// Hijack is for WebSockets.
func (w *answered) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.status, w.wrote = http.StatusSwitchingProtocols, true
	}
	return conn, rw, err
}

// streams reports whether the answer was a socket, or a stream of events: it lasts as long as its client
// likes.
func (w *answered) streams() bool {
	return w.status == http.StatusSwitchingProtocols ||
		strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream")
}
