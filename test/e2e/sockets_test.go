package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// errorOf returns the id and the code of a message of the type error.
func errorOf(t testing.TB, message object) (id, code string) {
	t.Helper()
	require.Equal(t, "error", message["type"], "%v", message)
	return text(message, "id"), text(message["payload"].([]any)[0], "extensions.code")
}

// followMore starts n more operations of one kind on a socket and reads their first states.
func (k *socket) followMore(n int, query string, variables object) {
	k.t.Helper()
	for i := range n {
		k.send(object{"type": "subscribe", "id": "more " + strconv.Itoa(i),
			"payload": object{"query": query, "variables": variables}})
		require.Equal(k.t, "next", k.receive()["type"])
	}
}

func TestSubscriptionsOfOnePersonAreLimited(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	host, other := s.login("Olga Owner"), s.login("Otto Owner")
	room := object{"roomId": s.room(host, object{})}
	const most = 50
	first := s.subscribe(host, watchLobby, room)
	first.next()
	first.followMore(most/2-1, watchLobby, room)
	second := s.subscribe(host, watchStatus, room)
	second.next()
	second.followMore(most/2-1, watchStatus, room)

	assert.Equal(t, "RATE_LIMITED", s.subscribe(host, watchLobby, room).refused())
	assert.Equal(t, "RATE_LIMITED", s.subscribe(host, watchStatus, room).refused())
	s.subscribe(other, watchLobby, object{"roomId": s.room(other, object{})}).next()
	second.send(object{"type": "complete", "id": "1"})
	env.Eventually(t, func(c *assert.CollectT) {
		again := s.subscribe(host, watchLobby, room)
		defer again.conn.Close()
		assert.Equal(c, "next", again.receive()["type"])
	})
}

func TestSubscriptionsOnAGuestsSocketAreLimited(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	const most = 10
	k := s.subscribe("", watchEntry, object{"ticket": s.knock(roomID, "Guest 0").ticket})
	k.next()
	for i := range most {
		k.send(object{"type": "subscribe", "id": strconv.Itoa(i + 2), "payload": object{
			"query": watchEntry, "variables": object{"ticket": s.knock(roomID, "Guest").ticket}}})
		if i < most-1 {
			k.receive()
		}
	}
	id, code := errorOf(t, k.receive())
	assert.Equal(t, "RATE_LIMITED", code)
	assert.Equal(t, strconv.Itoa(most+1), id)
	signedIn := s.subscribe(host, watchStatus, object{"roomId": roomID})
	signedIn.next()
	signedIn.followMore(2*most, watchStatus, object{"roomId": roomID})
}

// TestDocsReplacedGuestDoesNotComeBack, as it would replace the other page, which would come back as well.
func TestDocsReplacedGuestDoesNotComeBack(t *testing.T) {
	t.Parallel()
	for _, client := range []string{"urql", "apollo", "relay", "fetch"} {
		t.Run(client, func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			roomID := s.room(s.login("Olga Owner"), object{})
			said := node(t, writeScript(t, `
				import { WebSocket } from "ws";
				import { enter } from "./guest.mjs";
				globalThis.WebSocket ??= WebSocket;
				const [client, url, roomId] = process.argv.slice(2);
				const { connect } = await import("./" + client + ".mjs");
				const store = new Map();
				const tickets = { getItem: (k) => store.get(k), setItem: (k, v) => store.set(k, v) };
				const show = () => console.log(JSON.stringify({ ticket: store.get(roomId) }));
				await enter(connect({ url }), { roomId, displayName: "Anna", tickets, show }).catch((e) =>
					console.log(JSON.stringify({ code: e.code, reason: e.reason, message: e.message })));
				process.exit(0);`), client, s.url+"/graphql", roomID)
			env.Receive(t, said)
			ticket := env.Receive(t, said)
			for range 8 {
				s.subscribe("", watchEntry, ticket).next()
			}
			last := env.Receive(t, said)
			assert.Equal(t, "CONFLICT", last["code"], "%v", last)
			assert.Equal(t, "REPLACED", last["reason"])
			assert.Contains(t, last["message"], "too many places")
			assert.Nil(t, env.Receive(t, said))
		})
	}
}

