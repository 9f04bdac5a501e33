package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/graph/transport"
)

// object is what JSON calls so.
type object = map[string]any

// client is one on a raw socket: it does nothing by itself but answer pings.
type client struct {
	t    testing.TB
	conn *websocket.Conn
}

const initMessage = `{"type": "connection_init"}`

// dial opens a socket and says nothing.
func (s *service) dial(t testing.TB) *client {
	t.Helper()
	conn, answer, err := s.handshake(nil)
	require.NoError(t, err, "%v", answer)
	t.Cleanup(func() { conn.Close() })
	return &client{t, conn}
}

func (s *service) handshake(h http.Header) (*websocket.Conn, *http.Response, error) {
	dialer := websocket.Dialer{Subprotocols: []string{transport.Protocol}}
	return dialer.Dial("ws"+strings.TrimPrefix(s.URL, "http"), h)
}

// open opens a socket and its session.
func (s *service) open(t testing.TB) *client {
	t.Helper()
	c := s.dial(t)
	c.send(initMessage)
	require.Equal(t, object{"type": "connection_ack"}, c.receive())
	return c
}

func (c *client) send(messages ...string) {
	c.t.Helper()
	for _, m := range messages {
		require.NoError(c.t, c.conn.WriteMessage(websocket.TextMessage, []byte(m)))
	}
}

// subscribe is the message that asks for an operation.
func subscribe(id, query string) string {
	return fmt.Sprintf(`{"type": "subscribe", "id": %q, "payload": {"query": %q}}`, id, query)
}

func complete(id string) string { return fmt.Sprintf(`{"type": "complete", "id": %q}`, id) }

func (c *client) receive() object {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(soon))
	var m object
	require.NoError(c.t, c.conn.ReadJSON(&m))
	return m
}

// next waits for the next state of an operation and returns its data.
func (c *client) next(id string) object {
	c.t.Helper()
	m := c.receive()
	require.Equal(c.t, "next", m["type"], "%v", m)
	require.Equal(c.t, id, m["id"])
	data, _ := m["payload"].(object)["data"].(object)
	return data
}

// failed waits for the error that ends an operation and returns its code and message.
func (c *client) failed(id string) (code, message string) {
	c.t.Helper()
	m := c.receive()
	require.Equal(c.t, "error", m["type"], "%v", m)
	require.Equal(c.t, id, m["id"])
	list := m["payload"].([]any)
	require.Len(c.t, list, 1)
	first := list[0].(object)
	code, _ = first["extensions"].(object)["code"].(string)
	return code, first["message"].(string)
}

func (c *client) completed(id string) {
	c.t.Helper()
	require.Equal(c.t, object{"type": "complete", "id": id}, c.receive())
}

// works sees that the socket lives: a query is answered, and nothing else comes before.
func (c *client) works() {
	c.t.Helper()
	c.send(subscribe("works", `{hello}`))
	require.Equal(c.t, object{"hello": "world"}, c.next("works"))
	c.completed("works")
}

// closed waits for the end of the socket, whatever comes before, and returns its code and reason.
func (c *client) closed() (int, string) {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(soon))
	for {
		if _, _, err := c.conn.ReadMessage(); err != nil {
			closing, ok := errors.AsType[*websocket.CloseError](err)
			require.True(c.t, ok, "%v", err)
			return closing.Code, closing.Text
		}
	}
}

// cutOff waits for the end of the socket, before which nothing may come: after a complete, or an error,
// the client would not ask again elsewhere.
func (c *client) cutOff() (int, string) {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(soon))
	_, text, err := c.conn.ReadMessage()
	assert.Empty(c.t, text)
	closing, ok := errors.AsType[*websocket.CloseError](err)
	if assert.True(c.t, ok, "%v", err) {
		return closing.Code, closing.Text
	}
	return 0, ""
}

