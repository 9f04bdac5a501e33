package transport

import (
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

const (
	// spokes is how many parts a round of the wheel has.
	spokes = 32
	// manyCame is after how many new sockets memory is given back, once no more than a few come in a turn.
	manyCame = 2000
	few      = manyCame / 100
)

// wheel has every socket, and asks it whether its client is there, each once a round, with one timer for
// all. It stands still without sockets.
type wheel struct {
	interval time.Duration // a round

	mu    sync.Mutex
	timer *time.Timer
	at    int8 // the spoke that was last
	count int
	// came are the sockets that were added since memory was last given back, lately those since the last
	// turn.
	came, lately int
	spokes       [spokes][]*socket
}

// spoke is a place in the wheel.
type spoke struct {
	at    int8
	index int32
}

// add puts a socket where it will be asked in a whole round.
func (w *wheel) add(s *socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.spoke = spoke{w.at, int32(len(w.spokes[w.at]))}
	w.spokes[w.at] = append(w.spokes[w.at], s)
	w.came, w.lately = w.came+1, w.lately+1
	if w.count++; w.count == 1 {
		w.timer = time.AfterFunc(w.interval/spokes, w.turn)
	}
}

func (w *wheel) remove(s *socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	of := w.spokes[s.spoke.at]
	if int(s.spoke.index) >= len(of) || of[s.spoke.index] != s {
		return // it was never added
	}
	last := len(of) - 1
	of[s.spoke.index] = of[last]
	of[s.spoke.index].spoke.index = s.spoke.index
	of[last] = nil
	w.spokes[s.spoke.at] = of[:last]
	if w.count--; w.count == 0 {
		w.timer.Stop()
		w.spokes = [spokes][]*socket{}
	}
}

func (w *wheel) len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// all returns every socket.
func (w *wheel) all() []*socket {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Concat(w.spokes[:]...)
}

// turn asks the sockets of the next spoke.
func (w *wheel) turn() {
	w.mu.Lock()
	if w.count == 0 {
		w.mu.Unlock()
		return
	}
	w.at = (w.at + 1) % spokes
	due := append([]*socket(nil), w.spokes[w.at]...)
	w.timer.Reset(w.interval / spokes)
	settled := w.came >= manyCame && w.lately <= few
	if w.lately = 0; settled {
		w.came = 0
	}
	w.mu.Unlock()
	if settled {
		go settle()
	}
	for _, s := range due {
		s.ping()
	}
}

// settle gives the system back what many handshakes took, some 80 kB each of which a socket that rests
// keeps 1. The runtime would keep as much again as is in use, for garbage that does not come while they
// wait. It takes a collection, and so comes once in many sockets, in a lull.
func settle() { debug.FreeOSMemory() }
