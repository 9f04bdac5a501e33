package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// graphqlWS runs operations, each a query and its variables, with the npm package graphql-ws.
func (s *server) graphqlWS(t *testing.T, options object, operations ...any) <-chan object {
	t.Helper()
	args := []string{s.url + "/graphql", toJSON(t, options)}
	for i := 0; i < len(operations); i += 2 {
		args = append(args, operations[i].(string), toJSON(t, operations[i+1]))
	}
	return node(t, "socket.mjs", args...)
}

func toJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

// said waits for a message of a kind from a client.
func said(t *testing.T, client <-chan object, kind string) object {
	t.Helper()
	for {
		line := env.Receive(t, client)
		require.NotNil(t, line, "it says no %q", kind)
		if _, ok := line[kind]; ok {
			return line
		}
	}
}

func TestGraphQLWSQueriesMutatesAndSubscribesOnOneSocket(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	host := s.login("Olga Owner")
	roomID := s.room(host, object{"accessLevel": "RESTRICTED"})
	kit := s.knock(roomID, "Anna")
	client := s.graphqlWS(t, object{"token": host},
		`query { viewer { fullName } }`, object{},
		admitEntry, decision(roomID, kit),
		`{ nothing }`, object{},
		watchEntry, object{"ticket": kit.ticket})
	var name, status, entered string
	connections, refused := 0, 0
	for name == "" || status == "" || entered != "ADMITTED" || refused == 0 {
		line := env.Receive(t, client)
		next, _ := line["next"].(object)
		data, _ := next["data"].(object)
		switch {
		case line["connected"] != nil:
			connections++
		case line["error"] != nil:
			refused++
			assert.Contains(t, text(line["error"].([]any)[0], "message"), "nothing")
		case data["viewer"] != nil:
			name = text(data, "viewer.fullName")
		case data["admitEntry"] != nil:
			status = text(data, "admitEntry.entry.status")
		case data["entry"] != nil:
			entered = text(data, "entry.status")
		}
	}
	assert.Equal(t, "Olga Owner", name)
	assert.Equal(t, "ADMITTED", status)
	assert.Equal(t, 1, connections)
}

// After a close code that is not fatal to it, graphql-ws reconnects immediately: 2,757 times in three seconds were
// counted.
func TestGraphQLWSBacksOffWhenItsCredentialIsRefused(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	attempts := 0
	client := s.graphqlWS(t, object{"token": "stale", "patient": true, "milliseconds": 10_000},
		`subscription { lobby(roomId: "x") { totalCount } }`, object{})
	for line := range client {
		if line["closed"] != nil {
			attempts++
			assert.EqualValues(t, 4403, line["closed"])
		}
	}
	assert.GreaterOrEqual(t, attempts, 2, "it asks for its credential anew")
	assert.LessOrEqual(t, attempts, 12, "a handful")
}

// A guest's server ends and another one starts at its address. The guest learns a decision that was made meanwhile at a
// third server.
func TestGraphQLWSMissesNoDecisionWhileItsServerRestarts(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]struct {
		how  func(*server)
		code float64
	}{
		"SIGTERM": {func(s *server) { require.NoError(s.t, s.stop()) }, 1012},
		"kill -9": {func(s *server) { s.kill() }, 1006},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			environ := append(shared(t), "FOYER_DRAIN_SPREAD=100ms", "FOYER_LOBBY_GRACE=10m")
			door, desk := startServer(t, environ...), startServer(t, environ...)
			host := desk.login("Olga Owner")
			roomID := desk.room(host, object{"accessLevel": "RESTRICTED"})
			anna := door.knock(roomID, "Anna")
			client := door.graphqlWS(t, object{"patient": true}, watchEntry, object{"ticket": anna.ticket})
			assert.Equal(t, "WAITING", text(said(t, client, "next"), "next.data.entry.status"))

			leave.how(door)
			assert.Equal(t, leave.code, said(t, client, "closed")["closed"])
			desk.must(host, admitEntry, decision(roomID, anna))
			startServer(t, append(environ, "FOYER_ADDR="+strings.TrimPrefix(door.url, "http://"))...)

			admitted := said(t, client, "next")
			assert.Equal(t, "ADMITTED", text(admitted, "next.data.entry.status"))
			assert.NotEmpty(t, at(admitted, "next.data.entry.connectionDetails.participantToken"))
		})
	}
}
