package transport_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/graph/transport"
	"foyer/test/env"
)

// subscribing returns a message of type subscribe with some members.
func subscribing(members string) string { return `{"type": "subscribe", ` + members + `}` }

func TestProtocolErrorClosesWithItsCode(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	silent := subscribe("1", `subscription {silent}`)
	for name, test := range map[string]struct {
		messages []string
		code     int
		reason   string
	}{
		"operation before ack":  {[]string{silent}, 4401, "Unauthorized"},
		"second init":           {[]string{initMessage, initMessage}, 4429, "Too many initialisation requests"},
		"duplicate id":          {[]string{initMessage, silent, silent}, 4409, "Subscriber for 1 already exists"},
		"not JSON":              {[]string{`{"type": "ping"`}, 4400, "Invalid message"},
		"nothing":               {[]string{``}, 4400, "Invalid message"},
		"two values":            {[]string{`{"type": "ping"} {}`}, 4400, "Invalid message"},
		"array":                 {[]string{`[]`}, 4400, "Invalid message"},
		"null":                  {[]string{`null`}, 4400, "Invalid message"},
		"no type":               {[]string{`{}`}, 4400, "Invalid message"},
		"unknown type":          {[]string{`{"type": "start"}`}, 4400, "Invalid message"},
		"a server's type":       {[]string{`{"type": "next", "id": "1", "payload": {}}`}, 4400, "Invalid message"},
		"type is no string":     {[]string{`{"type": 1}`}, 4400, "Invalid message"},
		"ping with a string":    {[]string{`{"type": "ping", "payload": "x"}`}, 4400, "Invalid message"},
		"init with an array":    {[]string{`{"type": "connection_init", "payload": []}`}, 4400, "Invalid message"},
		"init with a string":    {[]string{`{"type": "connection_init", "payload": "x"}`}, 4400, "Invalid message"},
		"init with a number":    {[]string{`{"type": "connection_init", "payload": 1}`}, 4400, "Invalid message"},
		"init with a Boolean":   {[]string{`{"type": "connection_init", "payload": true}`}, 4400, "Invalid message"},
		"no id":                 {[]string{initMessage, subscribing(`"payload": {"query": "{hello}"}`)}, 4400, ""},
		"empty id":              {[]string{initMessage, subscribe("", `{hello}`)}, 4400, ""},
		"id of 129 bytes":       {[]string{initMessage, subscribe(padding[:129], `{hello}`)}, 4400, ""},
		"complete of 129 bytes": {[]string{initMessage, complete(padding[:129])}, 4400, ""},
		"id is no string": {
			[]string{initMessage, subscribing(`"id": 1, "payload": {"query": "{hello}"}`)}, 4400, "",
		},
		"complete without id": {[]string{initMessage, `{"type": "complete"}`}, 4400, ""},
		"no payload":          {[]string{initMessage, subscribing(`"id": "1"`)}, 4400, ""},
		"payload null":        {[]string{initMessage, subscribing(`"id": "1", "payload": null`)}, 4400, ""},
		"payload no object":   {[]string{initMessage, subscribing(`"id": "1", "payload": "{hello}"`)}, 4400, ""},
		"no query":            {[]string{initMessage, subscribing(`"id": "1", "payload": {}`)}, 4400, ""},
		"query is no string":  {[]string{initMessage, subscribing(`"id": "1", "payload": {"query": 1}`)}, 4400, ""},
		"variables are no object": {
			[]string{initMessage, subscribing(`"id": "1", "payload": {"query": "{hello}", "variables": []}`)}, 4400, "",
		},
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

func TestCloseReasonShortensALongIDBetweenLetters(t *testing.T) {
	t.Parallel()
	c := newServer(t).open(t)
	silent := subscribe("a"+strings.Repeat("é", 60), `subscription {silent}`)
	c.send(silent, silent)
	code, reason := c.closed() // fails if the reason is no UTF-8
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

func TestMissingInitClosesWith4408(t *testing.T) {
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
	_, _ = io.Copy(io.Discard, c.conn.NetConn()) // until the server closes the connection
	assert.False(t, asked.Load(), "a message after the end is handled")
}

func TestCredentialsDecideWhetherASocketOpens(t *testing.T) {
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
		payload := `{"credential": "` + credential + `", "n": 12345678901234567890}`
		c.send(`{"type": "connection_init", "payload": ` + payload + `}`)
		assert.Equal(t, json.Number("12345678901234567890"), (<-seen)["n"])
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

func TestExpiredCredentialsEndTheSocket(t *testing.T) {
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

func TestClientThatIgnoresTheCloseFrameIsDisconnected(t *testing.T) {
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
			for begin := time.Now(); err == nil && time.Since(begin) < env.Soon; {
				time.Sleep(10 * time.Millisecond) // as a slow client sends
				err = talk(c.conn)
			}
			assert.Error(t, err, "it can still send")
			assert.Zero(t, s.bumps.Load(), "its messages are still handled")
		})
	}
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
	require.NoError(t, c.conn.WriteControl(websocket.PingMessage, []byte("x"), time.Now().Add(env.Soon)))
	ponged := false
	c.conn.SetPongHandler(func(text string) error { ponged = text == "x"; return nil })
	c.works()
	assert.True(t, ponged, "the ping of the socket itself is not answered")
}

func TestMessageTooLargeClosesWith1009(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.socket.MaxMessage = 1000 })
	for range 20 { // the close frame has to arrive every time
		c := s.open(t)
		c.send(`{"type": "ping"}` + strings.Repeat(" ", 984))
		assert.Equal(t, "pong", c.receive()["type"])
		c.send(`{"type": "ping"}` + strings.Repeat(" ", 256<<10))
		code, _ := c.closed()
		require.Equal(t, websocket.CloseMessageTooBig, code)
	}
}

// Unread data would make the kernel reset the connection, and the client would lose the close frame.
func TestCloseFrameArrivesWhileTheClientWrites(t *testing.T) {
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
