package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// socket is a graphql-transport-ws connection with one subscription.
type socket struct {
	t    testing.TB
	conn *websocket.Conn
}

// subscribe opens a socket, with a token if any, and subscribes on it.
func (s *server) subscribe(token, query string, variables object) *socket {
	s.t.Helper()
	k := s.dial()
	payload := object{}
	if token != "" {
		payload["Authorization"] = "Bearer " + token
	}
	k.send(object{"type": "connection_init", "payload": payload})
	require.Equal(s.t, "connection_ack", k.receive()["type"])
	k.send(object{"type": "subscribe", "id": "1", "payload": object{"query": query, "variables": variables}})
	return k
}

// dial opens a socket and sends nothing.
func (s *server) dial() *socket {
	s.t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}}
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/graphql", nil)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	return &socket{s.t, conn}
}

func (k *socket) send(message object) {
	k.t.Helper()
	require.NoError(k.t, k.conn.WriteJSON(message))
}

// receive returns the next message but a ping, which it answers.
func (k *socket) receive() object {
	k.t.Helper()
	for {
		message, err := k.read()
		require.NoError(k.t, err)
		if message["type"] != "ping" {
			return message
		}
		k.send(object{"type": "pong"})
	}
}

func (k *socket) read() (object, error) {
	_ = k.conn.SetReadDeadline(time.Now().Add(env.Soon))
	var message object
	err := k.conn.ReadJSON(&message)
	return message, err
}

// next returns the data of the next state.
func (k *socket) next() object {
	k.t.Helper()
	message := k.receive()
	require.Equal(k.t, "next", message["type"], "%v", message)
	payload := message["payload"].(object)
	require.Nil(k.t, payload["errors"])
	return payload["data"].(object)
}

// until returns the next state with a value at a path.
func (k *socket) until(path, wanted string) object {
	k.t.Helper()
	for {
		if data := k.next(); text(data, path) == wanted {
			return data
		}
	}
}

// closed waits for the end of the socket and returns its close code.
func (k *socket) closed() int {
	k.t.Helper()
	for {
		if _, err := k.read(); err != nil {
			var closing *websocket.CloseError
			require.ErrorAs(k.t, err, &closing)
			return closing.Code
		}
	}
}
