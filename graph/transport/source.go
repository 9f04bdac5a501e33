package transport

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Source gives the states of a subscription that waits most of the time. While it does, it holds what it
// watches and nothing else: no goroutine, no channel, no context. When there may be a new state it calls
// the function that it was opened with, which never blocks. Its methods are not called at once.
type Source interface {
	// Next returns the state when it differs from the one before, the first time in any case; else nil.
	// An error ends the subscription, and its client is told.
	Next(ctx context.Context) (state any, err error)
	// Sent says that the client has been sent what Next returned last.
	Sent()
	// Close lets go of what is watched. It does not block. It may be called without Sent.
	Close()
}

// Watch is what a subscription's resolver returns. open opens its source, and each of its states is executed by
// itself, as the specification's ExecuteSubscriptionEvent does: gqlgen, which knows channels only, is given one
// that holds that state.
func Watch[T any](
	ctx context.Context, open func(wake func()) (Source, error),
) (<-chan T, error) {
	if state, ok := ctx.Value(eventKey{}).(T); ok {
		return one(state), nil
	}
	opening, ok := ctx.Value(openingKey{}).(*opening)
	if !ok {
		return nil, errors.New("a subscription of a transport that has none")
	}
	source, err := open(opening.wake)
	if err != nil {
		return nil, err
	}
	opening.source = source
	state, err := source.Next(ctx)
	if err != nil {
		return nil, err
	}
	return one(state.(T)), nil
}

func one[T any](state T) <-chan T {
	states := make(chan T, 1)
	states <- state
	return states
}

type eventKey struct{}

// IsEvent reports whether ctx is that of a later state of a subscription, which is executed by itself.
func IsEvent(ctx context.Context) bool { return ctx.Value(eventKey{}) != nil }

type openingKey struct{}

// opening is a subscription in which no state has been executed yet.
type opening struct {
	wake func()
	// source is the operation's once it waits.
	source Source
}

func withOpening(ctx context.Context, wake func()) (context.Context, *opening) {
	opening := &opening{wake: wake}
	return context.WithValue(ctx, openingKey{}, opening), opening
}

// close closes a source for which no operation waits.
func (o *opening) close() {
	if o.source != nil {
		o.source.Close()
	}
}

// Where an operation stands that has a source: its turn. A wake-up while it is executed means that it
// is executed once more.
const (
	resting int32 = iota
	queued
	executing
	executingAgain
)

// wake has an operation look for a new state.
func (o *operation) wake() {
	for {
		switch turn := o.turn.Load(); turn {
		case resting:
			if o.turn.CompareAndSwap(turn, queued) {
				o.socket.t.workers.add(o)
				return
			}
		case executing:
			if o.turn.CompareAndSwap(turn, executingAgain) {
				return
			}
		default:
			return // it is going to look anyway
		}
	}
}

// rest has an operation that was executed wait for the next state. The socket's mutex is held.
func (o *operation) rest() {
	if !o.turn.CompareAndSwap(executing, resting) {
		o.turn.Store(queued)
		o.socket.t.workers.add(o)
	}
}

// wait keeps of an operation that was executed what the next states need.
func (o *operation) wait(opening *opening, ran *graphql.OperationContext, end *ending) {
	opening.source.Sent()
	o.socket.mu.Lock()
	defer o.socket.mu.Unlock()
	if o.over {
		return
	}
	o.source, opening.source = opening.source, nil
	o.values = o.plan.pack(ran.Variables)
	o.atEnd = end.take()
}

// event executes the next state of an operation that waits, if there is one.
func (o *operation) event() {
	s := o.socket
	s.mu.Lock()
	if o.over {
		s.mu.Unlock()
		return
	}
	o.turn.Store(executing)
	ctx, stop := s.execution()
	o.stop = stop
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()
	defer o.executed()
	defer o.recover()
	o.next(ctx)
}

func (o *operation) next(ctx context.Context) {
	answer, failed := o.plan.next(ctx, o.source, o.values, o.socket.t.exec)
	switch {
	case failed != nil:
		o.fail(failed)
	case answer != nil:
		o.socket.state(o, body(answer, true))
		o.source.Sent()
	}
}

