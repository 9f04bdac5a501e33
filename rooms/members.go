package rooms

import (
	"context"
	"fmt"
	"slices"

	"entgo.io/contrib/entgql"
	"github.com/google/uuid"

	"foyer/accounts"
	"foyer/auth"
	"foyer/ent"
	"foyer/ent/database"
	"foyer/ent/roomaccess"
	"foyer/ent/user"
	"foyer/internal/fault"
	"foyer/internal/ratelimit"
)

// none is the role of somebody who has none.
const none roomaccess.Role = ""

// change is a change of somebody's role in a room; from none it gives one, to none it takes it away.
type change struct{ from, to roomaccess.Role }

// changes is who may change whose role, by the role of who does it; what is not here nobody may.
// Nobody changes his own: there are Leave and Transfer. So whoever unmakes an owner is one himself,
// and stays.
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

var oldestFirst = &ent.RoomAccessOrder{
	Direction: entgql.OrderDirectionAsc, Field: ent.RoomAccessOrderFieldCreatedAt,
}

// GrantInput gives a role in a room to a person, named by exactly one of his id and his e-mail
// address.
type GrantInput struct {
	RoomID uuid.UUID
	UserID *uuid.UUID
	Email  *string
	Role   roomaccess.Role
}

// Accesses returns a page of who has a role in a room, in the order in which they got it, for hosts.
func (s *Service) Accesses(
	ctx context.Context, roomID uuid.UUID, first *int, after *ent.Cursor,
) (*ent.RoomAccessConnection, error) {
	if err := s.Require(ctx, roomID, ReadAccesses); err != nil {
		return nil, err
	}
	size, err := PageSize(first)
	if err != nil {
		return nil, err
	}
	page, err := s.db.RoomAccess.Query().Where(roomaccess.RoomID(roomID)).WithUser().
		Paginate(ctx, after, &size, nil, nil, ent.WithRoomAccessOrder(oldestFirst))
	if err != nil {
		return nil, fmt.Errorf("list accesses: %w", err)
	}
	return page, nil
}

// Access finds an access by its id, for a host of its room; to everybody else it is NotFound.
func (s *Service) Access(ctx context.Context, id uuid.UUID) (*ent.RoomAccess, error) {
	access, err := s.db.RoomAccess.Query().Where(roomaccess.ID(id)).WithUser().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, errNoAccess()
	}
	if err != nil {
		return nil, fmt.Errorf("find access: %w", err)
	}
	err = s.Require(ctx, access.RoomID, ReadAccesses)
	if fault.Is(err, fault.Forbidden) || fault.Is(err, fault.Unauthenticated) {
		return nil, errNoAccess()
	}
	return access, err
}

func errNoAccess() error {
	return fault.New(fault.NotFound, "there is no such access that you may see")
}

// AccessUser returns the person who has an access, as hosts may see them.
func (s *Service) AccessUser(ctx context.Context, access *ent.RoomAccess) (*ent.User, error) {
	u, err := access.Edges.UserOrErr()
	if err != nil {
		u, err = s.db.User.Get(ctx, access.UserID)
	}
	if err != nil {
		return nil, fmt.Errorf("find who has access: %w", err)
	}
	return accounts.Shown(ctx, u, access.Email), nil
}

// Grant gives a role to a person who has none in the room. Who has that role keeps it; another is a
// Conflict that names it. An e-mail address that nobody has makes a provisional account.
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
			granted, err = m.named(ctx, granted, email)
		}
		return err
	})
	return granted, err
}

// AllowGrant counts one more right that a host gives to a person, or is RateLimited: the answer says who has an
// account and, of an e-mail address, makes one for who has none.
func (s *Service) AllowGrant(ctx context.Context, roomID uuid.UUID) error {
	if err := s.Require(ctx, roomID, ReadAccesses); err != nil {
		return err
	}
	viewerID := auth.FromContext(ctx).UserID
	return s.settings.Limiter.Allow(ctx, "too many rights given to people; try again later",
		ratelimit.PerHour("grant:user", viewerID.String(), s.settings.GrantsPerUser),
		ratelimit.PerHour("grant:room", "{"+roomID.String()+"}", s.settings.GrantsPerRoom))
}

// UpdateAccess changes the role of a person who has one in the room; NotFound when he has none.
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

// SetRole gives a person a role in a room, or changes the one he has, and returns what he was before:
// empty for nothing. The viewer has to be a host with the right to that change.
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

// Revoke takes a person's role in a room away, and returns the access as it was; NotFound when he has
// none.
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

// Leave gives up the viewer's own role in a room and returns the room. To its last owner it is a
// Conflict; whoever has an account that he has never used does not count as another.
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

// Transfer makes a person with a role in the room its owner, and the viewer, who is one, an
// administrator: both or neither. It returns the room.
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

// members are those who have a role in a room, within a transaction during which nobody else changes
// one there.
type members struct {
	tx     *ent.Tx
	roomID uuid.UUID
	// viewerID and role are those of who asks.
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

// inRoom runs f while the room's row is locked, so that what f reads of its members stays true until
// what f writes is stored. A failure that will pass makes it start again.
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

// lockRoom locks a room's row until the transaction ends; NotFound when there is no such room.
func lockRoom(ctx context.Context, tx *ent.Tx, id uuid.UUID) error {
	found, err := database.LockRooms(ctx, tx, id)
	if err == nil && found == 0 {
		err = errNoRoom()
	}
	return err
}

// accessOf returns a person's access; one without a role when he has none.
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

// mustHave is accessOf for somebody who has to have one.
func (m *members) mustHave(ctx context.Context, userID uuid.UUID) (*ent.RoomAccess, error) {
	access, err := m.accessOf(ctx, userID)
	if err == nil && access.Role == none {
		err = fault.New(fault.NotFound, "this person has no role in this room").With("field", "userId")
	}
	return access, err
}

// find returns whom an id or an e-mail address names, and that address as accounts have it.
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

// named remembers the address by which a host has named the person who has an access, if any: hosts may see it.
func (m *members) named(ctx context.Context, access *ent.RoomAccess, email string) (*ent.RoomAccess, error) {
	if email == "" || access.Email != "" {
		return access, nil
	}
	access, err := m.tx.RoomAccess.UpdateOneID(access.ID).SetEmail(email).Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("remember who has access: %w", err)
	}
	return access.Unwrap(), nil // it outlives the transaction
}

// check fails unless the viewer may make a change to a person's role.
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

// set gives a person a role in place of the access that he holds.
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
