package graph

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/gorilla/websocket"

	"foyer/auth"
)

const (
	writeTimeout   = 10 * time.Second
	closeTimeout   = time.Second
	initTimeout    = 10 * time.Second
	pingInterval   = 15 * time.Second
	maxMessageSize = 128 << 10
	// closeForbidden is what graphql-ws clients answer by asking for new credentials and trying
	// again, slower each time.
	closeForbidden = 4403
)

// newWebsocket speaks graphql-transport-ws over gorilla/websocket.
func newWebsocket(credentials Credentials) transport.Websocket {
	limit := int64(maxMessageSize)
	return transport.Websocket{
		Implementation:   upgrader{},
		InitTimeout:      initTimeout,
		PingPongInterval: pingInterval,
		PayloadReadLimit: &limit,
		InitFunc:         credentials.init,
	}
}

// Credentials says who signs in with the value of an Authorization header.
type Credentials func(header string) (auth.Viewer, error)

// init takes the viewer from the first message of a socket if it names one; else he is whom the
// handshake's header or cookie named. The socket ends with what was shown.
func (c Credentials) init(
	ctx context.Context, payload transport.InitPayload,
) (context.Context, *transport.InitPayload, error) {
	viewer := auth.FromContext(ctx)
	if header := payload.Authorization(); header != "" {
		shown, err := c(header)
		if err != nil {
			ctx = transport.WithWebsocketCloseCode(ctx, closeForbidden)
			return transport.AppendCloseReason(ctx, "Forbidden"), nil, err
		}
		shown.Address = viewer.Address
		viewer = shown
	}
	ctx = auth.NewContext(ctx, viewer)
	if !viewer.ExpiresAt.IsZero() {
		until, cancel := context.WithDeadline(ctx, viewer.ExpiresAt)
		context.AfterFunc(ctx, cancel) // when the socket closes before
		ctx = until
	}
	return ctx, nil, nil
}

// upgrader lets gqlgen speak over gorilla/websocket. A browser's page may connect from our own
// origin only, which is what gorilla checks.
type upgrader struct{}

func (upgrader) Accept(
	w http.ResponseWriter, r *http.Request, o transport.WebsocketAcceptOptions,
) (transport.WebsocketConn, error) {
	u := websocket.Upgrader{Subprotocols: o.Subprotocols, WriteBufferSize: 1 << 10, ReadBufferSize: 1 << 10}
	c, err := u.Upgrade(w, r, o.ResponseHeader)
	if err != nil {
		return nil, err
	}
	return conn{c, r.Context()}, nil
}

// conn adds to a gorilla connection what gqlgen asks of one.
type conn struct {
	*websocket.Conn

	ctx context.Context
}

func (c conn) NextReader() (int, io.Reader, error) {
	kind, r, err := c.Conn.NextReader()
	if websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseNoStatusReceived) {
		return kind, nil, transport.ErrWebsocketClosed
	}
	return kind, r, err
}

// WriteJSON gives up on a client that does not read.
func (c conn) WriteJSON(v any) error {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	err := c.Conn.WriteJSON(v)
	if err != nil {
		_ = c.Close()
	}
	return err
}

// WriteClose tells the client why. When the server stops, clients are to go to another one.
func (c conn) WriteClose(code int, message string) error {
	if errors.Is(context.Cause(c.ctx), ErrStopping) {
		code, message = websocket.CloseServiceRestart, "this server stops"
	}
	return c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, message),
		time.Now().Add(closeTimeout))
}

// ErrStopping is the cause with which a server ends the contexts of its sockets when it stops.
var ErrStopping = errors.New("the server stops")
