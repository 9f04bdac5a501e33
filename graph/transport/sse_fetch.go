package transport

import "context"

// fetcher runs an operation, and has its latest response.
type fetcher struct {
	operation prepared
	responses *latest[[]byte]
	// failed is the response with the error that ended the operation after its last response; nil when it did not fail.
	// It is set before responses is closed.
	failed []byte
	end    *ending
	// done is closed when no goroutine runs the operation any more: it has ended, or waits for its source.
	done chan struct{}
	// What a subscription keeps while it waits; its source gives woken a value. source is nil when it does not wait.
	woken  chan struct{}
	source Source
	plan   *plan
	values []any
}

// fetch runs an operation until it or ctx ends, or until it waits.
func fetch(ctx context.Context, operation prepared) *fetcher {
	f := &fetcher{
		operation: operation, responses: newLatest[[]byte](), done: make(chan struct{}), woken: make(chan struct{}, 1),
	}
	ctx, f.end = withEnd(ctx)
	go func() {
		defer close(f.done)
		if !f.run(ctx) {
			f.responses.close()
		}
	}()
	return f
}

// run runs the operation, and reports whether it waits.
func (f *fetcher) run(ctx context.Context) (waits bool) {
	defer func() {
		if reason := recover(); reason != nil {
			f.failed = body(f.operation.panicked(ctx, reason), true)
		}
	}()
	ctx, opening := withOpening(ctx, f.wake)
	defer opening.close()
	next := f.operation.run(ctx)
	for response := next(); response != nil; response = next() {
		if opening.source != nil {
			f.startWaiting(opening)
			f.responses.put(body(response, true))
			return true
		}
		f.responses.put(body(response, true)) // as JSON: gqlgen writes the next one into the same memory
	}
	if failed := f.operation.endOf(ctx, f.end); failed != nil {
		f.failed = body(failed, true)
	}
	return false
}

// startWaiting keeps what the operation's next states need.
func (f *fetcher) startWaiting(opening *opening) {
	f.source, opening.source = opening.source, nil
	f.plan = planOf(f.operation.OperationContext)
	f.values = f.plan.pack(f.operation.Variables)
	f.source.Sent()
}

// wake notes that the source may have a new state. It never blocks.
func (f *fetcher) wake() {
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

// next fetches the source's next state, if there is one.
func (f *fetcher) next(ctx context.Context) {
	<-f.done // the first state has been executed
	if f.source == nil {
		return
	}
	ctx = context.WithValue(ctx, endKey{}, f.end)
	response, failed := f.plan.next(ctx, f.source, f.values, f.operation.exec)
	switch {
	case failed != nil:
		f.failed = body(failed, true)
		f.responses.close()
	case response != nil:
		f.responses.put(body(response, true))
		f.source.Sent()
	}
}

// close ends the operation, and returns when nothing of it is left.
func (f *fetcher) close(cancel context.CancelFunc) {
	cancel()
	<-f.done
	if f.source != nil {
		f.source.Close()
	}
	f.end.call()
}
