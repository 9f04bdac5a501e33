package transport

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// operation is one that runs on a socket.
type operation struct {
	id     string
	socket *socket
	// sibling is the next operation of the same socket.
	sibling *operation
	// stop stops the current execution; nil when there is none.
	stop context.CancelFunc
	// answered ends the time in which retire waits for the operation: it has been answered, or is a subscription. nil
	// afterwards.
	answered func()
	// plan is a subscription's.
	plan *plan
	// What a subscription keeps while it waits. source is nil for an operation that does not wait.
	source Source
	values []any
	atEnd  func()
	// phase is a subscription's: waiting, queued, executing or executingAgain.
	phase atomic.Int32
	// ended: the client receives nothing more of it. Either the client has ended it, and may use the id again, or the
	// socket ends, and the client asks again elsewhere.
	ended bool
}

// operation returns the operation with an id; nil when there is none.
func (s *socket) operation(id string) *operation {
	for o := s.operations; o != nil; o = o.sibling {
		if o.id == id {
			return o
		}
	}
	return nil
}

// count returns how many operations the socket has.
func (s *socket) count() (n int32) {
	for o := s.operations; o != nil; o = o.sibling {
		n++
	}
	return n
}

// remove removes an operation, and stops it. The mutex is held.
func (s *socket) remove(o *operation) {
	for at := &s.operations; *at != nil; at = &(*at).sibling {
		if *at == o {
			*at = o.sibling
			break
		}
	}
	o.sibling = nil
	o.ended = true
	if o.stop != nil {
		o.stop()
	} else if o.source != nil {
		o.free()
	}
}

// free frees what an ended subscription holds, when it does not execute. The mutex is held.
func (o *operation) free() {
	o.socket.active--
	o.source.Close()
	o.atEnd()
}

// start runs an operation. The mutex is held.
func (s *socket) start(id string, params *graphql.RawParams) {
	ctx, stop := s.executionContext()
	o := &operation{id: id, socket: s, stop: stop, answered: sync.OnceFunc(s.answering.Done)}
	o.phase.Store(executing)
	s.operations, o.sibling = o, s.operations
	s.active++
	s.answering.Add(1)
	s.running.Go(func() {
		defer o.executed()
		defer o.recover()
		o.run(ctx, params)
	})
}

// executionContext returns a context for one execution; remove calls its stop. Where the session's context ends with
// the socket anyway, it is no child of that: a context remembers its children.
func (s *socket) executionContext() (ctx context.Context, stop context.CancelFunc) {
	ctx = s.session
	if s.sessionLasts {
		ctx = context.WithoutCancel(ctx)
	}
	return context.WithCancel(ctx)
}

// executed is called when an execution has returned.
func (o *operation) executed() {
	o.stop()
	if o.answered != nil {
		o.answered()
	}
	s := o.socket
	s.mu.Lock()
	defer s.mu.Unlock()
	o.stop, o.answered = nil, nil
	switch {
	case o.source == nil:
		s.active--
	case o.ended:
		o.free()
	default:
		o.waitAgain()
	}
}

// recover ends an operation that panicked before it was prepared. The socket stays open.
func (o *operation) recover() {
	if reason := recover(); reason != nil {
		logPanic(reason)
		o.fail(internal())
	}
}

// fail ends an operation with a response's errors.
func (o *operation) fail(response *graphql.Response) {
	o.socket.sendLast(o, message{o.id, "error", errorsOf(response)})
}

// run executes an operation, to its end or until it waits.
func (o *operation) run(ctx context.Context, params *graphql.RawParams) {
	ctx, end := withEnd(graphql.StartOperationTrace(ctx))
	defer end.call()
	operation, refused := prepare(ctx, o.socket.t.exec, params)
	if refused != nil {
		o.fail(refused)
		return
	}
	defer func() {
		if reason := recover(); reason != nil {
			o.fail(operation.panicked(ctx, reason))
		}
	}()
	if operation.Operation.Operation != ast.Subscription {
		ctx, cancel := context.WithTimeout(ctx, o.socket.t.settings.Timeout)
		defer cancel()
		o.socket.sendState(o, body(operation.once(ctx), true))
		o.socket.sendLast(o, message{ID: o.id, Type: "complete"})
		return
	}
	o.answered()
	if !o.keepPlan(operation.OperationContext) {
		o.fail(refusal("RATE_LIMITED", "the subscriptions on this connection have too many different documents"))
		return
	}
	o.stream(ctx, operation, end)
}

// keepPlan gives a subscription its plan, unless the documents of the socket's subscriptions have too many bytes.
// Subscriptions of one document share its plan.
func (o *operation) keepPlan(ran *graphql.OperationContext) bool {
	o.socket.mu.Lock()
	defer o.socket.mu.Unlock()
	bytes, counted := len(ran.RawQuery), map[*plan]bool{}
	for other := o.socket.operations; other != nil; other = other.sibling {
		switch {
		case other.plan == nil || counted[other.plan]:
		case other.plan.RawQuery == ran.RawQuery && other.plan.OperationName == ran.OperationName:
			o.plan = other.plan
			ran.Doc, ran.Operation = o.plan.Doc, o.plan.Operation
			return true
		default:
			counted[other.plan] = true
			bytes += len(other.plan.RawQuery)
		}
	}
	if bytes > maxSubscriptions {
		return false
	}
	o.plan = o.socket.t.plans.shared(ran)
	return true
}

// stream executes a subscription, to its end or until it waits.
func (o *operation) stream(ctx context.Context, operation prepared, end *ending) {
	ctx, opening := withOpening(ctx, o.wake)
	defer opening.close()
	next := operation.run(ctx)
	for first := true; ; first = false {
		response := next()
		if response == nil {
			break
		}
		if first && len(response.Errors) > 0 && (len(response.Data) == 0 || string(response.Data) == "null") {
			o.fail(response) // its source could not be opened
			return
		}
		o.socket.sendState(o, body(response, true))
		if opening.source != nil {
			o.startWaiting(opening, operation.OperationContext, end)
			return
		}
	}
	if failed := operation.endOf(ctx, end); failed != nil {
		o.fail(failed)
		return
	}
	o.socket.sendLast(o, message{ID: o.id, Type: "complete"})
}
