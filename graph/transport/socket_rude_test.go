package transport_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/graph/transport"
	"foyer/test/env"
)

// handshakeText is a WebSocket handshake.
const handshakeText = "GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
	"Sec-WebSocket-Protocol: " + transport.Protocol + "\r\n\r\n"

// rude are clients that the server has to disconnect, or that disconnect without a close frame.
var rude = map[string]func(conn net.Conn) error{
	"half-open": func(conn net.Conn) error { return readToEnd(conn) },
	"half a header": func(conn net.Conn) error {
		return say(conn, handshakeText[:60], readToEnd)
	},
	"no init": func(conn net.Conn) error { return say(conn, handshakeText, readToEnd) },
	"bad init": func(conn net.Conn) error {
		return say(conn, handshakeText+frame(`{"type": "connection_init", "payload": []}`), readToEnd)
	},
	"refused init": func(conn net.Conn) error {
		return say(conn, handshakeText+frame(`{"type": "connection_init", "payload": {"refuse": 1}}`), readToEnd)
	},
	"panicking init": func(conn net.Conn) error {
		return say(conn, handshakeText+frame(`{"type": "connection_init", "payload": {"panic": 1}}`), readToEnd)
	},
	"silent": func(conn net.Conn) error {
		return say(conn, handshakeText+frame(initMessage)+
			frame(subscribe("1", `subscription {silent}`)), readToEnd)
	},
	"never reading": func(conn net.Conn) error {
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		return say(conn, handshakeText+frame(initMessage)+
			frame(subscribe("1", `subscription {fast(of: 10)}`)), waitUntilGone)
	},
	"cut in a frame": func(conn net.Conn) error {
		text := frame(initMessage) + frame(subscribe("1", `subscription {silent}`))
		return say(conn, handshakeText+text[:len(text)-10], reset)
	},
	"stopped in a frame": func(conn net.Conn) error {
		text := frame(initMessage) + frame(subscribe("1", `subscription {silent}`))
		return say(conn, handshakeText+text[:len(text)-10], readToEnd)
	},
	"huge message": func(conn net.Conn) error {
		return say(conn, handshakeText+frame(strings.Repeat("x", 60_000)), readToEnd)
	},
	"no frames": func(conn net.Conn) error {
		return say(conn, handshakeText+"GET / HTTP/1.1\r\n\r\n", readToEnd)
	},
	"many operations": func(conn net.Conn) error {
		text := &strings.Builder{}
		for i := range 300 {
			text.WriteString(frame(subscribe(fmt.Sprint(i), `subscription {silent}`)))
		}
		return say(conn, handshakeText+frame(initMessage)+text.String(), reset)
	},
	"pinging, never reading": func(conn net.Conn) error {
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		return say(conn, handshakeText+frame(initMessage)+frame(subscribe("1", `subscription {fast(of: 10)}`)),
			pingForAWhile)
	},
	"long id": func(conn net.Conn) error {
		return say(conn, handshakeText+frame(initMessage)+frame(subscribe(padding[:9000], `subscription {silent}`)),
			readToEnd)
	},
	"a stream, never reading": func(conn net.Conn) error {
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		return say(conn, streamText(`subscription {fast(of: 10)}`), waitUntilGone)
	},
	"a stream, leaving": func(conn net.Conn) error {
		return say(conn, streamText(`subscription {silent}`), reset)
	},
	"half a body": func(conn net.Conn) error {
		text := streamText(`subscription {silent}`)
		return say(conn, text[:len(text)-10], readToEnd)
	},
	"asking, leaving": func(conn net.Conn) error {
		return say(conn, handshakeText+frame(initMessage)+frame(subscribe("1", `{slow}`))+
			frame(subscribe("2", `subscription {count}`)), reset)
	},
}

