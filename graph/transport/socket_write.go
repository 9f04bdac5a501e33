package transport

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/gorilla/websocket"
)

// send sends a message that belongs to no operation. It fails when the client leaves too many messages unread.
func (s *socket) send(m message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return s.ended
	}
	return s.sendLocked(m)
}

// sendLocked is send for callers that hold the mutex.
func (s *socket) sendLocked(m message) error {
	frame := textFrame(nil, m)
	if s.canWrite() {
		s.write(frame)
		return nil
	}
	return s.sendQueue().addFrame(frame)
}

// pong answers a ping. It replaces a pong that is still queued.
func (s *socket) pong(text string) {
	frame := append(frameHead(nil, websocket.PongMessage, len(text)), text...)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended != nil:
	case s.canWrite():
		s.write(frame)
	default:
		s.sendQueue().pong = frame
	}
}

// sendClose sends gorilla's close frame.
func (s *socket) sendClose(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.sendCloseLocked(frame)
	}
}

// sendCloseLocked sends a close frame after everything else that is queued, unless one has been sent. The mutex is
// held.
func (s *socket) sendCloseLocked(frame []byte) {
	switch {
	case s.closeSent:
	case s.canWrite():
		s.write(frame)
	default:
		s.sendQueue().close = frame
	}
	s.closeSent = true
}

// receives reports whether the client still receives an operation's messages. The mutex is held.
func (s *socket) receives(o *operation) bool { return !o.ended && s.session.Err() == nil }

// sendState sends a response of an operation. It replaces one that is still queued.
func (s *socket) sendState(o *operation, response json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.receives(o):
	case s.canWrite():
		s.write(textFrame(nil, message{o.id, "next", response}))
	default:
		s.sendQueue().setState(o, response)
	}
}

// sendLast sends an operation's last message, after its last state, and removes the operation.
func (s *socket) sendLast(o *operation, last message) {
	s.mu.Lock()
	var err error
	if s.receives(o) {
		if s.canWrite() {
			s.write(textFrame(nil, last))
		} else {
			err = s.sendQueue().setLast(o, last)
		}
		s.remove(o)
	}
	s.mu.Unlock()
	if err != nil {
		s.end(err)
	}
}

// canWrite reports whether frames can be written now. Otherwise they are queued. The mutex is held.
func (s *socket) canWrite() bool { return !s.writing && !s.writeFailed }

// sendQueue returns the socket's queue, to put something in.
func (s *socket) sendQueue() *sendQueue {
	if s.queue == nil {
		s.queue = &sendQueue{}
	}
	return s.queue
}

// write writes frames as far as the client accepts them immediately; a goroutine writes the rest. It does not block.
// The mutex is held.
func (s *socket) write(frames []byte) {
	if n := s.conn.write(frames); n < len(frames) {
		s.writing = true
		go s.writeLoop(slices.Clone(frames[n:]))
	}
}

// writeLoop writes frames, and then what has been queued meanwhile. A client that does not accept them within
// WriteTimeout is disconnected.
func (s *socket) writeLoop(frames []byte) {
	for len(frames) > 0 {
		conn, err := s.blockingConn()
		if err == nil {
			_ = conn.SetWriteDeadline(time.Now().Add(s.t.settings.WriteTimeout))
			_, err = conn.Write(frames)
		}
		frames = s.written(err == nil, frames[:0])
	}
}

// written returns what to write next; nothing when the queue is empty, or nothing more can be written.
func (s *socket) written(ok bool, frames []byte) []byte {
	s.mu.Lock()
	if ok && s.queue != nil {
		defer s.mu.Unlock()
		frames = s.queue.appendTo(frames)
		s.queue = nil
		return frames
	}
	s.writing, s.writeFailed = false, !ok
	if s.writerDone != nil {
		close(s.writerDone)
		s.writerDone = nil
	}
	if s.conn.blocking != nil {
		_ = s.conn.blocking.SetWriteDeadline(time.Time{})
	}
	s.mu.Unlock()
	if !ok {
		s.end(closeSlow)
		s.closeConn() // what is still queued would wait just as long
	}
	return nil
}

// awaitWriter returns when no goroutine writes any more.
func (s *socket) awaitWriter() {
	s.mu.Lock()
	if s.writing && s.writerDone == nil {
		s.writerDone = make(chan struct{})
	}
	done := s.writerDone
	s.mu.Unlock()
	if done != nil {
		<-done
	}
}
