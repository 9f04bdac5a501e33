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
	"foyer/internal/livekit"
)

const (
	// reconcileRooms is how many rooms one query finds, and reconcileFanOut how many are reconciled in parallel.
	reconcileRooms, reconcileFanOut = 200, 8
	// reconcileTimeout bounds one reconciliation of all meetings.
	reconcileTimeout = 5 * time.Minute
)

// Run reconciles every meeting with LiveKit, once per Settings.ReviewInterval by one of all servers, until ctx ends.
// This makes up for lost events, and ends meetings in which nobody has been for long enough. Run retries after errors
// and always returns nil.
func (s *Service) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := s.live.InTurn(ctx, s.settings.ReviewInterval, s.reconcile)
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "cannot compare all meetings with LiveKit", "err", err)
		}
		// Often enough that another server takes over soon, and spread out so that not all servers do at the same
		// moment.
		pause := s.settings.ReviewInterval / 4
		pause += rand.N(pause/4 + 1)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	return nil
}

// reconcile reconciles the rooms that LiveKit lists, and those in which a meeting is on as far as Redis knows. While
// LiveKit is unavailable no meeting ends. The order is random, so that reconciliations that are cut short reach
// different rooms.
func (s *Service) reconcile(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reconcileTimeout)
	defer cancel()
	running, err := s.livekit.Rooms(ctx)
	if err != nil {
		return err
	}
	marks, err := s.live.Meetings(ctx)
	if err != nil {
		return err
	}
	all := make(map[uuid.UUID]snapshot, len(marks)+len(running))
	for id, mark := range marks {
		all[id] = snapshot{mark: mark}
	}
	for name, metadata := range running {
		if id, err := uuid.Parse(name); err == nil && id.String() == name {
			all[id] = snapshot{marks[id], true, metadata}
		}
	}
	return s.reconcileAll(ctx, all)
}

// snapshot is what Redis and LiveKit said about a room when a reconciliation began.
type snapshot struct {
	// mark is live.Meetings' mark; 0 when Redis knew no meeting.
	mark float64
	// runs: LiveKit lists the room, with these metadata.
	runs     bool
	metadata string
}

// reconcileAll reconciles rooms with LiveKit. The failure of one does not stop the others.
func (s *Service) reconcileAll(ctx context.Context, all map[uuid.UUID]snapshot) error {
	var mu sync.Mutex
	var first error
	failed := 0
	ids := slices.Collect(maps.Keys(all)) // in random order
	for chunk := range slices.Chunk(ids, reconcileRooms) {
		found, err := s.rooms.ByIDs(ctx, chunk)
		if err != nil {
			return err
		}
		var group errgroup.Group
		group.SetLimit(reconcileFanOut)
		for _, id := range chunk {
			group.Go(func() error {
				if err := s.reconcileOne(ctx, id, found[id], all[id]); err != nil {
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

// reconcileOne makes the meeting of a room follow LiveKit and the rules, and ends it if nobody has been there for long
// enough. The room is nil when it was deleted, or is not ours.
func (s *Service) reconcileOne(ctx context.Context, id uuid.UUID, room *ent.Room, was snapshot) error {
	if room == nil {
		return s.reconcileNoRoom(ctx, id, was)
	}
	if was.runs && was.metadata != metadata(room) {
		if err := s.writeMetadata(ctx, id); err != nil {
			return err
		}
	}
	inside, err := s.reviewClosing(ctx, room)
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
		if err := s.applyEnd(ctx, id, at); err != nil {
			return err
		}
	}
	if meeting.On {
		return nil
	}
	return s.live.Forget(ctx, id, was.mark)
}

// reviewClosing is review for a meeting that a host may have ended without the database or LiveKit having followed. It
// returns how many are inside.
func (s *Service) reviewClosing(ctx context.Context, room *ent.Room) (inside int, err error) {
	meeting, err := s.live.Meeting(ctx, room.ID)
	if err != nil {
		return 0, err
	}
	if meeting.ClosedAt.IsZero() {
		_, inside, err = s.reviewSince(ctx, room, meeting.Version)
		return inside, err
	}
	if err := s.removeEarlier(ctx, room, meeting.ClosedAt); err != nil {
		return 0, err
	}
	_, inside, err = s.review(ctx, room)
	return inside, err
}

// removeEarlier removes people who were in a meeting when a host ended it, if the server that ended it died before it
// told LiveKit. It skips people with a pass, which says whether they came before the end.
func (s *Service) removeEarlier(ctx context.Context, room *ent.Room, closedAt time.Time) error {
	people, verdicts, err := s.inside(ctx, room)
	if err != nil {
		return err
	}
	return s.removeIf(ctx, room.ID.String(), people, func(i int, p *livekit.Participant) bool {
		return counts(p) && !verdicts[i].Known && !p.JoinedAt.After(closedAt)
	})
}

// removeIf removes some of the participants of a LiveKit room.
func (s *Service) removeIf(
	ctx context.Context, room string, people []*livekit.Participant, which func(int, *livekit.Participant) bool,
) error {
	for i, p := range people {
		if !which(i, p) {
			continue
		}
		if err := s.livekit.RemoveParticipant(ctx, room, p.Identity); err != nil {
			return err
		}
	}
	return nil
}

// reconcileNoRoom ends the meeting of a room that was deleted while LiveKit was unavailable. When Redis knows no
// meeting the room may be another deployment's: then it removes only people with our tokens, whose joining was not
// reported.
func (s *Service) reconcileNoRoom(ctx context.Context, id uuid.UUID, was snapshot) error {
	if was.mark == 0 {
		return s.removeOurs(ctx, id.String())
	}
	if err := s.livekit.EndRoom(ctx, id.String()); err != nil {
		return err
	}
	return s.live.Forget(ctx, id, was.mark)
}

// removeOurs removes everybody from a LiveKit room who joined with a token of this deployment.
func (s *Service) removeOurs(ctx context.Context, room string) error {
	people, err := s.livekit.Participants(ctx, room)
	if err != nil {
		return err
	}
	return s.removeIf(ctx, room, people, func(_ int, p *livekit.Participant) bool { return s.livekit.Made(p) })
}

// applyEnd applies the end of a meeting, which Redis has, in the database. Repeating is safe.
func (s *Service) applyEnd(ctx context.Context, roomID uuid.UUID, at time.Time) error {
	err := errors.Join(s.rooms.EndMeeting(ctx, roomID, at), s.recordings.EndMeeting(ctx, roomID, at))
	if err != nil {
		return err
	}
	return s.live.MarkEndApplied(ctx, roomID, at)
}
