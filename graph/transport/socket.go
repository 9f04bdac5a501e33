package transport

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// lingering is how long a client has to hear why its socket ended.
const lingering = time.Second

// socket is one client. While nothing is said it is this struct and no more: no goroutine waits for the
// client (a rester knows when it speaks), none is there to write, and none for a subscription that
// could tell when something happens (see Source). What thousands of sockets hold each is here and in
// operation; each field counts.
//
// Goroutines come for a while: one that reads while there is something to read, one for each operation
// that is executed, and one that writes where the client does not take at once what it is sent. None
// of them waits for another.
type socket struct {
	t *WebSocket
	// address is whom the socket counts for.
	address string
	// detached is what the socket has of its request's context, cancelable what socketContext makes of it.
	detached   context.Context
	cancelable atomic.Pointer[cancelable]
	// session is the context of the one that was opened, which the reader does once; nil before. free is
	// what it has to be freed by, if anything.
	session context.Context
	free    func()
	// late ends a socket that opens no session in time; nil afterwards.
	late *time.Timer

	mu   sync.Mutex
	wire wire
	// ended is why; the first cause counts. nil while it lives.
	ended error
	// operations are linked by their another.
	operations *operation
	// out is what is to be written; nil for nothing.
	out *outbox
	// idle is closed when nobody writes any more; nil while nobody wants to know.
	idle chan struct{}
	// active counts the operations that run: those above, and as many again at most that have ended
	// for the client and are about to stop.
	active int32
	// spoke is where the wheel has the socket.
	spoke spoke
	// resting: its rester waits for the client. Otherwise one goroutine reads. lone: by a goroutine of
	// its own, as a rester may.
	resting, lone bool
	// writing: a goroutine writes, which will find what comes in the meantime. broken: nobody can.
	writing, broken bool
	// asked whether it is there, the client has not said anything yet.
	asked bool
	// lasts is that of the session.
	lasts bool
	// retiring is whether no more operations are taken up.
	retiring bool

	// running are executions; answering those of operations that get one answer, and of those of which
	// it is not known yet.
	running, answering sync.WaitGroup
}

// listen reads what the client has to say, what was read already first, until it is silent or the
// socket ends. Of the latter it leaves nothing behind.
func (s *socket) listen(begun []byte) {
	r := newReader(s, begun)
	for {
		err := s.read(r)
		if err == nil {
			continue
		}
		if errors.Is(err, errQuiet) {
			if s.rest() {
				r.free()
				return
			}
			r.Conn = r.upgraded() // the one before has made an error of its own of it
			break
		}
		s.end(err)
		break
	}
	s.drain(r)
	r.free()
	s.leave()
}

// rest has the socket wait for its client without this goroutine, and reports whether it does.
func (s *socket) rest() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return false
	}
	s.resting = true
	if !s.writing {
		s.wire.rest()
	}
	s.t.rester.rest(s)
	return true
}

// receive reads what has come, or waits for it.
func (s *socket) receive(into []byte) (int, error) {
	s.mu.Lock()
	n, err := s.wire.read(into)
	s.mu.Unlock()
	if !errors.Is(err, errUnread) {
		return n, err
	}
	conn, err := s.wait()
	if err != nil {
		return 0, err
	}
	return conn.Read(into)
}

// wait returns the connection for who has to wait for it: to read not any more, once the socket has ended
// without a word.
func (s *socket) wait() (waiting, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	conn, err := s.wire.wait()
	if err == nil && s.ended != nil && !explained(s.ended) {
		_ = conn.SetReadDeadline(time.Now())
	}
	return conn, err
}

// explained reports whether a client is told why its socket ends, and has lingering to hear it.
func explained(cause error) bool {
	c, ours := errors.AsType[closing](cause)
	return ours && c != closeDeaf
}

func (s *socket) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wire.close()
}