func TestBreachOfProtocolClosesWithItsCode(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	silent := subscribe("1", `subscription {silent}`)
	for name, test := range map[string]struct {
		messages []string
		code     int
		reason   string
	}{
		"operation before ack":    {[]string{silent}, 4401, "Unauthorized"},
		"second init":             {[]string{initMessage, initMessage}, 4429, "Too many initialisation requests"},
		"duplicate id":            {[]string{initMessage, silent, silent}, 4409, "Subscriber for 1 already exists"},
		"not JSON":                {[]string{`{"type": "ping"`}, 4400, "Invalid message"},
		"nothing":                 {[]string{``}, 4400, "Invalid message"},
		"two values":              {[]string{`{"type": "ping"} {}`}, 4400, "Invalid message"},
		"array":                   {[]string{`[]`}, 4400, "Invalid message"},
		"null":                    {[]string{`null`}, 4400, "Invalid message"},
		"no type":                 {[]string{`{}`}, 4400, "Invalid message"},
		"unknown type":            {[]string{`{"type": "start"}`}, 4400, "Invalid message"},
		"type of a server":        {[]string{`{"type": "next", "id": "1", "payload": {}}`}, 4400, "Invalid message"},
		"type is no string":       {[]string{`{"type": 1}`}, 4400, "Invalid message"},
		"ping with a string":      {[]string{`{"type": "ping", "payload": "x"}`}, 4400, "Invalid message"},
		"init with an array":      {[]string{`{"type": "connection_init", "payload": []}`}, 4400, "Invalid message"},
		"init with a string":      {[]string{`{"type": "connection_init", "payload": "x"}`}, 4400, "Invalid message"},
		"init with a number":      {[]string{`{"type": "connection_init", "payload": 1}`}, 4400, "Invalid message"},
		"init with a truth":       {[]string{`{"type": "connection_init", "payload": true}`}, 4400, "Invalid message"},
		"no id":                   {[]string{initMessage, `{"type": "subscribe", "payload": {"query": "{hello}"}}`}, 4400, ""},
		"empty id":                {[]string{initMessage, subscribe("", `{hello}`)}, 4400, ""},
		"id of 129 bytes":         {[]string{initMessage, subscribe(padding[:129], `{hello}`)}, 4400, ""},
		"complete of 129 bytes":   {[]string{initMessage, complete(padding[:129])}, 4400, ""},
		"id is no string":         {[]string{initMessage, `{"type": "subscribe", "id": 1, "payload": {"query": "{hello}"}}`}, 4400, ""},
		"complete without id":     {[]string{initMessage, `{"type": "complete"}`}, 4400, ""},
		"no payload":              {[]string{initMessage, `{"type": "subscribe", "id": "1"}`}, 4400, ""},
		"payload null":            {[]string{initMessage, `{"type": "subscribe", "id": "1", "payload": null}`}, 4400, ""},
		"payload no object":       {[]string{initMessage, `{"type": "subscribe", "id": "1", "payload": "{hello}"}`}, 4400, ""},
		"no query":                {[]string{initMessage, `{"type": "subscribe", "id": "1", "payload": {}}`}, 4400, ""},
		"query is no string":      {[]string{initMessage, `{"type": "subscribe", "id": "1", "payload": {"query": 1}}`}, 4400, ""},
		"variables are no object": {[]string{initMessage, `{"type": "subscribe", "id": "1", "payload": {"query": "{hello}", "variables": []}}`}, 4400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.dial(t)
			c.send(test.messages...)
			code, reason := c.closed()
			assert.Equal(t, test.code, code)
			if test.reason != "" {
				assert.Equal(t, test.reason, reason)
			}
		})
	}
}

func TestLongIDIsCutInTheReasonBetweenLetters(t *testing.T) {
	t.Parallel()
	c := newServer(t).open(t)
	silent := subscribe("a"+strings.Repeat("é", 60), `subscription {silent}`)
	c.send(silent, silent)
	code, reason := c.closed() // fails where the reason is no UTF-8
	assert.Equal(t, 4409, code)
	assert.Contains(t, reason, "éé already exists")
}

func TestBinaryMessageClosesWith4400(t *testing.T) {
	t.Parallel()
	c := newServer(t).open(t)
	require.NoError(t, c.conn.WriteMessage(websocket.BinaryMessage, []byte(`{"type": "ping"}`)))
	code, _ := c.closed()
	assert.Equal(t, 4400, code)
}

