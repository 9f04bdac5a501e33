package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

func TestBadInputGetsAClearError(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	named := func(name any) object { return object{"input": object{"roomId": roomID, "displayName": name}} }
	create := func(field string, value any) object {
		input := object{"name": "Fine"}
		input[field] = value
		return object{"input": input}
	}
	const list = `query($first: Int, $after: Cursor) { rooms(first: $first, after: $after) { totalCount } }`
	const room = `query($id: ID, $slug: String) { room(id: $id, slug: $slug) { id } }`
	for name, bad := range map[string]struct {
		query     string
		variables object
		code      string
		field     string
	}{
		"room name empty":          {createRoom, create("name", ""), "INVALID", "name"},
		"room name of spaces":      {createRoom, create("name", " \t "), "INVALID", "name"},
		"room name of 100 kB":      {createRoom, create("name", strings.Repeat("x", 100_000)), "INVALID", "name"},
		"room name of 201 letters": {createRoom, create("name", strings.Repeat("é", 201)), "INVALID", "name"},
		"room name with a control": {createRoom, create("name", "a\x07b"), "INVALID", "name"},
		"room name turned around":  {createRoom, create("name", "a\u202egnp.exe"), "INVALID", "name"},
		"slug of a UUID":           {createRoom, create("slug", uuid.NewString()), "INVALID", "slug"},
		"slug of nothing":          {createRoom, create("slug", "会议"), "INVALID", "slug"},
		"unknown access level":     {createRoom, create("accessLevel", "OPEN"), "INVALID", "accessLevel"},
		"unknown publish source": {createRoom, create("configuration", object{"publishSources": []string{"SMELL"}}),
			"INVALID", "publishSources"},
		"publish source, small": {createRoom, create("configuration", object{"publishSources": []string{"camera"}}),
			"INVALID", "publishSources"},
		"access level, small": {createRoom, create("accessLevel", "public"), "INVALID", "accessLevel"},
		"room name a number":  {createRoom, create("name", 7), "INVALID", "name"},
		"first as text":       {list, object{"first": "1"}, "INVALID", "first"},
		"ban, small": {`mutation($input: RemoveParticipantInput!) { removeParticipant(input: $input) { results { name } } }`,
			object{"input": object{"roomId": roomID, "participantId": uuid.NewString(),
				"ban": "forever"}}, "INVALID", "ban"},
		"unknown field":              {createRoom, create("color", "red"), "INVALID", "color"},
		"guest's name empty":         {requestEntry, named(""), "INVALID", "displayName"},
		"guest's name invisible":     {requestEntry, named("\u200b\u200b"), "INVALID", "displayName"},
		"guest's name of 100 kB":     {requestEntry, named(strings.Repeat("x", 100_000)), "INVALID", "displayName"},
		"guest's name too long":      {requestEntry, named(strings.Repeat("x", 101)), "INVALID", "displayName"},
		"guest's name of 101 emoji":  {requestEntry, named(strings.Repeat("🦊", 101)), "INVALID", "displayName"},
		"guest's name over 256 byte": {requestEntry, named(strings.Repeat("🦊", 65)), "INVALID", "displayName"},
		"guest's name with NUL":      {requestEntry, named("a\x00b"), "INVALID", "displayName"},
		"guest's name with isolate":  {requestEntry, named("a\u2066b"), "INVALID", "displayName"},
		"guest's name an object":     {requestEntry, named(object{}), "INVALID", "displayName"},
		"room id no UUID":            {requestEntry, object{"input": object{"roomId": "../etc"}}, "INVALID", "roomId"},
		"no room named":              {requestEntry, object{"input": object{}}, "INVALID", ""},
		"room named twice":           {room, object{"id": roomID, "slug": "abc"}, "INVALID", ""},
		"unknown room": {requestEntry, object{"input": object{"roomId": uuid.NewString()}}, "NOT_FOUND",
			""},
		"unknown slug":            {room, object{"slug": "no-such-room"}, "NOT_FOUND", ""},
		"slug of 100 kB":          {room, object{"slug": strings.Repeat("x", 100_000)}, "NOT_FOUND", ""},
		"negative first":          {list, object{"first": -1}, "INVALID", "first"},
		"huge first":              {list, object{"first": 101}, "INVALID", "first"},
		"first beyond an int":     {list, object{"first": 1e20}, "INVALID", "first"},
		"cursor of nonsense":      {list, object{"after": "nonsense"}, "INVALID", "after"},
		"cursor that nests":       {list, object{"after": nesting(27_000)}, "INVALID", "after"},
		"cursor of an empty list": {list, object{"after": messagePack("\x90")}, "INVALID", "after"},
		"cursor of an empty map":  {list, object{"after": messagePack("\x80")}, "INVALID", "after"},
		"cursor of a number":      {list, object{"after": messagePack("\x01")}, "INVALID", "after"},
		"cursor that is a number": {list, object{"after": 7}, "INVALID", "after"},
		"cursor of nothing":       {list, object{"after": ""}, "INVALID", "after"},
		"unknown node": {`query($id: ID!) { node(id: $id) { id } }`, object{"id": uuid.NewString()},
			"NOT_FOUND", ""},
		"node no UUID": {`query($id: ID!) { node(id: $id) { id } }`, object{"id": "1"}, "INVALID", "id"},
		"1001 entries": {`mutation($input: AdmitAllEntriesInput!) { admitAllEntries(input: $input) { entries { id } } }`,
			object{"input": object{"roomId": roomID, "entryIds": strings.Split(strings.Repeat(uuid.NewString()+" ",
				1001), " ")[:1001]}}, "INVALID", "entryIds"},
		"not GraphQL":     {`{`, nil, "INVALID", ""},
		"no such field":   {`{ secrets }`, nil, "INVALID", ""},
		"too many tokens": {`{` + strings.Repeat(` viewer { id }`, 1000) + `}`, nil, "INVALID", ""},
	} {
		t.Run(name, func(t *testing.T) {
			answered := s.ask(host, bad.query, bad.variables)
			require.Equal(t, bad.code, answered.code(), "%+v", answered.Errors)
			if bad.field != "" {
				assert.Equal(t, bad.field, answered.Errors[0].Extensions["field"])
			}
			assert.NotEmpty(t, answered.Errors[0].Message)
		})
	}
	assert.Equal(t, "1", text(s.must(host, `{ rooms { totalCount } }`, nil), "rooms.totalCount"))
	assert.Equal(t, "0", text(s.must(host, `query($id: ID!) { room(id: $id) { lobby { totalCount } } }`,
		object{"id": roomID}), "room.lobby.totalCount"), "nothing was stored")
	for _, fine := range []string{"会议", "👩‍👩‍👧‍👦", "محمد", strings.Repeat("x", 100), "e\u0301"} {
		s.knock(roomID, fine)
	}
}

