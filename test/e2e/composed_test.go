package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/database"
	"foyer/test/env"
)

// TestComposedServersAreOneFoyer: a person signs in, guests wait, the host decides and files are downloaded, whichever
// replica nginx selects for each request.
func TestComposedServersAreOneFoyer(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	for i, replica := range d.replicas {
		out, errOut, exit := foyer(t, replica.process.Env, "healthy")
		assert.Zero(t, exit, "replica %d: %s %s", i, out, errOut)
	}
	d.signIn(t)
	roomID := d.newRoom()
	guests := d.fill(roomID, 2)
	assert.Equal(t, names(guests), d.waiting(roomID), "in the order of arrival")

	// One replica decides; the guests are at the two others.
	d.admitEverybody(roomID)
	for _, g := range guests {
		admitted := g.until("entry.status", "ADMITTED")
		assert.Equal(t, roomID, text(admitted, "entry.connectionDetails.roomName"))
		assert.NotEmpty(t, text(admitted, "entry.connectionDetails.participantToken"))
	}

	d.streamThroughNginx(t, roomID)
	d.downloadAtEveryReplica(t, roomID)
	for i, replica := range d.replicas {
		require.NoError(t, replica.stop())
		assert.NotContains(t, replica.log(), `"level":"ERROR"`, "replica %d", i)
	}
}

// streamThroughNginx watches an entry as server-sent events. The first event arrives before the second exists.
func (d *deployment) streamThroughNginx(t *testing.T, roomID string) {
	t.Helper()
	guest := d.knock(roomID, "Stella Stream")
	stream := d.events(t, watchEntry, object{"ticket": guest.ticket})
	stream.until(t, `"status":"WAITING"`)
	d.asHost(admitEntry, decision(roomID, guest))
	assert.Contains(t, stream.until(t, `"status":"ADMITTED"`), "participantToken")
}

// eventStream is a stream of server-sent events.
type eventStream struct{ *bufio.Reader }

func (d *deployment) events(t *testing.T, query string, variables object) eventStream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), env.Soon)
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+"/graphql",
		strings.NewReader(toJSON(t, object{"query": query, "variables": variables})))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	got, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { got.Body.Close() })
	require.Equal(t, http.StatusOK, got.StatusCode)
	return eventStream{bufio.NewReader(got.Body)}
}

// until returns the next line that contains a text.
func (e eventStream) until(t *testing.T, wanted string) string {
	t.Helper()
	for {
		line, err := e.ReadString('\n')
		require.NoError(t, err, "while waiting for %s", wanted)
		if strings.Contains(line, wanted) {
			return line
		}
	}
}

// downloadAtEveryReplica downloads a recording until nginx has asked each replica for permission.
func (d *deployment) downloadAtEveryReplica(t *testing.T, roomID string) {
	t.Helper()
	db, err := database.Open(d.environ["DATABASE_URL"], 1)
	require.NoError(t, err)
	defer db.Close()
	a := &archive{server: d.server, bucket: d.bucket, db: db, nginx: d.nginx, roomID: roomID}
	rec := a.saved(nil)
	asked := func(replica *server) bool { return strings.Contains(replica.log(), `"route":"/media/auth"`) }
	for i := 0; !all(d.replicas, asked); i++ {
		require.Less(t, i, 60, "nginx asks all replicas")
		d.host.open(d.url + file(rec))
		require.Equal(t, http.StatusOK, d.host.status, d.nginx.Log(t))
		require.Equal(t, recorded(rec), d.host.text)
	}
	assert.Equal(t, http.StatusUnauthorized, a.fetch(http.MethodGet, "", file(rec)).status)
}

func all[T any](list []T, is func(T) bool) bool {
	return !slices.ContainsFunc(list, func(one T) bool { return !is(one) })
}

// TestComposedServerIsKilledAndItsGuestsKeepTheirPlaces at another one, while nginx still knows three addresses. A new
// server at another address replaces it.
func TestComposedServerIsKilledAndItsGuestsKeepTheirPlaces(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	d.signIn(t)
	roomID := d.newRoom()
	guests := d.fill(roomID, 2)
	order := names(guests)

	const victim = 1
	d.replicas[victim].kill()
	moved := 0
	for _, g := range guests {
		if g.replica != victim {
			continue
		}
		_, err := g.read()
		for ; err == nil; _, err = g.read() { // messages that were on their way
		}
		g.socket = d.watch(g.ticket)
		moved++
	}
	assert.GreaterOrEqual(t, moved, 2)
	assert.Equal(t, order, d.waiting(roomID))

	d.again(t, victim, replicaAddress(len(d.replicas)))
	d.finds(d.replicas[victim])
	later := d.fill(roomID, 1)
	assert.Equal(t, append(order, names(later)...), d.waiting(roomID))
	d.admitEverybody(roomID)
	for _, g := range append(guests, later...) {
		g.until("entry.status", "ADMITTED")
	}
}

