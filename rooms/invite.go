package rooms

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"foyer/accounts"
	"foyer/ent"
	"foyer/ent/database"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
)

// Invitees are people to be invited to a room, by e-mail addresses in lower case.
type Invitees struct {
	RoomID uuid.UUID
	Emails []string
	// Role is what those become who have no role in the room; nil for nothing.
	Role *roomaccess.Role
}

// WriteInvitations gives people the role that comes with their invitations, and runs write, which
// writes those down, in one transaction: all of it or nothing. It is for hosts; write may run more
// than once, each time from the beginning. An invitation makes nobody an owner, and changes nobody's
// role. An address that several people have is a Conflict when there is a role to give.
func (s *Service) WriteInvitations(
	ctx context.Context, to Invitees, write func(*ent.Tx, *ent.Room) error,
) error {
	if err := s.Require(ctx, to.RoomID, Invite); err != nil {
		return err
	}
	if to.Role == nil {
		return database.InTx(ctx, s.db, func(tx *ent.Tx) error { return inviting(ctx, tx, to.RoomID, write) })
	}
	if *to.Role == roomaccess.RoleOWNER {
		return fault.Field("role", "role is MEMBER or ADMINISTRATOR in an invitation")
	}
	return s.amongMembers(ctx, to.RoomID, func(m *members) error {
		// In one order, so that hosts of different rooms do not wait for each other.
		for _, email := range slices.Sorted(slices.Values(to.Emails)) {
			if err := m.welcome(ctx, email, *to.Role); err != nil {
				return err
			}
		}
		return inviting(ctx, m.tx, to.RoomID, write)
	})
}

func inviting(
	ctx context.Context, tx *ent.Tx, roomID uuid.UUID, write func(*ent.Tx, *ent.Room) error,
) error {
	r, err := found(tx.Room.Get(ctx, roomID))
	if err != nil {
		return err
	}
	return write(tx, r)
}

// welcome gives whom an e-mail address names a role, unless he has one.
func (m *members) welcome(ctx context.Context, email string, role roomaccess.Role) error {
	userID, err := accounts.ByEmailIn(ctx, m.tx, email)
	if err != nil {
		return err
	}
	held, err := m.accessOf(ctx, userID)
	if err != nil || held.Role != none {
		return err
	}
	given, err := m.set(ctx, userID, held, role)
	if err == nil {
		_, err = m.named(ctx, given, email)
	}
	return err
}
