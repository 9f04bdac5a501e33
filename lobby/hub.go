package lobby

import (
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
)

// bell wakes one watcher. It never blocks who rings it: a bell that still rings already promises
// another look.
type bell struct {
	rang chan struct{}
	// roomID and entryID are what is watched; a host watches the whole room (zero entry).
	roomID, entryID uuid.UUID
	// waits is true while the watcher is a guest who believes to wait.
	waits atomic.Bool
}

func (b *bell) ring() {
	select {
	case b.rang <- struct{}{}:
	default:
	}
}

// hub knows who watches what in this process.
type hub struct {
	// changed is told when the first watcher of a room comes and when the last one goes.
	changed func(roomID uuid.UUID)

	mu    sync.Mutex
	rooms map[uuid.UUID]map[uuid.UUID]map[*bell]struct{}
}

func newHub(changed func(roomID uuid.UUID)) *hub {
	return &hub{changed: changed, rooms: map[uuid.UUID]map[uuid.UUID]map[*bell]struct{}{}}
}

// hang returns a bell that rings when the entry changes or, for the zero entry, when anything in the
// room does. It wants to be taken down.
func (h *hub) hang(roomID, entryID uuid.UUID) *bell {
	b := &bell{rang: make(chan struct{}, 1), roomID: roomID, entryID: entryID}
	h.mu.Lock()
	room := h.rooms[roomID]
	if room == nil {
		room = map[uuid.UUID]map[*bell]struct{}{}
		h.rooms[roomID] = room
	}
	if room[entryID] == nil {
		room[entryID] = map[*bell]struct{}{}
	}
	room[entryID][b] = struct{}{}
	first := len(room) == 1 && len(room[entryID]) == 1
	h.mu.Unlock()
	if first {
		h.changed(roomID)
	}
	return b
}

// take takes a bell down and reports whether it was the last one of its entry.
func (h *hub) take(b *bell) (last bool) {
	h.mu.Lock()
	room := h.rooms[b.roomID]
	delete(room[b.entryID], b)
	last = len(room[b.entryID]) == 0
	if last {
		delete(room, b.entryID)
	}
	empty := len(room) == 0
	if empty {
		delete(h.rooms, b.roomID)
	}
	h.mu.Unlock()
	if empty {
		h.changed(b.roomID)
	}
	return last
}

// watched reports whether anybody here watches a room.
func (h *hub) watched(roomID uuid.UUID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.rooms[roomID]) > 0
}

// ring wakes who watches an entry, and the hosts of its room.
func (h *hub) ring(roomID, entryID uuid.UUID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for b := range h.rooms[roomID][entryID] {
		b.ring()
	}
	for b := range h.rooms[roomID][uuid.Nil] {
		b.ring()
	}
}

// ringRoom wakes everybody who watches anything in a room.
func (h *hub) ringRoom(roomID uuid.UUID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, bells := range h.rooms[roomID] {
		for b := range bells {
			b.ring()
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
		for entryID, bells := range room {
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

func anyWaits(bells map[*bell]struct{}) bool {
	for b := range bells {
		if b.waits.Load() {
			return true
		}
	}
	return false
}