func TestNoInitInTimeClosesWith4408(t *testing.T) {
	t.Parallel()
	var asked atomic.Bool
	s := newServer(t, func(set *settings) {
		set.socket.InitTimeout = 50 * time.Millisecond
		set.socket.Init = func(context.Context, map[string]any) (transport.Session, error) {
			asked.Store(true)
			return transport.Session{}, errRefused
		}
	})
	c := s.dial(t)
	code, _ := c.readFrames()
	assert.Equal(t, 4408, code)
	c.send(initMessage)
	_, _ = io.Copy(io.Discard, c.conn.NetConn()) // until the server hangs up
	assert.False(t, asked.Load(), "what came after the end still counted")
}

func TestCredentialDecidesOverTheSocket(t *testing.T) {
	t.Parallel()
	seen := make(chan object, 1)
	s := newServer(t, func(set *settings) {
		set.socket.Init = func(ctx context.Context, payload map[string]any) (transport.Session, error) {
			seen <- payload
			switch payload["credential"] {
			case "refused":
				return transport.Session{}, errRefused
			case "short":
				return lasting(ctx, 100*time.Millisecond), nil
			case "expired":
				return lasting(ctx, -time.Hour), nil
			case "unknown":
				return transport.Session{}, fmt.Errorf("the issuer does not answer: %w", transport.ErrAway)
			case "panics":
				panic("it does")
			}
			return lasting(ctx, time.Hour), nil
		}
	})
	for credential, wanted := range map[string]int{
		"refused": 4403, "expired": 4403, "short": 4403, "panics": websocket.CloseTryAgainLater,
		"unknown": websocket.CloseTryAgainLater,
	} {
		c := s.dial(t)
		c.send(`{"type": "connection_init", "payload": {"credential": "` + credential + `", "n": 12345678901234567890}}`)
		payload := <-seen
		assert.Equal(t, json.Number("12345678901234567890"), payload["n"])
		code, _ := c.closed()
		assert.Equal(t, wanted, code, credential)
	}
	for _, payload := range []string{``, `, "payload": {}`, `, "payload": null`} {
		c := s.dial(t)
		c.send(`{"type": "connection_init"` + payload + `}`)
		assert.Empty(t, <-seen)
		assert.Equal(t, "connection_ack", c.receive()["type"])
		c.works()
	}
}

func TestExpiryEndsSubscriptions(t *testing.T) {
	t.Parallel()
	expiry := 2 * time.Second
	s := newServer(t, expiring(expiry))
	begin := time.Now()
	c := s.open(t)
	c.send(subscribe("1", `subscription {silent}`), subscribe("2", `{slow}`))
	code, _ := c.cutOff()
	assert.Equal(t, 4403, code)
	assert.GreaterOrEqual(t, time.Since(begin), expiry)
	s.runs(t, 0)
}

// lasting is a session whose credential ends after a time.
func lasting(ctx context.Context, d time.Duration) transport.Session {
	life, free := context.WithTimeout(ctx, d)
	context.AfterFunc(ctx, free)
	return transport.Session{Context: life}
}

func expiring(after time.Duration) func(*settings) {
	return func(set *settings) {
		set.socket.Init = func(ctx context.Context, _ map[string]any) (transport.Session, error) {
			return lasting(ctx, after), nil
		}
	}
}

// A client that does not mind the close frame and goes on talking is cut off all the same.
func TestExpiredClientWhoGoesOnTalkingIsCutOff(t *testing.T) {
	t.Parallel()
	for name, talk := range map[string]func(*websocket.Conn) error{
		"messages": func(c *websocket.Conn) error {
			return c.WriteMessage(websocket.TextMessage, []byte(subscribe("1", `mutation {bump}`)))
		},
		"pongs": func(c *websocket.Conn) error {
			return c.WriteControl(websocket.PongMessage, nil, time.Now().Add(time.Second))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, expiring(0))
			c := s.dial(t)
			c.send(initMessage)
			code, _ := c.readFrames()
			require.Equal(t, 4403, code)
			var err error
			for begin := time.Now(); err == nil && time.Since(begin) < soon; {
				time.Sleep(10 * time.Millisecond) // as people talk
				err = talk(c.conn)
			}
			assert.Error(t, err, "it may still talk")
			assert.Zero(t, s.bumps.Load(), "what it says still counts")
		})
	}
}

// readFrames reads until a close frame, which it does not answer.
func (c *client) readFrames() (int, string) {
	c.t.Helper()
	c.conn.SetCloseHandler(func(int, string) error { return nil })
	return c.closed()
}

