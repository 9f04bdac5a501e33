package transport

import (
	"encoding/binary"
	"encoding/json"

	"github.com/gorilla/websocket"
)

// maxUnread is how many messages other than states may wait to be sent. Only a client that asks and
// does not read comes so far.
const maxUnread = 256

// outbox is what is to be written to one client, and there is something. Of each operation it holds the
// latest state alone. Its socket's mutex guards it.
type outbox struct {
	unread   int // how many messages other than states wait
	controls [][]byte
	// due are the operations with something to send, in the order in which they came to have it.
	due []*dueOperation
}

// dueOperation is what waits to be sent for one operation: a state, its last message, or both.
type dueOperation struct {
	of    *operation
	state json.RawMessage
	last  *message
}

// control puts a frame that is no state, and fails when the client leaves too many unread.
func (b *outbox) control(frame []byte) error {
	b.controls = append(b.controls, frame)
	return b.count()
}

// state puts the latest state of an operation, in place of one that was not sent yet.
func (b *outbox) state(o *operation, state json.RawMessage) { b.dueOf(o).state = state }

// last puts the last message of an operation, and fails when the client leaves too many unread.
func (b *outbox) last(o *operation, m message) error {
	b.dueOf(o).last = &m
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
	for _, due := range b.due {
		if due.of == o {
			return due
		}
	}
	due := &dueOperation{of: o}
	b.due = append(b.due, due)
	return due
}

// outbox returns the socket's, to put something in.
func (s *socket) outbox() *outbox {
	if s.out == nil {
		s.out = &outbox{}
	}
	return s.out
}

// take appends the frames of everything that is to be sent.
func (s *socket) take(frames []byte) []byte {
	b := s.out
	s.out = nil
	for _, frame := range b.controls {
		frames = append(frames, frame...)
	}
	for _, due := range b.due {
		if due.state != nil {
			frames = textFrame(frames, message{due.of.id, "next", due.state})
		}
		if due.last != nil {
			frames = textFrame(frames, *due.last)
		}
	}
	return frames
}

// textFrame appends the frame of a message. What a server sends is not masked, so it is the message
// behind its length.
func textFrame(frames []byte, m message) []byte {
	text := make([]byte, 0, len(m.ID)+len(m.Payload)+64)
	text = append(text, '{')
	if m.ID != "" {
		id, _ := json.Marshal(m.ID) // of a string it does not fail
		text = append(append(append(text, `"id":`...), id...), ',')
	}
	text = append(append(append(text, `"type":"`...), m.Type...), '"')
	if len(m.Payload) > 0 {
		text = append(append(text, `,"payload":`...), m.Payload...)
	}
	text = append(text, '}')
	return append(frameHead(frames, websocket.TextMessage, len(text)), text...)
}

// frameHead appends the head of a frame that is a whole message (RFC 6455, 5.2).
func frameHead(frames []byte, kind byte, length int) []byte {
	const final, short, long = 0x80, 126, 127
	switch frames = append(frames, final|kind); {
	case length < short:
		return append(frames, byte(length))
	case length <= 0xffff:
		return binary.BigEndian.AppendUint16(append(frames, short), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(frames, long), uint64(length))
	}
}
