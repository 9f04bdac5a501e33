package rooms

import (
	"context"

	"github.com/google/uuid"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/ratelimit"
)

// none stands for no role.
const none roomaccess.Role = ""

// change is a change of a person's role in a room. From none it gives a role; to none it takes the role away.
type change struct{ from, to roomaccess.Role }

// changes are the allowed changes, by the role of the person who makes them. All others are forbidden. Nobody changes
// their own role: Leave and Transfer exist for that. So a person who demotes an owner is an owner, and stays one.
var changes = map[roomaccess.Role][]change{
	roomaccess.RoleOWNER: {
		{none, roomaccess.RoleMEMBER},
		{none, roomaccess.RoleADMINISTRATOR},
		{none, roomaccess.RoleOWNER},
		{roomaccess.RoleMEMBER, none},
		{roomaccess.RoleMEMBER, roomaccess.RoleMEMBER},
		{roomaccess.RoleMEMBER, roomaccess.RoleADMINISTRATOR},
		{roomaccess.RoleMEMBER, roomaccess.RoleOWNER},
		{roomaccess.RoleADMINISTRATOR, none},
		{roomaccess.RoleADMINISTRATOR, roomaccess.RoleMEMBER},
		{roomaccess.RoleADMINISTRATOR, roomaccess.RoleADMINISTRATOR},
		{roomaccess.RoleADMINISTRATOR, roomaccess.RoleOWNER},
		{roomaccess.RoleOWNER, none},
		{roomaccess.RoleOWNER, roomaccess.RoleMEMBER},
		{roomaccess.RoleOWNER, roomaccess.RoleADMINISTRATOR},
		{roomaccess.RoleOWNER, roomaccess.RoleOWNER},
	},
	roomaccess.RoleADMINISTRATOR: {
		{none, roomaccess.RoleMEMBER},
		{none, roomaccess.RoleADMINISTRATOR},
		{roomaccess.RoleMEMBER, none},
		{roomaccess.RoleMEMBER, roomaccess.RoleMEMBER},
		{roomaccess.RoleMEMBER, roomaccess.RoleADMINISTRATOR},
		{roomaccess.RoleADMINISTRATOR, roomaccess.RoleADMINISTRATOR},
	},
}

// GrantInput gives a role in a room to a person, who is named by either their id or their e-mail address.
type GrantInput struct {
	RoomID uuid.UUID
	UserID *uuid.UUID
	Email  *string
	Role   roomaccess.Role
}

// Grant gives a role to a person without one in the room. It may be repeated. If the person has another role, it is a
// Conflict that names that role. An e-mail address without an account gets a provisional account.
func (e *Editor) Grant(ctx context.Context, in GrantInput) (*ent.RoomAccess, error) {
	if (in.UserID == nil) == (in.Email == nil) {
		return nil, fault.New(fault.Invalid,
			"name the person by userId or by email: exactly one of them")
	}
	if err := e.AllowGrant(ctx, in.RoomID); err != nil {
		return nil, err
	}
	var granted *ent.RoomAccess
	err := e.amongMembers(ctx, in.RoomID, func(m *members) error {
		userID, email, err := m.find(ctx, in.UserID, in.Email)
		if err != nil {
			return err
		}
		held, err := m.accessOf(ctx, userID)
		if err != nil {
			return err
		}
		if held.Role != none && held.Role != in.Role {
			return fault.New(fault.Conflict, "this person has another role in the room already").
				With("role", held.Role)
		}
		if granted, err = m.set(ctx, userID, held, in.Role); err == nil {
			granted, err = m.keepAddress(ctx, granted, email)
		}
		return err
	})
	return granted, err
}

// AllowGrant counts one role or share that a host gives to a person, or fails with RateLimited. A grant reveals who has
// an account, and creates accounts for e-mail addresses without one: so it is limited.
func (s *Service) AllowGrant(ctx context.Context, roomID uuid.UUID) error {
	if err := s.Require(ctx, roomID, ReadAccesses); err != nil {
		return err
	}
	viewerID := auth.FromContext(ctx).UserID
	return s.limiter.Allow(ctx, "too many rights given to people; try again later",
		ratelimit.PerHour("grant:user", viewerID.String(), s.settings.GrantsPerUser),
		ratelimit.PerHour("grant:room", "{"+roomID.String()+"}", s.settings.GrantsPerRoom))
}

