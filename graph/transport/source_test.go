package transport_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"foyer/graph/transport"
	"foyer/test/env"
)

// watched answers the subscription values from waiting sources.
type watched struct {
	executable

	// opened receives each source that is opened.
	opened chan *source
	// executed is called before a state is executed.
	executed func(state int)
}

// source has the numbers that a test sets.
type source struct {
	wake         func()
	state, seen  atomic.Int64
	sent, closed atomic.Int64
	mu           sync.Mutex
	err          error
}

func (s *source) set(state int64) { s.state.Store(state); s.wake() }

func (s *source) fail(err error) {
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
	s.wake()
}

func (s *source) Next(context.Context) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.state.Load()
	if s.err != nil || s.seen.Swap(state) == state {
		return nil, s.err
	}
	return int(state), nil
}

func (s *source) Sent()  { s.sent.Add(1) }
func (s *source) Close() { s.closed.Add(1) }

func (w watched) Exec(ctx context.Context) graphql.ResponseHandler {
	asked := graphql.GetOperationContext(ctx)
	if asked.Operation.Operation != ast.Subscription {
		return w.executable.Exec(ctx)
	}
	states, err := transport.Watch[int](ctx, func(wake func()) (transport.Source, error) {
		s := &source{wake: wake}
		s.state.Store(1)
		w.opened <- s
		return s, nil
	})
	if err != nil {
		graphql.AddError(ctx, err)
		return nil
	}
	field := graphql.CollectFields(asked, asked.Operation.SelectionSet, nil)[0]
	return func(context.Context) *graphql.Response {
		state := <-states
		if w.executed != nil {
			w.executed(state)
		}
		answer, _ := w.answer(field.Alias, state)
		return &graphql.Response{Data: answer}
	}
}

func (watched) answer(name string, state int) ([]byte, error) {
	return []byte(`{"` + name + `":` + toText(state) + `}`), nil
}

// newWatched starts a service whose subscriptions wait.
func newWatched(t testing.TB, executed func(int), change ...func(*settings)) (*service, watched) {
	t.Helper()
	s := newService()
	w := watched{executable{s}, make(chan *source, 1), executed}
	h := handler.New(w)
	h.SetRecoverFunc(func(context.Context, any) error { return errRefused })
	h.SetErrorPresenter(func(_ context.Context, err error) *gqlerror.Error {
		return &gqlerror.Error{Message: err.Error(), Extensions: map[string]any{"code": "TEST"}}
	})
	set := configured(t, change)
	s.socket = transport.NewWebSocket(set.socket)
	h.AddTransport(s.socket)
	h.AddTransport(set.http)
	s.Server = httptest.NewServer(http.Handler(h))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), env.Soon)
		defer cancel()
		assert.NoError(t, s.socket.Drain(ctx, 0), "sockets do not end")
		s.Close()
	})
	return s, w
}

// waiting opens a subscription that has its first state.
func (w watched) waiting(t testing.TB, s *service) (*client, *source) {
	t.Helper()
	c := s.open(t)
	c.send(subscribe("1", `subscription {values}`))
	require.Equal(t, object{"values": 1.}, c.next("1"))
	return c, <-w.opened
}

func (s *source) isClosed(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool { return s.closed.Load() == 1 }, env.Soon, time.Millisecond)
}

func TestWaitingSubscriptionIsSentEachNewState(t *testing.T) {
	t.Parallel()
	s, w := newWatched(t, nil)
	c, source := w.waiting(t, s)
	for state := int64(2); state < 50; state++ {
		source.set(state)
		require.Equal(t, object{"values": float64(state)}, c.next("1"))
		source.wake() // without a new state
	}
	c.works()
	c.send(complete("1"))
	source.isClosed(t)
	source.set(100)
	c.works()
	assert.EqualValues(t, 1, source.closed.Load())
}

func TestWakeUpDuringAnExecutionIsNotLost(t *testing.T) {
	t.Parallel()
	var watching atomic.Pointer[source]
	s, w := newWatched(t, func(state int) {
		if now := watching.Load(); now != nil && state < 1000 {
			now.set(int64(state) + 1)
		}
	})
	c, source := w.waiting(t, s)
	watching.Store(source)
	source.set(2)
	for last := 0.; last < 1000; {
		state := c.next("1")["values"].(float64)
		require.Greater(t, state, last)
		last = state
	}
}

func TestWaitingSubscriptionEndsWithItsSourcesErrorOrAPanic(t *testing.T) {
	t.Parallel()
	s, w := newWatched(t, func(state int) {
		if state == 13 {
			panic("a state panics")
		}
	})
	for name, end := range map[string]func(*source){
		"error": func(s *source) { s.fail(errRefused) },
		"panic": func(s *source) { s.set(13) },
	} {
		c, source := w.waiting(t, s)
		end(source)
		_, message := c.failed("1")
		assert.Contains(t, message, "refused", name)
		source.isClosed(t)
		c.works()
	}
}

