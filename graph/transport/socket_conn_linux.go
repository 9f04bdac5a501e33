package transport

import (
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// descriptorOf returns a descriptor of our own of a connection; -1 when it has none.
func descriptorOf(conn net.Conn) int32 {
	fd := int32(-1)
	if kernel, ok := conn.(syscall.Conn); ok {
		if raw, err := kernel.SyscallConn(); err == nil {
			_ = raw.Control(func(its uintptr) { fd = duplicate(int32(its)) })
		}
	}
	return fd
}

// duplicate returns another descriptor of the same; -1 when there can be none.
func duplicate(fd int32) int32 {
	another, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return int32(another)
}

func hangUp(fd int32) { _ = syscall.Close(int(fd)) }

// write returns how many bytes were written without waiting. What is wrong with a connection is seen by who
// writes the rest.
func (w *wire) write(text []byte) int {
	if w.fd < 0 {
		return 0
	}
	n, _ := syscall.Write(int(w.fd), text)
	return max(n, 0)
}

// read reads without waiting, or fails with errUnread.
func (w *wire) read(into []byte) (int, error) {
	if w.fd < 0 {
		return 0, errUnread
	}
	switch n, err := syscall.Read(int(w.fd), into); {
	case err == syscall.EAGAIN || err == syscall.EINTR:
		return 0, errUnread
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	default:
		return n, nil
	}
}
