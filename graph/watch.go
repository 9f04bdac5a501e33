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
	// maxFollows is how many lobbies and statuses one person may follow at a time on one server. Each reads and
	// is sent every change, and several may be of one room.
	maxFollows = 50
	// followAgain is after how long a client is to try again that follows too much.
	followAgain = 10 * time.Second
)

// follows counts the subscriptions lobby and roomStatus by account or, of those without one, by entry.
type follows struct {
	mu sync.Mutex
	of map[uuid.UUID]int
}

// follow counts one more subscription, for as long as the operation of ctx lasts.
func (r *Resolver) follow(ctx context.Context, ticket *string) error {
	who := auth.FromContext(ctx).UserID
	if who == uuid.Nil && ticket != nil {
		var err error
		if who, err = r.Lobby.EntryOf(*ticket); err != nil {
			return err
		}
	}
	if who == uuid.Nil {
		return nil // who shows nothing may follow nothing
	}
	if !r.follows.begin(who) {
		return fault.TooMany("you follow too many lobbies and calls at the same time", followAgain)
	}
	transport.AtEnd(ctx, func() { r.follows.end(who) })
	return nil
}

func (f *follows) begin(who uuid.UUID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of[who] >= maxFollows {
		return false
	}
	if f.of == nil {
		f.of = map[uuid.UUID]int{}
	}
	f.of[who]++
	return true
}

func (f *follows) end(who uuid.UUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of[who]--; f.of[who] == 0 {
		delete(f.of, who)
	}
}

// watchEntry watches an entry without a goroutine.
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
		return nil, err // an interface that is nil
	}
	return e, nil
}
