package live

import (
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
)

// Bell wakes one watcher. It never blocks who rings it: a bell that still rings already promises
// another look.
type Bell struct {
	// Ring wakes the watcher. It is called under the hub's lock, and by several at once.
	Ring func()
	// next is another one of the same entry.
	next *Bell
	// RoomID and EntryID are what is watched; a host watches the whole room (zero entry).
	RoomID, EntryID uuid.UUID
	// waits is true while the watcher is a guest who believes to wait.
	waits atomic.Bool
	// replaced: the hub has taken the bell down, since newer watchers of its entry are enough.
	replaced atomic.Bool
	// trace is that of the last change the bell was rung for, if it is known.
	trace atomic.Pointer[string]
}

// Trace returns the trace in which the bell was rung, once; empty when it is not known.
func (b *Bell) Trace() string {
	if trace := b.trace.Swap(nil); trace != nil {
		return *trace
	}
	return ""
}

// Signal returns what rings a bell, and the channel on which its watcher hears it.
func Signal() (ring func(), rang <-chan struct{}) {
	channel := make(chan struct{}, 1)
	return func() {
		select {
		case channel <- struct{}{}:
		default:
		}
	}, channel
}

// Waits reports whether the watcher is a guest who is believed to wait.
func (b *Bell) Waits() bool { return b.waits.Load() }

// SetWaits says whether the watcher is a guest who waits.
func (b *Bell) SetWaits(waits bool) { b.waits.Store(waits) }

// Replaced reports whether newer watchers of the entry have taken the bell's place.
func (b *Bell) Replaced() bool { return b.replaced.Load() }

// Hang hangs a bell, until Take takes it down. It rings when its entry changes or, for the zero entry, when anything
// in the room does. The oldest of too many bells of a guest's entry is replaced, and rings.
func (s *Service) Hang(b *Bell) { s.hub.hang(b) }

// Take takes a bell down, and reports whether it was the last one of its entry.
func (s *Service) Take(b *Bell) (last bool) { return s.hub.take(b) }

// RingHosts wakes the hosts who watch any lobby here.
func (s *Service) RingHosts() { s.hub.ringHosts() }

// WaitedFor returns the rooms for which a guest waits who watches here.
func (s *Service) WaitedFor() []uuid.UUID { return s.hub.waitedFor() }

// hub knows who watches what in this process.
type hub struct {
	// listener subscribes to the bells of the rooms that somebody here watches.
	listener *listener
	// showPosition: guests who wait are sent their place, so each change of the list concerns them.
	showPosition bool
	// rung counts the times that a watcher was woken.
	rung atomic.Uint64

	mu    sync.Mutex
	rooms map[uuid.UUID]*watchedRoom
}

// watchedRoom is a room that somebody here watches.
type watchedRoom struct {
	// bells are the first of each watched entry, which knows the others; the hosts' are those of the
	// zero entry.
	bells map[uuid.UUID]*Bell
	// versions are those at the last heartbeat.
	versions versions
}

// What may be watched or rung beside an entry. The zero entry stands for all of them: the hosts' list.
var (
	meetingBell = uuid.MustParse("ffffffff-ffff-ffff-ffff-ffffffffffff")
	everyBell   = uuid.MustParse("ffffffff-ffff-ffff-ffff-fffffffffffe")
)

// maxWatchers is how many may watch one entry on one server: the same guest in some tabs, and connections that
// broke without a word. Each change of the entry is read and sent as often.
const maxWatchers = 8

func newHub(showPosition bool) *hub {
	return &hub{showPosition: showPosition, rooms: map[uuid.UUID]*watchedRoom{}}
}

// hang hangs a bell, which rings when its entry changes or, for the zero entry, when anything in the room
// does. It wants to be taken down. The oldest of too many bells of a guest's entry is replaced, and rings.
func (h *hub) hang(b *Bell) {
	h.mu.Lock()
	room := h.rooms[b.RoomID]
	first := room == nil
	if first {
		room = &watchedRoom{bells: map[uuid.UUID]*Bell{}}
		h.rooms[b.RoomID] = room
	}
	b.next = room.bells[b.EntryID]
	room.bells[b.EntryID] = b
	if b.EntryID != uuid.Nil && b.EntryID != meetingBell {
		h.replaceOldest(b)
	}
	h.mu.Unlock()
	if first {
		h.listener.requeue(b.RoomID)
	}
}

// replaceOldest takes down what lies behind the first maxWatchers bells, of which new ones come first.
func (h *hub) replaceOldest(bells *Bell) {
	last := bells
	for range maxWatchers - 1 {
		if last = last.next; last == nil {
			return
		}
	}
	if oldest := last.next; oldest != nil {
		last.next = nil
		oldest.replaced.Store(true)
		h.ringAll(oldest, "")
	}
}

