package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"foyer/auth"
	"foyer/ent/database"
	"foyer/graph/transport"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/internal/telemetry"
	"foyer/server/config"
)

// readyTimeout bounds the check of database and Redis.
const readyTimeout = 2 * time.Second

// routes has every path that the server answers.
func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/graphql", a.allowOrigins(a.withViewer(a.api)))
	post(mux, "/oauth/token", a.issueToken)
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", a.ready)
	post(mux, "/webhooks/livekit", handle(a.hearLiveKit))
	post(mux, "/webhooks/storage", handle(a.hearStorage))
	mux.HandleFunc("GET /media/auth", a.authorizeMedia)
	if a.config.Webhooks.TranscriptSecret != "" {
		post(mux, "/webhooks/transcript", handle(a.hearTranscript))
	}
	if a.signIn != nil {
		a.signIn.routes(mux)
	}
	if *a.config.Server.GraphiQL {
		a.workbench.routes(mux)
	}
	if a.config.Development() {
		post(mux, "/dev/login", handle(a.devLogin))
		return a.observed(loopbackOnly(a.refuseOtherSites(a.page.in(mux))))
	}
	return a.observed(a.refuseOtherSites(a.page.in(mux)))
}

// post serves POST, and refuses other methods with an error like all others.
func post(mux *http.ServeMux, path string, h http.HandlerFunc) {
	mux.HandleFunc("POST "+path, h)
	mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", http.MethodPost)
		answerError(w, http.StatusMethodNotAllowed, fault.New(fault.Invalid, "this address takes POST"))
	})
}

// loopbackOnly refuses requests whose host is not this machine. A page of another site could otherwise reach the
// development sign-in through its own name (DNS rebinding).
func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if !config.LoopbackHost(strings.Trim(host, "[]")) {
			answerError(w, http.StatusMisdirectedRequest,
				fault.New(fault.Invalid, "development mode answers to loopback names only"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// withViewer puts the viewer into a request's context.
func (a *app) withViewer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		viewer, err := a.viewer(r)
		if err != nil {
			w.Header().Set("Content-Type", transport.MediaType(r))
			answerFault(w, r, err)
			return
		}
		viewer.Address = a.addresses.of(r)
		next.ServeHTTP(w, r.WithContext(auth.NewContext(r.Context(), viewer)))
	})
}

// ready answers 200 if the server can serve requests, else 503 with what is missing. It does not ask LiveKit, because
// Foyer makes tokens without it.
func (a *app) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	var database, redis error
	var pings sync.WaitGroup
	pings.Go(func() { database = a.db.Pool.PingContext(ctx) })
	pings.Go(func() { redis = a.redis.Ping(ctx).Err() })
	pings.Wait()
	state, status := map[string]string{"database": "ok", "redis": "ok", "server": "ok"}, http.StatusOK
	missing := func(is bool, what, why string) {
		if is {
			state[what], status = why, http.StatusServiceUnavailable
		}
	}
	missing(database != nil, "database", "away")
	missing(redis != nil, "redis", "away")
	missing(a.stopping.Load(), "server", "stopping")
	answer(w, status, state)
}

// hearTimeout bounds the work for one event. LiveKit waits for the answer, and repeats the event without one.
const hearTimeout = 10 * time.Second

// hearLiveKit takes an event from LiveKit. It answers 200 to every well signed event, unless Foyer fails at the moment:
// then LiveKit repeats the event.
func (a *app) hearLiveKit(w http.ResponseWriter, r *http.Request) error {
	event, err := a.livekit.Receive(w, r)
	if err != nil {
		a.metrics.Event(telemetry.Other, "refused")
		if livekit.IsUntimely(err) && !a.untimely.Swap(true) {
			slog.WarnContext(r.Context(), "LiveKit's events are refused: its clock and this server's differ",
				"err", err)
		}
		return err
	}
	if strings.HasPrefix(event.Room, livekit.CheckRooms) {
		return a.answerProbe(w, r, event)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), hearTimeout)
	defer cancel()
	if err := a.meetings.ReceiveEvent(ctx, event); err != nil {
		slog.WarnContext(ctx, "cannot take an event of LiveKit's now", "event", event.Kind, "err", err)
		a.metrics.Event(eventName(event.Kind), "failed")
		return fault.From(err, fault.Unavailable, "try again soon")
	}
	a.metrics.Event(eventName(event.Kind), "taken")
	a.untimely.Store(false)
	return nil
}

var statuses = map[fault.Kind]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Invalid:         http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.LobbyRequired:   http.StatusForbidden,
	fault.RateLimited:     http.StatusTooManyRequests,
	fault.Unavailable:     http.StatusServiceUnavailable,
}

// handle answers a failed request with its fault; h writes the answer of a successful one.
func handle(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if transport.Encoded(r) {
			w.Header().Set("Accept-Encoding", "identity")
			answerError(w, http.StatusUnsupportedMediaType, fault.New(fault.Invalid, transport.EncodedMessage))
			return
		}
		if err := h(w, r); err != nil {
			answerFault(w, r, err)
		}
	}
}

// answerFault answers in the shape of a GraphQL error, so that clients know one shape only.
func answerFault(w http.ResponseWriter, r *http.Request, err error) {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		answerError(w, http.StatusRequestEntityTooLarge, fault.New(fault.Invalid, "this is too large"))
		return
	}
	f := fault.Of(err)
	if f.Kind == fault.Internal && database.Away(err) {
		f = fault.From(err, fault.Unavailable, "our database cannot be reached; try again soon")
	}
	if f.Kind == fault.Internal {
		if request := telemetry.RequestOf(r.Context()); request != nil {
			f = f.With("requestId", request.ID)
		}
		slog.ErrorContext(r.Context(), "a request failed", "route", telemetry.Route(r), "err", err)
	}
	if f.Kind == fault.Unauthenticated {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if f.Kind == fault.Unavailable {
		slog.WarnContext(r.Context(), "something is away", "route", telemetry.Route(r), "err", err)
	}
	tellRetryAfter(w, f)
	answerError(w, statuses[f.Kind], f)
}

// answerError answers with a status and a fault in the shape of a GraphQL error.
func answerError(w http.ResponseWriter, status int, f *fault.Error) {
	f = f.With("code", f.Kind)
	answer(w, status, map[string]any{
		"errors": []any{map[string]any{"message": f.Message, "extensions": f.Details}},
	})
}

// tellRetryAfter sets Retry-After to the seconds of a fault, if it has any.
func tellRetryAfter(w http.ResponseWriter, f *fault.Error) {
	if seconds, ok := f.Details["retryAfter"].(int); ok {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
}

// answer writes JSON. The media type may be set already.
func answer(w http.ResponseWriter, status int, body any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