func TestSourceIsClosedWithItsSocket(t *testing.T) {
	t.Parallel()
	s, w := newWatched(t, nil)
	for range 20 {
		c, source := w.waiting(t, s)
		go source.set(2)
		c.conn.Close()
		source.isClosed(t)
	}
}

// streams opens an event stream that has its first state.
func (w watched) streams(t testing.TB, s *service) (*stream, *source) {
	t.Helper()
	k := s.listen(t, s.Client(), `subscription {values}`)
	require.Equal(t, object{"data": object{"values": 1.}}, k.next())
	return k, <-w.opened
}

func TestWaitingStreamIsSentEachNewState(t *testing.T) {
	t.Parallel()
	s, w := newWatched(t, nil)
	k, source := w.streams(t, s)
	for state := int64(2); state < 50; state++ {
		source.set(state)
		require.Equal(t, object{"data": object{"values": float64(state)}}, k.next())
		source.wake() // without a new state
	}
	assert.GreaterOrEqual(t, source.sent.Load(), int64(48))
	k.leave()
	source.isClosed(t)
}

func TestWaitingStreamEndsWithItsSourcesErrorOrAPanic(t *testing.T) {
	t.Parallel()
	s, w := newWatched(t, func(state int) {
		if state == 13 {
			panic("a state panics")
		}
	})
	for name, end := range map[string]func(*source){
		"error": func(s *source) { s.fail(errRefused) },
		"panic": func(s *source) { s.set(13) },
	} {
		k, source := w.streams(t, s)
		end(source)
		answer := k.next()
		assert.Contains(t, toText(answer["errors"]), "refused", name)
		k.completes()
		source.isClosed(t)
	}
}

func TestSourceIsClosedWithItsStream(t *testing.T) {
	t.Parallel()
	s, w := newWatched(t, nil)
	for range 20 {
		k, source := w.streams(t, s)
		go source.set(2)
		k.leave()
		source.isClosed(t)
	}
}

func TestPanicOfAStreamsFirstStateClosesItsSource(t *testing.T) {
	t.Parallel()
	s, w := newWatched(t, func(int) { panic("a state panics") })
	k := s.listen(t, s.Client(), `subscription {values}`)
	assert.Contains(t, toText(k.next()["errors"]), "refused")
	k.completes()
	(<-w.opened).isClosed(t)
}

func TestWaitingSocketIsPingedAndStaysOpen(t *testing.T) {
	t.Parallel()
	s, w := newWatched(t, nil, func(set *settings) { set.socket.Ping = patient })
	c, source := w.waiting(t, s)
	pings, stayed := 0, make(chan struct{})
	answer := c.conn.PingHandler()
	c.conn.SetPingHandler(func(text string) error {
		if pings++; pings == 3 {
			close(stayed)
		}
		return answer(text)
	})
	go func() { <-stayed; source.set(2) }()
	assert.Equal(t, object{"values": 2.}, c.next("1"))
}

// A subscription keeps its document, which takes much more memory than it has bytes.
func TestDocumentsOfASocketsSubscriptionsAreBounded(t *testing.T) {
	t.Parallel()
	s, w := newWatched(t, nil)
	c := s.open(t)
	document := func(i int) string { return fmt.Sprintf("subscription {values} #%d", i) + strings.Repeat("#", 2000) }
	begins := func(id, query string) {
		t.Helper()
		c.send(subscribe(id, query))
		require.Equal(t, object{"values": 1.}, c.next(id))
		<-w.opened
	}
	for i := range 4 {
		begins(fmt.Sprint(i), document(i))
	}
	c.send(subscribe("many", document(4)))
	code, _ := c.failed("many")
	assert.Equal(t, "RATE_LIMITED", code)
	for i := range 5 {
		begins(fmt.Sprint("same ", i), document(0))
	}
	c.send(`{"id": "1", "type": "complete"}`)
	begins("another", document(4))
}

func TestExtensionsOfARequestAreNotKept(t *testing.T) {
	t.Parallel()
	kept := make(chan map[string]any, 1)
	s := newService()
	h := handler.New(executable{s})
	h.AroundOperations(func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		kept <- graphql.GetOperationContext(ctx).Extensions
		return next(ctx)
	})
	set := configured(t, nil)
	s.socket = transport.NewWebSocket(set.socket)
	h.AddTransport(s.socket)
	h.AddTransport(set.http)
	s.Server = httptest.NewServer(h)
	t.Cleanup(s.Close)
	const request = `{"query": "subscription {silent}", "extensions": {"a": [1, 2, 3]}}`
	c := s.open(t)
	c.send(`{"id": "1", "type": "subscribe", "payload": ` + request + `}`)
	assert.Empty(t, <-kept)
	post, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader(request))
	require.NoError(t, err)
	post.Header.Set("Content-Type", "application/json")
	post.Header.Set("Accept", "text/event-stream")
	answer, err := http.DefaultClient.Do(post)
	require.NoError(t, err)
	defer answer.Body.Close()
	assert.Empty(t, <-kept)
}
