package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/graph/transport"
	"foyer/test/env"
)

// object is a JSON object.
type object = map[string]any

// client is a client with a raw socket. By itself it only answers pings.
type client struct {
	t    testing.TB
	conn *websocket.Conn
}

const initMessage = `{"type": "connection_init"}`

// dial opens a socket and sends nothing.
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

// subscribe returns the message that starts an operation.
func subscribe(id, query string) string {
	return fmt.Sprintf(`{"type": "subscribe", "id": %q, "payload": {"query": %q}}`, id, query)
}

func complete(id string) string { return fmt.Sprintf(`{"type": "complete", "id": %q}`, id) }

func (c *client) receive() object {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(env.Soon))
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

// works checks that the socket is open: a query is answered, and nothing else arrives before.
func (c *client) works() {
	c.t.Helper()
	c.send(subscribe("works", `{hello}`))
	require.Equal(c.t, object{"hello": "world"}, c.next("works"))
	c.completed("works")
}

// closed waits for the end of the socket, whatever arrives before, and returns its code and reason.
func (c *client) closed() (int, string) {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(env.Soon))
	for {
		if _, _, err := c.conn.ReadMessage(); err != nil {
			closing, ok := errors.AsType[*websocket.CloseError](err)
			require.True(c.t, ok, "%v", err)
			return closing.Code, closing.Text
		}
	}
}

// cutOff waits for the end of the socket. Nothing may arrive before: after a complete or an error, the client would not
// start the operation again elsewhere.
func (c *client) cutOff() (int, string) {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(env.Soon))
	_, text, err := c.conn.ReadMessage()
	assert.Empty(c.t, text)
	closing, ok := errors.AsType[*websocket.CloseError](err)
	if assert.True(c.t, ok, "%v", err) {
		return closing.Code, closing.Text
	}
	return 0, ""
}

// lasting returns a session whose credentials expire after a time.
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

// readFrames reads until a close frame, and does not answer it.
func (c *client) readFrames() (int, string) {
	c.t.Helper()
	c.conn.SetCloseHandler(func(int, string) error { return nil })
	return c.closed()
}

func at(from any, path ...string) any {
	for _, name := range path {
		from = from.(object)[name]
	}
	return from
}

// free waits until another client can connect.
func (s *service) free(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, _, err := s.handshake(nil)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, env.Soon, time.Millisecond, "the former socket still counts")
}

// upgrade sends a browser's handshake with some headers changed.
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
