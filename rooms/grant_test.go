package rooms_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
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
			env.AssertBlames(t, err, "email", "")
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

func TestGrantOfTheSameRoleIsRepeatableAndOfAnotherAConflict(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		c := w.cast(t, owner, member)
		in := rooms.GrantInput{RoomID: c.room.ID, UserID: &c.other.ID, Role: member}
		held := w.DB.RoomAccess.Query().Where(roomaccess.UserID(c.other.ID)).OnlyX(t.Context())
		again, err := w.Grant(env.As(c.actor), in)
		require.NoError(t, err)
		assert.Equal(t, held.ID, again.ID)
		in.Role = administrator
		_, err = w.Grant(env.As(c.actor), in)
		env.AssertFault(t, fault.Conflict, err)
		assert.Equal(t, member, fault.Of(err).Details["role"])
	})
}

func TestGrantsAreLimited(t *testing.T) {
	t.Parallel()
	settings := usual
	settings.GrantsPerUser, settings.GrantsPerRoom = 2, 3
	w := newLimitedWorld(t, settings)
	olga := w.User("Olga")
	first, second := w.NewRoom(olga, "First"), w.NewRoom(olga, "Second")
	otto := w.Member(first, roomaccess.RoleOWNER)
	grant := func(by *ent.User, r *ent.Room) error {
		email := uuid.NewString() + "@example.org"
		_, err := w.Grant(env.As(by), rooms.GrantInput{RoomID: r.ID, Email: &email, Role: roomaccess.RoleMEMBER})
		return err
	}
	for range 5 {
		env.AssertFault(t, fault.Forbidden, grant(w.User("Stranger"), first)) // this does not count
	}
	require.NoError(t, grant(olga, first))
	require.NoError(t, grant(olga, first))
	err := grant(olga, second)
	env.AssertFault(t, fault.RateLimited, err)
	assert.InDelta(t, 1800, fault.Of(err).Details["retryAfter"], 60)
	require.NoError(t, grant(otto, first), "another user is not concerned")
	env.AssertFault(t, fault.RateLimited, grant(otto, first))
	ada := w.User("Ada")
	_, err = w.Grant(env.As(olga), rooms.GrantInput{RoomID: first.ID, UserID: &ada.ID, Role: roomaccess.RoleMEMBER})
	env.AssertFault(t, fault.RateLimited, err) // by id, too
	_, err = w.SetRole(env.As(olga), first.ID, ada.ID, roomaccess.RoleMEMBER)
	env.AssertFault(t, fault.RateLimited, err)
}
