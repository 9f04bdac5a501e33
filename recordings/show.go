package recordings

import (
	"context"
	"fmt"

	"foyer/accounts"
	"foyer/auth"
	"foyer/ent"
	"foyer/ent/recordingaccess"
	"foyer/rooms"
)

// Room returns the room of a recording.
func (s *Service) Room(ctx context.Context, rec *ent.Recording) (*ent.Room, error) {
	if loaded, err := rec.Edges.RoomOrErr(); err == nil {
		return loaded, nil
	}
	return s.rooms.ByID(ctx, rec.RoomID)
}

// CanDelete reports whether the viewer may delete a recording now.
func (s *Service) CanDelete(ctx context.Context, rec *ent.Recording) (bool, error) {
	if !isFinal(rec) {
		return false, nil
	}
	return s.isHost(ctx, rec)
}

// SharedWith returns the people with whom a recording is shared, for a host; nil for others.
func (s *Service) SharedWith(ctx context.Context, rec *ent.Recording) ([]*ent.User, error) {
	if host, err := s.isHost(ctx, rec); err != nil || !host {
		return nil, err
	}
	accesses, err := rec.Edges.AccessesOrErr()
	if err != nil {
		accesses, err = s.db.RecordingAccess.Query().Where(recordingaccess.RecordingID(rec.ID)).
			WithUser().Order(recordingaccess.ByCreatedAt(), recordingaccess.ByID()).All(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("find with whom a recording is shared: %w", err)
	}
	users := make([]*ent.User, len(accesses))
	for i, access := range accesses {
		users[i] = accounts.Shown(ctx, access.Edges.User, access.Email)
	}
	return users, nil
}

// isHost reports whether the viewer is a host of a recording's room.
func (s *Service) isHost(ctx context.Context, rec *ent.Recording) (bool, error) {
	room, err := s.Room(ctx, rec)
	if err != nil {
		return false, err
	}
	role, err := s.rooms.Role(ctx, room)
	return rooms.IsHost(role) && auth.FromContext(ctx).SignedIn(), err
}
