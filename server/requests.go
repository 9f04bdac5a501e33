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

// observed gives every request an id and a span, counts it and logs it. A request that becomes a socket is counted and
// logged by the transport, when the socket closes.
func (a *app) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request := &telemetry.Request{ID: a.requestID(r), Began: time.Now(), Metrics: a.metrics}
		w.Header().Set(requestIDHeader, request.ID)
		ctx, span := a.span(telemetry.WithRequest(r.Context(), request), r)
		r = r.WithContext(ctx)
		response := &responseWriter{ResponseWriter: w, status: http.StatusOK}
		finished := false
		defer func() {
			if !finished && !response.wrote { // it has panicked
				response.status = http.StatusInternalServerError
			}
			response.finish()
			if response.status != http.StatusSwitchingProtocols {
				request.Finish(ctx, response.answer(r))
			}
			telemetry.Served(span, r.Method, telemetry.Route(r), response.status)
		}()
		next.ServeHTTP(response, r)
		finished = true
	})
}

// span begins a request's span. A socket has none, because it lasts for hours; each operation on it has its own trace.
func (a *app) span(ctx context.Context, r *http.Request) (context.Context, trace.Span) {
	if a.traces == nil || isProbe(r.URL.Path) || r.Header.Get("Upgrade") != "" {
		return ctx, noop.Span{}
	}
	return a.traces.Serve(ctx, r)
}

func isProbe(path string) bool { return path == "/healthz" || path == "/readyz" }

// proxysRequestID is what a request id from a proxy may look like.
var proxysRequestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// requestID returns the id that a trusted proxy gave the request, or a new one. Without a trusted proxy the header is
// the client's own text.
func (a *app) requestID(r *http.Request) string {
	if id := r.Header.Get(requestIDHeader); a.config.Server.TrustedProxies > 0 && proxysRequestID.MatchString(id) {
		return id
	}
	return uuid.NewString()
}

// responseWriter notes how a request is answered. A client that does not read cannot hold it up: each part of the
// answer has a write deadline, unless the handler sets its own.
type responseWriter struct {
	http.ResponseWriter

	status int
	bytes  int64
	wrote  bool
	// timed: the handler sets its own deadlines.
	timed bool
}

// Unwrap is for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *responseWriter) WriteHeader(status int) {
	if !w.wrote && status >= http.StatusOK {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *responseWriter) Write(text []byte) (n int, err error) {
	w.wrote = true
	for first := true; err == nil && (first || n < len(text)); first = false {
		w.extendDeadline()
		var written int
		written, err = w.ResponseWriter.Write(text[n:min(n+answerPart, len(text))])
		n += written
	}
	w.bytes += int64(n)
	return n, err
}

// SetWriteDeadline is for http.ResponseController.
func (w *responseWriter) SetWriteDeadline(deadline time.Time) error {
	w.timed = true
	return http.NewResponseController(w.ResponseWriter).SetWriteDeadline(deadline)
}

// extendDeadline sets the write deadline of the next part.
func (w *responseWriter) extendDeadline() {
	if !w.timed {
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(answerTimeout))
	}
}

// finish sets the write deadline of what net/http still buffers when the handler has returned.
func (w *responseWriter) finish() {
	if w.status != http.StatusSwitchingProtocols {
		w.timed = false
		w.extendDeadline()
	}
}

// Hijack is for WebSockets.
func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.status, w.wrote = http.StatusSwitchingProtocols, true
	}
	return conn, rw, err
}

// answer describes the answer for the metrics and the log.
func (w *responseWriter) answer(r *http.Request) telemetry.Answer {
	answer := telemetry.Answer{
		Method: r.Method, Route: telemetry.Route(r), Status: w.status, Bytes: w.bytes,
		Streams: strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream"),
	}
	if isProbe(answer.Route) {
		answer.Level = slog.LevelDebug
	}
	return answer
}
