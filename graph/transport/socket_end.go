package transport

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"foyer/internal/telemetry"
)

// closeTimeout is how long a client has to receive its close frame.
const closeTimeout = time.Second

// end ends the socket. A closing, as the reason, is sent to the client. Whatever the client does, the connection is
// closed after closeTimeout.
func (s *socket) end(reason error) {
	s.mu.Lock()
	if s.ended != nil {
		s.mu.Unlock()
		return
	}
	s.ended = reason
	for s.operations != nil {
		s.remove(s.operations)
	}
	if c, ours := errors.AsType[closing](reason); ours && hasCloseFrame(reason) {
		s.sendCloseLocked(closeFrame(c))
	}
	if s.conn.blocking != nil && !hasCloseFrame(reason) {
		_ = s.conn.blocking.SetReadDeadline(time.Now())
	}
	time.AfterFunc(closeTimeout, s.closeConn)
	if s.parked {
		s.parked = false
		s.t.poller.unpark(s)
	}
	s.mu.Unlock()
	s.cancel()
}

// hasCloseFrame reports whether a client is sent the reason for which its socket ends.
func hasCloseFrame(reason error) bool {
	c, ours := errors.AsType[closing](reason)
	return ours && c != closeNoPong
}

func (s *socket) closeConn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn.close()
}

// drainInput reads on after our close frame: if unread data arrived, the kernel would reset the connection and discard
// that frame. It ends with the client's close frame, or after closeTimeout.
func (s *socket) drainInput(r reader) {
	if !hasCloseFrame(s.ended) {
		return
	}
	r.draining = true
	for {
		_, _, err := r.NextReader()
		if _, closed := errors.AsType[*websocket.CloseError](err); closed {
			return
		}
		if err != nil {
			break // for instance after a message that is too large: gorilla reads no more frames
		}
	}
	_, _ = io.Copy(io.Discard, r.gorillaConn)
}

// cleanUp waits until everything has been written and has stopped, and then frees what the socket held.
func (s *socket) cleanUp() {
	s.awaitWriter()
	s.closeConn()
	if s.initTimer != nil {
		s.initTimer.Stop()
	}
	s.running.Wait()
	if s.free != nil {
		s.free()
	}
	s.log()
	s.t.release(s)
}

// log counts and logs the request that became the socket.
func (s *socket) log() {
	telemetry.RequestOf(s.base).Finish(s.base, telemetry.Answer{
		Method: http.MethodGet, Route: s.route, Status: http.StatusSwitchingProtocols, Streams: true,
	})
}

// retire ends the socket without cutting an answer off. It starts no more operations, waits for queries and mutations,
// and then for what is written, which has the timeout of any write. A client whose mutation was cut off could only send
// it again.
func (s *socket) retire(c closing) {
	s.mu.Lock()
	s.retiring = true
	s.mu.Unlock()
	s.answering.Wait()
	s.mu.Lock()
	for s.operations != nil { // subscriptions, which the client starts again elsewhere
		s.remove(s.operations)
	}
	s.mu.Unlock()
	s.awaitWriter()
	s.end(c)
}
