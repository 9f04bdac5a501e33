package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

type object = map[string]any

const (
	createRoom   = `mutation($input: CreateRoomInput!) { createRoom(input: $input) { room { id } } }`
	endMeeting   = `mutation($input: EndMeetingInput!) { endMeeting(input: $input) { room { id } } }`
	requestEntry = `mutation($input: RequestEntryInput!) { requestEntry(input: $input) {
		ticket entry { id status version connectionDetails { participantToken } } } }`
	createRoomToken = `mutation($input: CreateRoomTokenInput!) { createRoomToken(input: $input) {
		connectionDetails { participantToken } } }`
	cancelEntry = `mutation($input: CancelEntryInput!) { cancelEntry(input: $input) { entry { status } } }`
	admitEntry  = `mutation($input: AdmitEntryInput!) { admitEntry(input: $input) { entry { id } } }`
	denyEntry   = `mutation($input: DenyEntryInput!) { denyEntry(input: $input) { entry { id } } }`
	admitAll    = `mutation($input: AdmitAllEntriesInput!) { admitAllEntries(input: $input) { entries { id } } }`
	readLobby   = `query($id: ID!) { room(id: $id) { lobby { entries { id } } } }`
	watchEntry  = `subscription($ticket: String!) { entry(ticket: $ticket) {
		id status version connectionDetails { participantToken } } }`
	watchLobby = `subscription($roomId: ID!) { lobby(roomId: $roomId) { entries { id } } }`
)

// refusal is an answer with errors.
type refusal struct {
	Message    string
	Extensions struct {
		Code, Decision, Field string
		RetryAfter            float64
	}
}

func (r *refusal) Error() string { return r.Extensions.Code + ": " + r.Message }

// code is the code of an error: empty when no answer came.
func code(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.Extensions.Code
	}
	return ""
}

// answer is an answer of GraphQL.
type answer struct {
	Data   json.RawMessage
	Errors []*refusal
}

// read decodes the data into a value, and returns the first error.
func (w *world) read(a answer, into any) error {
	if into != nil && len(a.Data) > 0 {
		if err := json.Unmarshal(a.Data, into); err != nil {
			return err
		}
	}
	for _, refused := range a.Errors {
		w.counts.add("answers " + refused.Extensions.Code)
		return refused
	}
	return nil
}

// ask sends an operation to any of the servers.
func (w *world) ask(ctx context.Context, token, query string, variables object, into any) error {
	body, err := json.Marshal(object{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		"http://"+w.anyServer()+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	got, err := w.http.Do(request)
	if err != nil {
		w.counts.add("answers lost")
		return err
	}
	defer got.Body.Close()
	var a answer
	if err := json.NewDecoder(got.Body).Decode(&a); err != nil {
		w.counts.add("answers lost")
		return fmt.Errorf("%s: %w", got.Status, err)
	}
	return w.read(a, into)
}

// passes are the codes of passing faults; an error without a code is the network's.
var passes = []string{"", "UNAVAILABLE", "INTERNAL", "RATE_LIMITED"}

// patiently retries, as the documentation tells clients to, until the answer is not a passing fault or ctx ends.
func (w *world) patiently(ctx context.Context, try func() error) error {
	for failures := 0; ; failures++ {
		err := try()
		if err == nil || ctx.Err() != nil || !slices.Contains(passes, code(err)) {
			return err
		}
		pause := min(200*time.Millisecond<<min(failures, 5), 4*time.Second)
		if !rest(ctx, pause+time.Duration(rand.Int64N(int64(pause)))) {
			return err
		}
	}
}

// rest waits for a pause and reports whether ctx still lasts.
func rest(ctx context.Context, pause time.Duration) bool {
	select {
	case <-time.After(pause):
		return true
	case <-ctx.Done():
		return false
	}
}

// signIn signs a person in and returns their token.
func (w *world) signIn(name string) string {
	w.t.Helper()
	body := fmt.Sprintf(`{"name": %q, "email": "%s@example.org"}`, name, strings.ReplaceAll(name, " ", "."))
	got, err := w.http.Post("http://"+w.anyServer()+"/dev/login", "application/json", strings.NewReader(body))
	require.NoError(w.t, err)
	defer got.Body.Close()
	var signedIn struct{ Token string }
	require.NoError(w.t, json.NewDecoder(got.Body).Decode(&signedIn))
	require.NotEmpty(w.t, signedIn.Token)
	return signedIn.Token
}

// stream is one subscription on its own WebSocket.
type stream struct {
	conn *websocket.Conn
	// answers is closed when the subscription ends for any reason.
	answers chan answer
	over    chan struct{}
	once    sync.Once
	dumb    atomic.Bool
}

var dialer = websocket.Dialer{
	Subprotocols: []string{"graphql-transport-ws"}, HandshakeTimeout: 20 * time.Second,
}

// subscribe opens a socket to any of the servers and subscribes on it.
func (w *world) subscribe(ctx context.Context, token, query string, variables object) (*stream, error) {
	conn, _, err := dialer.DialContext(ctx, "ws://"+w.anyServer()+"/graphql", nil)
	if err != nil {
		w.counts.add("sockets refused")
		return nil, err
	}
	hello := object{}
	if token != "" {
		hello["Authorization"] = "Bearer " + token
	}
	err = errors.Join(
		conn.WriteJSON(object{"type": "connection_init", "payload": hello}),
		conn.WriteJSON(object{"type": "subscribe", "id": "1",
			"payload": object{"query": query, "variables": variables}}))
	if err != nil {
		conn.Close()
		return nil, err
	}
	w.counts.add("subscriptions")
	s := &stream{conn: conn, answers: make(chan answer), over: make(chan struct{})}
	go s.listen()
	return s, nil
}

// listen reads until the subscription ends. gorilla answers the server's pings meanwhile.
func (s *stream) listen() {
	defer close(s.answers)
	for !s.dumb.Load() {
		var message struct {
			Type    string
			Payload json.RawMessage
		}
		if err := s.conn.ReadJSON(&message); err != nil {
			return
		}
		var a answer
		switch message.Type {
		case "next":
			if json.Unmarshal(message.Payload, &a) != nil {
				return
			}
		case "error":
			_ = json.Unmarshal(message.Payload, &a.Errors)
		case "complete":
			return
		default:
			continue
		}
		select {
		case s.answers <- a:
		case <-s.over:
			return
		}
	}
}

// close ends the socket without a message of either protocol.
func (s *stream) close() {
	s.once.Do(func() { close(s.over) })
	s.conn.Close()
}

// vanish looks to the server like a lost network: the connection stays open, but nobody reads from it or answers pings.
func (w *world) vanish(s *stream) {
	s.dumb.Store(true)
	s.once.Do(func() { close(s.over) })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = append(w.silent, s)
}
