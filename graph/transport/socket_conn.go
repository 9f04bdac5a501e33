package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// wire is a socket's connection. Where the kernel has it, it is a descriptor of our own as long as nobody
// has to wait until something can be read or written: a net.Conn takes 300 bytes, and Go's part of waiting
// for it as much again. Its socket's mutex guards it.
type wire struct {
	// fd can be read and written without waiting; -1 when it cannot, or is closed.
	fd int32
	// waits can be waited for; nil while nobody does. It owns fd.
	waits waiting
}

// errUnread is that nothing can be read without waiting.
var errUnread = errors.New("nothing to read yet")

// waiting is a connection that can be waited for.
type waiting interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// newWire takes a connection over.
func newWire(conn net.Conn) wire {
	if fd := descriptorOf(conn); fd >= 0 {
		_ = conn.Close()
		return wire{fd: fd}
	}
	return wire{fd: -1, waits: conn}
}

// wait returns what can be waited for.
func (w *wire) wait() (waiting, error) {
	if w.waits == nil {
		if w.fd < 0 {
			return nil, net.ErrClosed
		}
		w.waits = os.NewFile(uintptr(w.fd), "socket")
	}
	return w.waits, nil
}

// rest lets go of what can be waited for, for nobody does. Without a descriptor to spare it stays.
func (w *wire) rest() {
	if w.waits == nil || w.fd < 0 {
		return
	}
	if fd := duplicate(w.fd); fd >= 0 {
		_ = w.waits.Close()
		*w = wire{fd: fd}
	}
}

// close closes the connection; who waits for it does so no more.
func (w *wire) close() {
	if w.waits != nil {
		_ = w.waits.Close()
	} else if w.fd >= 0 {
		hangUp(w.fd)
	}
	w.fd = -1
}