func TestPingIsAnsweredBeforeAndAfterAck(t *testing.T) {
	t.Parallel()
	c := newServer(t).dial(t)
	c.send(`{"type": "ping"}`)
	assert.Equal(t, object{"type": "pong"}, c.receive())
	c.send(`{"type": "ping", "payload": {"n": [1, "é<"]}}`)
	assert.Equal(t, object{"type": "pong", "payload": object{"n": []any{1., "é<"}}}, c.receive())
	c.send(initMessage)
	assert.Equal(t, "connection_ack", c.receive()["type"])
	c.send(`{"type": "pong"}`, `{"type": "pong", "payload": {}}`, `{"type": "ping", "payload": {}}`)
	assert.Equal(t, object{"type": "pong", "payload": object{}}, c.receive())
	require.NoError(t, c.conn.WriteControl(websocket.PingMessage, []byte("x"), time.Now().Add(soon)))
	ponged := false
	c.conn.SetPongHandler(func(text string) error { ponged = text == "x"; return nil })
	c.works()
	assert.True(t, ponged, "the ping of the socket itself is not answered")
}

func TestRefusedOperationIsOneErrorAndTheSocketLives(t *testing.T) {
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

func TestFailingFieldIsAnAnswer(t *testing.T) {
	t.Parallel()
	c := newServer(t).open(t)
	c.send(subscribe("1", `{fails}`))
	answer := c.receive()
	assert.Equal(t, "next", answer["type"])
	assert.Equal(t, object{"fails": nil}, at(answer, "payload", "data"))
	assert.Len(t, at(answer, "payload", "errors"), 1)
	c.completed("1")
}

func at(from any, path ...string) any {
	for _, name := range path {
		from = from.(object)[name]
	}
	return from
}

func TestPanicWhileStreamingIsOneErrorAfterTheStates(t *testing.T) {
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

func TestOperationsRunSideBySide(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.open(t)
	c.send(subscribe("slow", `{slow}`), subscribe("silent", `subscription {silent}`))
	c.works()
	close(s.release)
	assert.Equal(t, object{"slow": "at last"}, c.next("slow"))
	c.completed("slow")
}

func TestQueryThatTakesTooLongIsCutOff(t *testing.T) {
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

func TestSessionMayHaveFewerOperationsThanTheRest(t *testing.T) {
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

func TestDocumentOfASubscriptionMayNotBeLong(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.open(t)
	c.send(subscribe("1", `subscription {silent} #`+padding[:16<<10]))
	code, _ := c.failed("1")
	assert.Equal(t, "INVALID", code)
	c.send(subscribe("1", `{hello} #`+padding[:16<<10]))
	c.next("1")
}

func TestTooManyOperationsAreRefusedOneByOne(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.socket.MaxOperations = 2 })
	c := s.open(t)
	for _, id := range []string{"1", "2", "3"} {
		c.send(subscribe(id, `subscription {silent}`))
	}
	code, _ := c.failed("3")
	assert.Equal(t, "RATE_LIMITED", code)
	c.send(complete("1"))
	c.works() // at once, however long the other takes to stop
}

func TestOperationsThatDoNotStopAreBoundedToo(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.socket.MaxOperations = 1 })
	c := s.open(t)
	for i, id := range []string{"1", "2"} {
		c.send(subscribe(id, `{stubborn}`))
		s.runs(t, int64(i)+1) // one that is ended before it has begun does stop
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
	assert.Equal(t, object{"count": 1.}, c.next("1"), "and no complete of the one before")
	c.completed("1")
	c.send(complete("1"))
	c.works()
}

// What an operation that was ended still had to say must not pass for the next one's of that id.
func TestReusedIDHearsNothingOfTheOneBefore(t *testing.T) {
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

func TestLeavingStopsTheSources(t *testing.T) {
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

func TestSlowClientMissesStatesButNeverTheLast(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.open(t)
	const states = 200 // 13 MB, more than a connection buffers
	c.send(subscribe("1", `subscription {fast(of: `+strconv.Itoa(states)+`)}`))
	s.begins(t, 1)
	s.runs(t, 0) // the source is not kept waiting by a client that does not read
	seen, last := 0, 0
	m := c.receive()
	for ; m["type"] == "next"; m = c.receive() {
		state := at(m, "payload", "data", "fast").(string)
		n, err := strconv.Atoi(strings.TrimPrefix(state, padding))
		require.NoError(t, err)
		require.Greater(t, n, last, "states come in order")
		seen, last = seen+1, n
	}
	assert.Equal(t, "complete", m["type"])
	assert.Equal(t, states, last)
	assert.Less(t, seen, states/2)
}

func TestClientThatDoesNotReadIsDroppedAndItsSlotFreed(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) {
		set.socket.WriteTimeout, set.socket.MaxSockets = quick, 1
	})
	c := s.open(t)
	c.send(subscribe("1", `subscription {fast}`))
	s.begins(t, 1)
	s.runs(t, 0) // it floods a million states until it is stopped
	s.free(t)
}

// free waits until another client finds room.
func (s *service) free(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, _, err := s.handshake(nil)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, soon, time.Millisecond, "its slot is still taken")
}

