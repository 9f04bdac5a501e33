package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// conn is a socket's connection. On Linux it is a file descriptor of our own while nothing has to wait for it to become
// readable or writable: a net.Conn takes 300 bytes, and Go's network poller as many again. The socket's mutex guards
// it.
type conn struct {
	// fd is read and written without blocking; -1 when that is not possible, or the connection is closed.
	fd int32
	// blocking is for reads and writes that wait; nil while there are none. It owns fd.
	blocking blockingConn
}

// errWouldBlock means that nothing can be read without waiting.
var errWouldBlock = errors.New("nothing to read yet")

// blockingConn is a connection whose reads and writes wait.
type blockingConn interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// newConn takes over a connection.
func newConn(c net.Conn) conn {
	if fd := descriptorOf(c); fd >= 0 {
		_ = c.Close()
		return conn{fd: fd}
	}
	return conn{fd: -1, blocking: c}
}

// block returns the connection for reads and writes that wait.
func (c *conn) block() (blockingConn, error) {
	if c.blocking == nil {
		if c.fd < 0 {
			return nil, net.ErrClosed
		}
		c.blocking = os.NewFile(uintptr(c.fd), "socket")
	}
	return c.blocking, nil
}

// unblock frees what blocking reads and writes need, once there are none. It changes nothing when the process has no
// file descriptor left.
func (c *conn) unblock() {
	if c.blocking == nil || c.fd < 0 {
		return
	}
	if fd := duplicate(c.fd); fd >= 0 {
		_ = c.blocking.Close()
		*c = conn{fd: fd}
	}
}

// close closes the connection. Reads and writes that wait return.
func (c *conn) close() {
	if c.blocking != nil {
		_ = c.blocking.Close()
	} else if c.fd >= 0 {
		closeDescriptor(c.fd)
	}
	c.fd = -1
}