// take takes a bell down and reports whether it was the last one of its entry.
func (h *hub) take(b *Bell) (last bool) {
	h.mu.Lock()
	if b.replaced.Load() {
		h.mu.Unlock()
		return false
	}
	room := h.rooms[b.RoomID]
	rest := without(room.bells[b.EntryID], b)
	room.bells[b.EntryID] = rest
	if last = rest == nil; last {
		delete(room.bells, b.EntryID)
	}
	empty := len(room.bells) == 0
	if empty {
		delete(h.rooms, b.RoomID)
	}
	h.mu.Unlock()
	if empty {
		h.listener.requeue(b.RoomID)
	}
	return last
}

// without returns bells but one.
func without(bells, b *Bell) *Bell {
	if bells == b {
		return b.next
	}
	for before := bells; before != nil; before = before.next {
		if before.next == b {
			before.next = b.next
			break
		}
	}
	return bells
}

// watched reports whether anybody here watches a room.
func (h *hub) watched(roomID uuid.UUID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rooms[roomID] != nil
}

// ring wakes who watches an entry, and the hosts of its room; or the watchers of the meeting, or all. A
// trace, if any, is that of the change.
func (h *hub) ring(roomID, entryID uuid.UUID, trace string) {
	if entryID == everyBell {
		h.ringRoom(roomID)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if room := h.rooms[roomID]; room != nil {
		h.ringAll(room.bells[entryID], trace)
		if entryID != meetingBell {
			h.ringAll(room.bells[uuid.Nil], trace)
		}
	}
}

// ringRoom wakes everybody who watches anything in a room.
func (h *hub) ringRoom(roomID uuid.UUID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if room := h.rooms[roomID]; room != nil {
		for _, bells := range room.bells {
			h.ringAll(bells, "")
		}
	}
}

// ringHosts wakes the hosts of every room.
func (h *hub) ringHosts() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, room := range h.rooms {
		h.ringAll(room.bells[uuid.Nil], "")
	}
}

func (h *hub) ringAll(bells *Bell, trace string) {
	for b := bells; b != nil; b = b.next {
		if trace != "" {
			b.trace.Store(&trace)
		}
		b.Ring()
		h.rung.Add(1)
	}
}

// mend wakes whoever may have missed something, after what a heartbeat has found: the guests who
// believe to wait and do not; if the lobby has changed since the last heartbeat, everybody but the
// guests who do wait, unless they are told their place; if the meeting has, those who watch it.
func (h *hub) mend(roomID uuid.UUID, now versions, surprised []uuid.UUID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	room := h.rooms[roomID]
	if room == nil {
		return
	}
	for _, entryID := range surprised {
		h.ringAll(room.bells[entryID], "")
	}
	was := room.versions
	room.versions = now
	if was.meeting != now.meeting {
		h.ringAll(room.bells[meetingBell], "")
	}
	if was.lobby == now.lobby {
		return
	}
	for entryID, bells := range room.bells {
		if entryID != meetingBell && (h.showPosition || !anyWaits(bells)) {
			h.ringAll(bells, "")
		}
	}
}

// beats returns every watched room with the entries that wait in it, at most limit entries a piece:
// a larger room comes in several.
func (h *hub) beats(limit int) []beats {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]beats, 0, len(h.rooms))
	for roomID, room := range h.rooms {
		one := beats{roomID: roomID}
		for entryID, bells := range room.bells {
			if len(one.waiting) == limit {
				all = append(all, one)
				one.waiting = nil
			}
			if anyWaits(bells) {
				one.waiting = append(one.waiting, entryID)
			}
		}
		all = append(all, one)
	}
	return all
}

// waitedFor returns the rooms for which somebody waits who watches here.
func (h *hub) waitedFor() []uuid.UUID {
	h.mu.Lock()
	defer h.mu.Unlock()
	var waitedFor []uuid.UUID
	for roomID, room := range h.rooms {
		for _, bells := range room.bells {
			if anyWaits(bells) {
				waitedFor = append(waitedFor, roomID)
				break
			}
		}
	}
	return waitedFor
}

// waiting counts the entries that wait whose guests watch here.
func (h *hub) waiting() (count int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, room := range h.rooms {
		for _, bells := range room.bells {
			if anyWaits(bells) {
				count++
			}
		}
	}
	return count
}

func anyWaits(bells *Bell) bool {
	for b := bells; b != nil; b = b.next {
		if b.waits.Load() {
			return true
		}
	}
	return false
}
