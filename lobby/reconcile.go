package lobby

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/room"
)

const (
	// reconcileRooms bounds one query for rooms that guests wait for.
	reconcileRooms = 200
	// hostsInterval is how often hosts who watch are asked anew whether they are hosts.
	hostsInterval = time.Minute
)

// reconcile mends what a server that died in between has left behind: it lets in whoever may walk in by
// now, closes the lobbies of rooms that are gone and, now and then, has hosts looked at who watch. The
// change of a room does all that at once.
func (s *Service) reconcile(ctx context.Context) error {
	hostsAt := time.Now()
	return s.live.EachHeartbeat(ctx, func(ctx context.Context) error {
		if time.Since(hostsAt) > hostsInterval {
			hostsAt = time.Now()
			s.live.RingHosts()
		}
		var failed []error
		for ids := range slices.Chunk(s.live.WaitedFor(), reconcileRooms) {
			failed = append(failed, s.reconcileAll(ctx, ids))
		}
		return errors.Join(failed...)
	})
}

func (s *Service) reconcileAll(ctx context.Context, ids []uuid.UUID) error {
	found, err := s.rooms.ByIDs(ctx, ids)
	if err != nil {
		return err
	}
	var failed []error
	for _, id := range ids {
		failed = append(failed, s.reconcileRoom(ctx, id, found[id]))
	}
	return errors.Join(failed...)
}

func (s *Service) reconcileRoom(ctx context.Context, id uuid.UUID, r *ent.Room) error {
	switch {
	case r == nil:
		_, err := s.live.End(ctx, id)
		return err
	case r.AccessLevel != room.AccessLevelRESTRICTED:
		return s.LetIn(ctx, id)
	default:
		return nil
	}
}