// end ends the socket, with a closing as the cause where the client is to be told one. Whatever the
// client does, it has no longer than lingering from then on.
func (s *socket) end(cause error) {
	s.mu.Lock()
	if s.ended != nil {
		s.mu.Unlock()
		return
	}
	s.ended = cause
	for s.operations != nil {
		s.remove(s.operations)
	}
	if c, ours := errors.AsType[closing](cause); ours && explained(cause) {
		s.put(closeFrame(c))
	}
	if s.wire.waits != nil && !explained(cause) {
		_ = s.wire.waits.SetReadDeadline(time.Now())
	}
	time.AfterFunc(lingering, s.hangUp)
	if s.resting {
		s.resting = false
		s.t.rester.rouse(s)
	}
	s.mu.Unlock()
	s.cancel()
}

func closeFrame(c closing) []byte {
	payload := websocket.FormatCloseMessage(c.code, c.reason)
	return append(frameHead(nil, websocket.CloseMessage, len(payload)), payload...)
}

// drain reads on when we were the ones to end, so that what the client still sends does not make the
// network throw away the close frame. It ends with the client's close frame, or with lingering.
func (s *socket) drain(r reader) {
	if !explained(s.ended) {
		return
	}
	r.draining = true
	for {
		_, _, err := r.NextReader()
		if _, closed := errors.AsType[*websocket.CloseError](err); closed {
			return
		}
		if err != nil {
			break // as after a message that is too large: no frames are read any more
		}
	}
	_, _ = io.Copy(io.Discard, r.line)
}

// leave frees what the socket had, once everything has been written and stopped.
func (s *socket) leave() {
	s.mu.Lock()
	var idle chan struct{}
	if s.writing {
		s.idle = make(chan struct{})
		idle = s.idle
	}
	s.mu.Unlock()
	if idle != nil {
		<-idle
	}
	s.hangUp()
	if s.late != nil {
		s.late.Stop()
	}
	s.running.Wait()
	if s.free != nil {
		s.free()
	}
	s.t.release(s)
	if ended := s.t.settings.Ended; ended != nil {
		ended(s.detached)
	}
}

// heard notes that the client is there.
func (s *socket) heard() {
	s.mu.Lock()
	s.asked = false
	s.mu.Unlock()
}

// pingFrame asks a client whether it is there, and a pong to it has pongLength bytes: there is nothing in
// it but its mask.
var pingFrame = frameHead(nil, websocket.PingMessage, 0)

const pongLength = 6

// onlyPongs reports whether bytes are answers to pingFrame, and nothing else. Ten thousand who wait send
// hundreds of them in a second; no other frame is read here.
func onlyPongs(read []byte) bool {
	const final, masked = 0x80, 0x80
	for ; len(read) >= pongLength; read = read[pongLength:] {
		if read[0] != final|websocket.PongMessage || read[1] != masked {
			return false
		}
	}
	return len(read) == 0
}

// ping asks the client whether it is there, and ends the socket of one that has not answered since it
// was last asked.
func (s *socket) ping() {
	s.mu.Lock()
	deaf := s.asked
	if s.asked = true; !deaf && s.ended == nil {
		s.put(pingFrame)
	}
	s.mu.Unlock()
	if deaf {
		s.end(closeDeaf)
	}
}

// retire takes up no more operations, lets those that get one answer have it, and ends the socket. A
// client whose mutation was cut off could but send it again elsewhere.
func (s *socket) retire(c closing) {
	s.mu.Lock()
	s.retiring = true
	s.mu.Unlock()
	s.answering.Wait()
	s.end(c)
}

// read handles one message, and returns why the socket ends, or errQuiet.
func (s *socket) read(r reader) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			logPanic(reason)
			err = closeInternal
		}
	}()
	kind, text, err := r.next()
	if ended := s.cause(); ended != nil {
		return ended
	}
	if err != nil {
		return readError(err)
	}
	s.heard()
	var m message
	if kind != websocket.TextMessage || decode(text, &m) != nil {
		return closeBadRequest
	}
	switch m.Type {
	case "connection_init":
		return s.init(m)
	case "ping":
		if !isObject(m.Payload) {
			return closeBadRequest
		}
		return s.reply(message{Type: "pong", Payload: m.Payload})
	case "pong":
		return nil
	case "subscribe":
		return s.subscribe(m)
	case "complete":
		return s.complete(m)
	default:
		return closeBadRequest
	}
}

