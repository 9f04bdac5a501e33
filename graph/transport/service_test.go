package transport_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"go.uber.org/goleak"

	"foyer/graph/query"
	"foyer/graph/transport"
	"foyer/test/env"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // panics are logged with their stacks
	os.Exit(env.RunTests(m, func() error { return goleak.Find() }))
}

// errRefused is the error of fields that fail.
var errRefused = errors.New("refused")

// padding makes a state of fast large.
var padding = strings.Repeat("x", 64<<10)

// service is a server of testSchema with the transports of this package.
type service struct {
	*httptest.Server

	socket *transport.WebSocket
	// running is how many sources of subscriptions there are, and slow queries.
	running atomic.Int64
	// began is how many sources there have been.
	began atomic.Int64
	bumps atomic.Int64
	// values are the states of the subscription of that name, which ends when values is closed.
	values chan int
	// release lets slow queries answer.
	release chan struct{}
}

// settings of a service. Each test changes those that it tests.
type settings struct {
	socket transport.WebSocketSettings
	http   transport.HTTP
	limits query.Limits
	// readHeader is how long a request's header may take to be read, read the whole request.
	readHeader, read time.Duration
	// around wraps the handler; nil for nothing.
	around func(http.Handler) http.Handler
	// use are additional extensions.
	use []graphql.HandlerExtension
}

// newServer starts a service, which ends with the test.
func newServer(t testing.TB, change ...func(*settings)) *service {
	t.Helper()
	s := newService()
	s.Server = httptest.NewUnstartedServer(s.handler(t, change...))
	set := configured(t, change)
	s.Config.ReadHeaderTimeout, s.Config.ReadTimeout = set.readHeader, set.read
	s.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		_ = conn.(*net.TCPConn).SetWriteBuffer(16 << 10) // so that little fills it
		return ctx
	}
	s.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), env.Soon)
		defer cancel()
		assert.NoError(t, s.socket.Drain(ctx, 0), "sockets do not end")
		s.Close()
	})
	return s
}

func newService() *service {
	return &service{values: make(chan int), release: make(chan struct{})}
}

func configured(t testing.TB, change []func(*settings)) settings {
	t.Helper()
	set := defaults(t)
	for _, c := range change {
		c(&set)
	}
	return set
}

// handler returns the service's handler, for tests that serve it themselves.
func (s *service) handler(t testing.TB, change ...func(*settings)) http.Handler {
	t.Helper()
	set := configured(t, change)
	h := handler.New(executable{s})
	s.socket = transport.NewWebSocket(set.socket)
	h.AddTransport(s.socket)
	set.http.Admit = s.socket.AdmitStream
	h.AddTransport(set.http)
	checked := lru.New[*ast.QueryDocument](100)
	h.SetQueryCache(checked)
	set.limits.Known = func(ctx context.Context, query string) bool {
		_, known := checked.Get(ctx, query)
		return known
	}
	h.SetParserTokenLimit(set.limits.Tokens)
	for _, extension := range set.use {
		h.Use(extension)
	}
	h.Use(set.limits)
	h.SetRecoverFunc(func(context.Context, any) error { return errRefused })
	h.SetErrorPresenter(func(_ context.Context, err error) *gqlerror.Error {
		message := err.Error()
		if known, ok := errors.AsType[*gqlerror.Error](err); ok {
			message = known.Message
		}
		return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": "TEST"}}
	})
	if set.around != nil {
		return set.around(h)
	}
	return h
}

func defaults(t testing.TB) settings {
	t.Helper()
	stopping, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	return settings{
		readHeader: env.Soon,
		socket: transport.WebSocketSettings{
			Init: func(ctx context.Context, _ map[string]any) (transport.Session, error) {
				return transport.Session{Context: ctx}, nil
			},
			Address:    func(*http.Request) string { return "somewhere" },
			MaxMessage: 128 << 10, MaxOperations: 10,
			InitTimeout: env.Soon, Ping: env.Soon, WriteTimeout: env.Soon, Timeout: env.Soon,
		},
		http: transport.HTTP{
			MaxBody: 128 << 10, Timeout: env.Soon, WriteTimeout: env.Soon, Heartbeat: env.Soon, Stopping: stopping,
		},
		limits: query.Limits{
			Tokens: 2000, Fields: 200, Aliases: 15, Directives: 20, RootFields: 10, Depth: 12,
			SchemaDepth: 20, Complexity: 1000, LongestList: 100, Errors: 20,
		},
	}
}

// runs waits until a number of sources and slow queries run.
func (s *service) runs(t testing.TB, n int64) {
	t.Helper()
	require.Eventually(t, func() bool { return s.running.Load() == n }, env.Soon, time.Millisecond)
}

// begins waits until a number of sources have begun. They may have ended since.
func (s *service) begins(t testing.TB, n int64) {
	t.Helper()
	require.Eventually(t, func() bool { return s.began.Load() == n }, env.Soon, time.Millisecond)
}
