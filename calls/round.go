package calls

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"foyer/ent"
)

const (
	// roundRooms is how many rooms one query finds, and roundFanOut how many are compared at a time.
	roundRooms, roundFanOut = 200, 8
	// roundTimeout bounds one comparison of all meetings with LiveKit.
	roundTimeout = 5 * time.Minute
)

// Run compares every meeting with LiveKit, once in Settings.ReviewInterval by one server of all, until ctx
// ends. So news that were lost are made up for, and a meeting ends in which nobody has been for long enough.
// It always returns nil: what fails is tried again.
func (s *Service) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := s.lobby.InTurn(ctx, s.settings.ReviewInterval, s.round)
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "cannot compare all meetings with LiveKit", "err", err)
		}
		// Often enough that another server takes over soon, and not all servers at the same moment.
		pause := s.settings.ReviewInterval / 4
		pause += rand.N(pause/4 + 1)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	return nil
}

// round compares the rooms that LiveKit lists, and those in which a meeting was on as far as Redis knows. While
// LiveKit is away no meeting ends. A round that is cut short has begun with other rooms than the last.
func (s *Service) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	running, err := s.rtc.Rooms(ctx)
	if err != nil {
		return err
	}
	marks, err := s.lobby.Meetings(ctx)
	if err != nil {
		return err
	}
	ids := make([]uuid.UUID, 0, len(marks)+len(running))
	for id := range marks { // in an order of chance
		ids = append(ids, id)
	}
	for _, name := range running {
		id, err := uuid.Parse(name)
		if _, known := marks[id]; err == nil && id.String() == name && !known {
			ids = append(ids, id)
		}
	}
	return s.compareAll(ctx, ids, marks)
}

// compareAll compares rooms with LiveKit. The failure of one keeps no other from it.
func (s *Service) compareAll(ctx context.Context, ids []uuid.UUID, marks map[uuid.UUID]float64) error {
	var mu sync.Mutex
	var first error
	failed := 0
	for chunk := range slices.Chunk(ids, roundRooms) {
		found, err := s.rooms.ByIDs(ctx, chunk)
		if err != nil {
			return err
		}
		var group errgroup.Group
		group.SetLimit(roundFanOut)
		for _, id := range chunk {
			group.Go(func() error {
				if err := s.compare(ctx, id, found[id], marks[id]); err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed, first = failed+1, cmp.Or(first, err)
				}
				return nil
			})
		}
		_ = group.Wait()
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d rooms were not compared, the first: %w", failed, len(ids), first)
	}
	return nil
}

// compare makes the meeting of a room what LiveKit and the rules say, and ends it if nobody has been there for
// long enough. The room is nil when it has been deleted, or is none of ours; the mark is 0 when Redis knew of no
// meeting.
func (s *Service) compare(ctx context.Context, id uuid.UUID, room *ent.Room, mark float64) error {
	if room == nil {
		return s.compareNoRoom(ctx, id, mark)
	}
	_, inside, err := s.review(ctx, room)
	if err != nil {
		return err
	}
	if inside == 0 {
		if err := s.lobby.Lapse(ctx, id); err != nil {
			return err
		}
	}
	meeting, err := s.lobby.Meeting(ctx, id)
	if err != nil {
		return err
	}
	if at := meeting.ClosedAt; !at.IsZero() {
		if err := s.followEnd(ctx, id, at); err != nil {
			return err
		}
	}
	if meeting.On {
		return nil
	}
	return s.lobby.Forget(ctx, id, mark)
}

// compareNoRoom ends the call of a room that was deleted while LiveKit was away.
func (s *Service) compareNoRoom(ctx context.Context, id uuid.UUID, mark float64) error {
	if mark == 0 {
		return nil // another's room
	}
	if err := s.rtc.EndRoom(ctx, id.String()); err != nil {
		return err
	}
	return s.lobby.Forget(ctx, id, mark)
}

// followEnd has what is stored elsewhere follow the end of a meeting in Redis, which was at that time. To do it
// again is fine.
func (s *Service) followEnd(ctx context.Context, roomID uuid.UUID, at time.Time) error {
	err := errors.Join(s.rooms.EndMeeting(ctx, roomID, at), s.recordings.EndMeeting(ctx, roomID, at))
	if err != nil {
		return err
	}
	return s.lobby.Followed(ctx, roomID, at)
}