// A client may ask more than it reads, of what is no state. The server does not pile that up.
func TestClientThatAsksAndDoesNotReadIsDropped(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		message string
		most    int // operations
	}{
		"pings":       {`{"type": "ping", "payload": {"x": "` + padding[:1000] + `"}}`, 1},
		"large pings": {`{"type": "ping", "payload": {"x": "` + padding + `"}}`, 1},
		"refused":     {subscribe("1", `{nothing}`), 1 << 20},
		"too many":    {subscribe("1", `{hello}`), 1},
		"queries":     {subscribe("1", `{hello}`), 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(set *settings) {
				set.socket.MaxSockets, set.socket.MaxOperations = 1, test.most
				set.socket.WriteTimeout = time.Hour // nor is it saved by that
			})
			c := s.open(t)
			// A flood fills the connection, so that nothing else can be written any more.
			c.send(subscribe("flood", `subscription {fast}`))
			s.begins(t, 1)
			var err error
			begin := time.Now()
			for i := 0; err == nil && time.Since(begin) < soon/2; i++ {
				_ = c.conn.SetWriteDeadline(time.Now().Add(soon))
				text := strings.Replace(test.message, `"id": "1"`, fmt.Sprintf(`"id": "%d"`, i), 1)
				err = c.conn.WriteMessage(websocket.TextMessage, []byte(text))
			}
			c.conn.Close()
			require.Error(t, err, "it may ask for ever")
			s.free(t)
		})
	}
}

// What a client's frames make us keep for it is the same, however many of them there are.
func TestClientThatPingsAndDoesNotReadFillsNoMemory(t *testing.T) {
	s := newServer(t, func(set *settings) { set.socket.WriteTimeout = time.Hour })
	c := s.open(t)
	c.send(subscribe("flood", `subscription {fast(of: 1000)}`))
	s.begins(t, 1)
	s.runs(t, 0) // nothing can be written any more
	before := count(t)
	const pings = 400_000
	lot := bytes.Repeat([]byte(pingFrame(125)), 1000)
	for range pings / 1000 {
		_ = c.conn.SetWriteDeadline(time.Now().Add(soon))
		_, err := c.conn.NetConn().Write(lot)
		require.NoError(t, err)
	}
	c.send(subscribe("last", `subscription {silent}`))
	s.runs(t, 1) // all has been read
	now := count(t)
	assert.Less(t, int64(now.heap)-int64(before.heap), int64(4<<20), "bytes are kept of %d pings", pings)
	last := 0
	c.conn.SetPongHandler(func(text string) error { last = len(text); return nil })
	c.send(complete("last"))
	for m := c.receive(); m["type"] != "complete"; {
		m = c.receive()
	}
	assert.Equal(t, 125, last, "its latest ping is answered")
}

// pingFrame returns a ping frame of so many bytes; its mask is zero.
func pingFrame(bytes int) string {
	const final, masked = 0x80, 0x80
	return string([]byte{final | websocket.PingMessage, masked | byte(bytes), 0, 0, 0, 0}) + padding[:bytes]
}

