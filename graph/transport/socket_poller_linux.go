package transport

import (
	"errors"
	"os"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// epoll is a poller with one goroutine for all sockets. It has an epoll instance of its own: Go's would need a
// goroutine for each socket.
//
// The goroutine waits for that instance through Go's own poller, so it blocks no thread. The instance is
// level-triggered: it reports a socket again until everything has been read, and a spurious event costs one read that
// would block.
type epoll struct {
	file *os.File
	raw  syscall.RawConn
	fd   int

	mu sync.Mutex
	// sockets are the parked ones, by file descriptor.
	sockets []*socket
}

func newPoller() poller {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return goroutines{}
	}
	_ = unix.SetNonblock(fd, true) // so that os uses Go's poller for it
	p := &epoll{file: os.NewFile(uintptr(fd), "epoll"), fd: fd}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return goroutines{}
	}
	go p.loop()
	return p
}

func (p *epoll) close() { _ = p.file.Close() }

// maxEvents is how many sockets one system call reports.
const maxEvents = 128

func (p *epoll) loop() {
	events, buffer := make([]unix.EpollEvent, maxEvents), make([]byte, frameBuffer)
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
				p.readable(s, buffer)
			}
		}
	}
}

func (p *epoll) socket(fd int32) *socket {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sockets[fd]
}

// readable reads what a client has sent. Unless that is a pong, the socket's readLoop starts.
func (p *epoll) readable(s *socket, buffer []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.parked {
		return
	}
	switch n, err := s.conn.read(buffer); {
	case errors.Is(err, errWouldBlock):
	case n > 0 && onlyPongs(buffer[:n]):
		s.awaitingPong = false
	default:
		s.parked = false
		p.remove(s)
		go s.readLoop(slices.Clone(buffer[:n]))
	}
}

func (p *epoll) park(s *socket) {
	if s.ownGoroutine = !p.add(s); s.ownGoroutine {
		goroutines{}.park(s)
	}
}

// add registers a socket, and reports whether it could: not every connection has a file descriptor, and the kernel may
// refuse one.
func (p *epoll) add(s *socket) bool {
	fd := s.conn.fd
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

func (p *epoll) unpark(s *socket) {
	if !s.ownGoroutine {
		p.remove(s)
		go s.readLoop(nil)
	}
}

func (p *epoll) remove(s *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sockets[s.conn.fd] = nil
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, int(s.conn.fd), nil)
}
