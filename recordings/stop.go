package recordings

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/internal/fault"
	"foyer/rooms"
)

// Stop asks LiveKit to end the recording of a room, for a host, and returns the recording as it is then.
// LiveKit reports the outcome later. Stop may be repeated. Errors: NotFound if the room has no unfinished
// recording; Unavailable if LiveKit does not answer, and then Foyer retries.
func (s *Service) Stop(ctx context.Context, roomID uuid.UUID) (*ent.Recording, error) {
	if err := s.rooms.Require(ctx, roomID, rooms.RecordMeetings); err != nil {
		return nil, err
	}
	rec, err := s.unfinished(ctx, roomID)
	if ent.IsNotFound(err) {
		return nil, fault.New(fault.NotFound, "this room is not being recorded")
	}
	if err != nil {
		return nil, fmt.Errorf("find the recording to stop: %w", err)
	}
	ctx = context.WithoutCancel(ctx)
	asked, err := s.markStopping(ctx, rec)
	if err != nil {
		return nil, err
	}
	if asked {
		s.writeAudit(ctx, rec, rooms.Act{Action: auditevent.ActionSTOP_RECORDING})
	}
	if err := s.requestStop(ctx, rec.ID); err != nil {
		s.Wake()
		return nil, err
	}
	return s.Get(ctx, rec.ID)
}

// requestStop asks LiveKit to end the egress of a recording. It is no failure if the egress has ended: the
// recording gets the outcome of its egress.
func (s *Service) requestStop(ctx context.Context, id uuid.UUID) error {
	rec, err := s.db.Recording.Get(ctx, id) // the egress may be known by now
	switch {
	case ent.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("find the egress to stop: %w", err)
	case rec.EgressID == nil:
		s.Wake() // Start stops it after the answer, or the reconciler does
		return nil
	}
	err = s.stopEgress(ctx, *rec.EgressID)
	if fault.Is(err, fault.NotFound) {
		s.Wake()
		return nil
	}
	return err
}

// EndMeeting marks the recording of a room as STOPPING because its meeting ended at that time. LiveKit ends the
// egress together with the meeting; if it does not, the reconciler stops the egress.
func (s *Service) EndMeeting(ctx context.Context, roomID uuid.UUID, at time.Time) error {
	rec, err := s.unfinished(ctx, roomID)
	if ent.IsNotFound(err) || err == nil && rec.CreatedAt.After(at) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the recording of a meeting: %w", err)
	}
	if _, err := s.markStopping(ctx, rec); err != nil {
		return err
	}
	s.Wake()
	return nil
}
