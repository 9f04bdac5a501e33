package recordings

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/ent/recording"
	"foyer/internal/fault"
	"foyer/rooms"
)

// Stop asks the recording of a room to end, for a host, and returns it as it is then: what becomes of it
// LiveKit tells. NotFound when none is unfinished. Doing it again is fine. Unavailable when LiveKit is:
// it will be asked.
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
	asked, err := s.stopping(ctx, rec)
	if err != nil {
		return nil, err
	}
	if asked {
		s.record(ctx, rec, rooms.Act{Action: auditevent.ActionSTOP_RECORDING})
	}
	if err := s.requestStop(ctx, rec.ID); err != nil {
		s.Wake()
		return nil, err
	}
	return s.Get(ctx, rec.ID)
}

// requestStop asks LiveKit to end the egress of a recording that is to end. One that has ended has not
// failed to stop: the recording becomes what its egress is.
func (s *Service) requestStop(ctx context.Context, id uuid.UUID) error {
	rec, err := s.db.Recording.Get(ctx, id) // its egress may be known by now
	switch {
	case ent.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("find the egress to stop: %w", err)
	case rec.EgressID == nil:
		s.Wake() // who starts it will stop it, or the comparison with LiveKit will
		return nil
	}
	err = s.halt(ctx, *rec.EgressID)
	if fault.Is(err, fault.NotFound) {
		s.Wake()
		return nil
	}
	return err
}

// EndMeeting notes that the recording of a room ends, because its meeting has ended at a time: LiveKit
// ends the egress with the call. If it does not, it is asked to.
func (s *Service) EndMeeting(ctx context.Context, roomID uuid.UUID, at time.Time) error {
	rec, err := s.unfinished(ctx, roomID)
	if ent.IsNotFound(err) || err == nil && rec.CreatedAt.After(at) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the recording of a meeting: %w", err)
	}
	if _, err := s.stopping(ctx, rec); err != nil {
		return err
	}
	s.Wake()
	return nil
}

// Current is the recording of a room that is not final, as people in the room are told of it.
type Current struct {
	Status recording.Status
	Mode   recording.Mode
	// Notice is what they are told, if anything.
	Notice *string
}

// Current returns what records a room; nil when nothing does. It is for who may follow the room.
func (s *Service) Current(ctx context.Context, roomID uuid.UUID) (*Current, error) {
	rec, err := s.unfinished(ctx, roomID)
	if ent.IsNotFound(err) {
		return nil, nil // none is an answer here
	}
	if err != nil {
		return nil, fmt.Errorf("find the current recording: %w", err)
	}
	current := &Current{Status: rec.Status, Mode: rec.Mode}
	if s.settings.Notice != "" {
		current.Notice = &s.settings.Notice
	}
	return current, nil
}

// record stores what the viewer has done with a recording.
func (s *Service) record(ctx context.Context, rec *ent.Recording, act rooms.Act) {
	act.Detail = fmt.Sprintf("%s %s", rec.ID, rec.Mode)
	s.rooms.WriteAudit(ctx, rec.RoomID, act)
}

// warn logs a failure that will be made up for.
func warn(ctx context.Context, what string, err error, args ...any) {
	if ctx.Err() == nil {
		slog.WarnContext(ctx, what, append(args, "err", err)...)
	}
}

// IsRecorder reports whether an egress is that of a room's unfinished recording, or may be: until LiveKit has
// answered, Foyer does not know which one it is.
func (s *Service) IsRecorder(ctx context.Context, roomID uuid.UUID, egressID string) (bool, error) {
	rec, err := s.unfinished(ctx, roomID)
	if ent.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find the current recording: %w", err)
	}
	return rec.EgressID == nil || *rec.EgressID == egressID, nil
}
