package transport

import (
	"errors"
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
	sockets []*socket
}

func newRester() rester {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return goroutines{}
	}
	_ = unix.SetNonblock(fd, true) // which tells os that it can be waited for
	p := &epoll{file: os.NewFile(uintptr(fd), "epoll"), fd: fd}
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
	switch n, err := s.wire.read(into); {
	case errors.Is(err, errUnread):
	case n > 0 && onlyPongs(into[:n]):
		s.asked = false
	default:
		s.resting = false
		p.forget(s)
		go s.listen(slices.Clone(into[:n]))
	}
}

func (p *epoll) rest(s *socket) {
	if s.lone = !p.add(s); s.lone {
		goroutines{}.rest(s)
	}
}

// add has the kernel tell of a socket, unless it has none of its connections, or one too many.
func (p *epoll) add(s *socket) bool {
	fd := s.wire.fd
	if fd < 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	event := &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: fd}
	if unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, int(fd), event) != nil {
		return false
	}
	for int(fd) >= len(p.sockets) {
		p.sockets = append(p.sockets, nil)
	}
	p.sockets[fd] = s
	return true
}

func (p *epoll) rouse(s *socket) {
	if !s.lone {
		p.forget(s)
		go s.listen(nil)
	}
}

func (p *epoll) forget(s *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sockets[s.wire.fd] = nil
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, int(s.wire.fd), nil)
}
