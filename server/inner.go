package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"regexp"
	"strings"
	"time"
)

// innerTimeout is how long an answer of the inner listener may take: a profile lasts as long as it is asked to.
const innerTimeout = 5 * time.Minute

// innerListener is where those who run Foyer ask it how it does. It may have no listener.
type innerListener struct{ net.Listener }

// listenInner listens where the settings say, if they do.
func listenInner(ctx context.Context, c *config) (innerListener, error) {
	if c.InnerAddr == "" {
		return innerListener{}, nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.InnerAddr)
	if err != nil {
		return innerListener{}, fmt.Errorf("cannot serve at FOYER_INNER_ADDR: %w", err)
	}
	// Only now is it known what address a name has led to.
	if err := checkInner(listener.Addr().String()); err != nil {
		return innerListener{}, errors.Join(err, listener.Close())
	}
	return innerListener{listener}, nil
}

// checkInner refuses addresses of the internet.
func checkInner(address string) error {
	if !isInner(address) {
		return fmt.Errorf("FOYER_INNER_ADDR is an address of the internet: %q; anybody could read there", address)
	}
	return nil
}

// name is its address; empty when there is none.
func (l innerListener) name() string {
	if l.Listener == nil {
		return ""
	}
	return l.Addr().String()
}

// Close ends it.
func (l innerListener) Close() error {
	if l.Listener == nil {
		return nil
	}
	return l.Listener.Close()
}

// serveInner serves metrics, profiles and health until ctx ends, if there is where to.
func (a *app) serveInner(ctx context.Context, listener innerListener) error {
	if listener.Listener == nil {
		return nil
	}
	server := &http.Server{
		Handler:           a.innerRoutes(),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
		WriteTimeout:   innerTimeout,
		MaxHeaderBytes: maxHeader,
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// innerRoutes is every address of the inner listener. Whoever reaches it sees how busy Foyer is and what
// is in its memory; nobody signs in there.
func (a *app) innerRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics.Handler())
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", a.ready)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	if loopback, _ := isLoopback(a.config.InnerAddr); loopback {
		return loopbackOnly(mux) // pages of other sites would reach it by a name of theirs
	}
	return mux
}

// anOperationName is what GraphQL takes for one.
var anOperationName = regexp.MustCompile(`^[_A-Za-z][_0-9A-Za-z]{0,99}$`)

// maxOperationNames bounds what metrics may have of them.
const maxOperationNames = 500

// checkObserve returns what is wrong with how Foyer is to be watched.
func (c *config) checkObserve() []error {
	var problems []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	loopback, err := isLoopback(c.InnerAddr)
	given := c.InnerAddr != ""
	wrong(given && err != nil, "FOYER_INNER_ADDR is not host:port: %q", c.InnerAddr)
	wrong(given && err == nil && c.development() && !loopback,
		"FOYER_INNER_ADDR is for loopback addresses in development mode: %q", c.InnerAddr)
	if given && err == nil {
		problems = append(problems, checkInner(c.InnerAddr))
	}
	wrong(given && c.InnerAddr == c.Addr && !strings.HasSuffix(c.Addr, ":0"),
		"FOYER_INNER_ADDR is the same as FOYER_ADDR")
	wrong(len(c.OperationNames) > maxOperationNames, "FOYER_OPERATION_NAMES has more than %d names",
		maxOperationNames)
	for i, name := range c.OperationNames {
		c.OperationNames[i] = strings.TrimSpace(name)
		wrong(!anOperationName.MatchString(c.OperationNames[i]),
			"FOYER_OPERATION_NAMES has what is no name of an operation: %q", name)
	}
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT":        c.OTLPEndpoint,
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": c.OTLPTracesEndpoint,
	} {
		wrong(value != "" && !hasScheme(value, "http", "https"), "%s is not http://… or https://…", name)
	}
	return problems
}

// isInner reports whether an address is none of the internet: of this machine, of a private network, or
// all that a container has. A name may be: where it leads is seen when that is listened at.
func isInner(hostport string) bool {
	host, _, _ := net.SplitHostPort(hostport)
	ip, err := netip.ParseAddr(host)
	return err != nil || ip.IsUnspecified() || ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()
}