// guestStream opens an event stream with a guest's ticket, and returns the connection and the status.
func (s *server) guestStream(ticket string) (net.Conn, int) {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	body, err := json.Marshal(object{"query": watchEntry, "variables": object{"ticket": ticket}})
	require.NoError(s.t, err)
	_, err = fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"+
		"Accept: text/event-stream\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	require.NoError(s.t, err)
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, nil)
	require.NoError(s.t, err)
	if answer.StatusCode == http.StatusOK {
		_, err = io.ReadFull(answer.Body, make([]byte, len(":\n\nevent: next"))) // it has its first state
		require.NoError(s.t, err)
	}
	return conn, answer.StatusCode
}

func TestStreamsOfOneAddressAreLimitedLikeSockets(t *testing.T) {
	t.Parallel()
	s := startServer(t, "FOYER_SOCKETS_PER_ADDRESS=10")
	roomID := s.room(s.login("Olga Owner"), object{})
	for range 10 {
		_, status := s.guestStream(s.knock(roomID, "Guest").ticket)
		require.Equal(t, http.StatusOK, status)
	}
	_, status := s.guestStream(s.knock(roomID, "Guest").ticket)
	assert.Equal(t, http.StatusServiceUnavailable, status)
}

// TestConnectionsThatDoNotReadEnd, whatever the server sends.
func TestConnectionsThatDoNotReadEnd(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	var clients sync.WaitGroup
	const introspection = `{"query":"{__schema{types{name description fields{name description args{name description} ` +
		`type{name kind ofType{name kind ofType{name kind}}}} inputFields{name description} enumValues{name description}}}}"}`
	post := fmt.Sprintf("POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\n\r\n%s", len(introspection), introspection)
	for name, requests := range map[string]string{
		"answers": post, "the page": "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"media":         "GET /media/auth HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"nothing found": "GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n",
	} {
		clients.Go(func() {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			if !assert.NoError(t, err) {
				return
			}
			defer conn.Close()
			_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
			// The client sends as long as it can. Once the answers fill the way back, the server reads no more from it
			// and cuts it off, which the next write shows.
			_ = conn.SetWriteDeadline(time.Now().Add(4 * answerTimeout))
			for began := time.Now(); err == nil; {
				_, err = io.WriteString(conn, requests)
				// Kernels hold thousands of small answers, so the client does not send all the time: it is enough to
				// fill its own buffer.
				if time.Since(began) > time.Second {
					time.Sleep(100 * time.Millisecond)
				}
			}
			timeout, isNet := errors.AsType[net.Error](err)
			assert.False(t, isNet && timeout.Timeout(), "%s: it is kept", name)
		})
	}
	clients.Wait()
	env.Eventually(t, func(c *assert.CollectT) { assert.Less(c, s.connections(c), 3) })
}

// connections returns the number of the server's connections from clients.
func (s *server) connections(t require.TestingT) (n int) {
	port := s.url[strings.LastIndex(s.url, ":")+1:]
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	table, err := os.ReadFile("/proc/net/tcp")
	require.NoError(t, err)
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) > 3 && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", number)) && fields[3] == "01" {
			n++
		}
	}
	return n
}

// TestSlowSendersAreCutOff in a body, a header or a handshake.
func TestSlowSendersAreCutOff(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for name, begin := range map[string]string{
		"a body": "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" +
			"Content-Length: 100000\r\n\r\n",
		"a header": "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ",
		"a handshake": "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			require.NoError(t, err)
			defer conn.Close()
			_, err = io.WriteString(conn, begin)
			require.NoError(t, err)
			for start := time.Now(); err == nil &&
				time.Since(start) < 4*readTimeout; time.Sleep(200 * time.Millisecond) {
				_, err = io.WriteString(conn, " ")
			}
			assert.Error(t, err, "it is kept")
		})
	}
}

