package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"foyer/server/config"
)

// adminTimeout bounds an answer of the admin listener: a profile takes as long as its request says.
const adminTimeout = 5 * time.Minute

// adminListener is where those who run Foyer read metrics, profiles and health. Without FOYER_INNER_ADDR its Listener
// is nil.
type adminListener struct{ net.Listener }

// listenAdmin listens at FOYER_INNER_ADDR, if it is set.
func listenAdmin(ctx context.Context, c *config.Config) (adminListener, error) {
	if c.Telemetry.AdminAddr == "" {
		return adminListener{}, nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Telemetry.AdminAddr)
	if err != nil {
		return adminListener{}, fmt.Errorf("cannot serve at FOYER_INNER_ADDR: %w", err)
	}
	// The setting may be a name: only now is its address known.
	if err := config.CheckAdminAddr(listener.Addr().String()); err != nil {
		return adminListener{}, errors.Join(err, listener.Close())
	}
	return adminListener{listener}, nil
}

// address is where it listens; empty if it does not.
func (l adminListener) address() string {
	if l.Listener == nil {
		return ""
	}
	return l.Addr().String()
}

// Close closes the listener, if there is one.
func (l adminListener) Close() error {
	if l.Listener == nil {
		return nil
	}
	return l.Listener.Close()
}

// serveAdmin serves metrics, profiles and health until ctx ends, if there is a listener.
func (a *app) serveAdmin(ctx context.Context, listener adminListener) error {
	if listener.Listener == nil {
		return nil
	}
	server := &http.Server{
		Handler:           a.adminRoutes(),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
		WriteTimeout:   adminTimeout,
		MaxHeaderBytes: maxHeader,
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// adminRoutes is every path of the admin listener. Nobody signs in there: everybody who reaches it sees how busy Foyer
// is and what is in its memory.
func (a *app) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics.Handler())
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", a.ready)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	if loopback, _ := config.LoopbackAddr(a.config.Telemetry.AdminAddr); loopback {
		return loopbackOnly(mux) // pages of other sites could reach it by a name of their own
	}
	return mux
}
