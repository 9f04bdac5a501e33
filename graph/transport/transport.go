// Package transport carries GraphQL over HTTP, WebSocket and server-sent events, for gqlgen's executor. It does
// not know the schema.
//
// All three promise: a client that stops reading is disconnected; no error repeats what a request contained; when a
// connection ends, nothing of it remains.
package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// refusal returns a response with one error and no data. Its text is fixed: it repeats no part of the request.
func refusal(code, message string) *graphql.Response {
	return &graphql.Response{Errors: gqlerror.List{
		{Message: message, Extensions: map[string]any{"code": code}},
	}}
}

// internal is the response to a fault of our own.
func internal() *graphql.Response { return refusal("INTERNAL", "something went wrong on our side") }

func logPanic(reason any) {
	slog.Error("an operation panicked", "reason", reason, "stack", string(debug.Stack()))
}

// body returns a response as JSON. The specification requires that a request which was not executed has no data entry.
func body(r *graphql.Response, executed bool) []byte {
	return appendBody(nil, r, executed)
}

func appendBody(to []byte, r *graphql.Response, executed bool) []byte {
	if len(r.Errors) == 0 && len(r.Extensions) == 0 && isPlain(r.Data) {
		to = slices.Grow(to, len(`{"data":}`)+len(r.Data))
		return append(append(append(to, `{"data":`...), r.Data...), '}')
	}
	response := struct {
		Errors     gqlerror.List   `json:"errors,omitempty"`
		Data       json.RawMessage `json:"data,omitempty"`
		Extensions map[string]any  `json:"extensions,omitempty"`
	}{r.Errors, r.Data, r.Extensions}
	if executed && len(response.Data) == 0 {
		response.Data = json.RawMessage("null")
	}
	text, err := json.Marshal(response)
	if err != nil { // only extensions can fail, and those are ours
		text = []byte(`{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL"}}]}`)
	}
	return append(to, text...)
}

// isPlain reports whether there are data that json.Marshal would not change: it escapes characters that are special in
// HTML or JavaScript, and removes line ends. The check takes a tenth of json.Marshal's time.
func isPlain(data []byte) bool {
	for _, c := range []byte("<>&\n") {
		if bytes.IndexByte(data, c) >= 0 {
			return false
		}
	}
	return len(data) > 0 && !bytes.Contains(data, []byte("\u2028"[:2]))
}

// errorsOf returns a response's errors as JSON.
func errorsOf(r *graphql.Response) json.RawMessage {
	text, err := json.Marshal(r.Errors)
	if err != nil {
		return json.RawMessage(`[{"message":"internal error","extensions":{"code":"INTERNAL"}}]`)
	}
	return text
}

// prepared is an operation that has been parsed and validated, ready to run.
type prepared struct {
	*graphql.OperationContext

	exec graphql.GraphExecutor
}

// prepare makes an operation of a request, or returns the response that refuses it.
func prepare(
	ctx context.Context, exec graphql.GraphExecutor, params *graphql.RawParams,
) (prepared, *graphql.Response) {
	params.ReadTime.End = graphql.Now()
	operation, errs := exec.CreateOperationContext(ctx, params)
	if errs != nil {
		return prepared{}, exec.DispatchError(graphql.WithOperationContext(ctx, operation), errs)
	}
	if operation.Operation.Operation == ast.Subscription && len(operation.RawQuery) > maxSubscriptions {
		return prepared{}, refusal("INVALID", "the document of a subscription is too long")
	}
	operation.Extensions = nil // they have been read, and a subscription would keep them
	return prepared{operation, exec}, nil
}

// maxSubscriptions is how many bytes a subscription's document may have, and how many all different documents of one
// socket's subscriptions may have together. A subscription keeps its document parsed, which takes up to 80 bytes of
// memory for each byte of text.
const maxSubscriptions = 8 << 10

// run starts the operation and returns its responses: each call gives the next, nil is the end.
func (p prepared) run(ctx context.Context) func() *graphql.Response {
	next, ctx := p.exec.DispatchOperation(ctx, p.OperationContext)
	return func() *graphql.Response { return next(ctx) }
}

// once runs an operation that has one response. An operation whose time is up before it has any gets an error.
func (p prepared) once(ctx context.Context) *graphql.Response {
	response := p.run(ctx)()
	if response == nil {
		return refusal("UNAVAILABLE", "this took too long")
	}
	return response
}

// answer runs an operation that has one response, and returns it with its HTTP status.
func (p prepared) answer(ctx context.Context) (response *graphql.Response, status int) {
	defer func() {
		if reason := recover(); reason != nil {
			response, status = p.panicked(ctx, reason), http.StatusInternalServerError
		}
	}()
	return p.once(ctx), http.StatusOK
}

// panicked returns the response of an operation that panicked.
func (p prepared) panicked(ctx context.Context, reason any) *graphql.Response {
	return p.failed(ctx, p.Recover(ctx, reason))
}

// failed returns a response with an error.
func (p prepared) failed(ctx context.Context, err error) *graphql.Response {
	ctx = graphql.WithOperationContext(ctx, p.OperationContext)
	return p.exec.DispatchError(ctx, gqlerror.List{gqlerror.Wrap(err)})
}

// endOf returns the response with the error that ended a subscription; nil when it ended without one.
func (p prepared) endOf(ctx context.Context, end *ending) *graphql.Response {
	err := end.err.Load()
	if err == nil {
		return nil
	}
	return p.failed(ctx, *err)
}
