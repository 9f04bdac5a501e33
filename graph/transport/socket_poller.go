package transport

// poller waits for the clients of idle sockets.
type poller interface {
	// park starts a goroutine that runs s.readLoop once the client sends something or disconnects. That goroutine, or
	// unpark, unsets s.parked. The socket's mutex is held.
	park(s *socket)
	// unpark starts it now. The socket's mutex is held, and s.parked has been unset.
	unpark(s *socket)
	// close ends the poller, which has no sockets any more.
	close()
}

// goroutines is a poller with one goroutine for each socket. It serves connections and systems that epoll does not.
type goroutines struct{}

func (goroutines) park(s *socket) {
	go func() {
		var first [1]byte
		n, _ := s.read(first[:]) // an error returns with the next read
		s.mu.Lock()
		s.parked = false
		s.mu.Unlock()
		s.readLoop(first[:n])
	}()
}

// unpark does nothing: when a socket ends, its read returns.
func (goroutines) unpark(*socket) {}

func (goroutines) close() {}
