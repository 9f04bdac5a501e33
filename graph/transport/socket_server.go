package transport

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"foyer/internal/telemetry"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
)

// Protocol is the sub-protocol that is spoken: github.com/enisdenjo/graphql-ws, PROTOCOL.md.
const Protocol = "graphql-transport-ws"

// Session is who speaks on a socket, from its first message on.
type Session struct {
	// Context is that of every operation. When it ends, so does the socket: its client has to show new
	// credentials.
	Context context.Context
	// Lasts says that Context does not end before the socket. Watching it costs memory for each socket.
	Lasts bool
	// MaxOperations is how many operations may run at once, if fewer than on any socket; 0 is as many.
	MaxOperations int
	// Free is called when the socket has ended; nil is not.
	Free func()
}

// ErrAway is the error of an Init that could not find out who speaks, as its client may later.
var ErrAway = errors.New("credentials cannot be verified at the moment")

// WebSocketSettings of a WebSocket.
type WebSocketSettings struct {
	// Init opens the session with the payload of connection_init, an object that may be empty. An
	// error refuses the client. Its context ends with the socket.
	Init func(ctx context.Context, payload map[string]any) (Session, error)
	// Origins are those beside our own whose pages may open a socket.
	Origins []string
	// Address names the client that a request is from, to count its sockets.
	Address func(r *http.Request) string
	// MaxMessage is how many bytes a message may have.
	MaxMessage int64
	// MaxOperations is how many operations may run on a socket at once.
	MaxOperations int
	// MaxSockets and MaxPerAddress are how many sockets and streams may be open, in all and of one client; 0
	// is any number.
	MaxSockets, MaxPerAddress int
	// InitTimeout is how long a client may take to open its session.
	InitTimeout time.Duration
	// Ping is how often a client is asked whether it is there; it has as long again to answer.
	Ping time.Duration
	// WriteTimeout is how long one message may take to be written.
	WriteTimeout time.Duration
	// Timeout bounds an operation that is no subscription.
	Timeout time.Duration
}

// retryAfter is after how many seconds a client is to try again for which there is no room.
const retryAfter = "5"

// WebSocket serves any operation over graphql-transport-ws. A page of another origin is refused.
type WebSocket struct {
	settings WebSocketSettings
	upgrader websocket.Upgrader
	plans    plans
	workers  workers
	wheel    wheel

	mu   sync.Mutex
	exec graphql.GraphExecutor
	// rester is there while any is admitted.
	rester rester
	// admitted counts sockets and those that are about to be, streams what is counted beside them, and addresses
	// both.
	admitted, streams int
	addresses         map[string]int
	draining          bool
	open              sync.WaitGroup
}

var _ graphql.Transport = (*WebSocket)(nil)

// NewWebSocket returns a WebSocket.
func NewWebSocket(settings WebSocketSettings) *WebSocket {
	t := &WebSocket{
		settings: settings,
		upgrader: websocket.Upgrader{
			Subprotocols: []string{Protocol}, HandshakeTimeout: settings.WriteTimeout,
			WriteBufferPool: &sync.Pool{}, CheckOrigin: trusting(settings.Origins), Error: noHandshake,
		},
		addresses: map[string]int{}, workers: newWorkers(),
	}
	t.wheel.interval = settings.Ping
	return t
}

// Supports reports whether a request is for this transport.
func (*WebSocket) Supports(r *http.Request) bool { return websocket.IsWebSocketUpgrade(r) }

// Do makes a socket of a request, and returns. The socket keeps the values of the request's context, so that should have
// no more than sessions need.
func (t *WebSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	oneLine(r, "Sec-Websocket-Protocol")
	if !slices.Contains(websocket.Subprotocols(r), Protocol) {
		refuse(w, typeJSON, badRequest("the sub-protocol must be "+Protocol))
		return
	}
	s := &socket{
		t: t, address: t.settings.Address(r), route: telemetry.Route(r), detached: context.WithoutCancel(r.Context()),
	}
	if !t.admit(s, exec) {
		w.Header().Set("Retry-After", retryAfter)
		refuse(w, typeJSON, &problem{status: http.StatusServiceUnavailable, code: "UNAVAILABLE",
			message: "no more sockets here at the moment"})
		return
	}
	hijacked := &hijacking{ResponseWriter: w}
	if _, err := t.upgrader.Upgrade(hijacked, r, nil); err != nil {
		if hijacked.conn != nil {
			s.log()
		}
		t.release(s)
		return // gorilla has answered it
	}
	s.open(r, hijacked)
}

// oneLine makes one line of the lines in which a client may give a list (RFC 9110, section 5.3); gorilla reads the
// first alone.
func oneLine(r *http.Request, header string) {
	if lines := r.Header[header]; len(lines) > 1 {
		r.Header.Set(header, strings.Join(lines, ", "))
	}
}

// noHandshake answers a request that does not become a socket.
func noHandshake(w http.ResponseWriter, _ *http.Request, status int, reason error) {
	w.Header().Set("Sec-Websocket-Version", "13")
	if status == http.StatusForbidden {
		refuse(w, typeJSON, &problem{status: status, code: "FORBIDDEN", message: "pages of other sites may not ask here"})
		return
	}
	code := "INVALID"
	if status >= http.StatusInternalServerError {
		code = "INTERNAL"
	}
	refuse(w, typeJSON, &problem{status: status, code: code, message: reason.Error()})
}

