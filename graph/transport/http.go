package transport

import (
	"context"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/ast"
)

// HTTP serves queries and mutations as the GraphQL over HTTP draft says, and any operation as server-sent events to
// clients that accept them. Bodies are JSON; there is no batching and no upload.
type HTTP struct {
	// MaxBody is how many bytes a body may have.
	MaxBody int64
	// Timeout bounds queries and mutations.
	Timeout time.Duration
	// WriteTimeout is how long one event may take to be written.
	WriteTimeout time.Duration
	// Heartbeat is how often an idle stream sends a comment, to show that it is alive.
	Heartbeat time.Duration
	// Admit counts a subscription's stream, and returns a function that undoes it; false when there are too many. With
	// nil there may be any number.
	Admit func(*http.Request) (leave func(), ok bool)
	// Stopping ends streams when it ends, so that their clients reconnect elsewhere.
	Stopping context.Context
	// Life returns a context that ends with a request and with its credentials, and a function that frees it. A
	// subscription ends with it, and its client has to send new credentials. With nil it ends with the request.
	Life func(context.Context) (context.Context, context.CancelFunc)
	// Origins are those besides our own whose pages may send requests.
	Origins []string
}

var _ graphql.Transport = HTTP{}

// Supports reports whether a request is for this transport: any that is not for a WebSocket.
func (HTTP) Supports(r *http.Request) bool { return !websocket.IsWebSocketUpgrade(r) }

// Do answers one request. It calls stream itself: with one more frame in between, the stack of a waiting stream
// doubles.
func (t HTTP) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	accepts := negotiate(r.Header.Values("Accept"))
	if !accepts.any() {
		refuse(w, typeJSON, &problem{status: http.StatusNotAcceptable, code: "INVALID",
			message: "none of the media types you accept is offered"})
		return
	}
	params, bad := t.params(w, r)
	if bad != nil {
		refuse(w, accepts.document(), bad)
		return
	}
	operation, refused := prepare(graphql.StartOperationTrace(r.Context()), exec, params)
	if refused != nil {
		t.refuseOperation(w, accepts, refused)
		return
	}
	kind := operation.Operation.Operation
	switch {
	case r.Method == http.MethodGet && kind == ast.Mutation:
		refuse(w, accepts.document(), &problem{http.StatusMethodNotAllowed, "INVALID",
			"mutations require POST", http.MethodPost})
	case accepts.stream(kind == ast.Subscription):
		if leave, ok := t.admit(r, kind); ok {
			defer leave()
			t.stream(r.Context(), w, operation)
			return
		}
		w.Header().Set("Retry-After", retryAfter)
		refuse(w, accepts.document(), &problem{status: http.StatusServiceUnavailable, code: "UNAVAILABLE",
			message: "no more streams here at the moment"})
	case kind == ast.Subscription:
		refuse(w, accepts.document(), &problem{status: http.StatusBadRequest, code: "INVALID",
			message: "subscriptions require a WebSocket, or Accept: text/event-stream"})
	default:
		t.answer(w, r, operation, accepts.document())
	}
}

// refuseOperation answers with why an operation cannot be executed.
func (t HTTP) refuseOperation(w http.ResponseWriter, accepts accepted, refused *graphql.Response) {
	if accepts.stream(false) {
		newEvents(w, t.WriteTimeout).complete(body(refused, false))
		return
	}
	write(w, accepts.document(), notExecuted[accepts.document()], refused, false)
}

// answer runs an operation that has one response, and answers with it.
func (t HTTP) answer(w http.ResponseWriter, r *http.Request, operation prepared, mediaType string) {
	ctx, cancel := t.bound(r.Context(), operation)
	defer cancel()
	response, status := operation.answer(ctx)
	write(w, mediaType, status, response, true)
}

// admit counts a subscription's stream. Streams of other operations are short, and are not counted.
func (t HTTP) admit(r *http.Request, kind ast.Operation) (leave func(), ok bool) {
	if t.Admit == nil || kind != ast.Subscription {
		return func() {}, true
	}
	return t.Admit(r)
}

// bound returns the context to run an operation in.
func (t HTTP) bound(
	ctx context.Context, operation prepared,
) (context.Context, context.CancelFunc) {
	if operation.Operation.Operation == ast.Subscription {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, t.Timeout)
}
