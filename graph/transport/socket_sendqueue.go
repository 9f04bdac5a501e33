package transport

import "encoding/json"

const (
	// maxUnread is how many messages other than states may be queued, and maxUnreadBytes how many bytes they may have,
	// unless there is only one. Only a client that sends requests and does not read reaches that.
	maxUnread      = 256
	maxUnreadBytes = 1 << 20
)

// sendQueue has what is to be written to a client that does not accept it immediately. Everything in it is bounded:
// messages are counted; there is only the latest state of each operation, and only one ping, pong and close frame. Its
// socket's mutex guards it.
type sendQueue struct {
	// unread is how many messages other than states are queued, and bytes is their size.
	unread, bytes int
	// entries are in the order in which they arrived.
	entries []*queueEntry
	// pong answers the client's latest ping, which is enough (RFC 6455, 5.5.3).
	pong []byte
	// ping: a ping is to be sent.
	ping bool
	// close is the last frame.
	close []byte
}

// queueEntry is what is queued for one operation, or one frame.
type queueEntry struct {
	// of is an operation that has a state, a last message, or both. If it is nil, state is a whole frame.
	of    *operation
	state json.RawMessage
	last  *message
}

// addFrame queues the frame of a message that belongs to no operation. It fails when the client leaves too many
// messages unread.
func (q *sendQueue) addFrame(frame []byte) error {
	q.entries = append(q.entries, &queueEntry{state: frame})
	return q.count(len(frame))
}

// setState queues an operation's latest state, in place of one that has not been sent.
func (q *sendQueue) setState(o *operation, state json.RawMessage) { q.entryOf(o).state = state }

// setLast queues an operation's last message. It fails when the client leaves too many messages unread.
func (q *sendQueue) setLast(o *operation, m message) error {
	entry := q.entryOf(o)
	entry.last = &m
	return q.count(len(entry.state) + len(m.Payload))
}

func (q *sendQueue) count(bytes int) error {
	q.unread++
	q.bytes += bytes
	if q.unread > maxUnread || q.bytes > maxUnreadBytes && q.unread > 1 {
		return closeSlow
	}
	return nil
}

func (q *sendQueue) entryOf(o *operation) *queueEntry {
	for _, entry := range q.entries {
		if entry.of == o {
			return entry
		}
	}
	entry := &queueEntry{of: o}
	q.entries = append(q.entries, entry)
	return entry
}

// appendTo appends the frames of everything in the queue. A pong or a ping may overtake messages. Messages keep their
// order, and the close frame is last.
func (q *sendQueue) appendTo(frames []byte) []byte {
	frames = append(frames, q.pong...)
	if q.ping {
		frames = append(frames, pingFrame...)
	}
	for _, entry := range q.entries {
		switch {
		case entry.of == nil:
			frames = append(frames, entry.state...)
		case entry.state != nil:
			frames = textFrame(frames, message{entry.of.id, "next", entry.state})
		}
		if entry.last != nil {
			frames = textFrame(frames, *entry.last)
		}
	}
	return append(frames, q.close...)
}