func TestClientThatDoesNotPongIsClosed(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) {
		set.socket.Ping, set.socket.MaxSockets = 2*quick, 1
	})
	deaf := s.dial(t)
	deaf.conn.SetPingHandler(func(string) error { return nil })
	deaf.send(initMessage)
	deaf.receive()
	_ = deaf.conn.SetReadDeadline(time.Now().Add(soon))
	_, _, err := deaf.conn.ReadMessage()
	require.Error(t, err)
	timeout, isNet := errors.AsType[net.Error](err)
	assert.False(t, isNet && timeout.Timeout(), "it is never closed")
	s.free(t)
}

func TestClientThatPongsStays(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.socket.Ping = patient })
	c := s.open(t)
	c.send(subscribe("1", `subscription {values}`))
	go func() {
		time.Sleep(3 * patient)
		s.values <- 1
	}()
	assert.Equal(t, object{"values": 1.}, c.next("1")) // reading answers pings
}

func TestMessageTooLargeClosesWith1009(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.socket.MaxMessage = 1000 })
	for range 20 { // whether the close frame arrives must not be luck
		c := s.open(t)
		c.send(`{"type": "ping"}` + strings.Repeat(" ", 984))
		assert.Equal(t, "pong", c.receive()["type"])
		c.send(`{"type": "ping"}` + strings.Repeat(" ", 256<<10))
		code, _ := c.closed()
		require.Equal(t, websocket.CloseMessageTooBig, code)
	}
}

// Who has been told why his socket ends must get to read it, however much of his was still under way.
func TestCloseFrameArrivesThoughTheClientWasWriting(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for range 20 {
		c := s.dial(t)
		c.send(`bad`)
		for range 10 {
			_ = c.conn.WriteMessage(websocket.TextMessage, []byte(padding))
		}
		code, _ := c.closed()
		require.Equal(t, 4400, code)
	}
}

func TestHandshakeIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.socket.Origins = []string{"https://friend.example"} })
	for name, test := range map[string]struct {
		header http.Header
		status int
	}{
		"no sub-protocol":     {http.Header{"Sec-Websocket-Protocol": nil}, 400},
		"unknown protocol":    {http.Header{"Sec-Websocket-Protocol": {"wamp"}}, 400},
		"legacy protocol":     {http.Header{"Sec-Websocket-Protocol": {"graphql-ws"}}, 400},
		"foreign origin":      {http.Header{"Origin": {"https://evil.example"}}, 403},
		"origin null":         {http.Header{"Origin": {"null"}}, 403},
		"another port":        {http.Header{"Origin": {"http://127.0.0.1:1"}}, 403},
		"old version":         {http.Header{"Sec-Websocket-Version": {"8"}}, 400},
		"bad key":             {http.Header{"Sec-Websocket-Key": {"x"}}, 400},
		"our origin":          {http.Header{"Origin": {s.URL}}, 101},
		"trusted origin":      {http.Header{"Origin": {"https://friend.example"}}, 101},
		"trusted, other port": {http.Header{"Origin": {"https://friend.example:8443"}}, 403},
		"trusted, over http":  {http.Header{"Origin": {"http://friend.example"}}, 403},
		"below the trusted":   {http.Header{"Origin": {"https://a.friend.example"}}, 403},
		"no origin":           {http.Header{}, 101},
		"ours and the legacy": {http.Header{"Sec-Websocket-Protocol": {"graphql-ws, " + transport.Protocol}}, 101},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := s.upgrade(t, test.header)
			assert.Equal(t, test.status, answer.StatusCode)
			if test.status == http.StatusSwitchingProtocols {
				assert.Equal(t, transport.Protocol, answer.Header.Get("Sec-WebSocket-Protocol"))
			}
		})
	}
}

