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

// errIdle means that the client has sent nothing more: the next byte would begin a frame, and it has not arrived.
var errIdle = errors.New("nothing more to read")

// reader reads messages with gorilla, as long as there are any. A parked socket has no reader: gorilla's connection
// and its buffers take 1.5 kB. A reader is made when data arrive, and freed when all are read.
//
// Gorilla only reads. Close frames that it wants to write are sent like all other frames.
type reader struct {
	*gorillaConn
	*websocket.Conn
}

// gorillaConn is the connection that gorilla reads from.
type gorillaConn struct {
	net.Conn // nil: gorilla needs no more than the methods below

	socket *socket
	// read are bytes that the poller has read already.
	read   []byte
	buffer *bufio.Reader
	writer *bufio.Writer
	// atFrameStart: the next byte begins a frame of a new message.
	atFrameStart bool
	// readable: there is something to read, or the connection has ended.
	readable bool
	// upgrading: gorilla answers a handshake, which has been answered long ago.
	upgrading bool
	// draining: input is discarded until the client disconnects.
	draining bool
}

// frameBuffer is how many bytes are read at a time. Gorilla uses a buffer of more than 256 bytes as its own.
const frameBuffer = 512

var gorillaConns = sync.Pool{New: func() any {
	c := &gorillaConn{}
	c.buffer, c.writer = bufio.NewReaderSize(c, frameBuffer), bufio.NewWriterSize(c, 1)
	return c
}}

// Gorilla makes a connection only from a handshake.
var (
	handshake = &http.Request{Method: http.MethodGet, Header: http.Header{
		"Connection": {"upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}}
	gorilla = websocket.Upgrader{
		CheckOrigin: func(*http.Request) bool { return true }, WriteBufferPool: &sync.Pool{},
	}
)

// newReader returns a reader for bytes that have been read already, and for what follows. Without such bytes the socket
// is readable.
func newReader(s *socket, read []byte) reader {
	c := gorillaConns.Get().(*gorillaConn)
	*c = gorillaConn{socket: s, read: read, readable: len(read) == 0, buffer: c.buffer, writer: c.writer}
	c.buffer.Reset(c)
	return reader{c, c.newGorilla()}
}

// free returns what another reader can use to the pool.
func (r reader) free() {
	*r.gorillaConn = gorillaConn{buffer: r.buffer, writer: r.writer}
	r.buffer.Reset(nil)
	gorillaConns.Put(r.gorillaConn)
}

// newGorilla returns a new gorilla connection.
func (c *gorillaConn) newGorilla() *websocket.Conn {
	c.upgrading = true
	conn, err := gorilla.Upgrade(c, handshake, nil)
	if err != nil {
		panic(err) // it does not depend on the client
	}
	c.upgrading = false
	conn.SetReadLimit(c.socket.t.settings.MaxMessage)
	conn.SetPongHandler(func(string) error {
		c.socket.clearAwaitingPong()
		c.frameRead()
		return nil
	})
	conn.SetPingHandler(func(text string) error {
		c.frameRead()
		c.socket.pong(text)
		return nil
	})
	return conn
}

// next returns the next message, or errIdle.
func (r reader) next() (kind int, text []byte, err error) {
	r.frameRead()
	kind, from, err := r.NextReader()
	if err != nil {
		return 0, nil, err
	}
	text, err = io.ReadAll(from)
	return kind, text, err
}

// frameRead notes that a frame has been read to its end. The buffer may have a part of the next one.
func (c *gorillaConn) frameRead() { c.atFrameStart = c.buffer.Buffered() == 0 }

// Read is for gorilla.
func (c *gorillaConn) Read(into []byte) (n int, err error) {
	switch {
	case len(c.read) > 0:
		n = copy(into, c.read)
		c.read = c.read[n:]
	case c.atFrameStart && !c.draining && !c.readable:
		return 0, errIdle
	default:
		n, err = c.socket.read(into)
	}
	c.atFrameStart, c.readable = c.atFrameStart && n == 0, false
	return n, err
}

// Write is for gorilla. What it writes is a whole close frame: an answer to the client's, or an error in its frames.
func (c *gorillaConn) Write(frame []byte) (int, error) {
	if !c.upgrading {
		c.socket.sendClose(slices.Clone(frame))
	}
	return len(frame), nil
}

// Hijack is for gorilla.
func (c *gorillaConn) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return c, bufio.NewReadWriter(c.buffer, c.writer), nil
}

// Gorilla calls these too, but has nothing to do with them here.

func (*gorillaConn) Header() http.Header              { return nil }
func (*gorillaConn) WriteHeader(int)                  {}
func (*gorillaConn) SetDeadline(time.Time) error      { return nil }
func (*gorillaConn) SetReadDeadline(time.Time) error  { return nil }
func (*gorillaConn) SetWriteDeadline(time.Time) error { return nil }
func (*gorillaConn) Close() error                     { return nil }
