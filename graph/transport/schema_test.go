package transport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"go.uber.org/goleak"

	"foyer/graph/query"
	"foyer/graph/transport"
	"foyer/test/env"
)

// soon is how long a test waits for what should happen at once, on a busy machine.
const soon = time.Minute

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // panics are logged with their stacks
	os.Exit(env.RunTests(m, func() error { return goleak.Find() }))
}

var testSchema = gqlparser.MustLoadSchema(&ast.Source{Input: `
	type Query {
		hello: String
		"answers after a while, or when its time is up"
		slow: String
		"answers when it is let, whether it is still wanted or not"
		stubborn: String
		panics: String
		fails: String
	}
	type Mutation {
		"returns how often it was asked"
		bump: Int
	}
	type Subscription {
		"counts from 1; without to, for ever"
		count(to: Int): Int
		"says nothing"
		silent: Int
		"floods with 64 kB a state, which end in their number; the last one is number of"
		fast(of: Int = 1000000): String
		fails: Int
		"gives one state, and ends with an error"
		endsWith: Int
		"panics when called, or after so many states"
		panics(after: Int = 0): Int
		"gives the values that the test puts into service.values"
		values: Int
	}`})

// errRefused is what the fields that fail fail with.
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
	// values are what the subscription of that name gives; closed, it ends.
	values chan int
	// release lets slow queries answer.
	release chan struct{}
}

// settings of a service. Tests change what they are about.
type settings struct {
	socket transport.WebSocketSettings
	http   transport.HTTP
	limits query.Limits
	// readHeader is how long a request's header may take, read the whole of it.
	readHeader, read time.Duration
	// around wraps the handler; nil for nothing.
	around func(http.Handler) http.Handler
	// use are further extensions.
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
		ctx, cancel := context.WithTimeout(context.Background(), soon)
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

// handler returns the service's handler, which a test may serve in another way.
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
		readHeader: soon,
		socket: transport.WebSocketSettings{
			Init: func(ctx context.Context, _ map[string]any) (transport.Session, error) {
				return transport.Session{Context: ctx}, nil
			},
			Address:    func(*http.Request) string { return "somewhere" },
			MaxMessage: 128 << 10, MaxOperations: 10,
			InitTimeout: soon, Ping: soon, WriteTimeout: soon, Timeout: soon,
		},
		http: transport.HTTP{
			MaxBody: 128 << 10, Timeout: soon, WriteTimeout: soon, Heartbeat: soon, Stopping: stopping,
		},
		limits: query.Limits{
			Tokens: 2000, Fields: 200, Aliases: 15, Directives: 20, RootFields: 10, Depth: 12,
			SchemaDepth: 20, Complexity: 1000, LongestList: 100, Errors: 20,
		},
	}
}

// executable does what gqlgen would generate of testSchema.
type executable struct{ *service }

func (executable) Schema() *ast.Schema { return testSchema }

func (executable) Complexity(
	context.Context, string, string, int, map[string]any,
) (int, bool) {
	return 0, false
}

func (e executable) Exec(ctx context.Context) graphql.ResponseHandler {
	asked := graphql.GetOperationContext(ctx)
	if asked.Operation.Operation == ast.Subscription {
		return e.subscribe(ctx, graphql.CollectFields(asked, asked.Operation.SelectionSet, nil)[0])
	}
	answered := false
	return func(ctx context.Context) *graphql.Response {
		if answered {
			return nil
		}
		answered = true
		data := &bytes.Buffer{}
		for i, field := range graphql.CollectFields(asked, asked.Operation.SelectionSet, nil) {
			data.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
			entry(data, field.Alias, e.resolve(ctx, field))
		}
		data.WriteString("}")
		return &graphql.Response{Data: data.Bytes()}
	}
}

func entry(w *bytes.Buffer, name string, value any) {
	text, _ := json.Marshal(value)
	w.WriteString(strconv.Quote(name) + ":")
	w.Write(text)
}

func (e executable) resolve(ctx context.Context, field graphql.CollectedField) any {
	switch field.Name {
	case "__typename":
		return field.ObjectDefinition.Name
	case "hello":
		return "world"
	case "bump":
		return e.bumps.Add(1)
	case "slow":
		e.running.Add(1)
		defer e.running.Add(-1)
		select {
		case <-e.release:
			return "at last"
		case <-ctx.Done():
			graphql.AddError(ctx, ctx.Err())
		}
	case "stubborn":
		e.running.Add(1)
		defer e.running.Add(-1)
		<-e.release
	case "panics":
		panic("a resolver panics")
	case "fails":
		graphql.AddError(ctx, errRefused)
	}
	return nil
}

// subscribe returns the states of a subscription.
func (e executable) subscribe(
	ctx context.Context, field graphql.CollectedField,
) graphql.ResponseHandler {
	source, err := e.source(ctx, field)
	if err != nil {
		graphql.AddError(ctx, err)
		return nil
	}
	data := &bytes.Buffer{} // of every state, as in what gqlgen generates
	return func(ctx context.Context) *graphql.Response {
		select {
		case value, ok := <-source:
			if !ok {
				return nil
			}
			if value == nil {
				panic("a state panics")
			}
			data.Reset()
			data.WriteString("{")
			entry(data, field.Alias, value)
			data.WriteString("}")
			return &graphql.Response{Data: data.Bytes()}
		case <-ctx.Done():
			return nil
		}
	}
}

// source opens the source of a subscription: a goroutine that ends with ctx.
func (e executable) source(ctx context.Context, field graphql.CollectedField) (<-chan any, error) {
	args := field.ArgumentMap(graphql.GetOperationContext(ctx).Variables)
	states := make(chan any)
	give := func(value any) bool {
		select {
		case states <- value:
			return true
		case <-ctx.Done():
			return false
		}
	}
	from := map[string]func(){
		"count": func() {
			for i := 1; args["to"] == nil || i <= number(args["to"]); i++ {
				if !give(i) {
					return
				}
			}
		},
		"silent": func() { <-ctx.Done() },
		"fast": func() {
			for i := 1; i <= number(args["of"]); i++ {
				if !give(padding + strconv.Itoa(i)) {
					return
				}
			}
		},
		"endsWith": func() {
			give(1)
			transport.EndWith(ctx)(errRefused)
		},
		"panics": func() {
			for i := 1; i <= number(args["after"]); i++ {
				give(i)
			}
			give(nil)
		},
		"values": func() {
			for {
				select {
				case value, ok := <-e.values:
					if !ok || !give(value) {
						return
					}
				case <-ctx.Done():
					return
				}
			}
		},
	}[field.Name]
	if field.Name == "panics" && number(args["after"]) == 0 {
		panic("a source panics")
	}
	if from == nil {
		return nil, errRefused
	}
	e.running.Add(1)
	e.began.Add(1)
	go func() {
		defer e.running.Add(-1)
		defer close(states)
		from()
	}()
	return states, nil
}

// number reads an argument: a literal or a default comes as int64, a variable as json.Number.
func number(argument any) int {
	n, _ := strconv.Atoi(strings.TrimSpace(toText(argument)))
	return n
}

func toText(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}

// runs waits until so many sources and slow queries run.
func (s *service) runs(t testing.TB, n int64) {
	t.Helper()
	require.Eventually(t, func() bool { return s.running.Load() == n }, soon, time.Millisecond)
}

// begins waits until so many sources have begun, which may have ended since.
func (s *service) begins(t testing.TB, n int64) {
	t.Helper()
	require.Eventually(t, func() bool { return s.began.Load() == n }, soon, time.Millisecond)
}
