package live

import (
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
)

// hub knows who watches what in this process.
type hub struct {
	// listener subscribes to the bells of the rooms that somebody here watches.
	listener *listener
	// showPosition: waiting guests are sent their place, so each change of the list concerns them.
	showPosition bool
	// rung counts how often a watcher was woken.
	rung atomic.Uint64

	mu    sync.Mutex
	rooms map[uuid.UUID]*watchedRoom
}

// watchedRoom is a room that somebody here watches.
type watchedRoom struct {
	// bells are by entry, each the first of a list.
	bells map[uuid.UUID]*Bell
	// versions are those at the last heartbeat.
	versions versions
}

// maxWatchers is how many may watch one entry on one server: the same guest in several tabs, and connections that broke
// silently. Each of them reads and is sent every change of the entry.
const maxWatchers = 8

func newHub(showPosition bool) *hub {
	return &hub{showPosition: showPosition, rooms: map[uuid.UUID]*watchedRoom{}}
}

// add is Service.Watch.
func (h *hub) add(b *Bell) {
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

// replaceOldest removes what stands behind the first maxWatchers bells. New bells come first.
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

// remove is Service.Unwatch.
func (h *hub) remove(b *Bell) (last bool) {
	h.mu.Lock()
	if b.replaced.Load() {
		h.mu.Unlock()
		return false
	}
	room := h.rooms[b.RoomID]
	others := without(room.bells[b.EntryID], b)
	room.bells[b.EntryID] = others
	if last = others == nil; last {
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

// without returns a list of bells without one of them.
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

// ring wakes the watchers of an entry, and the hosts of its room; or the watchers of the meeting; or all of them. The
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

// mend wakes everybody who may have missed something, according to a heartbeat: the guests who are believed to wait and
// do not (surprised); if the lobby has changed since the last heartbeat, everybody but the guests who do wait, and
// these too if they are sent their place; if the meeting has changed, its watchers.
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

// beats returns the heartbeat for every watched room, with at most limit entries in one beat: a larger room has
// several.
func (h *hub) beats(limit int) []beat {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]beat, 0, len(h.rooms))
	for roomID, room := range h.rooms {
		one := beat{roomID: roomID}
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

// waitedFor returns the rooms for which a guest waits who watches here.
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

// waiting counts the waiting entries whose guests watch here.
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
