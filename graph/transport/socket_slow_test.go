package transport_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

func TestSlowClientMissesStatesButNeverTheLastOne(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.open(t)
	const states = 200 // 13 MB, more than a connection buffers
	c.send(subscribe("1", `subscription {fast(of: `+strconv.Itoa(states)+`)}`))
	s.begins(t, 1)
	s.runs(t, 0) // a client that does not read does not delay the source
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

func TestClientThatDoesNotReadIsDisconnectedAndNotCounted(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) {
		set.socket.WriteTimeout, set.socket.MaxSockets = quick, 1
	})
	c := s.open(t)
	c.send(subscribe("1", `subscription {fast}`))
	s.begins(t, 1)
	s.runs(t, 0) // its million states end when it is stopped
	s.free(t)
}

// Messages other than states cannot be replaced by later ones. The server queues few of them.
func TestClientThatSendsAndDoesNotReadIsDisconnected(t *testing.T) {
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
				set.socket.WriteTimeout = time.Hour // so that the queue's limit ends it
			})
			c := s.open(t)
			// The flood fills the connection, so that nothing else can be written.
			c.send(subscribe("flood", `subscription {fast}`))
			s.begins(t, 1)
			var err error
			begin := time.Now()
			for i := 0; err == nil && time.Since(begin) < env.Soon/2; i++ {
				_ = c.conn.SetWriteDeadline(time.Now().Add(env.Soon))
				text := strings.Replace(test.message, `"id": "1"`, fmt.Sprintf(`"id": "%d"`, i), 1)
				err = c.conn.WriteMessage(websocket.TextMessage, []byte(text))
			}
			c.conn.Close()
			require.Error(t, err, "it can send for ever")
			s.free(t)
		})
	}
}

func TestPingsOfAClientThatDoesNotReadTakeNoMemory(t *testing.T) {
	s := newServer(t, func(set *settings) { set.socket.WriteTimeout = time.Hour })
	c := s.open(t)
	c.send(subscribe("flood", `subscription {fast(of: 1000)}`))
	s.begins(t, 1)
	s.runs(t, 0) // nothing else can be written
	before := count(t)
	const pings = 400_000
	lot := bytes.Repeat([]byte(pingFrame(125)), 1000)
	for range pings / 1000 {
		_ = c.conn.SetWriteDeadline(time.Now().Add(env.Soon))
		_, err := c.conn.NetConn().Write(lot)
		require.NoError(t, err)
	}
	c.send(subscribe("last", `subscription {silent}`))
	s.runs(t, 1) // all pings have been read
	now := count(t)
	assert.Less(t, int64(now.heap)-int64(before.heap), int64(4<<20), "bytes for %d pings", pings)
	last := 0
	c.conn.SetPongHandler(func(text string) error { last = len(text); return nil })
	c.send(complete("last"))
	for m := c.receive(); m["type"] != "complete"; {
		m = c.receive()
	}
	assert.Equal(t, 125, last, "its latest ping is answered")
}

// pingFrame returns a ping frame with a payload of some bytes and a zero mask.
func pingFrame(bytes int) string {
	const final, masked = 0x80, 0x80
	return string([]byte{final | websocket.PingMessage, masked | byte(bytes), 0, 0, 0, 0}) + padding[:bytes]
}

func TestClientWithoutPongsIsDisconnected(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) {
		set.socket.Ping, set.socket.MaxSockets = 2*quick, 1
	})
	deaf := s.dial(t)
	deaf.conn.SetPingHandler(func(string) error { return nil })
	deaf.send(initMessage)
	deaf.receive()
	_ = deaf.conn.SetReadDeadline(time.Now().Add(env.Soon))
	_, _, err := deaf.conn.ReadMessage()
	require.Error(t, err)
	timeout, isNet := errors.AsType[net.Error](err)
	assert.False(t, isNet && timeout.Timeout(), "it is not disconnected")
	s.free(t)
}

func TestClientWithPongsStaysConnected(t *testing.T) {
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
