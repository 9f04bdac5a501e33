package transport

import "sync"

// mailbox holds the latest of what is put into it, until it is taken. What was not taken in time is
// gone: of states, only the last matters.
type mailbox[T any] struct {
	// ready gives a value when there is something to take, or the mailbox has been closed.
	ready chan struct{}

	mu     sync.Mutex
	latest T
	full   bool
	closed bool
}

func newMailbox[T any]() *mailbox[T] { return &mailbox[T]{ready: make(chan struct{}, 1)} }

// put never blocks.
func (m *mailbox[T]) put(value T) {
	m.mu.Lock()
	m.latest, m.full = value, true
	m.mu.Unlock()
	m.ring()
}

// close lets the taker know, after what is left, that nothing more comes.
func (m *mailbox[T]) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.ring()
}

func (m *mailbox[T]) ring() {
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// take returns what is there, if anything is, and whether nothing more will come after it.
func (m *mailbox[T]) take() (value T, ok, over bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var none T
	value, ok = m.latest, m.full
	m.latest, m.full = none, false
	return value, ok, m.closed
}
