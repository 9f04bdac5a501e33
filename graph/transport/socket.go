package transport

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
)

// socket is one client's connection. While it is idle it is this struct and no more: no goroutine reads (a poller waits
// for the client), none writes, and a subscription that waits for its Source has none. Thousands of sockets are open,
// so each field here and in operation counts.
//
// Goroutines exist for a while only: one that reads while there is something to read, one for each execution, and one
// that writes when the client does not accept data immediately. None of them waits for another.
type socket struct {
	t *WebSocket
	// address is the client's, for which the socket counts.
	address string
	// route is the pattern that the socket's request matched.
	route string
	// base has the values of the request's context, cancelable is what socketContext makes of it.
	base       context.Context
	cancelable atomic.Pointer[cancelable]
	// session is the session's context, set once by the reader; nil before connection_init. free frees it, if needed.
	session context.Context
	free    func()
	// initTimer ends a socket whose session is not opened in time; nil afterwards.
	initTimer *time.Timer

	mu   sync.Mutex
	conn conn
	// ended is why the socket ends, the first reason; nil while it is open.
	ended error
	// operations is a list, linked by sibling.
	operations *operation
	// queue has what waits to be written; nil when nothing does.
	queue *sendQueue
	// writerDone is closed when the writing goroutine ends; nil when nothing waits for that.
	writerDone chan struct{}
	// active counts the operations that run: those in the list, which are at most maxOperations, and at most as many
	// that have ended for the client but have not stopped yet.
	active, maxOperations int32
	// position is the socket's place in the timer wheel.
	position wheelPosition
	// parked: the poller waits for the client, and no goroutine reads. ownGoroutine: it is parked in a goroutine of its
	// own.
	parked, ownGoroutine bool
	// writing: a goroutine writes, and will send what is queued meanwhile. writeFailed: nothing can be written any
	// more. closeSent: a close frame has been written or queued, and is the last frame.
	writing, writeFailed, closeSent bool
	// awaitingPong: the client has sent nothing since the latest ping.
	awaitingPong bool
	// sessionLasts is the session's Lasts.
	sessionLasts bool
	// retiring: no more operations are started.
	retiring bool

	// running counts executions. answering counts those that retire waits for: of queries and mutations, and of
	// operations that have not been parsed yet.
	running, answering sync.WaitGroup
}

// open begins to read from the client, who may have sent something already.
func (s *socket) open(hijacked *hijackedConn) {
	sent, _ := hijacked.read.Peek(hijacked.read.Buffered())
	s.conn = newConn(hijacked.conn)
	s.initTimer = time.AfterFunc(s.t.settings.InitTimeout, func() { s.end(closeInitTimeout) })
	s.t.wheel.add(s)
	if s.t.isDraining() {
		go s.retire(closeRestart)
	}
	if len(sent) > 0 || !s.park() {
		go s.readLoop(slices.Clone(sent))
	}
}

// readLoop reads the client's messages, those that have been read already first, until the client is idle or the
// socket ends. When the socket ends, readLoop cleans up.
func (s *socket) readLoop(read []byte) {
	r := newReader(s, read)
	for {
		err := s.readMessage(r)
		if err == nil {
			continue
		}
		if errors.Is(err, errIdle) {
			if s.park() {
				r.free()
				return
			}
			r.Conn = r.newGorilla() // the previous one returns errIdle for ever
			break
		}
		s.end(err)
		break
	}
	s.drainInput(r)
	r.free()
	s.cleanUp()
}

// park has the poller wait for the client instead of this goroutine. It returns false when the socket has ended.
func (s *socket) park() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return false
	}
	s.parked = true
	if !s.writing {
		s.conn.unblock()
	}
	s.t.poller.park(s)
	return true
}

// read reads what has arrived, or waits for something.
func (s *socket) read(into []byte) (int, error) {
	s.mu.Lock()
	n, err := s.conn.read(into)
	s.mu.Unlock()
	if !errors.Is(err, errWouldBlock) {
		return n, err
	}
	conn, err := s.blockingConn()
	if err != nil {
		return 0, err
	}
	return conn.Read(into)
}

// blockingConn returns the connection for blocking reads and writes. When the socket has ended without a close frame,
// reads fail immediately.
func (s *socket) blockingConn() (blockingConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	conn, err := s.conn.block()
	if err == nil && s.ended != nil && !hasCloseFrame(s.ended) {
		_ = conn.SetReadDeadline(time.Now())
	}
	return conn, err
}

// readMessage handles one message. It returns errIdle, or why the socket ends.
func (s *socket) readMessage(r reader) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			logPanic(reason)
			err = closeInternal
		}
	}()
	kind, text, err := r.next()
	if ended := s.endReason(); ended != nil {
		return ended
	}
	if err != nil {
		return readError(err)
	}
	s.clearAwaitingPong()
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
		return s.send(message{Type: "pong", Payload: m.Payload})
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

// endReason returns why the socket ends; nil while it is open.
func (s *socket) endReason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// readError returns why reading ended.
func readError(err error) error {
	switch {
	case errors.Is(err, errIdle):
		return errIdle
	case errors.Is(err, websocket.ErrReadLimit):
		return closeTooLarge
	}
	return errDisconnected
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
	s.session, s.free, s.sessionLasts = session.Context, session.Free, session.Lasts
	s.maxOperations = int32(s.t.settings.MaxOperations)
	if session.MaxOperations > 0 {
		s.maxOperations = min(s.maxOperations, int32(session.MaxOperations))
	}
	inTime := s.initTimer.Stop()
	if s.initTimer = nil; !inTime {
		return closeInitTimeout
	}
	if !session.Lasts {
		context.AfterFunc(session.Context, func() { s.end(closeForbidden) })
	}
	return s.send(message{Type: "connection_ack"})
}

func (s *socket) subscribe(m message) error {
	if s.session == nil {
		return closeUnauthorized
	}
	params := &graphql.RawParams{}
	params.ReadTime.Start = graphql.Now()
	if !isID(m.ID) || len(m.Payload) == 0 || decode(m.Payload, params) != nil ||
		params.Query == "" && params.Extensions["persistedQuery"] == nil {
		return closeBadRequest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.operation(m.ID) != nil:
		return closeDuplicate(m.ID)
	case s.retiring || s.ended != nil: // the client will ask again elsewhere
	case s.count() >= s.maxOperations || s.active >= 2*s.maxOperations:
		return s.sendLocked(message{m.ID, "error",
			errorsOf(refusal("RATE_LIMITED", "too many operations on this connection"))})
	default:
		s.start(m.ID, params)
	}
	return nil
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