// cause is why the socket has ended; nil while it lives.
func (s *socket) cause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// readError says why reading ended.
func readError(err error) error {
	switch {
	case errors.Is(err, errQuiet):
		return errQuiet
	case errors.Is(err, websocket.ErrReadLimit):
		return closeTooLarge
	}
	return errGone
}

func (s *socket) init(m message) error {
	if s.session != nil {
		return closeTooManyInits
	}
	payload := map[string]any{}
	if !isObject(m.Payload) || len(m.Payload) > 0 && decode(m.Payload, &payload) != nil {
		return closeBadRequest
	}
	session, err := s.t.settings.Init((*socketContext)(s), payload)
	if errors.Is(err, ErrAway) {
		return closeAway
	}
	if err != nil {
		return closeForbidden
	}
	s.session, s.free, s.lasts = session.Context, session.Free, session.Lasts
	inTime := s.late.Stop()
	if s.late = nil; !inTime {
		return closeInitTimeout
	}
	if !session.Lasts {
		context.AfterFunc(session.Context, func() { s.end(closeForbidden) })
	}
	return s.reply(message{Type: "connection_ack"})
}

// reply sends a message that is no state.
func (s *socket) reply(m message) error { return s.control(textFrame(nil, m)) }

// control sends a frame that is no state, and fails when the client leaves too many unread.
func (s *socket) control(frame []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return s.ended
	}
	err := s.outbox().control(frame)
	s.send()
	return err
}

func (s *socket) complete(m message) error {
	if m.ID == "" {
		return closeBadRequest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.operation(m.ID); o != nil {
		s.remove(o)
	}
	return nil
}

// short cuts an id to what fits a close frame.
func short(id string) string { return strings.ToValidUTF8(id[:min(len(id), 64)], "") }

// wanted reports whether the client is to hear of an operation. The mutex is held.
func (s *socket) wanted(o *operation) bool { return !o.over && s.session.Err() == nil }

// state has an answer of an operation sent.
func (s *socket) state(o *operation, answer json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted(o) {
		s.outbox().state(o, answer)
		s.send()
	}
}

// finish has the last message of an operation sent, after its last state.
func (s *socket) finish(o *operation, last message) {
	s.mu.Lock()
	var err error
	if s.wanted(o) {
		err = s.outbox().last(o, last)
		s.remove(o)
		s.send()
	}
	s.mu.Unlock()
	if err != nil {
		s.end(err)
	}
}

// send writes what is in the outbox as far as the client takes it at once; for the rest there is a
// goroutine. Whoever calls it holds the mutex, and is not kept waiting.
func (s *socket) send() {
	if !s.writing && !s.broken && s.out != nil {
		s.begin(s.take(nil))
	}
}

// put sends a frame that is no state and not the client's doing. The mutex is held.
func (s *socket) put(frame []byte) {
	if s.writing || s.broken || s.out != nil {
		s.outbox().controls = append(s.outbox().controls, frame)
	} else {
		s.begin(frame)
	}
}

// begin writes frames as far as the client takes them at once, and has a goroutine write the rest.
func (s *socket) begin(frames []byte) {
	if n := s.wire.write(frames); n < len(frames) {
		s.writing = true
		go s.write(slices.Clone(frames[n:]))
	}
}

// write sends frames, and what comes to the outbox meanwhile, each lot in time. A client that does not
// take it is let go of.
func (s *socket) write(frames []byte) {
	for len(frames) > 0 {
		conn, err := s.wait()
		if err == nil {
			_ = conn.SetWriteDeadline(time.Now().Add(s.t.settings.WriteTimeout))
			_, err = conn.Write(frames)
		}
		frames = s.wrote(err == nil, frames[:0])
	}
}

// wrote returns what is to be written next; nothing when that was all, or cannot be.
func (s *socket) wrote(well bool, frames []byte) []byte {
	s.mu.Lock()
	if well && s.out != nil {
		defer s.mu.Unlock()
		return s.take(frames)
	}
	s.writing, s.broken = false, !well
	if s.idle != nil {
		close(s.idle)
	}
	if s.wire.waits != nil {
		_ = s.wire.waits.SetWriteDeadline(time.Time{})
	}
	s.mu.Unlock()
	if !well {
		s.end(closeSlow)
		s.hangUp() // whatever is still to be sent would wait as long again
	}
	return nil
}
