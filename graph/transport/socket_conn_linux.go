package transport

import (
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// descriptorOf returns a file descriptor of our own for a connection; -1 when it has none.
func descriptorOf(c net.Conn) int32 {
	fd := int32(-1)
	if kernel, ok := c.(syscall.Conn); ok {
		if raw, err := kernel.SyscallConn(); err == nil {
			_ = raw.Control(func(its uintptr) { fd = duplicate(int32(its)) })
		}
	}
	return fd
}

// duplicate returns another descriptor for the same connection; -1 when there can be none.
func duplicate(fd int32) int32 {
	another, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return int32(another)
}

func closeDescriptor(fd int32) { _ = syscall.Close(int(fd)) }

// write returns how many bytes it wrote without waiting. The blocking write of the rest returns the error, if there is
// one.
func (c *conn) write(text []byte) int {
	if c.fd < 0 {
		return 0
	}
	n, _ := syscall.Write(int(c.fd), text)
	return max(n, 0)
}

// read reads without waiting, or fails with errWouldBlock.
func (c *conn) read(into []byte) (int, error) {
	if c.fd < 0 {
		return 0, errWouldBlock
	}
	switch n, err := syscall.Read(int(c.fd), into); {
	case err == syscall.EAGAIN || err == syscall.EINTR:
		return 0, errWouldBlock
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	default:
		return n, nil
	}
}
