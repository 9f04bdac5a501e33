package transport_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/graph/transport"
)

func TestRefusedOperationIsOneErrorAndTheSocketStaysOpen(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for name, test := range map[string]struct{ query, code, message string }{
		"does not parse":       {`{hello`, "TEST", ""},
		"does not validate":    {`{nothing}`, "TEST", ""},
		"has no operation":     {`fragment f on Query {hello}`, "TEST", ""},
		"does not fit limits":  {`{` + strings.Repeat(` hello`, 11) + `}`, "TEST", ""},
		"too many tokens":      {`{` + strings.Repeat(` hello`, 2001) + `}`, "TEST", ""},
		"source refuses":       {`subscription {fails}`, "TEST", "refused"},
		"variable is missing":  {`subscription($n: Int!) {count(to: $n)}`, "TEST", ""},
		"a query panics":       {`{panics}`, "TEST", "refused"},
		"a source panics":      {`subscription {panics}`, "TEST", "refused"},
		"unnamed among others": {`query a {hello} query b {hello}`, "TEST", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.open(t)
			c.send(subscribe("1", test.query))
			code, message := c.failed("1")
			assert.Equal(t, test.code, code, message)
			if test.message != "" {
				assert.Contains(t, message, test.message)
			}
			assert.NotContains(t, message, "panics")
			c.works()
			c.send(subscribe("1", `{hello}`)) // the id is free
			c.next("1")
		})
	}
	s.runs(t, 0)
}

func TestResponseOfAFailingFieldIsSent(t *testing.T) {
	t.Parallel()
	c := newServer(t).open(t)
	c.send(subscribe("1", `{fails}`))
	answer := c.receive()
	assert.Equal(t, "next", answer["type"])
	assert.Equal(t, object{"fails": nil}, at(answer, "payload", "data"))
	assert.Len(t, at(answer, "payload", "errors"), 1)
	c.completed("1")
}

func TestPanicOfASubscriptionIsOneErrorAfterItsStates(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.open(t)
	c.send(subscribe("1", `subscription {panics(after: 3)}`))
	last := 0.
	m := c.receive()
	for ; m["type"] == "next"; m = c.receive() {
		last = at(m, "payload", "data", "panics").(float64)
	}
	assert.Equal(t, 3., last)
	require.Equal(t, "error", m["type"])
	assert.Contains(t, at(m["payload"].([]any)[0], "message"), "refused", "what the recover function made of it")
	s.runs(t, 0)
	c.works()
}

func TestErrorThatEndsASubscriptionComesAfterItsLastState(t *testing.T) {
	t.Parallel()
	c := newServer(t).open(t)
	c.send(subscribe("1", `subscription {endsWith}`))
	assert.Equal(t, object{"endsWith": 1.}, c.next("1"))
	_, message := c.failed("1")
	assert.Equal(t, "refused", message)
	c.works()
}

func TestQueriesAndMutationsRunOverTheSocket(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.open(t)
	c.send(subscribe("q", `{hello again: hello __typename}`))
	assert.Equal(t, object{"hello": "world", "again": "world", "__typename": "Query"}, c.next("q"))
	c.completed("q")
	c.send(subscribe("m", `mutation {bump}`))
	assert.Equal(t, object{"bump": 1.}, c.next("m"))
	c.completed("m")
	c.send(`{"type": "subscribe", "id": "v", "payload": {"operationName": "b", "variables": {"n": 1},
		"extensions": {"x": 1}, "query": "query a {hello} subscription b($n: Int) {count(to: $n)}"}}`)
	assert.Equal(t, object{"count": 1.}, c.next("v"))
	c.completed("v")
}

func TestOperationsRunConcurrently(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.open(t)
	c.send(subscribe("slow", `{slow}`), subscribe("silent", `subscription {silent}`))
	c.works()
	close(s.release)
	assert.Equal(t, object{"slow": "at last"}, c.next("slow"))
	c.completed("slow")
}

