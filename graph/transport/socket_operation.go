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
	// another is one of the same socket.
	another *operation
	// stop ends what is executed; nil while nothing is.
	stop context.CancelFunc
	// streams says that it is a subscription, for which retire does not wait, or over; nil afterwards.
	streams func()
	// plan is a subscription's.
	plan *plan
	// What a subscription keeps that waits for its source's word; none while source is nil.
	source Source
	values []any
	atEnd  func()
	// turn is where waiting and executing stand.
	turn atomic.Int32
	// over: the client hears no more of it: neither when it has ended it, for the id may be another's
	// now, nor when the socket ends, for then it is to ask again elsewhere.
	over bool
}

// operation returns the one of an id; nil when there is none.
func (s *socket) operation(id string) *operation {
	for o := s.operations; o != nil; o = o.another {
		if o.id == id {
			return o
		}
	}
	return nil
}

// count is how many operations the socket has.
func (s *socket) count() (n int32) {
	for o := s.operations; o != nil; o = o.another {
		n++
	}
	return n
}

// remove forgets an operation, and stops it. The mutex is held.
func (s *socket) remove(o *operation) {
	for at := &s.operations; *at != nil; at = &(*at).another {
		if *at == o {
			*at = o.another
			break
		}
	}
	o.another = nil
	o.over = true
	if o.stop != nil {
		o.stop()
	} else if o.source != nil {
		o.free()
	}
}

// free frees what a subscription held that is over, and of which nothing is executed. The mutex is held.
func (o *operation) free() {
	o.socket.active--
	o.source.Close()
	o.atEnd()
}

func (s *socket) subscribe(m message) error {
	if s.session == nil {
		return closeUnauthorized
	}
	params := &graphql.RawParams{}
	params.ReadTime.Start = graphql.Now()
	if !isID(m.ID) || len(m.Payload) == 0 || decode(m.Payload, params) != nil ||
		params.Query == "" && params.Extensions["persistedQuery"] == nil {
		return closeBadRequest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.operation(m.ID) != nil {
		return closing{closeDuplicate.code, "Subscriber for " + short(m.ID) + " already exists"}
	}
	if s.retiring || s.ended != nil {
		return nil // the client will ask again elsewhere
	}
	if s.count() >= s.most || s.active >= 2*s.most {
		return s.message(message{m.ID, "error",
			errorsOf(refusal("RATE_LIMITED", "too many operations on this connection"))})
	}
	ctx, stop := s.execution()
	o := &operation{id: m.ID, socket: s, stop: stop, streams: sync.OnceFunc(s.answering.Done)}
	o.turn.Store(executing)
	s.operations, o.another = o, s.operations
	s.active++
	s.answering.Add(1)
	s.running.Go(func() {
		defer o.executed()
		defer o.recover()
		o.run(ctx, params)
	})
	return nil
}

// execution returns a context for what is executed, which stop ends; remove calls that. It does not
// hang on the session's where that ends with the socket alone: a context remembers what hangs on it.
func (s *socket) execution() (ctx context.Context, stop context.CancelFunc) {
	ctx = s.session
	if s.lasts {
		ctx = context.WithoutCancel(ctx)
	}
	return context.WithCancel(ctx)
}

// executed is called when nothing of the operation is executed any more.
func (o *operation) executed() {
	o.stop()
	if o.streams != nil {
		o.streams()
	}
	s := o.socket
	s.mu.Lock()
	defer s.mu.Unlock()
	o.stop, o.streams = nil, nil
	switch {
	case o.source == nil:
		s.active--
	case o.over:
		o.free()
	default:
		o.rest()
	}
}

// recover ends an operation that panicked before it was one, and it alone.
func (o *operation) recover() {
	if reason := recover(); reason != nil {
		logPanic(reason)
		o.fail(internal())
	}
}

// fail ends an operation with the errors of an answer.
func (o *operation) fail(answer *graphql.Response) {
	o.socket.finish(o, message{o.id, "error", errorsOf(answer)})
}

// run executes an operation: to its end, or until it can wait.
func (o *operation) run(ctx context.Context, params *graphql.RawParams) {
	ctx, end := withEnd(graphql.StartOperationTrace(ctx))
	defer end.call()
	operation, refused := create(ctx, o.socket.t.exec, params)
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
		o.socket.state(o, body(operation.once(ctx), true))
		o.socket.finish(o, message{ID: o.id, Type: "complete"})
		return
	}
	o.streams()
	if !o.keep(operation.OperationContext) {
		o.fail(refusal("RATE_LIMITED", "the subscriptions on this connection have too many different documents"))
		return
	}
	o.stream(ctx, operation, end)
}

// keep gives a subscription its plan, unless the documents of the socket would be too much to keep. Subscriptions of
// one document share its plan.
func (o *operation) keep(created *graphql.OperationContext) bool {
	o.socket.mu.Lock()
	defer o.socket.mu.Unlock()
	bytes, counted := len(created.RawQuery), map[*plan]bool{}
	for other := o.socket.operations; other != nil; other = other.another {
		switch {
		case other.plan == nil || counted[other.plan]:
		case other.plan.RawQuery == created.RawQuery && other.plan.OperationName == created.OperationName:
			o.plan = other.plan
			created.Doc, created.Operation = o.plan.Doc, o.plan.Operation
			return true
		default:
			counted[other.plan] = true
			bytes += len(other.plan.RawQuery)
		}
	}
	if bytes > maxSubscriptions {
		return false
	}
	o.plan = o.socket.t.plans.shared(created)
	return true
}

// stream executes a subscription: to its end, or until it can wait.
func (o *operation) stream(ctx context.Context, operation created, end *ending) {
	ctx, opening := withOpening(ctx, o.wake)
	defer opening.close()
	next := operation.run(ctx)
	for first := true; ; first = false {
		answer := next()
		if answer == nil {
			break
		}
		if first && len(answer.Errors) > 0 && (len(answer.Data) == 0 || string(answer.Data) == "null") {
			o.fail(answer) // its source could not be opened
			return
		}
		o.socket.state(o, body(answer, true))
		if opening.source != nil {
			o.wait(opening, operation.OperationContext, end)
			return
		}
	}
	if failed := operation.endOf(ctx, end); failed != nil {
		o.fail(failed)
		return
	}
	o.socket.finish(o, message{ID: o.id, Type: "complete"})
}