// upgrade asks for a WebSocket as browsers do, but for some headers.
func (s *service) upgrade(t testing.TB, changed http.Header) *http.Response {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, s.URL, nil)
	require.NoError(t, err)
	request.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Protocol": {transport.Protocol},
	}
	for name, values := range changed {
		request.Header[name] = values
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

// Java's own client asks for HTTP/2 by Upgrade: h2c in every request without TLS, and curl may.
func TestRequestThatOffersHTTP2IsAnsweredAsItIs(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	request, err := http.NewRequest(http.MethodPost, s.URL, strings.NewReader(`{"query": "{hello}"}`))
	require.NoError(t, err)
	request.Header = http.Header{
		"Connection": {"Upgrade, HTTP2-Settings"}, "Upgrade": {"h2c"}, "Content-Type": {"application/json"},
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	assert.Equal(t, http.StatusOK, answer.StatusCode)
}

func TestOverloadedServerRefusesHandshakes(t *testing.T) {
	t.Parallel()
	one := http.Header{"X-Address": {"one"}}
	other := http.Header{"X-Address": {"other"}}
	s := newServer(t, func(set *settings) {
		set.socket.Address = func(r *http.Request) string { return r.Header.Get("X-Address") }
		set.socket.MaxSockets, set.socket.MaxPerAddress = 3, 2
	})
	admitted := func(h http.Header) *websocket.Conn {
		conn, answer, err := s.handshake(h)
		require.NoError(t, err, "%v", answer)
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	refused := func(h http.Header) {
		_, answer, err := s.handshake(h)
		require.ErrorIs(t, err, websocket.ErrBadHandshake)
		assert.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
		assert.NotEmpty(t, answer.Header.Get("Retry-After"))
	}
	admitted(one)
	first := admitted(one)
	refused(one)
	admitted(other)
	refused(other)
	first.Close()
	require.Eventually(t, func() bool {
		conn, _, err := s.handshake(one)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
		}
		return err == nil
	}, soon, time.Millisecond)
}

func TestDrainClosesWith1012SpreadOverTheTime(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const sockets, spread = 40, 8 * time.Second
	ended := make(chan time.Duration, sockets)
	begin := time.Now()
	for range sockets {
		c := s.open(t)
		c.send(subscribe("1", `subscription {silent}`))
		go func() {
			code, reason := c.cutOff()
			assert.Equal(t, websocket.CloseServiceRestart, code)
			assert.Equal(t, "Service Restart", reason)
			ended <- time.Since(begin)
		}()
	}
	begin = time.Now()
	done := make(chan error, 1)
	go func() { done <- s.socket.Drain(context.Background(), spread) }()
	first := <-ended
	_, answer, err := s.handshake(nil)
	require.ErrorIs(t, err, websocket.ErrBadHandshake)
	assert.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	var last time.Duration
	for range sockets - 1 {
		last = <-ended
	}
	assert.Less(t, first, spread/2)
	assert.GreaterOrEqual(t, last, spread*(sockets-1)/sockets)
	assert.NoError(t, <-done)
	s.runs(t, 0)
}

// drains begins to end the sockets, waits until new ones are refused, and returns what tells of the end.
func (s *service) drains(t testing.TB) (done <-chan error) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.socket.Drain(context.Background(), 0) }()
	require.Eventually(t, func() bool {
		conn, _, err := s.handshake(nil)
		if err == nil {
			conn.Close()
		}
		return err != nil
	}, soon, time.Millisecond)
	return ended
}

// A mutation that runs when the server is to stop is answered: a client that lost the answer would
// ask for it again elsewhere.
func TestDrainLetsOperationsFinish(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.open(t)
	c.send(subscribe("sub", `subscription {silent}`), subscribe("1", `{slow}`))
	s.runs(t, 2)
	done := s.drains(t)
	close(s.release)
	assert.Equal(t, object{"slow": "at last"}, c.next("1"))
	c.completed("1")
	code, _ := c.closed()
	assert.Equal(t, websocket.CloseServiceRestart, code)
	assert.NoError(t, <-done)
}

// Nor does the close frame overtake the answer, where the client is slow to take it.
func TestSlowClientHasItsAnswerBeforeTheServerEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		query   string
		answers int
	}{
		"one":  {`mutation {bump}`, 1},
		"many": {`mutation {bump}`, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(set *settings) { set.socket.MaxOperations = 1000 })
			c := s.open(t)
			c.send(subscribe("flood", `subscription {fast(of: 1000)}`))
			s.begins(t, 1)
			s.runs(t, 0) // nothing can be written any more
			for i := range test.answers {
				c.send(subscribe(strconv.Itoa(i), test.query))
			}
			require.Eventually(t, func() bool { return s.bumps.Load() == int64(test.answers) }, soon, time.Millisecond)
			done := s.drains(t)
			time.Sleep(2 * time.Second) // longer than who is told the end has to hear it
			answered := 0
			for {
				_ = c.conn.SetReadDeadline(time.Now().Add(soon))
				var m object
				err := c.conn.ReadJSON(&m)
				if closing, ok := errors.AsType[*websocket.CloseError](err); ok {
					assert.Equal(t, websocket.CloseServiceRestart, closing.Code)
					break
				}
				require.NoError(t, err)
				if m["id"] != "flood" && m["type"] == "next" {
					answered++
				}
			}
			assert.Equal(t, test.answers, answered)
			assert.NoError(t, <-done)
		})
	}
}

