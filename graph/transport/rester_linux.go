package transport

import (
	"net"
	"os"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// epoll is a rester with one goroutine for all sockets. It has the kernel tell it which of them can be
// read, by an epoll instance of our own: Go's, with which connections stay registered as well, tells
// only goroutines that wait.
//
// The instance itself is waited for by way of Go's, so that no thread does. It is level-triggered: what
// was not read is told of again, and what is told of in vain is not read.
type epoll struct {
	file *os.File
	raw  syscall.RawConn
	fd   int

	mu sync.Mutex
	// sockets are those that rest, by their descriptor.
	sockets map[int32]*socket
}

func newRester() rester {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return goroutines{}
	}
	_ = unix.SetNonblock(fd, true) // which tells os that it can be waited for
	p := &epoll{file: os.NewFile(uintptr(fd), "epoll"), fd: fd, sockets: map[int32]*socket{}}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return goroutines{}
	}
	go p.run()
	return p
}

func (p *epoll) close() { _ = p.file.Close() }

// told is how many sockets are told of at once.
const told = 128

func (p *epoll) run() {
	events, read := make([]unix.EpollEvent, told), make([]byte, frameBuffer)
	for {
		n := 0
		err := p.raw.Read(func(fd uintptr) bool {
			n, _ = unix.EpollWait(int(fd), events, 0)
			return n > 0
		})
		if err != nil {
			return // it was closed
		}
		for _, event := range events[:max(n, 0)] {
			if s := p.socket(event.Fd); s != nil {
				p.look(s, read)
			}
		}
	}
}

func (p *epoll) socket(fd int32) *socket {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sockets[fd]
}

// look reads what a client has said, and has its socket listen unless that was a pong.
func (p *epoll) look(s *socket, into []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.resting {
		return
	}
	n, again := s.wire.read(into)
	switch {
	case again:
	case n > 0 && onlyPongs(into[:n]):
		s.asked = false
	default:
		s.resting = false
		p.forget(s)
		go s.listen(slices.Clone(into[:n]))
	}
}

func (p *epoll) rest(s *socket) {
	err := net.ErrClosed
	if s.wire.raw != nil {
		_ = s.wire.raw.Control(func(fd uintptr) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.sockets[int32(fd)] = s
			err = unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, int(fd),
				&unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(fd)})
			if err != nil {
				delete(p.sockets, int32(fd))
			}
		})
	}
	if err != nil { // it is none of the kernel's connections, or one too many, or closed
		goroutines{}.rest(s)
	}
	s.lone = err != nil
}

func (p *epoll) rouse(s *socket) {
	if !s.lone {
		p.forget(s)
		go s.listen(nil)
	}
}

func (p *epoll) forget(s *socket) {
	_ = s.wire.raw.Control(func(fd uintptr) {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.sockets, int32(fd))
		_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, int(fd), nil)
	})
}

// wire reads and writes a connection as far as it can be done at once.
type wire struct{ raw syscall.RawConn }

func newWire(conn net.Conn) (w wire) {
	if kernel, ok := conn.(syscall.Conn); ok {
		w.raw, _ = kernel.SyscallConn()
	}
	return w
}

// write returns how many bytes were written. What is wrong with a connection is seen by who writes the
// rest.
func (w wire) write(text []byte) (n int) {
	if w.raw != nil {
		_ = w.raw.Write(func(fd uintptr) bool {
			n, _ = syscall.Write(int(fd), text)
			return true
		})
	}
	return max(n, 0)
}

// read returns how many bytes were read, and whether there was nothing to read at the moment.
func (w wire) read(into []byte) (n int, again bool) {
	_ = w.raw.Read(func(fd uintptr) bool {
		var err error
		n, err = syscall.Read(int(fd), into)
		again = err == syscall.EAGAIN || err == syscall.EINTR
		return true
	})
	return max(n, 0), again
}
