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

// Invitees are the people to invite to a room, by their e-mail addresses in lower case.
type Invitees struct {
	RoomID uuid.UUID
	Emails []string
	// Role is given to the people without a role in the room; nil for none.
	Role *roomaccess.Role
}

// WriteInvitations gives people the role of their invitations, and runs write, which stores the invitations, in one
// transaction: all or nothing. It is for hosts. The transaction may run more than once, each time from the beginning.
// An invitation makes nobody an owner, and changes nobody's role. An address that several accounts have verified is a
// Conflict if there is a role to give.
func (s *Service) WriteInvitations(
	ctx context.Context, to Invitees, write func(*ent.Tx, *ent.Room) error,
) error {
	if err := s.Require(ctx, to.RoomID, Invite); err != nil {
		return err
	}
	if to.Role == nil {
		return database.InTx(ctx, s.db, func(tx *ent.Tx) error { return writeFor(ctx, tx, to.RoomID, write) })
	}
	if *to.Role == roomaccess.RoleOWNER {
		return fault.Field("role", "role is MEMBER or ADMINISTRATOR in an invitation")
	}
	return s.amongMembers(ctx, to.RoomID, func(m *members) error {
		// The fixed order prevents a deadlock with the hosts of other rooms.
		for _, email := range slices.Sorted(slices.Values(to.Emails)) {
			if err := m.giveFirst(ctx, email, *to.Role); err != nil {
				return err
			}
		}
		return writeFor(ctx, m.tx, to.RoomID, write)
	})
}

func writeFor(
	ctx context.Context, tx *ent.Tx, roomID uuid.UUID, write func(*ent.Tx, *ent.Room) error,
) error {
	r, err := orNotFound(tx.Room.Get(ctx, roomID))
	if err != nil {
		return err
	}
	return write(tx, r)
}

// giveFirst gives a role to the person with an e-mail address, unless they have a role already.
func (m *members) giveFirst(ctx context.Context, email string, role roomaccess.Role) error {
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
		_, err = m.keepAddress(ctx, given, email)
	}
	return err
}
