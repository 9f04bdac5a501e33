package transport

import (
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

const (
	// slots is how many parts a round of the wheel has.
	slots = 32
	// manySockets is after how many new sockets memory is returned to the system, once at most fewSockets arrive in a
	// tick.
	manySockets = 2000
	fewSockets  = manySockets / 100
)

// wheel is a timer wheel: it pings every socket once a round, with one timer for all. The timer stops when there are no
// sockets.
type wheel struct {
	interval time.Duration // of a round

	mu    sync.Mutex
	timer *time.Timer
	at    int8 // the latest slot
	count int
	// added is how many sockets were added since memory was last returned, addedInTick how many since the last tick.
	added, addedInTick int
	slots              [slots][]*socket
}

// wheelPosition is a socket's place in the wheel.
type wheelPosition struct {
	slot  int8
	index int32
}

// add adds a socket, whose first ping is a whole round later.
func (w *wheel) add(s *socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.position = wheelPosition{w.at, int32(len(w.slots[w.at]))}
	w.slots[w.at] = append(w.slots[w.at], s)
	w.added, w.addedInTick = w.added+1, w.addedInTick+1
	if w.count++; w.count == 1 {
		w.timer = time.AfterFunc(w.interval/slots, w.tick)
	}
}

func (w *wheel) remove(s *socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	slot := w.slots[s.position.slot]
	if int(s.position.index) >= len(slot) || slot[s.position.index] != s {
		return // it was never added
	}
	last := len(slot) - 1
	slot[s.position.index] = slot[last]
	slot[s.position.index].position.index = s.position.index
	slot[last] = nil
	w.slots[s.position.slot] = slot[:last]
	if w.count--; w.count == 0 {
		w.timer.Stop()
		w.slots = [slots][]*socket{}
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
	return slices.Concat(w.slots[:]...)
}

// tick pings the sockets of the next slot.
func (w *wheel) tick() {
	w.mu.Lock()
	if w.count == 0 {
		w.mu.Unlock()
		return
	}
	w.at = (w.at + 1) % slots
	due := append([]*socket(nil), w.slots[w.at]...)
	w.timer.Reset(w.interval / slots)
	calm := w.added >= manySockets && w.addedInTick <= fewSockets
	if w.addedInTick = 0; calm {
		w.added = 0
	}
	w.mu.Unlock()
	if calm {
		go returnMemory()
	}
	for _, s := range due {
		s.ping()
	}
}

// returnMemory returns to the system the memory of many handshakes: each takes some 80 kB, and an idle socket keeps
// 1. The runtime would keep as much as is in use for garbage, which idle sockets do not make. It costs a garbage
// collection, so it happens once in many sockets, when few arrive.
func returnMemory() { debug.FreeOSMemory() }

// ping sends a ping, and ends a socket whose client has sent nothing since the previous one.
func (s *socket) ping() {
	s.mu.Lock()
	gone := s.awaitingPong
	if s.awaitingPong = true; !gone && s.ended == nil {
		if s.canWrite() {
			s.write(pingFrame)
		} else {
			s.sendQueue().ping = true
		}
	}
	s.mu.Unlock()
	if gone {
		s.end(closeNoPong)
	}
}

// clearAwaitingPong notes that the client has sent something.
func (s *socket) clearAwaitingPong() {
	s.mu.Lock()
	s.awaitingPong = false
	s.mu.Unlock()
}
