package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// What the program promises to its operators.
const (
	exitFailed       = 1
	exitUsage        = 2
	minSecret        = 32      // bytes
	maxTranscript    = 4 << 10 // bytes
	readTimeout      = 30 * time.Second
	answerTimeout    = 30 * time.Second
	spareConnections = 256 // of one address, besides its sockets
)

// production is a valid environment outside development mode.
var production = map[string]string{
	"FOYER_SECRET": "a secret of at least 32 bytes, for tests", "LIVEKIT_API_SECRET": "a LiveKit secret of 32 bytes ....",
	"FOYER_PUBLIC_URL": "https://meet.example.org",
}

// folder is where the tests build the program.
var folder string

// program builds the program when the first test needs it, and returns its file.
var program = sync.OnceValues(func() (string, error) { return env.BuildFoyer(folder) })

func TestMain(m *testing.M) {
	lksdk.SetLogger(logger.GetDiscardLogger()) // it logs much, and only about the tests' own calls
	var err error
	if folder, err = os.MkdirTemp("", "foyer-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// run is a command of the program in its own process. It gets no other environment.
func run(ctx context.Context, t testing.TB, environ []string, args ...string) *exec.Cmd {
	t.Helper()
	file, err := program()
	require.NoError(t, err)
	command := exec.CommandContext(ctx, file, args...)
	command.Env = append([]string{"PATH=" + os.Getenv("PATH")}, environ...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return command
}

// foyer runs a command and returns what it prints, and its exit code.
func foyer(t testing.TB, environ []string, args ...string) (out, errOut string, exit int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), env.Soon)
	defer cancel()
	var o, e bytes.Buffer
	command := run(ctx, t, environ, args...)
	command.Dir, command.Stdout, command.Stderr = t.TempDir(), &o, &e
	if err := command.Run(); err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return o.String(), e.String(), command.ProcessState.ExitCode()
}

// counts are the names of the settings whose value is a whole number.
func counts(t testing.TB) (names []string) {
	t.Helper()
	out, errOut, exit := foyer(t, nil, "config")
	require.Zero(t, exit, errOut)
	for _, found := range regexp.MustCompile(`(?m)^(\S+) +\d+$`).FindAllStringSubmatch(out, -1) {
		names = append(names, found[1])
	}
	return names
}

// server is Foyer in its own process.
type server struct {
	t       testing.TB
	url     string
	process *exec.Cmd
	exited  chan error

	mu  sync.Mutex
	out bytes.Buffer // everything that it has printed and logged
}

// startServer starts Foyer in development mode with a running LiveKit and more environment. It is killed when the test
// ends.
func startServer(t testing.TB, environ ...string) *server {
	t.Helper()
	url, key, secret := env.LiveKit(t)
	s := &server{t: t, exited: make(chan error, 1)}
	s.process = run(context.Background(), t, append([]string{
		fmt.Sprintf("FOYER_ADDR=127.0.0.1:%d", env.FreePort(t)), "FOYER_DATA=" + t.TempDir(),
		"LIVEKIT_URL=" + url, "LIVEKIT_API_KEY=" + key, "LIVEKIT_API_SECRET=" + secret,
	}, environ...))
	t.Cleanup(func() {
		s.kill()
		assert.NotContains(t, s.log(), "WARNING: DATA RACE")
	})
	s.start()
	return s
}

// start starts the process and waits for its greeting.
func (s *server) start() {
	s.t.Helper()
	output, input := io.Pipe()
	s.process.Stdout, s.process.Stderr = input, input
	require.NoError(s.t, s.process.Start())
	go func() { s.exited <- s.process.Wait(); input.Close() }()
	s.url = s.readURL(output)
}

var servesAt = regexp.MustCompile(`^  GraphQL +(http://\S+)/graphql `)

// readURL waits for the greeting, and collects all output.
func (s *server) readURL(output io.Reader) string {
	s.t.Helper()
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(output)
		for lines.Buffer(nil, 1<<24); lines.Scan(); {
			s.mu.Lock()
			s.out.WriteString(lines.Text() + "\n")
			s.mu.Unlock()
			if m := servesAt.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
			}
		}
	}()
	select {
	case url := <-found:
		return url
	case err := <-s.exited:
		s.exited <- err
		require.Fail(s.t, "the server ended", "%v\n%s", err, s.log())
	case <-time.After(env.Soon):
		require.Fail(s.t, "the server does not come up", s.log())
	}
	panic("unreachable")
}

func (s *server) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// kill kills the server (kill -9) and waits until it has ended.
func (s *server) kill() {
	_ = s.process.Process.Kill()
	err := <-s.exited
	s.exited <- err
}

// stop asks the server to stop and returns how it ended.
func (s *server) stop() error {
	require.NoError(s.t, s.process.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-s.exited:
		s.exited <- err
		return err
	case <-time.After(env.Soon):
		return fmt.Errorf("it does not stop")
	}
}

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

// socket is a graphql-transport-ws connection with one subscription.
type socket struct {
	t    testing.TB
	conn *websocket.Conn
}

// subscribe opens a socket, with a token if any, and subscribes on it.
func (s *server) subscribe(token, query string, variables object) *socket {
	s.t.Helper()
	k := s.dial()
	payload := object{}
	if token != "" {
		payload["Authorization"] = "Bearer " + token
	}
	k.send(object{"type": "connection_init", "payload": payload})
	require.Equal(s.t, "connection_ack", k.receive()["type"])
	k.send(object{"type": "subscribe", "id": "1", "payload": object{"query": query, "variables": variables}})
	return k
}

// dial opens a socket and sends nothing.
func (s *server) dial() *socket {
	s.t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}}
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/graphql", nil)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	return &socket{s.t, conn}
}

func (k *socket) send(message object) {
	k.t.Helper()
	require.NoError(k.t, k.conn.WriteJSON(message))
}

// receive returns the next message but a ping, which it answers.
func (k *socket) receive() object {
	k.t.Helper()
	for {
		message, err := k.read()
		require.NoError(k.t, err)
		if message["type"] != "ping" {
			return message
		}
		k.send(object{"type": "pong"})
	}
}

func (k *socket) read() (object, error) {
	_ = k.conn.SetReadDeadline(time.Now().Add(env.Soon))
	var message object
	err := k.conn.ReadJSON(&message)
	return message, err
}

// next returns the data of the next state.
func (k *socket) next() object {
	k.t.Helper()
	message := k.receive()
	require.Equal(k.t, "next", message["type"], "%v", message)
	payload := message["payload"].(object)
	require.Nil(k.t, payload["errors"])
	return payload["data"].(object)
}

// until returns the next state with a value at a path.
func (k *socket) until(path, wanted string) object {
	k.t.Helper()
	for {
		if data := k.next(); text(data, path) == wanted {
			return data
		}
	}
}

// closed waits for the end of the socket and returns its close code.
func (k *socket) closed() int {
	k.t.Helper()
	for {
		if _, err := k.read(); err != nil {
			closing, ok := err.(*websocket.CloseError)
			require.True(k.t, ok, "%v", err)
			return closing.Code
		}
	}
}

func listedNames(data object) []string {
	list := []string{}
	for _, entry := range at(data, "lobby.entries").([]any) {
		list = append(list, text(entry, "displayName"))
	}
	return list
}
