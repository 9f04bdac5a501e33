package transport

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
)

// The phases of a subscription that has a source. A wake-up while it executes makes it execute once more.
const (
	waiting int32 = iota
	queued
	executing
	executingAgain
)

// wake has the operation's next state executed. It never blocks.
func (o *operation) wake() {
	for {
		switch phase := o.phase.Load(); phase {
		case waiting:
			if o.phase.CompareAndSwap(phase, queued) {
				o.socket.t.workers.add(o)
				return
			}
		case executing:
			if o.phase.CompareAndSwap(phase, executingAgain) {
				return
			}
		default:
			return // its next state will be executed anyway
		}
	}
}

// waitAgain ends an execution, or queues the next one. The socket's mutex is held.
func (o *operation) waitAgain() {
	if !o.phase.CompareAndSwap(executing, waiting) {
		o.phase.Store(queued)
		o.socket.t.workers.add(o)
	}
}

// startWaiting keeps what the next states of an operation need, once its first state has been executed.
func (o *operation) startWaiting(opening *opening, ran *graphql.OperationContext, end *ending) {
	opening.source.Sent()
	o.socket.mu.Lock()
	defer o.socket.mu.Unlock()
	if o.ended {
		return
	}
	o.source, opening.source = opening.source, nil
	o.values = o.plan.pack(ran.Variables)
	o.atEnd = end.take()
}

// event executes the next state of a waiting operation, if there is one.
func (o *operation) event() {
	s := o.socket
	s.mu.Lock()
	if o.ended {
		s.mu.Unlock()
		return
	}
	o.phase.Store(executing)
	ctx, stop := s.executionContext()
	o.stop = stop
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()
	defer o.executed()
	defer o.recover()
	o.next(ctx)
}

func (o *operation) next(ctx context.Context) {
	response, failed := o.plan.next(ctx, o.source, o.values, o.socket.t.exec)
	switch {
	case failed != nil:
		o.fail(failed)
	case response != nil:
		o.socket.sendState(o, body(response, true))
		o.source.Sent()
	}
}
