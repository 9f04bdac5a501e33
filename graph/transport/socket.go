package transport

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/ast"
)

// lingering is how long a client has to hear why its socket ended.
const lingering = time.Second

// socket is one client. Three kinds of goroutine work on it: the handler's reads, one writes, and one
// for each operation puts what is to be written into the outbox. None of them waits for another.
type socket struct {
	settings WebSocketSettings
	exec     graphql.GraphExecutor
	headers  http.Header
	conn     *websocket.Conn
	out      *outbox
	// end ends the socket, with a closing as the cause where the client is to be told one. The first
	// cause counts.
	end context.CancelCauseFunc

	// session is set once, by the reader.
	session *Session

	mu         sync.Mutex
	operations map[string]*operation
	// active counts the operations that run: those above, and as many again at most that have ended
	// for the client and are about to stop.
	active  int
	running sync.WaitGroup
	// answering are the operations that get one answer, and those of which it is not known yet.
	answering sync.WaitGroup
	// retiring is whether no more operations are taken up.
	retiring bool
}

// operation is one that runs on a socket.
type operation struct {
	id   string
	ctx  context.Context
	stop context.CancelFunc
	// streams says that it is a subscription, for which retire does not wait, or over.
	streams func()
}

// serve runs the socket until it ends, and leaves nothing of it behind.
func (s *socket) serve(ctx context.Context) {
	written := make(chan struct{})
	go func() {
		defer close(written)
		s.write(ctx)
	}()
	// Whatever the client does, it has no longer than this from the end on.
	context.AfterFunc(ctx, func() { time.AfterFunc(lingering, func() { _ = s.conn.Close() }) })
	late := time.AfterFunc(s.settings.InitTimeout, func() { s.end(closeInitTimeout) })
	defer late.Stop()
	s.conn.SetReadLimit(s.settings.MaxMessage)
	s.conn.SetPongHandler(func(string) error { return s.alive() })
	err := s.alive()
	for err == nil {
		err = s.read(ctx, late)
	}
	s.end(err)
	<-written
	s.drain(err)
	_ = s.conn.Close()
	s.running.Wait()
}

// alive gives the client time until after the next ping.
func (s *socket) alive() error { return s.conn.SetReadDeadline(time.Now().Add(2 * s.settings.Ping)) }

// drain reads on when we were the ones to end, so that what the client still sends does not make the
// network throw away the close frame. It ends with the client's close frame, or with lingering.
func (s *socket) drain(err error) {
	if c, ours := errors.AsType[closing](err); !ours || c == closeDeaf {
		return
	}
	for {
		_, _, err := s.conn.NextReader()
		if _, closed := errors.AsType[*websocket.CloseError](err); closed {
			return
		}
		if err != nil {
			break // as after a message that is too large: no frames are read any more
		}
	}
	_, _ = io.Copy(io.Discard, s.conn.NetConn())
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

// read handles one message, and returns why the socket ends.
func (s *socket) read(ctx context.Context, late *time.Timer) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			logPanic(reason)
			err = closeInternal
		}
	}()
	kind, reader, err := s.conn.NextReader()
	if err != nil {
		return s.readError(ctx, err)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		return s.readError(ctx, err)
	}
	if ended := context.Cause(ctx); ended != nil {
		return ended
	}
	if err := s.alive(); err != nil {
		return err
	}
	var m message
	if kind != websocket.TextMessage || decode(text, &m) != nil {
		return closeBadRequest
	}
	switch m.Type {
	case "connection_init":
		return s.init(ctx, m, late)
	case "ping":
		if !isObject(m.Payload) {
			return closeBadRequest
		}
		return s.out.control(message{Type: "pong", Payload: m.Payload})
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

// readError says why reading ended: what ended the socket elsewhere comes first.
func (s *socket) readError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if errors.Is(err, websocket.ErrReadLimit) {
		return closeTooLarge
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return closeDeaf
	}
	return errGone
}

func (s *socket) init(ctx context.Context, m message, late *time.Timer) error {
	if s.session != nil {
		return closeTooManyInits
	}
	payload := map[string]any{}
	if !isObject(m.Payload) || len(m.Payload) > 0 && decode(m.Payload, &payload) != nil {
		return closeBadRequest
	}
	session, err := s.settings.Init(ctx, payload)
	if errors.Is(err, ErrAway) {
		return closeAway
	}
	if err != nil {
		return closeForbidden
	}
	s.session = &session
	if !late.Stop() {
		return closeInitTimeout
	}
	context.AfterFunc(session.Context, func() { s.end(closeForbidden) })
	return s.out.control(message{Type: "connection_ack"})
}

