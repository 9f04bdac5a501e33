package transport

// rester waits for the clients of sockets that have nothing to do.
type rester interface {
	// rest has s.listen called in a goroutine of its own once the client speaks or leaves. The socket's
	// mutex is held. Its resting is then unset by who calls listen.
	rest(s *socket)
	// rouse has it called now. The socket's mutex is held, and it does not rest any more.
	rouse(s *socket)
	// close ends the rester, which has no sockets any more.
	close()
}

// goroutines is a rester with a goroutine for each socket. It is for connections and systems for which
// there is no other.
type goroutines struct{}

func (goroutines) rest(s *socket) {
	go func() {
		var first [1]byte
		n, _ := s.receive(first[:]) // if it fails, so does what is read next
		s.mu.Lock()
		s.resting = false
		s.mu.Unlock()
		s.listen(first[:n])
	}()
}

// rouse has nothing to do: who ends a socket bounds its reading.
func (goroutines) rouse(*socket) {}

func (goroutines) close() {}