// hijacking notes what becomes of a hijacked connection.
type hijacking struct {
	http.ResponseWriter

	conn net.Conn
	read *bufio.Reader
}

// Hijack is for gorilla.
func (h *hijacking) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, both, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err == nil {
		h.conn, h.read = conn, both.Reader
	}
	return conn, both, err
}

// open begins to listen to the client, who may have spoken already.
func (s *socket) open(r *http.Request, hijacked *hijacking) {
	settings := s.t.settings
	begun, _ := hijacked.read.Peek(hijacked.read.Buffered())
	s.wire = newWire(hijacked.conn)
	s.late = time.AfterFunc(settings.InitTimeout, func() { s.end(closeInitTimeout) })
	s.t.wheel.add(s)
	if s.t.drains() {
		go s.retire(closeRestart)
	}
	if len(begun) > 0 || !s.rest() {
		go s.listen(slices.Clone(begun))
	}
}

// admit counts a socket, unless there are too many or the server stops.
func (t *WebSocket) admit(s *socket, exec graphql.GraphExecutor) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.take(s.address) {
		return false
	}
	if t.admitted++; t.admitted == 1 {
		t.rester = newRester()
	}
	if t.exec == nil {
		t.exec = exec // the only one there is
	}
	t.open.Add(1)
	return true
}

// take counts one more for an address, unless there are too many or the server stops. The mutex is held.
func (t *WebSocket) take(address string) bool {
	full := t.settings.MaxSockets > 0 && t.admitted+t.streams >= t.settings.MaxSockets
	crowded := t.settings.MaxPerAddress > 0 && t.addresses[address] >= t.settings.MaxPerAddress
	if t.draining || full || crowded {
		return false
	}
	t.addresses[address]++
	return true
}

// give takes one from the count of an address. The mutex is held.
func (t *WebSocket) give(address string) {
	if t.addresses[address]--; t.addresses[address] == 0 {
		delete(t.addresses, address)
	}
}

// AdmitStream counts an event stream as a socket of its client, unless there are too many. leave takes it from
// the count.
func (t *WebSocket) AdmitStream(r *http.Request) (leave func(), ok bool) {
	address := t.settings.Address(r)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.take(address) {
		return nil, false
	}
	t.streams++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.streams--
		t.give(address)
	}, true
}

// drains reports whether Drain is at work. A socket that it does not find in the wheel finds that.
func (t *WebSocket) drains() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.draining
}

func (t *WebSocket) release(s *socket) {
	t.wheel.remove(s)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.give(s.address)
	if t.admitted--; t.admitted == 0 {
		t.rester.close()
	}
	t.open.Done()
}

// Open is how many sockets are open.
func (t *WebSocket) Open() int { return t.wheel.len() }

// Drain refuses new sockets and ends those that are open with 1012, spread over a time so that their
// clients do not all come back at once elsewhere; each after its queries and mutations have been
// answered. It returns when all have ended, or with ctx's error.
func (t *WebSocket) Drain(ctx context.Context, spread time.Duration) error {
	t.mu.Lock()
	t.draining = true
	t.mu.Unlock()
	open := t.wheel.all()
	begin := time.Now()
	for i, s := range open {
		due := begin.Add(spread * time.Duration(i) / time.Duration(len(open)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(due)):
			go s.retire(closeRestart)
		}
	}
	done := make(chan struct{})
	go func() {
		t.open.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// closing is why a socket ends: the code and reason of its close frame.
type closing struct {
	code   int
	reason string
}

func (c closing) Error() string { return c.reason }

// The ends that graphql-transport-ws names. What clients make of a code: after 4403 graphql-ws asks
// for new credentials and comes back, slower each time; after 4400, 4401, 4409 and 4429 never.
var (
	closeBadRequest   = closing{4400, "Invalid message"}
	closeUnauthorized = closing{4401, "Unauthorized"}
	closeForbidden    = closing{4403, "Forbidden"}
	closeInitTimeout  = closing{4408, "Connection initialisation timeout"}
	closeTooManyInits = closing{4429, "Too many initialisation requests"}
	closeSlow         = closing{4008, "You do not read"}
	closeDuplicate    = closing{4409, "Subscriber already exists"}
	closeTooLarge     = closing{websocket.CloseMessageTooBig, "Message too large"}
	closeRestart      = closing{websocket.CloseServiceRestart, "Service Restart"}
	// closeInternal is not 1011, after which graphql-ws never comes back.
	closeInternal = closing{websocket.CloseTryAgainLater, "Internal error"}
	closeAway     = closing{websocket.CloseTryAgainLater, "Try again later"}
	// closeDeaf is never sent: the client would not hear.
	closeDeaf = closing{websocket.CloseNoStatusReceived, "No pong"}
	errGone   = errors.New("the client is gone")
)

// message is one of the protocol's.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// isObject reports whether a payload is an object, or left out.
func isObject(payload json.RawMessage) bool {
	text := strings.TrimLeft(string(payload[:min(len(payload), 16)]), " \t\r\n")
	return text == "" || text[0] == '{' || strings.HasPrefix(text, "null")
}
