package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

const (
	mySessions = `{ viewer { sessions { id current createdAt lastSeenAt userAgent } } }`
	revoke     = `mutation($input: RevokeSessionInput!) { revokeSession(input: $input) { session { id current } } }`
)

// stream subscribes with server-sent events.
func (s *server) stream(token, query string, variables object) *bufio.Reader {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"/graphql",
		strings.NewReader(toJSON(s.t.(*testing.T), object{"query": query, "variables": variables})))
	require.NoError(s.t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Authorization", "Bearer "+token)
	got, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { got.Body.Close() })
	require.Equal(s.t, http.StatusOK, got.StatusCode)
	return bufio.NewReader(got.Body)
}

func TestRevokedSessionEndsItsSocketsAndStreamsOnEveryServer(t *testing.T) {
	t.Parallel()
	environ := shared(t)
	here, there := startServer(t, environ...), startServer(t, environ...)
	mine, lost := here.login("Olga Owner"), here.login("Olga Owner")
	room := object{"roomId": here.room(mine, object{})}
	sockets := []*socket{here.subscribe(lost, watchLobby, room), there.subscribe(lost, watchLobby, room)}
	kept := there.subscribe(mine, watchLobby, room)
	for _, k := range append(sockets, kept) {
		k.next()
	}
	stream := there.stream(lost, watchLobby, room)
	for line := ""; !strings.HasPrefix(line, "data: {"); {
		var err error
		line, err = stream.ReadString('\n')
		require.NoError(t, err)
	}

	var id string
	list := at(here.must(lost, mySessions, nil), "viewer.sessions").([]any)
	require.Len(t, list, 2)
	for _, session := range list {
		if at(session, "current") == true {
			id = text(session, "id")
		}
	}
	begin := time.Now()
	revoked := here.must(mine, revoke, object{"input": object{"sessionId": id}})
	assert.Equal(t, object{"id": id, "current": false}, at(revoked, "revokeSession.session"))
	for _, k := range sockets {
		assert.Equal(t, 4403, k.closed())
	}
	rest, err := io.ReadAll(stream)
	require.NoError(t, err)
	assert.NotContains(t, string(rest), "complete", "its client is to come back with new credentials")
	assert.Less(t, time.Since(begin), 9*time.Second, "nobody waits for the next look at all sessions")
	assert.Equal(t, "UNAUTHENTICATED", there.ask(lost, mySessions, nil).code())
	assert.Equal(t, "NOT_FOUND", here.ask(mine, revoke, object{"input": object{"sessionId": id}}).code())

	here.knock(text(room, "roomId"), "Anna")
	kept.until("lobby.totalCount", "1")
}

func TestRevokingOtherSessionsEndsAllOfThem(t *testing.T) {
	t.Parallel()
	endOtherSessions(t, startServer(t))
}

func endOtherSessions(t *testing.T, s *server) {
	const revokeOthers = `mutation { revokeOtherSessions { sessions { id } } }`
	mine, bobs := s.login("Olga Owner"), s.login("Bob")
	others := []string{s.login("Olga Owner"), s.login("Olga Owner")}
	assert.Len(t, at(s.must(mine, revokeOthers, nil), "revokeOtherSessions.sessions"), 2)
	for _, other := range others {
		assert.Equal(t, "UNAUTHENTICATED", s.ask(other, mySessions, nil).code())
	}
	assert.Len(t, at(s.must(mine, mySessions, nil), "viewer.sessions"), 1)
	assert.Empty(t, at(s.must(mine, revokeOthers, nil), "revokeOtherSessions.sessions"))
	assert.Len(t, at(s.must(bobs, mySessions, nil), "viewer.sessions"), 1)
	assert.Equal(t, "UNAUTHENTICATED", s.ask("", revokeOthers, nil).code())
	assert.Equal(t, "INVALID", s.ask(mine, revoke, object{"input": object{"sessionId": "x"}}).code())
}

func TestSigningOutEndsTheBrowsersSocket(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b := newBrowser(t)
	b.open(s.url+"/login").choose("Olga Owner", "olga.owner@example.org")
	home, err := url.Parse(s.url)
	require.NoError(t, err)
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}, Jar: b.client.Jar}
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/graphql", nil)
	require.NoError(t, err)
	defer conn.Close()
	k := &socket{t, conn}
	k.send(object{"type": "connection_init"})
	require.Equal(t, "connection_ack", k.receive()["type"])
	k.send(object{"type": "subscribe", "id": "1", "payload": object{"query": `{ viewer { fullName } }`}})
	require.Equal(t, "Olga Owner", text(k.next(), "viewer.fullName"), "the cookie signs in")
	require.Len(t, b.client.Jar.Cookies(home), 1)
	b.submit(s.url+"/logout", nil)
	assert.Equal(t, 4403, k.closed())
	assert.Empty(t, b.client.Jar.Cookies(home))
}

// An outage of Redis signs nobody out: neither the cookie nor the session is lost.
func TestBrowserIsStillSignedInAfterRedisWasAway(t *testing.T) {
	t.Parallel()
	store := env.StartRedis(t)
	s := startServer(t, "REDIS_URL="+store.URL())
	b := newBrowser(t)
	b.open(s.url+"/login").choose("Olga Owner", "olga@example.org")
	store.Stop(t)
	answer, status := b.ask(s.url, `{ viewer { fullName } }`)
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Equal(t, "UNAVAILABLE", answer.code())
	assert.Equal(t, http.StatusServiceUnavailable, b.submit(s.url+"/logout", nil).status)
	assert.Equal(t, "<nil>", newBrowser(t).name(s.url), "who has no cookie needs no Redis")
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}, Jar: b.client.Jar}
	_, got, err := dialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/graphql", nil)
	require.Error(t, err)
	assert.Equal(t, http.StatusServiceUnavailable, got.StatusCode)
	store.Start(t)
	env.Eventually(t, func(c *assert.CollectT) {
		answer, _ := b.ask(s.url, `{ viewer { fullName } }`)
		assert.Empty(c, answer.Errors)
		assert.Equal(c, object{"fullName": "Olga Owner"}, answer.Data["viewer"])
	})
}

func TestRefusalIsInTheMediaTypeThatTheClientAccepts(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for accept, want := range map[string]string{
		"": "application/json", "application/json": "application/json", "*/*": "application/json",
		"application/graphql-response+json":                         "application/graphql-response+json",
		"application/graphql-response+json, application/json;q=0.9": "application/graphql-response+json",
	} {
		request, err := http.NewRequest(http.MethodPost, s.url+"/graphql",
			strings.NewReader(`{"query": "{viewer{id}}"}`))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer nonsense")
		request.Header.Set("Accept", accept)
		got, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		var answer response
		require.NoError(t, json.NewDecoder(got.Body).Decode(&answer))
		got.Body.Close()
		assert.Equal(t, http.StatusUnauthorized, got.StatusCode)
		assert.Equal(t, "Bearer", got.Header.Get("WWW-Authenticate"))
		assert.Equal(t, want, got.Header.Get("Content-Type"), accept)
		assert.Equal(t, "UNAUTHENTICATED", answer.code())
	}
}
