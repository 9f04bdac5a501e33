package transport_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/graph/transport"
	"foyer/test/env"
)

// Not parallel, because it counts what is open.
func TestSocketHasOneDescriptorAfterABlockingRead(t *testing.T) {
	const clients = 20
	s := newServer(t)
	message := frame(`{"type": "ping"}`)
	var conns []net.Conn
	for range clients {
		c := s.open(t)
		conns = append(conns, c.conn.NetConn())
	}
	before := leftovers{}
	require.Eventually(t, func() bool {
		before = count(t)
		return before.sockets >= 2*clients
	}, env.Soon, 10*time.Millisecond)
	registered := registrations(t)
	for range 3 {
		for _, conn := range conns {
			_, err := conn.Write([]byte(message[:5]))
			require.NoError(t, err)
		}
		require.Eventually(t, func() bool { // each socket has a reader
			return count(t).goroutines >= before.goroutines+clients
		}, env.Soon, 10*time.Millisecond)
		for _, conn := range conns {
			_, err := conn.Write([]byte(message[5:]))
			require.NoError(t, err)
			answer := make([]byte, len("\x81\x0f"+`{"type":"pong"}`))
			_, err = conn.Read(answer)
			require.NoError(t, err)
			assert.Contains(t, string(answer), "pong")
		}
		require.Eventually(t, func() bool {
			now := count(t)
			return now.descriptors <= before.descriptors && now.goroutines <= before.goroutines &&
				registrations(t) <= registered
		}, env.Soon, 10*time.Millisecond)
	}
}

// registrations counts the file descriptors in epoll instances: a parked socket is in one, and a socket with a reader
// in Go's too.
func registrations(t testing.TB) (n int) {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fdinfo")
	require.NoError(t, err)
	for _, descriptor := range open {
		info, _ := os.ReadFile("/proc/self/fdinfo/" + descriptor.Name())
		n += strings.Count(string(info), "tfd:")
	}
	return n
}

// Not parallel, because it counts what is open.
func TestSocketIsReadWrittenPingedAndEndedConcurrently(t *testing.T) {
	const clients, rounds = 30, 4
	s := newServer(t, func(set *settings) { set.socket.Ping = 320 * time.Millisecond })
	large := `{"type": "ping", "payload": {"x": "` + strings.Repeat("x", 50_000) + `"}}`
	round := func() {
		var all sync.WaitGroup
		for i := range clients {
			c := s.open(t)
			ends := make(chan struct{})
			all.Go(func() {
				defer close(ends)
				for {
					if _, _, err := c.conn.ReadMessage(); err != nil { // it answers pings
						return
					}
				}
			})
			all.Go(func() {
				for j := range 50 {
					message := `{"type": "ping"}`
					if j%5 == 0 {
						message = large // takes several reads and writes
					}
					if c.conn.WriteMessage(1, []byte(message)) != nil {
						break
					}
				}
				switch i % 3 {
				case 0:
					_ = reset(c.conn.NetConn())
					fallthrough
				case 1:
					_ = c.conn.Close()
				default:
					_ = c.conn.WriteMessage(2, nil) // ends it with 4400
				}
				<-ends
				_ = c.conn.Close()
			})
		}
		all.Wait()
	}
	round()
	gone := func() bool { return s.socket.Open() == 0 }
	require.Eventually(t, gone, env.Soon, time.Millisecond)
	s.Client().CloseIdleConnections()
	before := count(t)
	for range rounds {
		round()
	}
	require.Eventually(t, gone, env.Soon, time.Millisecond)
	require.Eventually(t, func() bool { return count(t).sockets <= before.sockets }, env.Soon, 10*time.Millisecond)
}

func TestSocketContextEndsWithTheSocket(t *testing.T) {
	t.Parallel()
	type key struct{}
	type another struct{}
	opened := make(chan context.Context, 1)
	s := newServer(t, func(set *settings) {
		set.around = func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "kept")))
			})
		}
		set.socket.Init = func(ctx context.Context, _ map[string]any) (transport.Session, error) {
			opened <- ctx
			return transport.Session{Context: ctx, Lasts: true}, nil
		}
	})
	for name, ask := range map[string]func(context.Context) context.Context{
		"nobody": func(ctx context.Context) context.Context { return ctx },
		"a child": func(ctx context.Context) context.Context {
			child, stop := context.WithCancel(ctx)
			context.AfterFunc(child, stop)
			return child
		},
		"two": func(ctx context.Context) context.Context {
			child := context.WithValue(ctx, another{}, "value")
			assert.NotNil(t, ctx.Done())
			return child
		},
	} {
		c := s.open(t)
		ctx := <-opened
		child := ask(ctx)
		for _, ctx := range []context.Context{ctx, child} {
			require.NoError(t, ctx.Err(), name)
			assert.Equal(t, "kept", ctx.Value(key{}), name)
			_, limited := ctx.Deadline()
			assert.False(t, limited, name)
		}
		c.conn.Close()
		ended := func() bool { return ctx.Err() != nil && child.Err() != nil }
		require.Eventually(t, ended, env.Soon, time.Millisecond, name)
		<-ctx.Done()
		<-child.Done()
		assert.ErrorIs(t, child.Err(), context.Canceled, name)
		assert.Equal(t, "kept", child.Value(key{}), name)
		late, stop := context.WithCancel(ctx)
		assert.Error(t, late.Err(), name)
		stop()
	}
}