// TestComposedServersRestartOneByOneAndNobodyIsLost: no guest, who reconnects as clients do, and no query.
func TestComposedServersRestartOneByOneAndNobodyIsLost(t *testing.T) {
	t.Parallel()
	d := deploy(t, nil)
	d.signIn(t)
	roomID := d.newRoom()
	guests := d.fill(roomID, 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var clients, others sync.WaitGroup
	for _, g := range guests {
		clients.Go(func() { assert.NoError(t, d.waitLikeAClient(g), g.name) })
	}
	asked := 0
	others.Go(func() {
		for ; ctx.Err() == nil; asked++ {
			if !assert.NoError(t, d.askSomething(), "question %d", asked) {
				return
			}
		}
	})
	for i := range d.replicas {
		require.NoError(t, d.replicas[i].stop(), d.replicas[i].log())
		assert.Equal(t, names(guests), d.waiting(roomID), "while replica %d is away", i)
		d.again(t, i, d.addresses[i])
	}
	assert.Equal(t, names(guests), d.waiting(roomID))
	d.admitEverybody(roomID)
	clients.Wait()
	cancel()
	others.Wait()
	t.Logf("%d guests, %d questions", len(guests), asked)
	assert.Positive(t, asked)
}

// askSomething sends a query by GET, which nginx may retry at another server.
func (d *deployment) askSomething() error {
	got, err := http.Get(d.url + "/graphql?query=" + url.QueryEscape("{ viewer { id } }"))
	if err != nil {
		return err
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", got.StatusCode)
	}
	return nil
}

// waitLikeAClient follows an entry until it is admitted, and reconnects when the server says that it stops. Anything
// else is an error, also a refused connection.
func (d *deployment) waitLikeAClient(g *waiter) error {
	k := g.socket
	for {
		status, err := k.follow()
		if status == "ADMITTED" {
			return nil
		}
		if !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
			return fmt.Errorf("while %s: %w", status, err)
		}
		if k, err = d.comeBack(g.ticket); err != nil {
			return fmt.Errorf("come back: %w", err)
		}
	}
}

// comeBack opens a socket and subscribes on it.
func (d *deployment) comeBack(ticket string) (*socket, error) {
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}}
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(d.url, "http")+"/graphql", nil)
	if err != nil {
		return nil, err
	}
	d.t.Cleanup(func() { conn.Close() })
	k := &socket{d.t, conn}
	payload := object{"query": watchEntry, "variables": object{"ticket": ticket}}
	if err := conn.WriteJSON(object{"type": "connection_init"}); err != nil {
		return k, nil // reading from it returns the error
	}
	_ = conn.WriteJSON(object{"type": "subscribe", "id": "1", "payload": payload})
	return k, nil
}

// follow reads states until the guest is admitted or the socket ends, and returns the last status.
func (k *socket) follow() (status string, err error) {
	for {
		message, err := k.read()
		if err != nil {
			return status, err
		}
		switch message["type"] {
		case "ping":
			_ = k.conn.WriteJSON(object{"type": "pong"})
		case "next":
			if status = text(message, "payload.data.entry.status"); status != "WAITING" {
				return status, nil
			}
		case "error", "complete":
			return status, fmt.Errorf("%v", message)
		}
	}
}

// clientAt is a client with its own address.
func clientAt(address string) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{
		Transport:     &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// limitedByAddress requests sign-ins at a URL from two addresses, which also claim other addresses. Foyer allows three
// for each address.
func limitedByAddress(t *testing.T, at string) {
	t.Helper()
	const one, another = "127.0.2.1", "127.0.2.2"
	login := func(from, forged string) int {
		t.Helper()
		request, err := http.NewRequest(http.MethodGet, at+"/login", nil)
		require.NoError(t, err)
		request.Header.Set("X-Forwarded-For", forged)
		got, err := clientAt(from).Do(request)
		require.NoError(t, err)
		got.Body.Close()
		return got.StatusCode
	}
	for i := range 3 {
		assert.Equal(t, http.StatusSeeOther, login(one, fmt.Sprintf("192.0.2.%d", i)))
	}
	for _, forged := range []string{"192.0.2.77", "192.0.2.77, 192.0.2.78", another, "", "nonsense"} {
		assert.Equal(t, http.StatusTooManyRequests, login(one, forged), forged)
	}
	assert.Equal(t, http.StatusSeeOther, login(another, one), "a claimed address does not count")
}

const threeSignIns = "FOYER_SIGN_INS_PER_ADDRESS=3"

// TestComposedServersSeeTheAddressesOfClients without another server in front of nginx.
func TestComposedServersSeeTheAddressesOfClients(t *testing.T) {
	t.Parallel()
	limitedByAddress(t, deploy(t, map[string]string{"FOYER_TRUSTED_PROXIES": "1"}, threeSignIns).url)
}

// TestComposedServersSeeTheAddressesOfClientsOfTheServerInFront of nginx, with the default of docker-compose.yml.
func TestComposedServersSeeTheAddressesOfClientsOfTheServerInFront(t *testing.T) {
	t.Parallel()
	d := deploy(t, map[string]string{"FOYER_TRUSTED_PROXIES": ""}, threeSignIns)
	nginx, err := url.Parse(d.url)
	require.NoError(t, err)
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(nginx)
		r.Out.Host = r.In.Host
		r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
		r.SetXForwarded()
	}})
	t.Cleanup(front.Close)
	limitedByAddress(t, front.URL)
}
