package graph

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"foyer/auth"
	"foyer/graph/transport"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/lobby"
)

const (
	// maxWatched is how many lobbies and room statuses one person may watch concurrently on one server. Each
	// subscription reads every change, and several may be of one room.
	maxWatched = 50
	// watchRetry is after how long a client that watches too many may try again.
	watchRetry = 10 * time.Second
)

// watchCounts counts the subscriptions lobby and roomStatus by user or, for people without an account, by entry.
type watchCounts struct {
	mu sync.Mutex
	of map[uuid.UUID]int
}

// countWatch counts a subscription as long as the operation of ctx runs. It refuses one too many.
func (r *Resolver) countWatch(ctx context.Context, ticket *string) error {
	watcher := auth.FromContext(ctx).UserID
	if watcher == uuid.Nil && ticket != nil {
		var err error
		if watcher, err = r.Lobby.EntryOf(*ticket); err != nil {
			return err
		}
	}
	if watcher == uuid.Nil {
		return nil // without credentials and ticket, nothing can be watched
	}
	if !r.watchCounts.begin(watcher) {
		return fault.TooMany("you watch too many lobbies and meetings at the same time", watchRetry)
	}
	transport.AtEnd(ctx, func() { r.watchCounts.end(watcher) })
	return nil
}

func (c *watchCounts) begin(watcher uuid.UUID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[watcher] >= maxWatched {
		return false
	}
	if c.of == nil {
		c.of = map[uuid.UUID]int{}
	}
	c.of[watcher]++
	return true
}

func (c *watchCounts) end(watcher uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[watcher]--; c.of[watcher] == 0 {
		delete(c.of, watcher)
	}
}

// watchEntry subscribes to an entry. While nothing changes it needs no goroutine.
func (r *Resolver) watchEntry(ctx context.Context, ticket string) (<-chan *live.Entry, error) {
	return transport.Watch[*live.Entry](ctx,
		func(wake func()) (transport.Source, error) {
			w, err := r.Lobby.OpenEntry(ctx, ticket, wake)
			if err != nil {
				return nil, err
			}
			return entrySource{w}, nil
		})
}

type entrySource struct{ *lobby.EntryWatch }

// Next is for the transport.
func (s entrySource) Next(ctx context.Context) (any, error) {
	e, err := s.EntryWatch.Next(ctx)
	if e == nil {
		return nil, err // the interface itself has to be nil
	}
	return e, nil
}