// slowHijack hands its first connection over when it is let.
type slowHijack struct {
	http.ResponseWriter

	begun            *atomic.Bool
	begins, released chan struct{}
}

func (w slowHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.begun.CompareAndSwap(false, true) {
		close(w.begins)
		<-w.released
	}
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func TestDrainEndsSocketsThatAreBeingOpened(t *testing.T) {
	t.Parallel()
	slow := slowHijack{nil, &atomic.Bool{}, make(chan struct{}), make(chan struct{})}
	s := newServer(t, func(set *settings) {
		set.around = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w = slowHijack{w, slow.begun, slow.begins, slow.released}
				next.ServeHTTP(w, r)
			})
		}
	})
	code := make(chan int, 1)
	go func() {
		conn, _, err := s.handshake(nil)
		if assert.NoError(t, err) {
			_, _, err = conn.ReadMessage()
			conn.Close()
		}
		closed, _ := errors.AsType[*websocket.CloseError](err)
		if assert.NotNil(t, closed, err) {
			code <- closed.Code
		}
		close(code)
	}()
	<-slow.begins
	done := s.drains(t)
	close(slow.released)
	assert.Equal(t, websocket.CloseServiceRestart, <-code)
	assert.NoError(t, <-done)
}

func TestDrainGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.open(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assert.ErrorIs(t, s.socket.Drain(ctx, time.Hour), context.Canceled)
}

// TestSubProtocolsMayStandInSeveralLines, as lists in any header may.
func TestSubProtocolsMayStandInSeveralLines(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, strings.Replace(handshakeText, "Sec-WebSocket-Protocol: ",
		"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: soap, ", 1))
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(soon)))
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer got.Body.Close()
	assert.Equal(t, http.StatusSwitchingProtocols, got.StatusCode)
	assert.Equal(t, transport.Protocol, got.Header.Get("Sec-WebSocket-Protocol"))
}

func TestRefusedHandshakeSaysWhyAsAllElseDoes(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.socket.MaxSockets = 1 })
	handshake := func(other http.Header) *http.Request {
		r, err := http.NewRequest(http.MethodGet, s.URL, nil)
		require.NoError(t, err)
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
			"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Protocol": {transport.Protocol}}
		maps.Copy(r.Header, other)
		return r
	}
	for name, c := range map[string]struct {
		header http.Header
		status int
		code   string
	}{
		"no sub-protocol":      {http.Header{"Sec-Websocket-Protocol": nil}, http.StatusBadRequest, "INVALID"},
		"another sub-protocol": {http.Header{"Sec-Websocket-Protocol": {"graphql-ws"}}, http.StatusBadRequest, "INVALID"},
		"another origin":       {http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden, "FORBIDDEN"},
		"another version":      {http.Header{"Sec-Websocket-Version": {"8"}}, http.StatusBadRequest, "INVALID"},
		"no key":               {http.Header{"Sec-Websocket-Key": nil}, http.StatusBadRequest, "INVALID"},
	} {
		refusedHandshake(t, s, handshake(c.header), c.status, c.code, name)
	}
	s.open(t)
	refusedHandshake(t, s, handshake(nil), http.StatusServiceUnavailable, "UNAVAILABLE", "one too many")
}

func refusedHandshake(t *testing.T, s *service, r *http.Request, status int, code, name string) {
	t.Helper()
	got, err := s.Client().Do(r)
	require.NoError(t, err, name)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	a := answered{t, got.StatusCode, got.Header, string(text)}
	assert.Equal(t, status, a.status, "%s: %s", name, text)
	assert.Equal(t, code, a.code(), name)
	assert.Equal(t, typeJSON, a.mediaType(), name)
}