// next returns the answer that has the next state of a source, or the one that says why there is none; neither
// when nothing is new.
func (p *plan) next(
	ctx context.Context, source Source, values []any, exec graphql.GraphExecutor,
) (answer, failed *graphql.Response) {
	state, err := source.Next(ctx)
	if state == nil && err == nil {
		return nil, nil
	}
	operation := created{p.operation(values), exec}
	defer func() {
		if reason := recover(); reason != nil {
			answer, failed = nil, operation.panicked(ctx, reason)
		}
	}()
	if err != nil {
		return nil, operation.failed(ctx, err)
	}
	ctx = graphql.StartOperationTrace(context.WithValue(ctx, eventKey{}, state))
	return operation.run(ctx)(), nil
}

// plan is what all operations share that were made of one document: it was parsed and validated once.
type plan graphql.OperationContext

// operation returns an operation with the values of its variables.
func (p *plan) operation(values []any) *graphql.OperationContext {
	operation := &graphql.OperationContext{
		OperationName: p.OperationName, Doc: p.Doc, Operation: p.Operation,
		DisableIntrospection: p.DisableIntrospection, RecoverFunc: p.RecoverFunc,
		ResolverMiddleware: p.ResolverMiddleware, RootResolverMiddleware: p.RootResolverMiddleware,
		Variables: make(map[string]any, len(values)),
	}
	operation.Stats.OperationStart = graphql.Now()
	for i, value := range values {
		if value != (left{}) {
			operation.Variables[p.Operation.VariableDefinitions[i].Variable] = value
		}
	}
	return operation
}

// left stands for a variable that was left out.
type left struct{}

// pack returns the values of variables in the order in which the document has them: a map of one takes
// 340 bytes.
func (p *plan) pack(variables map[string]any) []any {
	if len(p.Operation.VariableDefinitions) == 0 {
		return nil
	}
	values := make([]any, len(p.Operation.VariableDefinitions))
	for i, definition := range p.Operation.VariableDefinitions {
		value, given := variables[definition.Variable]
		if values[i] = value; !given {
			values[i] = left{}
		}
	}
	return values
}

// plans are those of the documents that were last subscribed to.
type plans struct {
	mu sync.Mutex
	of map[*ast.OperationDefinition]*plan
}

// maxPlans is how many plans are known. One that is forgotten stays with those who have it.
const maxPlans = 100

func planOf(ran *graphql.OperationContext) *plan {
	return &plan{
		RawQuery: ran.RawQuery, OperationName: ran.OperationName, Doc: ran.Doc, // which holds the text anyway
		Operation: ran.Operation, DisableIntrospection: ran.DisableIntrospection,
		RecoverFunc: ran.RecoverFunc, ResolverMiddleware: ran.ResolverMiddleware,
		RootResolverMiddleware: ran.RootResolverMiddleware,
	}
}

// shared returns the plan of an operation.
func (p *plans) shared(ran *graphql.OperationContext) *plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.of[ran.Operation]
	if known == nil {
		known = planOf(ran)
		if p.of == nil || len(p.of) >= maxPlans {
			p.of = map[*ast.OperationDefinition]*plan{}
		}
		p.of[ran.Operation] = known
	}
	return known
}

// workers execute the operations that are woken, each once: as many at a time as come, but no more than
// maxWorkers, so that a room of ten thousand that are told something does not take a stack for each.
type workers struct {
	// free gives an operation to a worker that has none.
	free chan *operation

	mu    sync.Mutex
	count int
	queue []*operation
}

const (
	// maxWorkers is more than what a single Redis that hangs could hold up.
	maxWorkers = 1000
	// workerRest is how long a worker waits for the next operation. A new one would have to let its stack
	// grow again, which takes a tenth of what it does.
	workerRest = 100 * time.Millisecond
)

func newWorkers() workers { return workers{free: make(chan *operation)} }

func (w *workers) add(o *operation) {
	select {
	case w.free <- o:
		return
	default:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count == maxWorkers {
		w.queue = append(w.queue, o)
		return
	}
	w.count++
	go w.work(o)
}

func (w *workers) work(o *operation) {
	for ; o != nil; o = w.next() {
		o.event()
	}
}

// next returns what to execute next; nil when there is nothing for a while, and the worker ends.
func (w *workers) next() *operation {
	if o := w.queued(false); o != nil {
		return o
	}
	select {
	case o := <-w.free:
		return o
	case <-time.After(workerRest):
		return w.queued(true)
	}
}

// queued returns what is in the queue; when nothing is, nil, and the worker may end.
func (w *workers) queued(end bool) *operation {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.queue = nil
		if end {
			w.count--
		}
		return nil
	}
	o := w.queue[0]
	w.queue[0], w.queue = nil, w.queue[1:]
	return o
}
