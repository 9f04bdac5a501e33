package transport

import "sync"

// latest holds the latest value that was put into it. A value that was not taken in time is replaced: of states, only
// the last one matters.
type latest[T any] struct {
	// ready receives a value when there is something to take, or latest has been closed.
	ready chan struct{}

	mu     sync.Mutex
	value  T
	full   bool
	closed bool
}

func newLatest[T any]() *latest[T] { return &latest[T]{ready: make(chan struct{}, 1)} }

// put never blocks.
func (l *latest[T]) put(value T) {
	l.mu.Lock()
	l.value, l.full = value, true
	l.mu.Unlock()
	l.signal()
}

// close reports that nothing more will be put.
func (l *latest[T]) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.signal()
}

func (l *latest[T]) signal() {
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

// take returns the value, if there is one, and whether latest has been closed.
func (l *latest[T]) take() (value T, ok, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var none T
	value, ok = l.value, l.full
	l.value, l.full = none, false
	return value, ok, l.closed
}