// streamText returns a request for an event stream.
func streamText(query string) string {
	body := fmt.Sprintf(`{"query": %q}`, query)
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"+
		"Accept: text/event-stream\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// pingForAWhile reads nothing, sends pings for longer than the server allows, and disconnects.
func pingForAWhile(conn net.Conn) error {
	lot := strings.Repeat(pingFrame(125), 100)
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	for err := error(nil); err == nil; time.Sleep(10 * time.Millisecond) {
		_, err = io.WriteString(conn, lot)
	}
	return reset(conn)
}

// frame returns a text frame with a zero mask.
func frame(text string) string {
	const fin, masked = 0x80, 0x80
	head := []byte{fin | websocket.TextMessage}
	switch n := len(text); {
	case n < 126:
		head = append(head, masked|byte(n))
	default:
		head = append(head, masked|126, byte(n>>8), byte(n))
	}
	return string(head) + "\x00\x00\x00\x00" + text
}

func say(conn net.Conn, text string, then func(net.Conn) error) error {
	_, _ = io.WriteString(conn, text) // the server may have disconnected meanwhile
	return then(conn)
}

// readToEnd reads until the server disconnects, and fails if it does not.
func readToEnd(conn net.Conn) error {
	_ = conn.SetReadDeadline(time.Now().Add(env.Soon))
	_, err := io.Copy(io.Discard, conn)
	if os.IsTimeout(err) {
		return err
	}
	return nil
}

// waitUntilGone reads nothing, and writes until the server disconnects.
func waitUntilGone(conn net.Conn) error {
	for begin := time.Now(); time.Since(begin) < env.Soon; time.Sleep(50 * time.Millisecond) {
		if _, err := io.WriteString(conn, frame(`{"type": "pong"}`)); err != nil {
			return nil
		}
	}
	return fmt.Errorf("a client that never reads stays connected")
}

func reset(conn net.Conn) error { return conn.(*net.TCPConn).SetLinger(0) }

// Not parallel, because it counts what is open.
func TestNothingRemainsOfRudeClients(t *testing.T) {
	const each, waves = 40, 9 // of 19 kinds: 6,840 clients
	s := newServer(t, func(set *settings) {
		set.readHeader, set.read = 200*time.Millisecond, 200*time.Millisecond
		set.http.WriteTimeout = 200 * time.Millisecond
		set.socket.InitTimeout, set.socket.Ping = 200*time.Millisecond, 200*time.Millisecond
		set.socket.WriteTimeout, set.socket.MaxMessage = 200*time.Millisecond, 10_000
		set.socket.MaxSockets = each * len(rude)
		set.socket.Init = rudeInit
	})
	wave := func() {
		var clients sync.WaitGroup
		for name, kind := range rude {
			for range each {
				clients.Go(func() {
					conn, err := net.Dial("tcp", s.Listener.Addr().String())
					if assert.NoError(t, err) {
						assert.NoError(t, kind(conn), name)
						conn.Close()
					}
				})
			}
		}
		clients.Wait()
	}
	wave()
	before := count(t)
	for begin := time.Now(); time.Since(begin) < 2*time.Second; time.Sleep(50 * time.Millisecond) {
		before = before.least(count(t)) // leftovers of the first wave must not excuse later ones
	}
	for range waves - 1 {
		wave()
	}
	now := count(t)
	for begin := time.Now(); now.exceeds(before) && time.Since(begin) < env.Soon; now = count(t) {
		time.Sleep(50 * time.Millisecond)
	}
	assert.False(t, now.exceeds(before), "before: %+v, now: %+v", before, now)
	assert.Zero(t, s.running.Load())
	for range each * len(rude) { // all of them can connect again
		conn, answer, err := s.handshake(nil)
		require.NoError(t, err, "%v", answer)
		defer conn.Close()
	}
}

// leftovers counts what may remain of clients.
type leftovers struct {
	goroutines, descriptors, sockets int
	heap                             uint64
}

func (l leftovers) least(m leftovers) leftovers {
	return leftovers{min(l.goroutines, m.goroutines), min(l.descriptors, m.descriptors),
		min(l.sockets, m.sockets), min(l.heap, m.heap)}
}

// exceeds allows the heap a little more, for pools.
func (l leftovers) exceeds(m leftovers) bool {
	return l.goroutines > m.goroutines || l.descriptors > m.descriptors || l.sockets > m.sockets ||
		l.heap > m.heap+4<<20
}

func count(t testing.TB) leftovers {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	l := leftovers{goroutines: runtime.NumGoroutine(), descriptors: len(open)}
	for _, descriptor := range open {
		if target, _ := os.Readlink("/proc/self/fd/" + descriptor.Name()); strings.HasPrefix(target, "socket:") {
			l.sockets++
		}
	}
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	l.heap = memory.HeapAlloc
	return l
}

func rudeInit(ctx context.Context, payload map[string]any) (transport.Session, error) {
	switch {
	case payload["refuse"] != nil:
		return transport.Session{}, errRefused
	case payload["panic"] != nil:
		panic("init panics")
	}
	return transport.Session{Context: ctx}, nil
}