// messagePack returns a cursor in MessagePack, as some libraries write cursors, with a value.
func messagePack(value string) string {
	return base64.RawStdEncoding.EncodeToString([]byte("\x81\xa1v" + value))
}

// nesting returns a cursor of nested arrays. Each has a header of three bytes that declares 10,000 elements, for which
// a decoder may allocate 160 kB.
func nesting(depth int) string { return messagePack(strings.Repeat("\xdc\x27\x10", depth)) }

func TestBodiesOfAnySize(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for name, body := range map[string]string{
		"empty": "", "null": "null", "a list": "[]", "not JSON": "{{{{", "deep": strings.Repeat(`{"query":`, 5000),
		"huge": `{"query":"` + strings.Repeat("x", 1<<20) + `"}`, "no query": `{"variables":{}}`,
	} {
		got, err := http.Post(s.url+"/graphql", "application/json", strings.NewReader(body))
		require.NoError(t, err)
		text, err := io.ReadAll(got.Body)
		require.NoError(t, err)
		got.Body.Close()
		assert.True(t, got.StatusCode >= 400 && got.StatusCode < 500 || strings.Contains(string(text), `"errors"`),
			"%s: %d %s", name, got.StatusCode, text)
	}
	assert.Equal(t, http.StatusOK, s.get("/readyz"))
}

// TestHeadersAreBounded: parsed headers take many times their size in memory while their request lasts.
func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for bytes, want := range map[int]int{12 << 10: http.StatusOK, 24 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		request, err := http.NewRequest(http.MethodGet, s.url+"/healthz", nil)
		require.NoError(t, err)
		for i := range bytes / 10 {
			request.Header[fmt.Sprintf("A-%05d", i)] = []string{""} // 11 bytes with its colon and line end
		}
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, want, answer.StatusCode, "%d bytes", bytes)
	}
}

