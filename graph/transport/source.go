package transport

import (
	"context"
	"errors"
)

// Source gives the states of a subscription that waits most of the time. While it waits, it holds what it watches and
// nothing else: no goroutine, no channel, no context. When there may be a new state, it calls the function that it was
// opened with, which never blocks. Its methods are never called concurrently.
type Source interface {
	// Next returns the state if it differs from the previous one, and always the first time; otherwise nil. An error
	// ends the subscription, and the client receives it.
	Next(ctx context.Context) (state any, err error)
	// Sent reports that the client has been sent the latest state that Next returned.
	Sent()
	// Close releases what is watched. It does not block. It may be called without Sent.
	Close()
}

// Watch is what a subscription's resolver returns. open opens the subscription's source. Each state is executed by
// itself, as the specification's ExecuteSubscriptionEvent does; gqlgen knows channels only, so it gets a channel that
// holds that one state.
func Watch[T any](
	ctx context.Context, open func(wake func()) (Source, error),
) (<-chan T, error) {
	if state, ok := ctx.Value(eventKey{}).(T); ok {
		return one(state), nil
	}
	opening, ok := ctx.Value(openingKey{}).(*opening)
	if !ok {
		return nil, errors.New("this transport has no subscriptions")
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

// IsEvent reports whether ctx executes a later state of a subscription, rather than the operation that the client sent.
func IsEvent(ctx context.Context) bool { return ctx.Value(eventKey{}) != nil }

type openingKey struct{}

// opening is a subscription whose first state has not been executed yet.
type opening struct {
	wake func()
	// source belongs to the operation once that waits.
	source Source
}

func withOpening(ctx context.Context, wake func()) (context.Context, *opening) {
	opening := &opening{wake: wake}
	return context.WithValue(ctx, openingKey{}, opening), opening
}

// close closes a source that no operation has taken over.
func (o *opening) close() {
	if o.source != nil {
		o.source.Close()
	}
}
