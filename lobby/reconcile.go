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
	// reconcileRooms is how many rooms one query finds.
	reconcileRooms = 200
	// hostsInterval is how often it is checked that hosts who watch are still hosts.
	hostsInterval = time.Minute
)

// reconcile repairs what a server that died has left unfinished: it admits guests who may walk in by now, closes the
// lobbies of rooms that are gone and, now and then, checks that hosts who watch are still hosts. Usually a change of a
// room does all that immediately.
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
