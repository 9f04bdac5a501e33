package transport_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

func TestDrainClosesWith1012SpreadOverATime(t *testing.T) {
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

// drains calls Drain, waits until new sockets are refused, and returns a channel for Drain's result.
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
	}, env.Soon, time.Millisecond)
	return ended
}

// A mutation that runs when the server stops is answered: a client that lost the response would send it again.
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

func TestSlowClientReceivesItsResponseBeforeADrainEnds(t *testing.T) {
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
			s.runs(t, 0) // nothing else can be written
			for i := range test.answers {
				c.send(subscribe(strconv.Itoa(i), test.query))
			}
			require.Eventually(t, func() bool { return s.bumps.Load() == int64(test.answers) }, env.Soon, time.Millisecond)
			done := s.drains(t)
			time.Sleep(2 * time.Second) // longer than a close frame may take
			answered := 0
			for {
				_ = c.conn.SetReadDeadline(time.Now().Add(env.Soon))
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

// slowHijack hijacks its first connection when the test releases it.
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

func TestDrainEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.open(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assert.ErrorIs(t, s.socket.Drain(ctx, time.Hour), context.Canceled)
}
