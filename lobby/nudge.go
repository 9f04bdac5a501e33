package lobby

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"foyer/internal/livekit"
)

// nudgeInterval is the shortest time between two messages of one server to the hosts of one room.
const nudgeInterval = 3 * time.Second

// nudges sends hosts in a meeting a message that somebody waits: immediately and then, while more people come, once per
// interval. Guests do not wait for it, and its failure does not concern them.
type nudges struct {
	livekit *livekit.Client

	mu sync.Mutex
	// paused are the rooms whose hosts were sent a message within the interval, and whether another is due.
	paused map[uuid.UUID]bool
	// stopping is closed when no more messages are to be sent.
	stopping chan struct{}
	running  sync.WaitGroup
}

func newNudges(client *livekit.Client) *nudges {
	return &nudges{livekit: client, paused: map[uuid.UUID]bool{}, stopping: make(chan struct{})}
}

// nudge sends a room's hosts the message soon.
func (n *nudges) nudge(roomID uuid.UUID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, paused := n.paused[roomID]; paused {
		n.paused[roomID] = true
		return
	}
	n.paused[roomID] = false
	n.running.Go(func() {
		for due := true; due; due = n.pause(roomID) {
			err := n.livekit.SendToHosts(context.Background(), roomID.String(), []byte(`{"type":"participantWaiting"}`))
			if err != nil {
				slog.Warn("could not send the hosts that somebody waits", "room", roomID, "err", err)
			}
		}
	})
}

// pause waits an interval, and reports whether another message became due meanwhile.
func (n *nudges) pause(roomID uuid.UUID) bool {
	stopped := false
	select {
	case <-n.stopping:
		stopped = true
	case <-time.After(nudgeInterval):
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	due := n.paused[roomID] && !stopped
	if due {
		n.paused[roomID] = false
	} else {
		delete(n.paused, roomID)
	}
	return due
}

// stop waits for messages that are being sent.
func (n *nudges) stop() {
	close(n.stopping)
	n.running.Wait()
}
