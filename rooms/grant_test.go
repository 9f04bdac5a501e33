package rooms_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"foyer/ent/roomaccess"
	"foyer/ent/user"
	"foyer/internal/fault"
	"foyer/rooms"
	"foyer/test/env"
)

func TestGrantRequiresEitherIdOrEmail(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		c := w.cast(t, owner, none)
		in := rooms.GrantInput{RoomID: c.room.ID, Role: member}
		_, err := w.Grant(env.As(c.actor), in)
		env.AssertFault(t, fault.Invalid, err)
		in.UserID, in.Email = &c.other.ID, new("ada@example.org")
		_, err = w.Grant(env.As(c.actor), in)
		env.AssertFault(t, fault.Invalid, err)
		in.UserID = nil
		for _, bad := range []string{"", "ada", "ada@", "Ada <ada>", "a\x00@example.org"} {
			in.Email = &bad
			_, err = w.Grant(env.As(c.actor), in)
			assertBlames(t, err, "email", "")
		}
		assert.Zero(t, w.DB.User.Query().Where(user.SubjectIsNil()).CountX(t.Context()))
	})
}

func TestForbiddenGrantMakesNoAccount(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		for actor, role := range map[roomaccess.Role]roomaccess.Role{
			none: member, member: member, administrator: owner,
		} {
			c := w.cast(t, actor, none)
			in := rooms.GrantInput{RoomID: c.room.ID, Email: new("ada@example.org"), Role: role}
			_, err := w.Grant(env.As(c.actor), in)
			env.AssertFault(t, fault.Forbidden, err)
		}
		assert.Zero(t, w.DB.User.Query().Where(user.SubjectIsNil()).CountX(t.Context()))
	})
}