func TestTicketsAndStrangers(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	host, stranger := s.login("Olga Owner"), s.login("Stranger")
	roomID, otherID := s.room(host, object{}), s.room(host, object{})
	strangers := s.room(stranger, object{})
	anna, bob := s.knock(roomID, "Anna"), s.knock(roomID, "Bob")
	elsewhere := s.knock(otherID, "Carl")
	const cancel = `mutation($ticket: String!) { cancelEntry(input: {ticket: $ticket}) { entry { status } } }`
	with := func(ticket string) object { return object{"input": object{"roomId": roomID, "ticket": ticket}} }

	forged := []byte(anna.ticket)
	forged[30] ^= 1
	for name, ticket := range map[string]string{
		"forged": string(forged), "truncated": anna.ticket[:len(anna.ticket)-4], "empty": "",
		"an id": anna.id, "longer": anna.ticket + "AAAA", "a session": stranger, "other alphabet": "!" + anna.ticket[1:],
	} {
		assert.Equal(t, "INVALID", s.ask("", cancel, object{"ticket": ticket}).code(), name)
		assert.Equal(t, "INVALID", s.ask("", requestEntry, with(ticket)).code(), name)
		assert.Equal(t, "INVALID", s.ask("", createRoomToken, with(ticket)).code(), name)
		assert.Equal(t, "INVALID", s.subscribe("", watchEntry, object{"ticket": ticket}).refused(), name)
	}
	assert.Equal(t, "INVALID", s.ask("", requestEntry, with(elsewhere.ticket)).code(), "of another room")
	assert.Equal(t, "LOBBY_REQUIRED", s.ask("", createRoomToken, with(bob.ticket)).code(), "who waits has no token")

	assert.Equal(t, "UNAUTHENTICATED", s.ask("", admitEntry, decision(roomID, anna)).code())
	assert.Equal(t, "FORBIDDEN", s.ask(stranger, admitEntry, decision(roomID, anna)).code())
	assert.Equal(t, "NOT_FOUND", s.ask(stranger, admitEntry, decision(strangers, anna)).code(), "a host elsewhere")
	assert.Equal(t, "NOT_FOUND", s.ask(host, admitEntry, decision(otherID, anna)).code(), "a host, but the wrong room")
	assert.Equal(t, "FORBIDDEN", s.subscribe(stranger, watchLobby, object{"roomId": roomID}).refused())
	assert.Equal(t, "FORBIDDEN", s.ask(stranger, `query($id: ID!) { room(id: $id) { name lobby { totalCount } } }`,
		object{"id": roomID}).code())

	list := listedNames(s.subscribe(host, watchLobby, object{"roomId": roomID}).next())
	assert.Equal(t, []string{"Anna", "Bob"}, list, "nothing has changed")
	s.must(host, admitEntry, decision(roomID, anna))
	assert.Equal(t, "INVALID", s.ask(host, `query($id: ID!) { room(id: $id) { lobby { entries {
		connectionDetails { participantToken } } } } }`, object{"id": roomID}).code(), "no host can ask for it")
}

// refused returns the error code of a refused subscription.
func (k *socket) refused() string {
	k.t.Helper()
	message := k.receive()
	body, err := json.Marshal(message["payload"])
	require.NoError(k.t, err)
	var errs response
	if message["type"] == "error" {
		err = json.Unmarshal(fmt.Appendf(nil, `{"errors": %s}`, body), &errs)
	} else {
		err = json.Unmarshal(body, &errs)
	}
	require.NoError(k.t, err)
	return errs.code()
}

func TestTicketExpires(t *testing.T) {
	t.Parallel()
	s := startServer(t, "FOYER_TICKET_TTL=1s")
	roomID := s.room(s.login("Olga Owner"), object{})
	anna := s.knock(roomID, "Anna")
	env.Eventually(t, func(c *assert.CollectT) {
		assert.Equal(c, "INVALID", s.ask("", requestEntry,
			object{"input": object{"roomId": roomID, "ticket": anna.ticket}}).code())
	})
}

func TestSocketEndsWithItsCredential(t *testing.T) {
	t.Parallel()
	s := startServer(t, "FOYER_SESSION_LIFETIME=10s")
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	list := s.subscribe(host, watchLobby, object{"roomId": roomID})
	list.next()
	assert.Equal(t, 4403, list.closed())
	assert.Equal(t, "UNAUTHENTICATED", s.ask(host, `{ viewer { id } }`, nil).code())
}

// TestNothingSecretIsLogged: even at the most verbose level, no log line contains a ticket, a token or a guest's name.
func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()
	s := startServer(t, "FOYER_LOG_LEVEL=debug", "LIVEKIT_URL=ws://127.0.0.1:9", "FOYER_NOTIFY_HOSTS=true",
		"FOYER_LOBBY_HEARTBEAT=50ms")
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	const name = "Anna-Unmistakable"
	anna := s.knock(roomID, name)
	entry := s.subscribe("", watchEntry, object{"ticket": anna.ticket})
	entry.until("entry.status", "WAITING")
	s.must(host, admitEntry, decision(roomID, anna))
	admitted := entry.until("entry.status", "ADMITTED")
	token := text(admitted, "entry.connectionDetails.participantToken")
	s.ask(host+"x", `{ viewer { id } }`, nil)
	s.ask("", requestEntry, object{"input": object{"roomId": roomID, "ticket": anna.ticket + "x", "displayName": name}})
	s.ask("", `{ room(slug: "`+name+`") { id } }`, nil)
	entry.conn.Close()
	s.must(host, `mutation($id: ID!) { deleteRoom(input: {roomId: $id}) { room { id } } }`, object{"id": roomID})
	require.NoError(t, s.stop())
	log := s.log()
	require.Contains(t, log, "level=", "something is logged")
	for _, secret := range []string{anna.ticket, host, token, name, strings.Split(token, ".")[2], "Olga"} {
		assert.NotContains(t, log, secret)
	}
}
