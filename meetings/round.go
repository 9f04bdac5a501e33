package meetings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
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
		err := s.live.InTurn(ctx, s.settings.ReviewInterval, s.round)
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
	marks, err := s.live.Meetings(ctx)
	if err != nil {
		return err
	}
	all := make(map[uuid.UUID]seen, len(marks)+len(running))
	for id, mark := range marks {
		all[id] = seen{mark: mark}
	}
	for name, metadata := range running {
		if id, err := uuid.Parse(name); err == nil && id.String() == name {
			all[id] = seen{marks[id], true, metadata}
		}
	}
	return s.compareAll(ctx, all)
}

// seen is what Redis and LiveKit said of a room when a round began.
type seen struct {
	// mark is that of live.Meetings; 0 when Redis knew of no meeting.
	mark float64
	// runs: LiveKit lists the room, with these metadata.
	runs     bool
	metadata string
}

// compareAll compares rooms with LiveKit. The failure of one keeps no other from it.
func (s *Service) compareAll(ctx context.Context, all map[uuid.UUID]seen) error {
	var mu sync.Mutex
	var first error
	failed := 0
	ids := slices.Collect(maps.Keys(all)) // in an order of chance
	for chunk := range slices.Chunk(ids, roundRooms) {
		found, err := s.rooms.ByIDs(ctx, chunk)
		if err != nil {
			return err
		}
		var group errgroup.Group
		group.SetLimit(roundFanOut)
		for _, id := range chunk {
			group.Go(func() error {
				if err := s.compare(ctx, id, found[id], all[id]); err != nil {
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
// long enough. The room is nil when it has been deleted, or is none of ours.
func (s *Service) compare(ctx context.Context, id uuid.UUID, room *ent.Room, was seen) error {
	if room == nil {
		return s.compareNoRoom(ctx, id, was)
	}
	if was.runs && was.metadata != metadata(room) {
		if err := s.mirror(ctx, id); err != nil {
			return err
		}
	}
	if err := s.clear(ctx, room); err != nil {
		return err
	}
	_, inside, err := s.review(ctx, room)
	if err != nil {
		return err
	}
	if inside == 0 {
		if err := s.live.Lapse(ctx, id); err != nil {
			return err
		}
	}
	meeting, err := s.live.Meeting(ctx, id)
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
	return s.live.Forget(ctx, id, was.mark)
}

// clear removes those who were in the call when a host ended its meeting, where the server that did so did not get to
// end the call. People whose passes are known are no concern of it: those passes say whether they came before.
func (s *Service) clear(ctx context.Context, room *ent.Room) error {
	meeting, err := s.live.Meeting(ctx, room.ID)
	if err != nil || meeting.ClosedAt.IsZero() {
		return err
	}
	people, standings, err := s.inside(ctx, room)
	if err != nil {
		return err
	}
	for i, p := range people {
		if !counts(p) || standings[i].Known || p.JoinedAt.After(meeting.ClosedAt) {
			continue
		}
		if err := s.rtc.RemoveParticipant(ctx, room.ID.String(), p.Identity); err != nil {
			return err
		}
	}
	return nil
}

// compareNoRoom ends the call of a room that was deleted while LiveKit was away. Where Redis knows of no meeting the
// room may be another's: then only people with our tokens are removed, whose joining was not heard of.
func (s *Service) compareNoRoom(ctx context.Context, id uuid.UUID, was seen) error {
	if was.mark == 0 {
		return s.removeOurs(ctx, id.String())
	}
	if err := s.rtc.EndRoom(ctx, id.String()); err != nil {
		return err
	}
	return s.live.Forget(ctx, id, was.mark)
}

// removeOurs removes everybody from a LiveKit room who entered with a token of this deployment.
func (s *Service) removeOurs(ctx context.Context, room string) error {
	people, err := s.rtc.Participants(ctx, room)
	if err != nil {
		return err
	}
	for _, p := range people {
		if !s.rtc.Made(p) {
			continue
		}
		if err := s.rtc.RemoveParticipant(ctx, room, p.Identity); err != nil {
			return err
		}
	}
	return nil
}

// followEnd has what is stored elsewhere follow the end of a meeting in Redis, which was at that time. To do it
// again is fine.
func (s *Service) followEnd(ctx context.Context, roomID uuid.UUID, at time.Time) error {
	err := errors.Join(s.rooms.EndMeeting(ctx, roomID, at), s.recordings.EndMeeting(ctx, roomID, at))
	if err != nil {
		return err
	}
	return s.live.MarkEndApplied(ctx, roomID, at)
}
