package transport

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"

	"foyer/internal/telemetry"
)

// Session is what connection_init opens on a socket.
type Session struct {
	// Context is that of every operation. When it ends, so does the socket: the client has to send new credentials.
	Context context.Context
	// Lasts: Context does not end before the socket does. Watching it would take memory for each socket.
	Lasts bool
	// MaxOperations is how many operations may run concurrently, if fewer than on any socket; 0 is as many.
	MaxOperations int
	// Free is called when the socket has ended; nil is allowed.
	Free func()
}

// ErrAway is the error of an Init that could not verify credentials, but may be able to later.
var ErrAway = errors.New("credentials cannot be verified at the moment")

// WebSocketSettings of a WebSocket.
type WebSocketSettings struct {
	// Init opens the session with the payload of connection_init, an object that may be empty. An error refuses the
	// client. Its context ends with the socket.
	Init func(ctx context.Context, payload map[string]any) (Session, error)
	// Origins are those besides our own whose pages may open a socket.
	Origins []string
	// Address identifies the client of a request, to count its sockets.
	Address func(r *http.Request) string
	// MaxMessage is how many bytes a message may have.
	MaxMessage int64
	// MaxOperations is how many operations may run concurrently on a socket.
	MaxOperations int
	// MaxSockets and MaxPerAddress are how many sockets and streams may be open, in total and from one client; 0 is any
	// number.
	MaxSockets, MaxPerAddress int
	// InitTimeout is how long a client may take to open its session.
	InitTimeout time.Duration
	// Ping is how often a client is sent a ping. It has as long to answer.
	Ping time.Duration
	// WriteTimeout is how long one message may take to be written.
	WriteTimeout time.Duration
	// Timeout bounds queries and mutations.
	Timeout time.Duration
}

// retryAfter is after how many seconds a refused client may try again.
const retryAfter = "5"

// WebSocket serves any operation over graphql-transport-ws. Pages of other origins are refused.
type WebSocket struct {
	settings WebSocketSettings
	upgrader websocket.Upgrader
	plans    plans
	workers  workers
	wheel    wheel

	mu   sync.Mutex
	exec graphql.GraphExecutor
	// poller exists while any socket is admitted.
	poller poller
	// admitted counts sockets, also those that are still being opened; streams counts event streams; addresses counts
	// both.
	admitted, streams int
	addresses         map[string]int
	draining          bool
	sockets           sync.WaitGroup
}

var _ graphql.Transport = (*WebSocket)(nil)

// NewWebSocket returns a WebSocket.
func NewWebSocket(settings WebSocketSettings) *WebSocket {
	t := &WebSocket{
		settings: settings,
		upgrader: websocket.Upgrader{
			Subprotocols: []string{Protocol}, HandshakeTimeout: settings.WriteTimeout,
			WriteBufferPool: &sync.Pool{}, CheckOrigin: trusts(settings.Origins), Error: refuseHandshake,
		},
		addresses: map[string]int{}, workers: newWorkers(),
	}
	t.wheel.interval = settings.Ping
	return t
}

// Supports reports whether a request is for this transport.
func (*WebSocket) Supports(r *http.Request) bool { return websocket.IsWebSocketUpgrade(r) }

// Do makes a socket of a request, and returns. The socket keeps the request's context, without its end, as long as it
// is open: that should have no more values than sessions need.
func (t *WebSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	joinLines(r, "Sec-Websocket-Protocol")
	if !slices.Contains(websocket.Subprotocols(r), Protocol) {
		refuse(w, typeJSON, badRequest("the sub-protocol must be "+Protocol))
		return
	}
	s := &socket{
		t: t, address: t.settings.Address(r), route: telemetry.Route(r), base: context.WithoutCancel(r.Context()),
	}
	if !t.admit(s, exec) {
		w.Header().Set("Retry-After", retryAfter)
		refuse(w, typeJSON, &problem{status: http.StatusServiceUnavailable, code: "UNAVAILABLE",
			message: "no more sockets here at the moment"})
		return
	}
	hijacked := &hijackedConn{ResponseWriter: w}
	if _, err := t.upgrader.Upgrade(hijacked, r, nil); err != nil {
		if hijacked.conn != nil { // the connection broke during the handshake
			s.log()
		}
		t.release(s)
		return // gorilla has answered
	}
	s.open(hijacked)
}

// joinLines joins the lines of a header that is a list (RFC 9110, 5.3). Gorilla reads only the first.
func joinLines(r *http.Request, header string) {
	if lines := r.Header[header]; len(lines) > 1 {
		r.Header.Set(header, strings.Join(lines, ", "))
	}
}

// refuseHandshake answers a request that cannot become a socket.
func refuseHandshake(w http.ResponseWriter, _ *http.Request, status int, reason error) {
	w.Header().Set("Sec-Websocket-Version", "13")
	if status == http.StatusForbidden {
		refuse(w, typeJSON, &problem{status: status, code: "FORBIDDEN",
			message: "pages of other sites may not ask here"})
		return
	}
	code := "INVALID"
	if status >= http.StatusInternalServerError {
		code = "INTERNAL"
	}
	refuse(w, typeJSON, &problem{status: status, code: code, message: reason.Error()})
}

// hijackedConn keeps the connection that gorilla hijacks.
type hijackedConn struct {
	http.ResponseWriter

	conn net.Conn
	read *bufio.Reader
}

// Hijack is for gorilla.
func (h *hijackedConn) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, both, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err == nil {
		h.conn, h.read = conn, both.Reader
	}
	return conn, both, err
}
