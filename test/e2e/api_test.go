package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/stretchr/testify/require"
)

// login signs a person in and returns their token.
func (s *server) login(name string) string {
	s.t.Helper()
	var answer struct{ Token string }
	body := fmt.Sprintf(`{"name": %q, "email": "%s@example.org"}`, name,
		strings.ToLower(strings.ReplaceAll(name, " ", ".")))
	status := s.post("/dev/login", "", body, &answer)
	require.Equal(s.t, http.StatusOK, status)
	return answer.Token
}

func (s *server) post(path, token, body string, into any) int {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodPost, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	got, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, json.Unmarshal(text, into), "%s", text)
	return got.StatusCode
}

// object is a JSON object.
type object = map[string]any

// response is an answer of GraphQL.
type response struct {
	Data   object
	Errors []struct {
		Message    string
		Path       []any
		Extensions object
	}
}

// code returns the code of the only error.
func (a response) code() string {
	if len(a.Errors) != 1 {
		return fmt.Sprintf("%d errors", len(a.Errors))
	}
	return fmt.Sprint(a.Errors[0].Extensions["code"])
}

// at returns the value at a path of names, separated by dots.
func at(from any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		from, _ = from.(object)[name]
	}
	return from
}

func text(from any, path string) string { return fmt.Sprint(at(from, path)) }

// ask runs an operation and returns its answer.
func (s *server) ask(token, query string, variables object) response {
	s.t.Helper()
	body, err := json.Marshal(object{"query": query, "variables": variables})
	require.NoError(s.t, err)
	var a response
	s.post("/graphql", token, string(body), &a)
	return a
}

// must runs an operation that must succeed and returns its data.
func (s *server) must(token, query string, variables object) object {
	s.t.Helper()
	a := s.ask(token, query, variables)
	require.Empty(s.t, a.Errors, query)
	return a.Data
}

const (
	createRoom = `mutation($input: CreateRoomInput!) {
		createRoom(input: $input) { room { id slug name accessLevel viewerRole } } }`
	updateRoom   = `mutation($input: UpdateRoomInput!) { updateRoom(input: $input) { room { id } } }`
	requestEntry = `mutation($input: RequestEntryInput!) { requestEntry(input: $input) {
		ticket entry { id status displayName color version connectionDetails { participantToken } } } }`
	createRoomToken = `mutation($input: CreateRoomTokenInput!) { createRoomToken(input: $input) {
		participantId ticket connectionDetails { serverUrl roomName participantToken } } }`
	admitEntry = `mutation($input: AdmitEntryInput!) { admitEntry(input: $input) { entry { id status } } }`
	denyEntry  = `mutation($input: DenyEntryInput!) { denyEntry(input: $input) { entry { id status } } }`
	watchEntry = `subscription($ticket: String!) { entry(ticket: $ticket) {
		id status version displayName connectionDetails { serverUrl roomName participantToken participantName } } }`
	watchLobby = `subscription($roomId: ID!) { lobby(roomId: $roomId) {
		totalCount version entries { id displayName isAuthenticated } } }`
)

// room makes a room and returns its id.
func (s *server) room(token string, input object) string {
	s.t.Helper()
	if input["name"] == nil {
		input["name"] = "A room"
	}
	return text(s.must(token, createRoom, object{"input": input}), "createRoom.room.id")
}

// request is an entry and its ticket.
type request struct{ id, ticket string }

func (s *server) knock(roomID, name string) request {
	s.t.Helper()
	data := s.must("", requestEntry, object{"input": object{"roomId": roomID, "displayName": name}})
	require.Equal(s.t, "WAITING", text(data, "requestEntry.entry.status"))
	return request{text(data, "requestEntry.entry.id"), text(data, "requestEntry.ticket")}
}

func decision(roomID string, of request) object {
	return object{"input": object{"roomId": roomID, "entryId": of.id}}
}

func listedNames(data object) []string {
	list := []string{}
	for _, entry := range at(data, "lobby.entries").([]any) {
		list = append(list, text(entry, "displayName"))
	}
	return list
}
