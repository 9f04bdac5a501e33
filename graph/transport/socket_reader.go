package transport

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// errQuiet is that a client has said all it had to say for now: the next byte begins a frame, and it
// has not come.
var errQuiet = errors.New("nothing more to read")

// reader takes messages off a socket by gorilla's hand, for as long as there are any. A socket that
// rests has none: gorilla's connection and its buffers are some 1.5 kB, which thousands who only wait
// need not have. So it is made when something has come, and let go of when that was all.
//
// Gorilla does no more than read: what it wants to write, a close frame, goes the way of everything that is
// written.
type reader struct {
	*line
	*websocket.Conn
}

// line is the connection as gorilla sees it.
type line struct {
	net.Conn // nil: gorilla needs nothing that is not below

	socket *socket
	// begun was read already, by who found that there is something to read.
	begun  []byte
	buffer *bufio.Reader
	writer *bufio.Writer
	// between is set while the next byte begins a frame that belongs to no message yet.
	between bool
	// must: something is there to be read, be it the end.
	must bool
	// shaking: the handshake is answered, which has happened long ago.
	shaking bool
	// draining: what comes is thrown away, until the client hangs up.
	draining bool
}

// frameBuffer is how many bytes are read at once. Gorilla takes a buffer of more than 256 bytes as its
// own.
const frameBuffer = 512

var lines = sync.Pool{New: func() any {
	l := &line{}
	l.buffer, l.writer = bufio.NewReaderSize(l, frameBuffer), bufio.NewWriterSize(l, 1)
	return l
}}

// handshake is what gorilla wants to see before it makes a connection.
var (
	handshake = &http.Request{Method: http.MethodGet, Header: http.Header{
		"Connection": {"upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}}
	rehandshake = websocket.Upgrader{
		CheckOrigin: func(*http.Request) bool { return true }, WriteBufferPool: &sync.Pool{},
	}
)

// newReader returns a reader of what has been read of a socket already and of what follows. If nothing
// has been read, there is something to be.
func newReader(s *socket, begun []byte) reader {
	l := lines.Get().(*line)
	*l = line{socket: s, begun: begun, must: len(begun) == 0, buffer: l.buffer, writer: l.writer}
	l.buffer.Reset(l)
	return reader{l, l.upgraded()}
}

// free gives back what another reader can use.
func (r reader) free() {
	*r.line = line{buffer: r.buffer, writer: r.writer}
	r.buffer.Reset(nil)
	lines.Put(r.line)
}

// upgraded returns a new connection of gorilla's, which it makes by a handshake alone.
func (l *line) upgraded() *websocket.Conn {
	l.shaking = true
	conn, err := rehandshake.Upgrade(l, handshake, nil)
	if err != nil {
		panic(err) // nothing of it depends on the client
	}
	l.shaking = false
	conn.SetReadLimit(l.socket.t.settings.MaxMessage)
	conn.SetPongHandler(func(string) error {
		l.socket.heard()
		l.frameEnds()
		return nil
	})
	conn.SetPingHandler(func(text string) error {
		l.frameEnds()
		l.socket.pong(text)
		return nil
	})
	return conn
}

// next returns the next message, or errQuiet.
func (r reader) next() (kind int, text []byte, err error) {
	r.frameEnds()
	kind, from, err := r.NextReader()
	if err != nil {
		return 0, nil, err
	}
	text, err = io.ReadAll(from)
	return kind, text, err
}

// frameEnds notes that nothing is left of the last frame, unless the next one has been read in part.
func (l *line) frameEnds() { l.between = l.buffer.Buffered() == 0 }

// Read is for gorilla.
func (l *line) Read(into []byte) (n int, err error) {
	switch {
	case len(l.begun) > 0:
		n = copy(into, l.begun)
		l.begun = l.begun[n:]
	case l.between && !l.draining && !l.must:
		return 0, errQuiet
	default:
		n, err = l.socket.receive(into)
	}
	l.between, l.must = l.between && n == 0, false
	return n, err
}

// Write is for gorilla: a whole close frame, which answers the client's or says what is wrong with its
// frames.
func (l *line) Write(frame []byte) (int, error) {
	if !l.shaking {
		l.socket.farewell(slices.Clone(frame))
	}
	return len(frame), nil
}

// Hijack is for gorilla.
func (l *line) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return l, bufio.NewReadWriter(l.buffer, l.writer), nil
}

// What else gorilla does with a connection, or with the writer of an answer, is done elsewhere.

func (*line) Header() http.Header              { return nil }
func (*line) WriteHeader(int)                  {}
func (*line) SetDeadline(time.Time) error      { return nil }
func (*line) SetReadDeadline(time.Time) error  { return nil }
func (*line) SetWriteDeadline(time.Time) error { return nil }
func (*line) Close() error                     { return nil }
