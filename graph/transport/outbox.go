package transport

import (
	"encoding/json"
	"sync"
)

// maxUnread is how many messages other than states may wait to be sent. Only a client that asks and
// does not read comes so far.
const maxUnread = 256

// outbox is what is to be written to one client. Of each operation it holds the latest state alone.
type outbox struct {
	// ready gives a value when there is something to take.
	ready chan struct{}

	mu       sync.Mutex
	unread   int // how many messages other than states wait
	controls []message
	// due are the operations with something to send, in the order in which they came to have it.
	due []*dueOperation
	of  map[*operation]*dueOperation
}

// dueOperation is what waits to be sent for one operation: a state, its last message, or both.
type dueOperation struct {
	id    string
	state json.RawMessage
	last  *message
}

func newOutbox() *outbox {
	return &outbox{ready: make(chan struct{}, 1), of: map[*operation]*dueOperation{}}
}

// control puts a message that is no state, and fails when the client leaves too many unread.
func (b *outbox) control(m message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.controls = append(b.controls, m)
	b.ring()
	return b.count()
}

// state puts the latest state of an operation, in place of one that was not sent yet.
func (b *outbox) state(o *operation, state json.RawMessage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dueOf(o).state = state
	b.ring()
}

// last puts the last message of an operation, and fails when the client leaves too many unread.
func (b *outbox) last(o *operation, m message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dueOf(o).last = &m
	b.ring()
	return b.count()
}

func (b *outbox) count() error {
	b.unread++
	if b.unread > maxUnread {
		return closeSlow
	}
	return nil
}

func (b *outbox) dueOf(o *operation) *dueOperation {
	due := b.of[o]
	if due == nil {
		due = &dueOperation{id: o.id}
		b.of[o] = due
		b.due = append(b.due, due)
	}
	return due
}

func (b *outbox) ring() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// take returns everything that is to be sent.
func (b *outbox) take() []message {
	b.mu.Lock()
	defer b.mu.Unlock()
	messages := b.controls
	for _, due := range b.due {
		if due.state != nil {
			messages = append(messages, message{due.id, "next", due.state})
		}
		if due.last != nil {
			messages = append(messages, *due.last)
		}
	}
	b.controls, b.due, b.unread = nil, nil, 0
	clear(b.of)
	return messages
}
