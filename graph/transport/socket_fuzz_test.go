package transport_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/graph/transport"
	"foyer/test/env"
)

// FuzzSocket sends its input to a socket: as frames, or each line as a text message. The server has to answer by the
// protocol and to disconnect the client, and nothing of it may remain.
func FuzzSocket(f *testing.F) {
	s, dial := serveInMemory(f)
	base := 0
	f.Fuzz(func(t *testing.T, text []byte, frames bool) {
		raw, ended := dial(t)
		dialer := websocket.Dialer{
			Subprotocols: []string{transport.Protocol},
			NetDial:      func(string, string) (net.Conn, error) { return raw, nil },
		}
		conn, _, err := dialer.Dial("ws://memory/", nil)
		require.NoError(t, err)
		read := make(chan struct{})
		go func() {
			defer close(read)
			check(t, conn, frames)
		}()
		if frames {
			_, _ = raw.Write(text)
		} else {
			for line := range bytes.SplitSeq(text, []byte("\n")) {
				_ = conn.WriteMessage(websocket.TextMessage, line)
			}
			_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(env.Soon))
			receive(t, read)
		}
		conn.Close()
		receive(t, ended)
		receive(t, read)
		s.runs(t, 0)
		if base == 0 {
			base = runtime.NumGoroutine() + 10 // the test's own number varies
		}
		require.Eventually(t, func() bool { return runtime.NumGoroutine() <= base }, env.Soon, time.Millisecond)
	})
}

// check reads until the end, and checks the server's messages.
func check(t *testing.T, conn *websocket.Conn, frames bool) {
	for {
		_, text, err := conn.ReadMessage()
		if closing, ok := errors.AsType[*websocket.CloseError](err); ok && !frames {
			assert.Contains(t, []int{1000, 1006, 1009, 4400, 4401, 4409, 4429, 4008}, closing.Code)
		}
		if err != nil {
			return
		}
		var m struct{ ID, Type string }
		assert.NoError(t, json.Unmarshal(text, &m), "%s", text)
		assert.True(t, slices.Contains([]string{"connection_ack", "pong"}, m.Type) && m.ID == "" ||
			slices.Contains([]string{"next", "error", "complete"}, m.Type) && m.ID != "", "%s", text)
	}
}

// serveInMemory starts a service without a network. It returns a function that opens a connection; its channel receives
// a value when the handler has returned.
func serveInMemory(t testing.TB) (*service, func(testing.TB) (net.Conn, <-chan struct{})) {
	s := newService()
	over := make(chan struct{}, 1)
	h := s.handler(t, func(set *settings) {
		set.socket.MaxMessage = 4 << 10
		set.around = func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() { over <- struct{}{} }()
				h.ServeHTTP(w, r)
			})
		}
	})
	l := listener{make(chan net.Conn), make(chan struct{})}
	server := &http.Server{Handler: h, ReadHeaderTimeout: env.Soon}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return s, func(t testing.TB) (net.Conn, <-chan struct{}) {
		ours, theirs := net.Pipe()
		l.conns <- theirs
		return ours, over
	}
}

// listener accepts the connections that are put into it.
type listener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l listener) Close() error { close(l.closed); return nil }

func (listener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

func receive(t testing.TB, from <-chan struct{}) {
	t.Helper()
	select {
	case <-from:
	case <-time.After(env.Soon):
		require.Fail(t, "the socket does not end")
	}
}
