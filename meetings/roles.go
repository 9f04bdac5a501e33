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

// SetRole makes somebody in the call an administrator or a member, for a host: never an owner, nobody
// of his own rank or above, and not himself. The role is stored, and what the person may do in the call
// follows on all his devices. Conflict when he has no account. The role stands also when the results
// say that LiveKit was not reached.
func (s *Service) SetRole(ctx context.Context, in SetRoleInput) ([]*Result, error) {
	if in.Role == roomaccess.RoleOWNER {
		return nil, fault.Field("role", "nobody is made an owner in a call: hand the room over")
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
	return s.follow(context.WithoutCancel(ctx), a.room, whom.UserID)
}

// follow makes a user in a call what his role is by now, on every device.
func (s *Service) follow(
	ctx context.Context, room *ent.Room, userID uuid.UUID,
) ([]*Result, error) {
	people, standings, err := s.inside(ctx, room)
	if err != nil {
		return nil, err
	}
	var his []*livekit.Participant
	var are []lobby.Standing
	for i, p := range people {
		if standings[i].UserID == userID {
			his, are = append(his, p), append(are, standings[i])
		}
	}
	return s.settle(ctx, room.ID, his, are), nil
}

// Grant is rooms.Grant; what the person may do in the call follows, and if he waits he is let in.
func (s *Service) Grant(ctx context.Context, in rooms.GrantInput) (*ent.RoomAccess, error) {
	access, err := s.rooms.Grant(ctx, in)
	if err != nil {
		return nil, err
	}
	s.letIn(ctx, access.RoomID)
	s.carry(ctx, access.RoomID, access.UserID, string(access.Role))
	return access, nil
}

// UpdateAccess is rooms.UpdateAccess; what the person may do in the call follows.
func (s *Service) UpdateAccess(
	ctx context.Context, roomID, userID uuid.UUID, role roomaccess.Role,
) (*ent.RoomAccess, error) {
	access, err := s.rooms.UpdateAccess(ctx, roomID, userID, role)
	if err == nil {
		s.carry(ctx, roomID, userID, string(role))
	}
	return access, err
}

// Revoke is rooms.Revoke; if the person may not be in the call without the role, he has to leave it.
func (s *Service) Revoke(ctx context.Context, roomID, userID uuid.UUID) (*ent.RoomAccess, error) {
	access, err := s.rooms.Revoke(ctx, roomID, userID)
	if err == nil {
		s.carry(ctx, roomID, userID, "none")
	}
	return access, err
}

// Leave is rooms.Leave; what the viewer may do in the call follows.
func (s *Service) Leave(ctx context.Context, roomID uuid.UUID) (*ent.Room, error) {
	room, err := s.rooms.Leave(ctx, roomID)
	if err == nil {
		s.carry(ctx, roomID, auth.FromContext(ctx).UserID, "none")
	}
	return room, err
}

// Transfer is rooms.Transfer; what both may do in the call follows.
func (s *Service) Transfer(ctx context.Context, roomID, userID uuid.UUID) (*ent.Room, error) {
	room, err := s.rooms.Transfer(ctx, roomID, userID)
	if err == nil {
		s.carry(ctx, roomID, userID, string(roomaccess.RoleOWNER))
		s.carry(ctx, roomID, auth.FromContext(ctx).UserID, string(roomaccess.RoleADMINISTRATOR))
	}
	return room, err
}

// carry takes a change of a user's role, which is stored, to the audit and to the call.
func (s *Service) carry(ctx context.Context, roomID, userID uuid.UUID, role string) {
	ctx = context.WithoutCancel(ctx)
	s.rooms.WriteAudit(ctx, roomID, rooms.Act{
		Action: auditevent.ActionSET_ROLE, Target: s.rooms.Account(ctx, userID), Detail: role,
	})
	room, err := s.rooms.ByID(ctx, roomID)
	if err == nil {
		_, err = s.follow(ctx, room, userID)
	}
	if err != nil {
		slog.WarnContext(ctx, "a change of role has not reached the call", "room", roomID, "err", err)
	}
}
