package e2e

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

func testID() string { return uuid.NewString() }

// TestServerIsKilledWhileAGuestWaits: another server decides, and the guest finds the decision there with the ticket.
func TestServerIsKilledWhileAGuestWaits(t *testing.T) {
	t.Parallel()
	environ := shared(t)
	here, there := startServer(t, environ...), startServer(t, environ...)
	host := there.login("Olga Owner")
	roomID := there.room(host, object{})
	anna, bob := here.knock(roomID, "Anna"), here.knock(roomID, "Bob")
	entry := here.subscribe("", watchEntry, object{"ticket": anna.ticket})
	entry.until("entry.status", "WAITING")
	bobs := there.subscribe("", watchEntry, object{"ticket": bob.ticket})
	bobs.until("entry.status", "WAITING")
	here.kill()
	list := there.subscribe(host, watchLobby, object{"roomId": roomID})
	assert.Equal(t, []string{"Anna", "Bob"}, listedNames(list.next()), "she has time to come back")
	there.must(host, admitEntry, decision(roomID, anna))
	entry = there.subscribe("", watchEntry, object{"ticket": anna.ticket})
	entry.until("entry.status", "ADMITTED")
	there.must(host, admitEntry, decision(roomID, bob))
	bobs.until("entry.status", "ADMITTED")
}

func TestRedisRestartsUnderTheServer(t *testing.T) {
	t.Parallel()
	store := env.StartRedis(t)
	s := startServer(t, "REDIS_URL="+store.URL(), "FOYER_LOBBY_HEARTBEAT=200ms")
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	anna := s.knock(roomID, "Anna")
	entry := s.subscribe("", watchEntry, object{"ticket": anna.ticket})
	entry.until("entry.status", "WAITING")

	store.Stop(t)
	assert.Equal(t, "UNAVAILABLE", s.ask(host, admitEntry, decision(roomID, anna)).code())
	assert.Equal(t, "A room", text(s.must("", `query($id: ID!) { room(id: $id) { name } }`,
		object{"id": roomID}), "room.name"), "what needs no Redis goes on")
	assert.Equal(t, http.StatusServiceUnavailable, s.get("/readyz"))
	assert.Equal(t, http.StatusOK, s.get("/healthz"))
	store.Start(t)
	env.Eventually(t, func(c *assert.CollectT) {
		assert.Empty(c, s.ask(host, admitEntry, decision(roomID, anna)).Errors)
	})
	entry.until("entry.status", "ADMITTED")
	assert.Equal(t, http.StatusOK, s.get("/readyz"))
}

func (s *server) get(path string) int {
	s.t.Helper()
	response, err := http.Get(s.url + path)
	require.NoError(s.t, err)
	defer response.Body.Close()
	return response.StatusCode
}

// TestStoppingServerTellsSocketsToReconnect: it tells sockets to reconnect, and the process ends in time with exit code
// 0.
func TestStoppingServerTellsSocketsToReconnect(t *testing.T) {
	t.Parallel()
	environ := shared(t)
	here, there := startServer(t, environ...), startServer(t, environ...)
	host := here.login("Olga Owner")
	roomID := here.room(host, object{})
	anna := here.knock(roomID, "Anna")
	entry := here.subscribe("", watchEntry, object{"ticket": anna.ticket})
	entry.until("entry.status", "WAITING")
	closed := make(chan int, 1)
	go func() { closed <- entry.closed() }()
	require.NoError(t, here.stop(), here.log())
	assert.NotContains(t, here.log(), "did not finish in time")
	assert.Equal(t, websocket.CloseServiceRestart, env.Receive(t, closed))

	moved := there.subscribe("", watchEntry, object{"ticket": anna.ticket})
	moved.until("entry.status", "WAITING")
	there.must(host, admitEntry, decision(roomID, anna))
	moved.until("entry.status", "ADMITTED")
}

func TestForgedCredentialsAreRefused(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	forged := s.login("Olga Owner") + "x"
	assert.Equal(t, "UNAUTHENTICATED", s.ask(forged, `{ viewer { id } }`, nil).code())
	conn, _, err := (&websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}}).
		Dial("ws"+strings.TrimPrefix(s.url, "http")+"/graphql", nil)
	require.NoError(t, err)
	defer conn.Close()
	k := &socket{t, conn}
	k.send(object{"type": "connection_init", "payload": object{"Authorization": "Bearer " + forged}})
	assert.Equal(t, 4403, k.closed())
}

// TestFailedStartSaysWhy in words and without a password.
func TestFailedStartSaysWhy(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for environ, want := range map[string]string{
		"DATABASE_URL=postgres://u:hidden@127.0.0.1:1/db": "database",
		"DATABASE_URL=postgres://u:hidden@[/db":           "database",
		"DATABASE_URL=sqlite:/dev/null/x.db":              "database",
		"REDIS_URL=redis://:hidden@h:6399/zz":             "REDIS_URL",
		"FOYER_ADDR=" + taken.Addr().String():             "FOYER_ADDR",
		"FOYER_TRUSTED_DOCUMENTS=/nowhere.json":           "trusted documents",
	} {
		t.Run(environ, func(t *testing.T) {
			_, errOut, exit := foyer(t, []string{"FOYER_DATA=" + t.TempDir(), "FOYER_ADDR=127.0.0.1:0", environ})
			assert.Equal(t, exitFailed, exit)
			require.Contains(t, errOut, want)
			assert.NotContains(t, errOut, "hidden")
		})
	}
}