// UpdateAccess changes the role of a person in a room; NotFound if they have none.
func (e *Editor) UpdateAccess(
	ctx context.Context, roomID, userID uuid.UUID, role roomaccess.Role,
) (*ent.RoomAccess, error) {
	var updated *ent.RoomAccess
	err := e.amongMembers(ctx, roomID, func(m *members) error {
		held, err := m.mustHave(ctx, userID)
		if err != nil {
			return err
		}
		updated, err = m.set(ctx, userID, held, role)
		return err
	})
	return updated, err
}

// SetRole gives a person a role in a room, or changes it, and returns the previous role; empty for none. The viewer
// must be a host with the right to make that change.
func (e *Editor) SetRole(
	ctx context.Context, roomID, userID uuid.UUID, role roomaccess.Role,
) (was roomaccess.Role, err error) {
	if err := e.AllowGrant(ctx, roomID); err != nil {
		return none, err
	}
	err = e.amongMembers(ctx, roomID, func(m *members) error {
		if _, _, err := m.find(ctx, &userID, nil); err != nil {
			return err
		}
		held, err := m.accessOf(ctx, userID)
		if err != nil {
			return err
		}
		was = held.Role
		_, err = m.set(ctx, userID, held, role)
		return err
	})
	return was, err
}

// Revoke takes a person's role in a room away, and returns the access as it was; NotFound if they have none.
func (e *Editor) Revoke(ctx context.Context, roomID, userID uuid.UUID) (*ent.RoomAccess, error) {
	var revoked *ent.RoomAccess
	err := e.amongMembers(ctx, roomID, func(m *members) error {
		held, err := m.mustHave(ctx, userID)
		if err != nil {
			return err
		}
		if err := m.check(userID, change{held.Role, none}); err != nil {
			return err
		}
		revoked = held.Unwrap()
		return m.tx.RoomAccess.DeleteOne(held).Exec(ctx)
	})
	return revoked, err
}

// Leave gives up the viewer's own role in a room, and returns the room. It is a Conflict for the last owner. Owners who
// have never signed in do not count.
func (e *Editor) Leave(ctx context.Context, roomID uuid.UUID) (*ent.Room, error) {
	err := e.inRoom(ctx, roomID, func(m *members) error {
		mine, err := m.accessOf(ctx, m.viewerID)
		if err != nil {
			return err
		}
		switch mine.Role {
		case none:
			return fault.New(fault.Forbidden, "you have no role in this room")
		case roomaccess.RoleOWNER:
			if err := m.needAnotherOwner(ctx); err != nil {
				return err
			}
		}
		return m.tx.RoomAccess.DeleteOne(mine).Exec(ctx)
	})
	if err != nil {
		return nil, err
	}
	return e.ByID(ctx, roomID)
}

// Transfer makes a person with a role in the room an owner, and the viewer, who is an owner, an administrator: both or
// neither. It returns the room.
func (e *Editor) Transfer(ctx context.Context, roomID, userID uuid.UUID) (*ent.Room, error) {
	err := e.amongMembers(ctx, roomID, func(m *members) error {
		if m.role != roomaccess.RoleOWNER {
			return fault.New(fault.Forbidden, "only owners may hand over this room")
		}
		heir, err := m.mustHave(ctx, userID)
		if err != nil {
			return err
		}
		if userID == m.viewerID {
			return fault.Field("userId", "userId is your own, and the room yours already")
		}
		if heir.Edges.User.Subject == nil {
			return fault.New(fault.Conflict, "this person has never signed in")
		}
		if _, err := m.set(ctx, userID, heir, roomaccess.RoleOWNER); err != nil {
			return err
		}
		return m.tx.RoomAccess.Update().
			Where(roomaccess.RoomID(roomID), roomaccess.UserID(m.viewerID)).
			SetRole(roomaccess.RoleADMINISTRATOR).Exec(ctx)
	})
	if err != nil {
		return nil, err
	}
	return e.ByID(ctx, roomID)
}
