package live

import (
	"sync/atomic"

	"github.com/google/uuid"
)

// Bell wakes one watcher. To ring it never blocks: a bell that still rings already promises another read.
type Bell struct {
	// Ring wakes the watcher. It is called under the hub's lock, and by several goroutines at a time.
	Ring func()
	// next is another bell of the same entry.
	next *Bell
	// RoomID and EntryID are what is watched; a host watches the whole room (zero entry).
	RoomID, EntryID uuid.UUID
	// waits is true while the watcher is a guest who is believed to wait.
	waits atomic.Bool
	// replaced: the hub has removed the bell, since newer bells of its entry are enough.
	replaced atomic.Bool
	// trace is that of the last change for which the bell rang, if it is known.
	trace atomic.Pointer[string]
}

// Two more things that a Bell may watch in a room, in place of an entry: the meeting, and everything.
var (
	meetingBell = uuid.MustParse("ffffffff-ffff-ffff-ffff-ffffffffffff")
	everyBell   = uuid.MustParse("ffffffff-ffff-ffff-ffff-fffffffffffe")
)

// Waits reports whether the watcher is a guest who is believed to wait.
func (b *Bell) Waits() bool { return b.waits.Load() }

// SetWaits sets whether the watcher is a guest who is believed to wait.
func (b *Bell) SetWaits(waits bool) { b.waits.Store(waits) }

// Replaced reports whether newer bells of the entry have replaced this one.
func (b *Bell) Replaced() bool { return b.replaced.Load() }

// Trace returns the trace in which the bell rang, once; empty when it is not known.
func (b *Bell) Trace() string {
	if trace := b.trace.Swap(nil); trace != nil {
		return *trace
	}
	return ""
}

// Signal returns a Ring for a Bell, and the channel on which its watcher receives it.
func Signal() (ring func(), rang <-chan struct{}) {
	channel := make(chan struct{}, 1)
	return func() {
		select {
		case channel <- struct{}{}:
		default:
		}
	}, channel
}

// Watch adds a bell, until Unwatch removes it. It rings when its entry changes or, for the zero entry, when anything in
// the lobby does. Of too many bells of one guest's entry the oldest is replaced, and rings.
func (s *Service) Watch(b *Bell) { s.hub.add(b) }

// Unwatch removes a bell, and reports whether it was the last one of its entry.
func (s *Service) Unwatch(b *Bell) (last bool) { return s.hub.remove(b) }

// WatchMeeting returns what signals that something happens in a room's meeting, and that its waiting list changes,
// until stop is called. Changes that the caller has not received yet are one signal.
func (s *Service) WatchMeeting(roomID uuid.UUID) (meeting, list <-chan struct{}, stop func()) {
	ringMeeting, meeting := Signal()
	ringList, list := Signal()
	bells := []*Bell{
		{Ring: ringMeeting, RoomID: roomID, EntryID: meetingBell}, {Ring: ringList, RoomID: roomID},
	}
	for _, b := range bells {
		s.Watch(b)
	}
	return meeting, list, func() {
		for _, b := range bells {
			s.Unwatch(b)
		}
	}
}

// RingHosts wakes the hosts who watch any lobby here.
func (s *Service) RingHosts() { s.hub.ringHosts() }

// WaitedFor returns the rooms for which a guest waits who watches here.
func (s *Service) WaitedFor() []uuid.UUID { return s.hub.waitedFor() }
