package lobby

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/room"
)

const (
	// beatGuests and beatRooms bound one script and one round trip of a heartbeat.
	beatGuests = 1000
	beatRooms  = 200
)

// beat keeps the guests who watch here present, and mends what a crash or a lost message has left
// behind, until ctx ends.
func (s *Service) beat(ctx context.Context) error {
	ticker := time.NewTicker(s.settings.Heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := s.beatOnce(ctx); err != nil && ctx.Err() == nil {
				slog.WarnContext(ctx, "a heartbeat failed", "err", err)
			}
		}
	}
}

func (s *Service) beatOnce(ctx context.Context) error {
	watched := s.hub.beats(beatGuests)
	for chunk := range slices.Chunk(slices.Concat(watched, s.takeDue()), beatRooms) {
		if err := s.store.beat(ctx, chunk, s.lease(), s.hub.mend); err != nil {
			return err
		}
	}
	return s.followRooms(ctx, watched)
}

// followRooms lets in whoever may walk in by now, and closes the lobbies of rooms that are gone. The
// change of a room does that at once; this is for a server that died in between.
func (s *Service) followRooms(ctx context.Context, watched []beats) error {
	var waiting []uuid.UUID
	for _, b := range watched {
		if len(b.waiting) > 0 {
			waiting = append(waiting, b.roomID)
		}
	}
	for ids := range slices.Chunk(waiting, beatRooms) {
		found, err := s.rooms.ByIDs(ctx, ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := s.followRoom(ctx, id, found[id]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) followRoom(ctx context.Context, id uuid.UUID, r *ent.Room) error {
	switch {
	case r == nil:
		return s.Close(ctx, id)
	case r.AccessLevel != room.AccessLevelRESTRICTED:
		return s.LetIn(ctx, r)
	default:
		return nil
	}
}

// sweepLater has a room looked at once more when the places of those who are there now have lapsed,
// so that nothing of them stays in Redis.
func (s *Service) sweepLater(roomID uuid.UUID) {
	s.dueMu.Lock()
	defer s.dueMu.Unlock()
	s.dueAt[roomID] = time.Now().Add(s.lease())
}

// takeDue returns the rooms whose time has come.
func (s *Service) takeDue() []beats {
	s.dueMu.Lock()
	defer s.dueMu.Unlock()
	var due []beats
	for roomID, at := range s.dueAt {
		if time.Now().After(at) {
			delete(s.dueAt, roomID)
			due = append(due, beats{roomID: roomID})
		}
	}
	return due
}
