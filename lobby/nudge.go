package lobby

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
)

// nudgeInterval is how often the hosts of a room are told at most, by one server.
const nudgeInterval = 3 * time.Second

// nudges tell the hosts who are in a call that somebody waits: at once and then, while more people
// come, once an interval. No guest is kept waiting for it, and its failure is no concern of his.
type nudges struct {
	tell func(ctx context.Context, room string, message []byte) error

	mu sync.Mutex
	// resting are the rooms whose hosts were told within the interval, and whether there is news.
	resting map[uuid.UUID]bool
	// stopping is closed when no more are to be told.
	stopping chan struct{}
	running  sync.WaitGroup
}

func newNudges(tell func(ctx context.Context, room string, message []byte) error) *nudges {
	return &nudges{tell: tell, resting: map[uuid.UUID]bool{}, stopping: make(chan struct{})}
}

// nudge has a room's hosts told soon.
func (n *nudges) nudge(roomID uuid.UUID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, rests := n.resting[roomID]; rests {
		n.resting[roomID] = true
		return
	}
	n.resting[roomID] = false
	n.running.Go(func() {
		for news := true; news; news = n.rest(roomID) {
			err := n.tell(context.Background(), roomID.String(), []byte(`{"type":"participantWaiting"}`))
			if err != nil {
				slog.Warn("could not tell the hosts that somebody waits", "room", roomID, "err", err)
			}
		}
	})
}

// rest waits an interval and reports whether there was news meanwhile.
func (n *nudges) rest(roomID uuid.UUID) bool {
	stopped := false
	select {
	case <-n.stopping:
		stopped = true
	case <-time.After(nudgeInterval):
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	news := n.resting[roomID] && !stopped
	if news {
		n.resting[roomID] = false
	} else {
		delete(n.resting, roomID)
	}
	return news
}

// stop waits for what is being told.
func (n *nudges) stop() {
	close(n.stopping)
	n.running.Wait()
}