func TestQueryEndsAfterItsTimeout(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.socket.Timeout = 50 * time.Millisecond })
	c := s.open(t)
	c.send(subscribe("sub", `subscription {values}`), subscribe("1", `{slow}`))
	m := c.receive()
	require.Equal(t, "next", m["type"], "%v", m)
	assert.Len(t, at(m, "payload", "errors"), 1)
	c.completed("1")
	s.values <- 7 // subscriptions have no such limit
	assert.Equal(t, object{"values": 7.}, c.next("sub"))
}

func TestSessionMayAllowFewerOperations(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) {
		set.socket.Init = func(ctx context.Context, payload map[string]any) (transport.Session, error) {
			return transport.Session{Context: ctx, MaxOperations: 2}, nil
		}
	})
	c := s.open(t)
	for _, id := range []string{"1", "2", "3"} {
		c.send(subscribe(id, `subscription {silent}`))
	}
	code, _ := c.failed("3")
	assert.Equal(t, "RATE_LIMITED", code)
}

func TestLongDocumentOfASubscriptionIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.open(t)
	c.send(subscribe("1", `subscription {silent} #`+padding[:16<<10]))
	code, _ := c.failed("1")
	assert.Equal(t, "INVALID", code)
	c.send(subscribe("1", `{hello} #`+padding[:16<<10]))
	c.next("1")
}

func TestOneOperationTooManyIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.socket.MaxOperations = 2 })
	c := s.open(t)
	for _, id := range []string{"1", "2", "3"} {
		c.send(subscribe(id, `subscription {silent}`))
	}
	code, _ := c.failed("3")
	assert.Equal(t, "RATE_LIMITED", code)
	c.send(complete("1"))
	c.works() // immediately, however long the other takes to stop
}

func TestOperationsThatDoNotStopCountToo(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.socket.MaxOperations = 1 })
	c := s.open(t)
	for i, id := range []string{"1", "2"} {
		c.send(subscribe(id, `{stubborn}`))
		s.runs(t, int64(i)+1) // an operation that is ended before it has begun stops
		c.send(complete(id))
	}
	c.send(subscribe("3", `{hello}`))
	code, _ := c.failed("3")
	assert.Equal(t, "RATE_LIMITED", code)
	close(s.release)
	s.runs(t, 0)
}

func TestCompleteStopsTheSourceAndFreesTheID(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.open(t)
	c.send(complete("unknown"), subscribe("1", `subscription {values}`))
	s.values <- 1
	assert.Equal(t, object{"values": 1.}, c.next("1"))
	c.send(complete("1"))
	s.runs(t, 0)
	c.send(subscribe("1", `subscription {count(to: 1)}`))
	assert.Equal(t, object{"count": 1.}, c.next("1"), "and no complete of the former operation")
	c.completed("1")
	c.send(complete("1"))
	c.works()
}

// Messages of an operation that was ended must not look like those of the next one with its id.
func TestReusedIDReceivesNothingOfItsFormerOperation(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.open(t)
	for range 200 {
		c.send(subscribe("1", `subscription {old: count}`), complete("1"),
			subscribe("1", `subscription {new: values}`))
		s.values <- 1
		m := c.receive()
		for ; at(m, "payload", "data", "new") == nil; m = c.receive() {
			require.Equal(t, "next", m["type"], "%v", m)
		}
		s.values <- 2
		require.Equal(t, object{"new": 2.}, c.next("1"))
		c.send(complete("1"))
		s.runs(t, 0)
	}
}

func TestDisconnectingStopsTheSources(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*websocket.Conn){
		"with a close frame": func(c *websocket.Conn) {
			_ = c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""))
		},
		"with a FIN": func(c *websocket.Conn) { c.Close() },
		"with a RST": func(c *websocket.Conn) { _ = c.NetConn().(*net.TCPConn).SetLinger(0); c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			c := s.open(t)
			c.send(subscribe("1", `subscription {silent}`), subscribe("2", `{slow}`))
			s.runs(t, 2)
			leave(c.conn)
			s.runs(t, 0)
		})
	}
}
