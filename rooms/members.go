package rooms

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"foyer/accounts"
	"foyer/auth"
	"foyer/ent"
	"foyer/ent/database"
	"foyer/ent/roomaccess"
	"foyer/ent/user"
	"foyer/internal/fault"
)

// members are the people with a role in a room, within a transaction that keeps others from changing roles there.
type members struct {
	tx     *ent.Tx
	roomID uuid.UUID
	// viewerID and role are the viewer's.
	viewerID uuid.UUID
	role     roomaccess.Role
}

// amongMembers is inRoom for hosts.
func (s *Service) amongMembers(
	ctx context.Context, roomID uuid.UUID, f func(*members) error,
) error {
	return s.inRoom(ctx, roomID, func(m *members) error {
		if !slices.Contains(hosts, m.role) {
			return fault.New(fault.Forbidden, "you may not change who has access to this room")
		}
		return f(m)
	})
}

// inRoom runs f while the room's row is locked, so that the roles that f reads stay true until its writes are stored.
// A conflict with another transaction makes f run again.
func (s *Service) inRoom(ctx context.Context, roomID uuid.UUID, f func(*members) error) error {
	viewer := auth.FromContext(ctx)
	if !viewer.SignedIn() {
		return auth.ErrNobody()
	}
	return database.RetryTx(ctx, s.db, func(tx *ent.Tx) error {
		if err := lockRoom(ctx, tx, roomID); err != nil {
			return err
		}
		m := &members{tx: tx, roomID: roomID, viewerID: viewer.UserID}
		mine, err := m.accessOf(ctx, viewer.UserID)
		if err != nil {
			return err
		}
		m.role = mine.Role
		return f(m)
	})
}

// lockRoom locks a room's row until the transaction ends; NotFound if the room does not exist.
func lockRoom(ctx context.Context, tx *ent.Tx, id uuid.UUID) error {
	found, err := database.LockRooms(ctx, tx, id)
	if err == nil && found == 0 {
		err = errNoRoom()
	}
	return err
}

// accessOf returns a person's access; without a role for a person who has none.
func (m *members) accessOf(ctx context.Context, userID uuid.UUID) (*ent.RoomAccess, error) {
	access, err := m.tx.RoomAccess.Query().
		Where(roomaccess.RoomID(m.roomID), roomaccess.UserID(userID)).WithUser().Only(ctx)
	if ent.IsNotFound(err) {
		return &ent.RoomAccess{Role: none}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find access: %w", err)
	}
	return access, nil
}

// mustHave is accessOf, but NotFound for a person without a role.
func (m *members) mustHave(ctx context.Context, userID uuid.UUID) (*ent.RoomAccess, error) {
	access, err := m.accessOf(ctx, userID)
	if err == nil && access.Role == none {
		err = fault.New(fault.NotFound, "this person has no role in this room").With("field", "userId")
	}
	return access, err
}

// find returns the person with an id or an e-mail address, and the address in the form in which accounts store it.
func (m *members) find(ctx context.Context, id *uuid.UUID, text *string) (uuid.UUID, string, error) {
	if text != nil {
		email, err := accounts.WrittenEmail(*text)
		if err != nil {
			return uuid.Nil, "", err
		}
		userID, err := accounts.ByEmailIn(ctx, m.tx, email)
		return userID, email, err
	}
	exists, err := m.tx.User.Query().Where(user.ID(*id)).Exist(ctx)
	if err != nil {
		return uuid.Nil, "", fmt.Errorf("find person: %w", err)
	}
	if !exists {
		return uuid.Nil, "", fault.New(fault.NotFound, "there is no such person").With("field", "userId")
	}
	return *id, "", nil
}

// keepAddress stores the e-mail address, if any, with which a host has named the person of an access: hosts may see it.
func (m *members) keepAddress(ctx context.Context, access *ent.RoomAccess, email string) (*ent.RoomAccess, error) {
	if email == "" || access.Email != "" {
		return access, nil
	}
	access, err := m.tx.RoomAccess.UpdateOneID(access.ID).SetEmail(email).Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("store address of access: %w", err)
	}
	return access.Unwrap(), nil // it outlives the transaction
}

// check fails unless the viewer may make a change of a person's role.
func (m *members) check(userID uuid.UUID, c change) error {
	switch {
	case userID == m.viewerID:
		return fault.New(fault.Forbidden, "you cannot change your own role")
	case !slices.Contains(changes[m.role], c):
		return fault.New(fault.Forbidden, "you may not change this person's role so")
	default:
		return nil
	}
}

// set gives a person a role, in place of the access that they hold.
func (m *members) set(
	ctx context.Context, userID uuid.UUID, held *ent.RoomAccess, role roomaccess.Role,
) (*ent.RoomAccess, error) {
	if err := roomaccess.RoleValidator(role); err != nil {
		return nil, fault.Field("role", "there is no such role")
	}
	if err := m.check(userID, change{held.Role, role}); err != nil {
		return nil, err
	}
	var err error
	switch held.Role {
	case role:
	case none:
		held, err = m.tx.RoomAccess.Create().
			SetRoomID(m.roomID).SetUserID(userID).SetRole(role).Save(ctx)
	default:
		held, err = held.Update().SetRole(role).Save(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("set role: %w", err)
	}
	return held.Unwrap(), nil // it outlives the transaction
}

func (m *members) needAnotherOwner(ctx context.Context) error {
	other, err := m.tx.RoomAccess.Query().Where(
		roomaccess.RoomID(m.roomID), roomaccess.RoleEQ(roomaccess.RoleOWNER),
		roomaccess.UserIDNEQ(m.viewerID), roomaccess.HasUserWith(user.SubjectNotNil()),
	).Exist(ctx)
	if err != nil {
		return fmt.Errorf("find another owner: %w", err)
	}
	if !other {
		return fault.New(fault.Conflict,
			"you are the last owner: hand the room over or delete it instead of leaving it")
	}
	return nil
}
