package transport

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/ast"
)

// HTTP serves queries and mutations as the GraphQL over HTTP draft says, and any operation as
// server-sent events to who asks for them. Bodies are JSON; there is no batching and no upload.
type HTTP struct {
	// MaxBody is how many bytes a body may have.
	MaxBody int64
	// Timeout bounds an operation that is no subscription.
	Timeout time.Duration
	// WriteTimeout is how long one event may take to be written.
	WriteTimeout time.Duration
	// Heartbeat is how often an idle stream shows that it lives.
	Heartbeat time.Duration
	// Stopping ends streams when it does, so that their clients go elsewhere.
	Stopping context.Context
	// Life returns a context that ends with a request's and with the credentials it came with, and a
	// function that frees it. A subscription lives no longer; its client is to show new ones. With nil
	// it may.
	Life func(context.Context) (context.Context, context.CancelFunc)
	// Origins are those beside our own whose pages may ask.
	Origins []string
}

var _ graphql.Transport = HTTP{}

// Supports reports whether a request is for this transport: whatever is no WebSocket.
func (HTTP) Supports(r *http.Request) bool { return !websocket.IsWebSocketUpgrade(r) }

// problem is a request that cannot be a GraphQL request at all.
type problem struct {
	status        int
	code, message string
	allow         string
}

// Do answers one request.
func (t HTTP) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	accepts := negotiate(r.Header.Values("Accept"))
	if !accepts.any() {
		refuse(w, typeJSON, &problem{status: http.StatusNotAcceptable, code: "INVALID",
			message: "none of the media types you accept is offered"})
		return
	}
	ctx := graphql.StartOperationTrace(r.Context())
	params, bad := t.params(w, r)
	if bad != nil {
		refuse(w, accepts.document(), bad)
		return
	}
	operation, refused := create(ctx, exec, params)
	switch {
	case refused != nil && accepts.stream(false):
		newEvents(w, t.WriteTimeout).complete(body(refused, false))
		return
	case refused != nil:
		write(w, accepts.document(), notExecuted[accepts.document()], body(refused, false))
		return
	}
	kind := operation.Operation.Operation
	switch {
	case r.Method == http.MethodGet && kind == ast.Mutation:
		refuse(w, accepts.document(), &problem{http.StatusMethodNotAllowed, "INVALID",
			"mutations want POST", http.MethodPost})
	case accepts.stream(kind == ast.Subscription):
		t.stream(ctx, w, operation)
	case kind == ast.Subscription:
		refuse(w, accepts.document(), &problem{status: http.StatusBadRequest, code: "INVALID",
			message: "subscriptions want a WebSocket, or Accept: text/event-stream"})
	default:
		ctx, cancel := t.bound(ctx, operation)
		defer cancel()
		answer, status := operation.answer(ctx)
		write(w, accepts.document(), status, body(answer, true))
	}
}

// bound returns the context that an operation is to run in.
func (t HTTP) bound(
	ctx context.Context, operation created,
) (context.Context, context.CancelFunc) {
	if operation.Operation.Operation == ast.Subscription {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, t.Timeout)
}

// notExecuted is how a document that cannot be executed is answered, by media type: old clients look
// at the body only.
var notExecuted = map[string]int{
	typeJSON:     http.StatusOK,
	typeResponse: http.StatusBadRequest,
}

func refuse(w http.ResponseWriter, mediaType string, p *problem) {
	if p.allow != "" {
		w.Header().Set("Allow", p.allow)
	}
	write(w, mediaType, p.status, body(refusal(p.code, p.message), false))
}

func write(w http.ResponseWriter, mediaType string, status int, text []byte) {
	h := w.Header()
	h.Set("Content-Type", mediaType+"; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

func badRequest(message string) *problem {
	return &problem{status: http.StatusBadRequest, code: "INVALID", message: message}
}

// params reads the operation that a request asks for.
func (t HTTP) params(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *problem) {
	params := &graphql.RawParams{}
	params.ReadTime.Start = graphql.Now()
	var bad *problem
	switch r.Method {
	case http.MethodGet:
		bad = t.readQuery(r, params)
	case http.MethodPost:
		bad = t.readBody(w, r, params)
	default:
		bad = &problem{http.StatusMethodNotAllowed, "INVALID", "GraphQL wants GET or POST", "GET, POST"}
	}
	if bad != nil {
		return nil, bad
	}
	if params.Query == "" && params.Extensions["persistedQuery"] == nil {
		return nil, badRequest("there is no query")
	}
	params.Headers = r.Header
	return params, nil
}

func (t HTTP) readQuery(r *http.Request, params *graphql.RawParams) *problem {
	if !trusting(t.Origins)(r) {
		return &problem{status: http.StatusForbidden, code: "FORBIDDEN",
			message: "pages of other sites may not ask here"}
	}
	if int64(len(r.URL.RawQuery)) > t.MaxBody {
		return &problem{status: http.StatusRequestURITooLong, code: "INVALID",
			message: "the address is too long"}
	}
	values := r.URL.Query()
	params.Query, params.OperationName = values.Get("query"), values.Get("operationName")
	for name, into := range map[string]*map[string]any{
		"variables": &params.Variables, "extensions": &params.Extensions,
	} {
		if text := values.Get(name); text != "" && decode([]byte(text), into) != nil {
			return badRequest(name + " is no JSON object")
		}
	}
	return nil
}

// trusting returns a function that reports whether a request is by a page of our own origin or of one
// of some others, or by no page. What is a safe method to net/http opens a subscription here, in the
// name of whose cookie it is.
func trusting(origins []string) func(*http.Request) bool {
	protection := http.NewCrossOriginProtection()
	for _, origin := range origins {
		_ = protection.AddTrustedOrigin(origin) // one that is none trusts nobody
	}
	return func(r *http.Request) bool {
		unsafe := *r
		unsafe.Method = http.MethodPost
		return protection.Check(&unsafe) == nil
	}
}

func (t HTTP) readBody(
	w http.ResponseWriter, r *http.Request, params *graphql.RawParams,
) *problem {
	mediaType, options, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := strings.ToLower(options["charset"])
	if err != nil || mediaType != typeJSON || charset != "" && charset != "utf-8" {
		return &problem{status: http.StatusUnsupportedMediaType, code: "INVALID",
			message: "the body wants Content-Type: application/json"}
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, t.MaxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return &problem{status: http.StatusRequestEntityTooLarge, code: "INVALID",
			message: "the body is too large"}
	}
	if err != nil {
		return badRequest("the body could not be read")
	}
	if decode(text, params) != nil {
		return badRequest("the body is no GraphQL request in JSON")
	}
	return nil
}
