package recordings

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/recording"
)

// Current is the unfinished recording of a room, as everybody in the room sees it.
type Current struct {
	Status recording.Status
	Mode   recording.Mode
	// Notice is shown to everybody in the room; nil for none.
	Notice *string
}

// Current returns the unfinished recording of a room; nil if there is none. The caller checks that the viewer
// may watch the room.
func (s *Service) Current(ctx context.Context, roomID uuid.UUID) (*Current, error) {
	rec, err := s.unfinished(ctx, roomID)
	if ent.IsNotFound(err) {
		return nil, nil
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

// IsRecorder reports whether an egress belongs to a room's unfinished recording, or may belong to it: until
// LiveKit has answered, Foyer does not know the egress of a recording.
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

// unfinished returns the unfinished recording of a room, or ent's error for not found.
func (s *Service) unfinished(ctx context.Context, roomID uuid.UUID) (*ent.Recording, error) {
	return s.db.Recording.Query().Where(recording.RoomID(roomID), isUnfinished()).Only(ctx)
}