// TestGuestWithABrokenSocketLeavesTheListInTime, with the real times of pings, leases and heartbeats:
// docs/architecture.md promises a minute and a half.
func TestGuestWithABrokenSocketLeavesTheListInTime(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	list := s.subscribe(host, watchLobby, object{"roomId": roomID})
	list.next()
	stays := s.knock(roomID, "Stays")
	honest := s.subscribe("", watchEntry, object{"ticket": stays.ticket})
	go func() { // it answers pings
		for err := error(nil); err == nil; {
			_, _, err = honest.conn.ReadMessage()
		}
	}()
	breaks := s.knock(roomID, "Breaks")
	s.subscribe("", watchEntry, object{"ticket": breaks.ticket}).next() // reads and answers nothing from here on
	broken := time.Now()
	var listed []string
	for both := false; !both || len(listed) != 1; both = both || len(listed) == 2 {
		_ = list.conn.SetReadDeadline(time.Now().Add(3 * time.Minute))
		var message object
		require.NoError(t, list.conn.ReadJSON(&message))
		listed = listedNames(message["payload"].(object)["data"].(object))
	}
	assert.Equal(t, []string{"Stays"}, listed)
	assert.Less(t, time.Since(broken), 90*time.Second)
	assert.Greater(t, time.Since(broken), 30*time.Second, "no grace time")
}

// TestStreamOfAGuestTakesAboutFortyKilobytes, as docs/lobby.md says.
func TestStreamOfAGuestTakesAboutFortyKilobytes(t *testing.T) {
	t.Parallel()
	s := startServer(t, inner, "FOYER_KNOCKS_PER_ADDRESS=0", "FOYER_KNOCKS_PER_ROOM=0", "FOYER_LOBBY_ADDRESS_SHARE=100")
	roomID := s.room(s.login("Olga Owner"), object{})
	const warm, streams = 50, 300
	for range warm {
		s.guestStream(s.knock(roomID, "Guest").ticket)
	}
	before := s.inUse()
	for range streams {
		s.guestStream(s.knock(roomID, "Guest").ticket)
	}
	http.DefaultClient.CloseIdleConnections()
	assert.Less(t, (s.inUse()-before)/streams, 50e3, "bytes a stream")
}

// inUse returns how many bytes of memory a server uses, without garbage.
func (s *server) inUse() (bytes float64) {
	s.t.Helper()
	for range 2 { // stacks shrink by half in each collection
		s.inner("/debug/pprof/heap?gc=1")
	}
	told := s.metrics()
	bytes = told.value("go_memstats_heap_alloc_bytes") + told.value("go_memstats_stack_inuse_bytes")
	require.Positive(s.t, bytes)
	return bytes
}

// TestIdleConnectionsOfOneAddressAreBounded: each takes a descriptor and some kilobytes.
func TestIdleConnectionsOfOneAddressAreBounded(t *testing.T) {
	t.Parallel()
	s := startServer(t, "FOYER_SOCKETS_PER_ADDRESS=5")
	idle := func() (answered bool) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		_ = conn.SetReadDeadline(time.Now().Add(env.Soon))
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		return err == nil && answer.StatusCode == http.StatusOK
	}
	open := 0
	for open < 1000 && idle() {
		open++
	}
	assert.Greater(t, open, 200)
	assert.LessOrEqual(t, open, 5+spareConnections)
}

// TestStoppingServerAcceptsNoRequestsAfterDrainingSockets: a stopping server accepts no requests after it has told all
// sockets, so that
// running requests are not cut off at the end of its time. Here a socket is slow because LiveKit does not answer.
func TestStoppingServerAcceptsNoRequestsAfterDrainingSockets(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	liveKit := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/ListParticipants") {
			http.NotFound(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // else the end of the connection is not seen
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(liveKit.Close)
	s := startServer(t, "LIVEKIT_URL="+liveKit.URL, "FOYER_DRAIN_SPREAD=0s")
	host := s.login("Olga Owner")
	s.subscribe(host, `query ($id: ID!) {room(id: $id) {participants {totalCount}}}`,
		object{"id": s.room(host, object{})})
	env.Receive(t, asked)
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	for {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			break
		}
		conn.Close()
		time.Sleep(10 * time.Millisecond)
	}
	select {
	case <-stopped:
		require.Fail(t, "it took requests to the end")
	case <-time.After(time.Second):
	}
	require.NoError(t, <-stopped)
}