func (s *socket) complete(m message) error {
	if m.ID == "" {
		return closeBadRequest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.operations[m.ID]; o != nil {
		o.stop()
		delete(s.operations, m.ID)
	}
	return nil
}

func (s *socket) subscribe(m message) error {
	if s.session == nil {
		return closeUnauthorized
	}
	params := &graphql.RawParams{Headers: s.headers}
	params.ReadTime.Start = graphql.Now()
	if m.ID == "" || len(m.Payload) == 0 || decode(m.Payload, params) != nil ||
		params.Query == "" && params.Extensions["persistedQuery"] == nil {
		return closeBadRequest
	}
	ctx, stop := context.WithCancel(s.session.Context)
	o := &operation{id: m.ID, ctx: ctx, stop: stop}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.operations[m.ID] != nil {
		stop()
		return closing{closeDuplicate.code, "Subscriber for " + short(m.ID) + " already exists"}
	}
	if s.retiring {
		stop()
		return nil // the client will ask again elsewhere
	}
	if len(s.operations) >= s.settings.MaxOperations || s.active >= 2*s.settings.MaxOperations {
		stop()
		return s.out.control(message{m.ID, "error",
			errorsOf(refusal("RATE_LIMITED", "too many operations on this connection"))})
	}
	s.operations[m.ID] = o
	s.active++
	s.answering.Add(1)
	o.streams = sync.OnceFunc(s.answering.Done)
	s.running.Go(func() {
		defer s.leave(o)
		defer s.recover(o)
		s.run(ctx, o, params)
	})
	return nil
}

// leave counts an operation that runs no more.
func (s *socket) leave(o *operation) {
	o.stop()
	o.streams()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
}

// short cuts an id to what fits a close frame.
func short(id string) string { return strings.ToValidUTF8(id[:min(len(id), 64)], "") }

// run runs an operation to its end.
func (s *socket) run(ctx context.Context, o *operation, params *graphql.RawParams) {
	ctx, end := withEnd(graphql.StartOperationTrace(ctx))
	operation, refused := create(ctx, s.exec, params)
	if refused != nil {
		s.finish(o, message{o.id, "error", errorsOf(refused)})
		return
	}
	defer func() {
		if reason := recover(); reason != nil {
			s.finish(o, message{o.id, "error", errorsOf(operation.panicked(ctx, reason))})
		}
	}()
	if operation.Operation.Operation != ast.Subscription {
		ctx, cancel := context.WithTimeout(ctx, s.settings.Timeout)
		defer cancel()
		s.state(o, operation.once(ctx))
		s.finish(o, message{ID: o.id, Type: "complete"})
		return
	}
	o.streams()
	next := operation.run(ctx)
	for first := true; ; first = false {
		answer := next()
		if answer == nil {
			break
		}
		if first && len(answer.Errors) > 0 && (len(answer.Data) == 0 || string(answer.Data) == "null") {
			s.finish(o, message{o.id, "error", errorsOf(answer)}) // its source could not be opened
			return
		}
		s.state(o, answer)
	}
	if failed := operation.endOf(ctx, end); failed != nil {
		s.finish(o, message{o.id, "error", errorsOf(failed)})
		return
	}
	s.finish(o, message{ID: o.id, Type: "complete"})
}

// recover ends an operation that panicked before it was one, and it alone.
func (s *socket) recover(o *operation) {
	if reason := recover(); reason != nil {
		logPanic(reason)
		s.finish(o, message{o.id, "error", errorsOf(internal())})
	}
}

// wanted reports whether the client is to hear of an operation: neither when it has ended it, for the
// id may be another's now, nor when the socket ends, for then it is to ask again elsewhere.
func (s *socket) wanted(o *operation) bool {
	return s.operations[o.id] == o && o.ctx.Err() == nil
}

// state has an answer of an operation sent.
func (s *socket) state(o *operation, answer *graphql.Response) {
	text := body(answer, true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted(o) {
		s.out.state(o, text)
	}
}

// finish has the last message of an operation sent, after its last state.
func (s *socket) finish(o *operation, last message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.wanted(o) {
		return
	}
	delete(s.operations, o.id)
	if err := s.out.last(o, last); err != nil {
		s.end(err)
	}
}

// write sends what is in the outbox, and pings, until the socket ends; then it says why.
func (s *socket) write(ctx context.Context) {
	ping := time.NewTicker(s.settings.Ping)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			s.flush()
			if c, ok := errors.AsType[closing](context.Cause(ctx)); ok {
				s.writeClose(c)
			}
			return
		case <-ping.C:
			s.send(websocket.PingMessage, nil)
		case <-s.out.ready:
			s.flush()
		}
	}
}

// flush sends everything that is in the outbox.
func (s *socket) flush() {
	for _, m := range s.out.take() {
		text, err := json.Marshal(m)
		if err != nil {
			s.end(closeInternal)
			return
		}
		if !s.send(websocket.TextMessage, text) {
			return
		}
	}
}

// send reports whether the client took a message in time. One that does not is let go of.
func (s *socket) send(kind int, text []byte) bool {
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.settings.WriteTimeout))
	err := s.conn.WriteMessage(kind, text)
	if err != nil {
		s.end(closeSlow)
		_ = s.conn.Close() // whatever is still to be sent would wait as long again
	}
	return err == nil
}

func (s *socket) writeClose(c closing) {
	if c == closeDeaf {
		return // it would not hear
	}
	_ = s.conn.WriteControl(websocket.CloseMessage,
		websocket.FormatCloseMessage(c.code, c.reason), time.Now().Add(lingering))
}
