// Package transport carries GraphQL over HTTP, WebSocket and server-sent events, for gqlgen's
// executor. It knows nothing of what is asked.
//
// What all three promise: a client that stops reading is let go of; nothing of a request is echoed in
// an error; nothing that a connection had outlives it.
package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// refusal returns an answer with one error and no data. Texts are fixed: nothing is echoed.
func refusal(code, message string) *graphql.Response {
	return &graphql.Response{Errors: gqlerror.List{
		{Message: message, Extensions: map[string]any{"code": code}},
	}}
}

// internal is the answer for what should not have happened.
func internal() *graphql.Response { return refusal("INTERNAL", "something went wrong on our side") }

func logPanic(reason any) {
	slog.Error("an operation panicked", "reason", reason, "stack", string(debug.Stack()))
}

// body returns an answer as JSON. One without data leaves the entry out, as the specification wants
// of a request that was not executed.
func body(r *graphql.Response, executed bool) []byte {
	return appendBody(nil, r, executed)
}

func appendBody(to []byte, r *graphql.Response, executed bool) []byte {
	if len(r.Errors) == 0 && len(r.Extensions) == 0 && unchanged(r.Data) {
		to = slices.Grow(to, len(`{"data":}`)+len(r.Data))
		return append(append(append(to, `{"data":`...), r.Data...), '}')
	}
	answer := struct {
		Errors     gqlerror.List   `json:"errors,omitempty"`
		Data       json.RawMessage `json:"data,omitempty"`
		Extensions map[string]any  `json:"extensions,omitempty"`
	}{r.Errors, r.Data, r.Extensions}
	if executed && len(answer.Data) == 0 {
		answer.Data = json.RawMessage("null")
	}
	text, err := json.Marshal(answer)
	if err != nil { // only extensions could be at fault, and those are ours
		text = []byte(`{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL"}}]}`)
	}
	return append(to, text...)
}

// unchanged reports whether there are data which json.Marshal would leave as they are: that escapes what
// HTML or JavaScript may take for theirs, and takes out line ends. To look for it costs a tenth.
func unchanged(data []byte) bool {
	for _, c := range []byte("<>&\n") {
		if bytes.IndexByte(data, c) >= 0 {
			return false
		}
	}
	return len(data) > 0 && !bytes.Contains(data, []byte("\u2028"[:2]))
}

// errorsOf returns the errors of an answer as JSON.
func errorsOf(r *graphql.Response) json.RawMessage {
	text, err := json.Marshal(r.Errors)
	if err != nil {
		return json.RawMessage(`[{"message":"internal error","extensions":{"code":"INTERNAL"}}]`)
	}
	return text
}

// created is an operation that can be run.
type created struct {
	*graphql.OperationContext

	exec graphql.GraphExecutor
}

// create makes an operation of a request, or returns the answer that says why not.
func create(
	ctx context.Context, exec graphql.GraphExecutor, params *graphql.RawParams,
) (created, *graphql.Response) {
	params.ReadTime.End = graphql.Now()
	operation, errs := exec.CreateOperationContext(ctx, params)
	if errs != nil {
		return created{}, exec.DispatchError(graphql.WithOperationContext(ctx, operation), errs)
	}
	if operation.Operation.Operation == ast.Subscription && len(operation.RawQuery) > maxSubscriptions {
		return created{}, refusal("INVALID", "the document of a subscription is too long")
	}
	operation.Extensions = nil // they have been read, and a subscription would keep them
	return created{operation, exec}, nil
}

// maxSubscriptions is how many bytes the document of a subscription may have, and all different ones of a socket
// together. Each is kept, parsed, as long as a subscription lasts: a byte may take 80 of memory.
const maxSubscriptions = 8 << 10

// run starts the operation and returns its answers: each call gives the next, nil is the end.
func (c created) run(ctx context.Context) func() *graphql.Response {
	next, ctx := c.exec.DispatchOperation(ctx, c.OperationContext)
	return func() *graphql.Response { return next(ctx) }
}

// once runs an operation that has one answer. When its time is up before there is one, that is it.
func (c created) once(ctx context.Context) *graphql.Response {
	answer := c.run(ctx)()
	if answer == nil {
		return refusal("UNAVAILABLE", "this took too long")
	}
	return answer
}

// answer runs an operation that has one answer, and returns it with its HTTP status.
func (c created) answer(ctx context.Context) (answer *graphql.Response, status int) {
	defer func() {
		if reason := recover(); reason != nil {
			answer, status = c.panicked(ctx, reason), http.StatusInternalServerError
		}
	}()
	return c.once(ctx), http.StatusOK
}

// panicked returns the answer of an operation that panicked.
func (c created) panicked(ctx context.Context, reason any) *graphql.Response {
	return c.failed(ctx, c.Recover(ctx, reason))
}

// failed returns an answer that tells of an error.
func (c created) failed(ctx context.Context, err error) *graphql.Response {
	ctx = graphql.WithOperationContext(ctx, c.OperationContext)
	return c.exec.DispatchError(ctx, gqlerror.List{gqlerror.Wrap(err)})
}

// ending is what is to be done about the end of a subscription.
type ending struct {
	err atomic.Pointer[error]

	mu    sync.Mutex
	calls []func()
}

type endKey struct{}

// withEnd returns a context under which EndWith and AtEnd work, and what they were told.
func withEnd(ctx context.Context) (context.Context, *ending) {
	end := &ending{}
	return context.WithValue(ctx, endKey{}, end), end
}

// EndWith returns a function by which a subscription's source says, before it closes its channel,
// that it ends because of an error. The client is told, on every transport.
func EndWith(ctx context.Context) func(error) {
	end, ok := ctx.Value(endKey{}).(*ending)
	if !ok {
		return func(error) {}
	}
	return func(err error) { end.err.Store(&err) }
}

// AtEnd has a function called when the operation of ctx is over, of which each state may be executed by
// itself. Without such an operation it is not called.
func AtEnd(ctx context.Context, f func()) {
	if end, ok := ctx.Value(endKey{}).(*ending); ok {
		end.mu.Lock()
		defer end.mu.Unlock()
		end.calls = append(end.calls, f)
	}
}

// take returns what is to be called, which is then the caller's business.
func (e *ending) take() func() {
	e.mu.Lock()
	defer e.mu.Unlock()
	calls := e.calls
	if e.calls = nil; len(calls) == 1 {
		return calls[0]
	}
	return func() {
		for _, f := range calls {
			f()
		}
	}
}

func (e *ending) call() { e.take()() }

// endOf returns the answer that tells of an error which ended a subscription; nil when it ended well.
func (c created) endOf(ctx context.Context, end *ending) *graphql.Response {
	err := end.err.Load()
	if err == nil {
		return nil
	}
	return c.failed(ctx, *err)
}
