package transport

import (
	"encoding/binary"
	"encoding/json"

	"github.com/gorilla/websocket"
)

const (
	// maxUnread is how many messages other than states may wait to be sent, and maxUnreadBytes how many bytes
	// of them, unless it is one alone. Only a client that asks and does not read comes so far.
	maxUnread      = 256
	maxUnreadBytes = 1 << 20
)

// outbox is what is to be written to a client who does not take at once what it is sent. Nothing in it grows without a
// bound: messages are counted, of each operation there is the latest state alone, and of pings, pongs and
// close frames one. Its socket's mutex guards it.
type outbox struct {
	// unread is how many messages other than states wait, and bytes what is in them.
	unread, bytes int
	// due is what is to be sent, in the order in which it came.
	due []*dueMessage
	// pong answers the client's latest ping: that is enough (RFC 6455, 5.5.3).
	pong []byte
	// ping: the client is to be asked whether it is there.
	ping bool
	// close is the last frame of all.
	close []byte
}

// dueMessage waits to be sent.
type dueMessage struct {
	// of is the operation of which there is a state, a last message, or both; with nil state is a whole frame.
	of    *operation
	state json.RawMessage
	last  *message
}

// message puts the frame of a message that is no operation's, and fails when the client leaves too many
// unread.
func (b *outbox) message(frame []byte) error {
	b.due = append(b.due, &dueMessage{state: frame})
	return b.count(len(frame))
}

// state puts the latest state of an operation, in place of one that was not sent yet.
func (b *outbox) state(o *operation, state json.RawMessage) { b.dueOf(o).state = state }

// last puts the last message of an operation, and fails when the client leaves too many unread.
func (b *outbox) last(o *operation, m message) error {
	due := b.dueOf(o)
	due.last = &m
	return b.count(len(due.state) + len(m.Payload))
}

func (b *outbox) count(bytes int) error {
	b.unread++
	b.bytes += bytes
	if b.unread > maxUnread || b.bytes > maxUnreadBytes && b.unread > 1 {
		return closeSlow
	}
	return nil
}

func (b *outbox) dueOf(o *operation) *dueMessage {
	for _, due := range b.due {
		if due.of == o {
			return due
		}
	}
	due := &dueMessage{of: o}
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

// take appends the frames of everything that is to be sent. A pong may overtake messages; nothing overtakes
// an answer but that, and the close frame nothing at all.
func (s *socket) take(frames []byte) []byte {
	b := s.out
	s.out = nil
	frames = append(frames, b.pong...)
	if b.ping {
		frames = append(frames, pingFrame...)
	}
	for _, due := range b.due {
		switch {
		case due.of == nil:
			frames = append(frames, due.state...)
		case due.state != nil:
			frames = textFrame(frames, message{due.of.id, "next", due.state})
		}
		if due.last != nil {
			frames = textFrame(frames, *due.last)
		}
	}
	return append(frames, b.close...)
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
