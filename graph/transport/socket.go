package transport

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"foyer/internal/telemetry"

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
	// route is the pattern that the socket's request matched.
	route string
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
	// active counts the operations that run: those above, of which there are most, and as many again at most
	// that have ended for the client and are about to stop.
	active, most int32
	// spoke is where the wheel has the socket.
	spoke spoke
	// resting: its rester waits for the client. Otherwise one goroutine reads. lone: by a goroutine of
	// its own, as a rester may.
	resting, lone bool
	// writing: a goroutine writes, which will find what comes in the meantime. broken: nobody can. parting:
	// a close frame is written, and is the last.
	writing, broken, parting bool
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
		s.close(closeFrame(c))
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
	s.written()
	s.hangUp()
	if s.late != nil {
		s.late.Stop()
	}
	s.running.Wait()
	if s.free != nil {
		s.free()
	}
	s.log()
	s.t.release(s)
}

// log counts and logs the request that the socket came from.
func (s *socket) log() {
	telemetry.RequestOf(s.detached).Finish(s.detached, telemetry.Answer{
		Method: http.MethodGet, Route: s.route, Status: http.StatusSwitchingProtocols, Streams: true,
	})
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
		if s.takes() {
			s.begin(pingFrame)
		} else {
			s.outbox().ping = true
		}
	}
	s.mu.Unlock()
	if deaf {
		s.end(closeDeaf)
	}
}

// retire takes up no more operations, lets those that get one answer have it, and ends the socket once the
// client has taken what is sent, for which it has the time of any write. A client whose mutation was cut off
// could but send it again elsewhere.
func (s *socket) retire(c closing) {
	s.mu.Lock()
	s.retiring = true
	s.mu.Unlock()
	s.answering.Wait()
	s.mu.Lock()
	for s.operations != nil { // subscriptions, which begin again elsewhere
		s.remove(s.operations)
	}
	s.mu.Unlock()
	s.written()
	s.end(c)
}

// written returns when nobody writes any more.
func (s *socket) written() {
	s.mu.Lock()
	if s.writing && s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	if idle != nil {
		<-idle
	}
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
	s.most = int32(s.t.settings.MaxOperations)
	if session.MaxOperations > 0 {
		s.most = min(s.most, int32(session.MaxOperations))
	}
	inTime := s.late.Stop()
	if s.late = nil; !inTime {
		return closeInitTimeout
	}
	if !session.Lasts {
		context.AfterFunc(session.Context, func() { s.end(closeForbidden) })
	}
	return s.reply(message{Type: "connection_ack"})
}

// reply sends a message that is no operation's, and fails when the client leaves too many unread.
func (s *socket) reply(m message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return s.ended
	}
	return s.message(m)
}

// message is reply for who holds the mutex.
func (s *socket) message(m message) error {
	frame := textFrame(nil, m)
	if s.takes() {
		s.begin(frame)
		return nil
	}
	return s.outbox().message(frame)
}

// pong answers a ping, in place of a pong that was not sent yet.
func (s *socket) pong(text string) {
	frame := append(frameHead(nil, websocket.PongMessage, len(text)), text...)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended != nil:
	case s.takes():
		s.begin(frame)
	default:
		s.outbox().pong = frame
	}
}

// farewell sends a close frame of gorilla's.
func (s *socket) farewell(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.close(frame)
	}
}

// close sends a close frame, unless one has been, after all else that is to be sent. The mutex is held.
func (s *socket) close(frame []byte) {
	switch {
	case s.parting:
	case s.takes():
		s.begin(frame)
	default:
		s.outbox().close = frame
	}
	s.parting = true
}

func (s *socket) complete(m message) error {
	if !isID(m.ID) {
		return closeBadRequest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.operation(m.ID); o != nil {
		s.remove(o)
	}
	return nil
}

// maxID is how many bytes an id may have: each is kept as long as its operation lasts. Clients use UUIDs.
const maxID = 128

func isID(id string) bool { return id != "" && len(id) <= maxID }

// short cuts an id to what fits a close frame.
func short(id string) string { return strings.ToValidUTF8(id[:min(len(id), 64)], "") }

// wanted reports whether the client is to hear of an operation. The mutex is held.
func (s *socket) wanted(o *operation) bool { return !o.over && s.session.Err() == nil }

// state has an answer of an operation sent.
func (s *socket) state(o *operation, answer json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.wanted(o):
	case s.takes():
		s.begin(textFrame(nil, message{o.id, "next", answer}))
	default:
		s.outbox().state(o, answer)
	}
}

// finish has the last message of an operation sent, after its last state.
func (s *socket) finish(o *operation, last message) {
	s.mu.Lock()
	var err error
	if s.wanted(o) {
		if s.takes() {
			s.begin(textFrame(nil, last))
		} else {
			err = s.outbox().last(o, last)
		}
		s.remove(o)
	}
	s.mu.Unlock()
	if err != nil {
		s.end(err)
	}
}

// takes reports whether nothing is in the way of what is sent. Otherwise it goes to the outbox. The mutex is
// held.
func (s *socket) takes() bool { return !s.writing && !s.broken }

// begin writes frames as far as the client takes them at once, and has a goroutine write the rest. The mutex
// is held, and nobody is kept waiting.
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
		s.idle = nil
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
