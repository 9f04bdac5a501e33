package meetings

import (
	"context"
	"log/slog"

	"github.com/google/uuid"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/lobby"
	"foyer/rooms"
)

// SetRoleInput gives a participant a role in the room.
type SetRoleInput struct {
	RoomID        uuid.UUID
	ParticipantID livekit.Identity
	Role          roomaccess.Role
}

// SetRole makes a person in the meeting an administrator or a member, for a host: never an owner, nobody of the host's
// own rank or above, and not the host. The role is stored, and then the person's rights in the meeting change on all
// their devices. Conflict when they have no account. The role stays even when the results say that LiveKit was not
// reached.
func (s *Service) SetRole(ctx context.Context, in SetRoleInput) ([]*Result, error) {
	if in.Role == roomaccess.RoleOWNER {
		return nil, fault.Field("role", "nobody is made an owner in a meeting: hand the room over")
	}
	a, err := s.host(ctx, in.RoomID)
	if err != nil {
		return nil, err
	}
	whom, err := s.target(ctx, a, in.ParticipantID)
	if err != nil {
		return nil, err
	}
	if whom.UserID == uuid.Nil {
		return nil, fault.New(fault.Conflict, "a person without an account has no role")
	}
	if _, err := s.rooms.SetRole(ctx, in.RoomID, whom.UserID, in.Role); err != nil {
		return nil, err
	}
	s.rooms.WriteAudit(ctx, in.RoomID, rooms.Act{
		Action: auditevent.ActionSET_ROLE, Target: whom.Person, Detail: string(in.Role),
	})
	return s.enforceUser(context.WithoutCancel(ctx), a.room, whom.UserID)
}

// enforceUser makes a user in a meeting follow the rules, on every device.
func (s *Service) enforceUser(
	ctx context.Context, room *ent.Room, userID uuid.UUID,
) ([]*Result, error) {
	people, verdicts, err := s.inside(ctx, room)
	if err != nil {
		return nil, err
	}
	var theirs []*livekit.Participant
	var onThem []lobby.Verdict
	for i, p := range people {
		if verdicts[i].UserID == userID {
			theirs, onThem = append(theirs, p), append(onThem, verdicts[i])
		}
	}
	return s.enforceAll(ctx, room.ID, theirs, onThem), nil
}

// Grant is rooms.Editor.Grant; the person's rights in the meeting change, and if they wait they are admitted.
func (s *Service) Grant(ctx context.Context, in rooms.GrantInput) (*ent.RoomAccess, error) {
	access, err := s.rooms.Grant(ctx, in)
	if err != nil {
		return nil, err
	}
	s.letIn(ctx, access.RoomID)
	s.applyRole(ctx, access.RoomID, access.UserID, string(access.Role))
	return access, nil
}

// UpdateAccess is rooms.Editor.UpdateAccess; the person's rights in the meeting change.
func (s *Service) UpdateAccess(
	ctx context.Context, roomID, userID uuid.UUID, role roomaccess.Role,
) (*ent.RoomAccess, error) {
	access, err := s.rooms.UpdateAccess(ctx, roomID, userID, role)
	if err == nil {
		s.applyRole(ctx, roomID, userID, string(role))
	}
	return access, err
}

// Revoke is rooms.Editor.Revoke; a person who may not be in the meeting without the role is removed.
func (s *Service) Revoke(ctx context.Context, roomID, userID uuid.UUID) (*ent.RoomAccess, error) {
	access, err := s.rooms.Revoke(ctx, roomID, userID)
	if err == nil {
		s.applyRole(ctx, roomID, userID, "none")
	}
	return access, err
}

// Leave is rooms.Editor.Leave; the viewer's rights in the meeting change.
func (s *Service) Leave(ctx context.Context, roomID uuid.UUID) (*ent.Room, error) {
	room, err := s.rooms.Leave(ctx, roomID)
	if err == nil {
		s.applyRole(ctx, roomID, auth.FromContext(ctx).UserID, "none")
	}
	return room, err
}

// Transfer is rooms.Editor.Transfer; the rights of both in the meeting change.
func (s *Service) Transfer(ctx context.Context, roomID, userID uuid.UUID) (*ent.Room, error) {
	room, err := s.rooms.Transfer(ctx, roomID, userID)
	if err == nil {
		s.applyRole(ctx, roomID, userID, string(roomaccess.RoleOWNER))
		s.applyRole(ctx, roomID, auth.FromContext(ctx).UserID, string(roomaccess.RoleADMINISTRATOR))
	}
	return room, err
}

// applyRole writes a user's changed role, which is stored, to the audit, and applies it in the meeting.
func (s *Service) applyRole(ctx context.Context, roomID, userID uuid.UUID, role string) {
	ctx = context.WithoutCancel(ctx)
	s.rooms.WriteAudit(ctx, roomID, rooms.Act{
		Action: auditevent.ActionSET_ROLE, Target: s.rooms.PersonOf(ctx, userID), Detail: role,
	})
	room, err := s.rooms.ByID(ctx, roomID)
	if err == nil {
		_, err = s.enforceUser(ctx, room, userID)
	}
	if err != nil {
		slog.WarnContext(ctx, "a change of role has not reached the meeting", "room", roomID, "err", err)
	}
}
