package accounts_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/ent/user"
	"foyer/internal/fault"
	"foyer/rooms"
	"foyer/test/env"
)

const adas = "ada@example.org"

func ada(subject string, verified bool) auth.Identity {
	return auth.Identity{
		Subject: subject, Email: adas, EmailVerified: verified, FullName: "Ada", ShortName: " A. ",
	}
}

// invite gives a role in a room to an e-mail address.
func (w *world) invite(
	t *testing.T, owner *ent.User, r *ent.Room, email string, role roomaccess.Role,
) *ent.RoomAccess {
	t.Helper()
	access, err := w.Rooms.Grant(env.As(owner), rooms.GrantInput{RoomID: r.ID, Email: &email, Role: role})
	require.NoError(t, err)
	return access
}

func TestRoleGivenToUnknownEmailWaitsForItsVerifiedOwner(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		olga := w.User("Olga")
		one, two := w.NewRoom(olga, "One"), w.NewRoom(olga, "Two")
		first := w.invite(t, olga, one, "Ada@Example.ORG", member)
		second := w.invite(t, olga, two, adas, administrator)
		assert.Equal(t, first.UserID, second.UserID, "one account for one address")
		provisional := w.DB.User.GetX(t.Context(), first.UserID)
		assert.Nil(t, provisional.Subject)
		assert.Equal(t, adas, provisional.Email)
		assert.Empty(t, provisional.FullName)

		impostor, err := w.SignIn(t.Context(), ada("impostor", false))
		require.NoError(t, err)
		assert.NotEqual(t, provisional.ID, impostor.ID)
		assert.Equal(t, none, w.roleOf(t, one, impostor))

		real, err := w.SignIn(t.Context(), ada("ada", true))
		require.NoError(t, err)
		assert.Equal(t, provisional.ID, real.ID)
		assert.Equal(t, "ada", *real.Subject)
		assert.Equal(t, "Ada", real.FullName)
		assert.Equal(t, "A.", real.ShortName)
		assert.True(t, real.EmailVerified)
		assert.Equal(t, member, w.roleOf(t, one, real))
		assert.Equal(t, administrator, w.roleOf(t, two, real))

		again, err := w.SignIn(t.Context(), ada("ada", true))
		require.NoError(t, err)
		assert.Equal(t, real.ID, again.ID)
		assert.Zero(t, w.DB.User.Query().Where(user.SubjectIsNil()).CountX(t.Context()))
	})
}

func TestAccountThatVerifiesAnEmailLaterTakesOverItsRoles(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		olga := w.User("Olga")
		account, err := w.SignIn(t.Context(), ada("ada", false))
		require.NoError(t, err)
		// The role of the account, the role of its address, and the role in the end.
		tests := []struct{ has, given, gets roomaccess.Role }{
			{none, member, member}, {none, owner, owner}, {member, administrator, administrator},
			{administrator, member, administrator}, {owner, member, owner}, {member, none, member},
		}
		list := []*ent.Room{}
		for _, test := range tests {
			r := w.NewRoom(olga, "Room")
			if test.has != none {
				w.DB.RoomAccess.Create().SetRoom(r).SetUser(account).SetRole(test.has).ExecX(t.Context())
			}
			if test.given != none {
				w.invite(t, olga, r, adas, test.given)
			}
			list = append(list, r)
		}
		same, err := w.SignIn(t.Context(), ada("ada", true))
		require.NoError(t, err)
		assert.Equal(t, account.ID, same.ID)
		for i, test := range tests {
			assert.Equal(t, test.gets, w.roleOf(t, list[i], account), "%+v", test)
			assert.Equal(t, owner, w.roleOf(t, list[i], olga))
		}
		assert.Equal(t, 2, w.DB.User.Query().CountX(t.Context()), "the provisional account is gone")
	})
}

func TestEmailFindsOnlyTheAccountThatVerifiedIt(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		olga := w.User("Olga")
		r := w.NewRoom(olga, "Room")
		unproved, err := w.SignIn(t.Context(), ada("impostor", false))
		require.NoError(t, err)
		proved, err := w.SignIn(t.Context(), ada("ada", true))
		require.NoError(t, err)
		assert.Equal(t, proved.ID, w.invite(t, olga, r, adas, member).UserID)
		assert.Equal(t, none, w.roleOf(t, r, unproved))

		_, err = w.SignIn(t.Context(), ada("ada too", true))
		require.NoError(t, err)
		_, err = w.Rooms.Grant(env.As(olga), rooms.GrantInput{RoomID: r.ID, Email: new(adas), Role: member})
		env.AssertFault(t, fault.Conflict, err)
	})
}

func TestEmailHasOneProvisionalAccount(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		w.DB.User.Create().SetEmail(adas).ExecX(t.Context())
		err := w.DB.User.Create().SetEmail(adas).Exec(t.Context())
		assert.True(t, ent.IsConstraintError(err), "%v", err)
		for i := range 2 {
			w.DB.User.Create().SetEmail(adas).SetSubject(fmt.Sprint(i)).ExecX(t.Context())
		}
	})
}

// TestConcurrentInvitationsAndSignInsLoseNoRole: a person signs in while hosts give roles to their address. After one
// more sign-in the person has all the roles, and no provisional account remains.
func TestConcurrentInvitationsAndSignInsLoseNoRole(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		olga := w.User("Olga")
		list := make([]*ent.Room, 20)
		for i := range list {
			list[i] = w.NewRoom(olga, "Room")
		}
		env.Concurrently(2*len(list), func(i int) {
			if i%2 == 0 {
				in := rooms.GrantInput{RoomID: list[i/2].ID, Email: new(adas), Role: member}
				_, err := w.Rooms.Grant(env.As(olga), in)
				assert.NoError(t, err)
				return
			}
			_, err := w.SignIn(t.Context(), ada("ada", true))
			assert.NoError(t, err)
		})
		ada, err := w.SignIn(t.Context(), ada("ada", true))
		require.NoError(t, err)
		for _, r := range list {
			assert.Equal(t, member, w.roleOf(t, r, ada))
		}
		assert.Equal(t, 2, w.DB.User.Query().CountX(t.Context()))
	})
}

func TestByEmailReturnsTheSameAccountEachTime(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		ids := make([]uuid.UUID, 20)
		env.Concurrently(len(ids), func(i int) {
			id, err := w.ByEmail(t.Context(), adas)
			assert.NoError(t, err)
			ids[i] = id
		})
		stored := w.DB.User.Query().OnlyIDX(t.Context())
		for _, id := range ids {
			assert.Equal(t, stored, id)
		}
		real, err := w.SignIn(t.Context(), ada("ada", true))
		require.NoError(t, err)
		assert.Equal(t, stored, real.ID)
		id, err := w.ByEmail(t.Context(), "ADA@example.org")
		require.NoError(t, err)
		assert.Equal(t, stored, id)
	})
}
