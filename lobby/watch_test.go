package lobby_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// watch is a subscription of a test.
type watch[T any] struct {
	t      testing.TB
	states <-chan T
	stop   context.CancelFunc
	last   *T
}

func watched[T any](
	t testing.TB, ctx context.Context, start func(context.Context) (<-chan T, error),
) *watch[T] {
	t.Helper()
	ctx, stop := context.WithCancel(ctx)
	states, err := start(ctx)
	require.NoError(t, err)
	w := &watch[T]{t: t, states: states, stop: stop}
	t.Cleanup(w.end)
	return w
}

// end stops watching, and waits until nothing of it is left.
func (w *watch[T]) end() {
	w.stop()
	for range w.states {
	}
}

func (w *watch[T]) next() T {
	w.t.Helper()
	select {
	case state, open := <-w.states:
		require.True(w.t, open, "the subscription ended")
		w.last = &state
		return state
	case <-time.After(env.Soon):
		require.Fail(w.t, "nothing came")
		panic("unreachable")
	}
}

// until returns the first state that is as expected.
func (w *watch[T]) until(wanted func(T) bool) T {
	w.t.Helper()
	for {
		if state := w.next(); wanted(state) {
			return state
		}
	}
}

// catchUp waits until the last state is as expected.
func (w *watch[T]) catchUp(t interface{ Fatalf(string, ...any) }, wanted func(T) bool) {
	for w.last == nil || !wanted(*w.last) {
		select {
		case state, open := <-w.states:
			if !open {
				t.Fatalf("the subscription ended")
			}
			w.last = &state
		case <-time.After(env.Soon):
			t.Fatalf("the last that was seen is %+v", w.last)
		}
	}
}
