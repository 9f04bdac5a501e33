package rooms_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/rooms"
	"foyer/test/env"
)

func TestInvitationsAreWrittenByHostsAllOrNone(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		r := w.NewRoom(owner, "Room")
		write := func(tx *ent.Tx, found *ent.Room) error {
			assert.Equal(t, r.ID, found.ID)
			return tx.Room.UpdateOne(found).SetName("written").Exec(t.Context())
		}
		for want, u := range map[fault.Kind]*ent.User{
			fault.Unauthenticated: nil, fault.Forbidden: w.Member(r, roomaccess.RoleMEMBER),
		} {
			env.AssertFault(t, want, w.WriteInvitations(env.As(u), rooms.Invitees{RoomID: r.ID}, write))
		}
		failing := errors.New("no")
		err := w.WriteInvitations(env.As(owner), rooms.Invitees{RoomID: r.ID}, func(tx *ent.Tx, found *ent.Room) error {
			return errors.Join(write(tx, found), failing)
		})
		require.ErrorIs(t, err, failing)
		assert.Equal(t, "Room", w.DB.Room.GetX(t.Context(), r.ID).Name)

		administrator := w.Member(r, roomaccess.RoleADMINISTRATOR)
		require.NoError(t, w.WriteInvitations(env.As(administrator), rooms.Invitees{RoomID: r.ID}, write))
		assert.Equal(t, "written", w.DB.Room.GetX(t.Context(), r.ID).Name)
	})
}

func TestInvitationGivesARoleOnlyToPeopleWithoutOne(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		for _, actor := range []roomaccess.Role{owner, administrator} {
			for _, role := range []roomaccess.Role{member, administrator} {
				c := w.cast(t, actor, none)
				held := map[*ent.User]roomaccess.Role{
					c.actor: actor, c.other: role, w.Member(c.room, owner): owner,
					w.Member(c.room, administrator): administrator, w.Member(c.room, member): member,
				}
				emails := []string{uuid.NewString() + "@example.org"} // nobody has it so far
				for u := range held {
					emails = append(emails, u.Update().SetEmailVerified(true).SaveX(t.Context()).Email)
				}
				written := 0
				to := rooms.Invitees{RoomID: c.room.ID, Emails: emails, Role: &role}
				err := w.WriteInvitations(env.As(c.actor), to, func(*ent.Tx, *ent.Room) error {
					written++
					return nil
				})
				require.NoError(t, err)
				assert.Equal(t, 1, written)
				for u, want := range held {
					assert.Equal(t, want, w.roleOf(t, c.room, u), "%s invites as %s", actor, role)
				}
				u, err := w.People.SignIn(t.Context(), auth.Identity{
					Subject: uuid.NewString(), Email: emails[0], EmailVerified: true, FullName: "New",
				})
				require.NoError(t, err)
				assert.Equal(t, role, w.roleOf(t, c.room, u), "found at the first sign-in")
			}
		}
	})
}

func TestRoleAndInvitationAreStoredTogether(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		c := w.cast(t, owner, none)
		email := c.other.Update().SetEmailVerified(true).SaveX(t.Context()).Email
		to := rooms.Invitees{RoomID: c.room.ID, Emails: []string{email, "new@example.org"}}
		to.Role = new(roomaccess.RoleOWNER)
		never := func(*ent.Tx, *ent.Room) error { panic("nobody is invited") }
		env.AssertBlames(t, w.WriteInvitations(env.As(c.actor), to, never), "role", "MEMBER or ADMINISTRATOR")
		to.Role = new(roomaccess.RoleMEMBER)
		env.AssertFault(t, fault.Forbidden, w.WriteInvitations(env.As(w.Member(c.room, member)), to, never))
		people := w.DB.User.Query().CountX(t.Context())
		failing := errors.New("no")
		err := w.WriteInvitations(env.As(c.actor), to, func(*ent.Tx, *ent.Room) error { return failing })
		require.ErrorIs(t, err, failing)
		assert.Equal(t, none, w.roleOf(t, c.room, c.other))
		assert.Equal(t, people, w.DB.User.Query().CountX(t.Context()), "no provisional account stays")
	})
}
