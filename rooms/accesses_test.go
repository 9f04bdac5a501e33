package rooms_test

import (
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

func TestHostsListAccessesInTheOrderOfTheirGrants(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		olga := w.User("Olga")
		r := w.NewRoom(olga, "Room")
		ids := []uuid.UUID{olga.ID}
		people := map[roomaccess.Role]*ent.User{none: w.User("Stranger"), owner: olga}
		for _, role := range []roomaccess.Role{member, administrator, member} {
			people[role] = w.Member(r, role)
			ids = append(ids, people[role].ID)
		}
		w.NewRoom(olga, "Another")
		for role, u := range people {
			page, err := w.Accesses(env.As(u), r.ID, nil, nil)
			if role == none || role == member {
				env.AssertFault(t, fault.Forbidden, err)
				continue
			}
			require.NoError(t, err)
			assert.Equal(t, ids, userIDs(page))
			assert.Equal(t, 4, page.TotalCount)
			user, err := w.AccessUser(t.Context(), page.Edges[0].Node)
			require.NoError(t, err)
			assert.Equal(t, "Olga", user.FullName)
		}
		first, err := w.Accesses(env.As(olga), r.ID, new(3), nil)
		require.NoError(t, err)
		assert.Equal(t, ids[:3], userIDs(first))
		rest, err := w.Accesses(env.As(olga), r.ID, nil, overTheWire(t, first.PageInfo.EndCursor))
		require.NoError(t, err)
		assert.Equal(t, ids[3:], userIDs(rest))
		for _, size := range []int{-1, 101} {
			_, err := w.Accesses(env.As(olga), r.ID, &size, nil)
			env.AssertBlames(t, err, "first", "")
		}
	})
}

func userIDs(page *ent.RoomAccessConnection) []uuid.UUID {
	ids := []uuid.UUID{}
	for _, edge := range page.Edges {
		ids = append(ids, edge.Node.UserID)
	}
	return ids
}

func TestOnlyHostsOfItsRoomFindAnAccess(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		for _, role := range everyRole {
			c := w.cast(t, role, member)
			access := w.DB.RoomAccess.Query().
				Where(roomaccess.UserID(c.other.ID)).OnlyX(t.Context())
			found, err := w.Access(env.As(c.actor), access.ID)
			if role == owner || role == administrator {
				require.NoError(t, err)
				assert.Equal(t, access.ID, found.ID)
				continue
			}
			env.AssertFault(t, fault.NotFound, err)
			_, missing := w.Access(env.As(c.actor), uuid.New())
			assert.Equal(t, missing.Error(), err.Error(), "as if it were not there")
			_, err = w.Access(t.Context(), access.ID)
			env.AssertFault(t, fault.NotFound, err)
		}
	})
}

// TestAccessShowsTheAddressThatAHostWrote for each way of granting, also after the person has signed in.
func TestAccessShowsTheAddressThatAHostWrote(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		olga, vic := w.User("Olga"), w.User("Vic")
		r := w.NewRoom(olga, "Room")
		address := func(viewer *ent.User, a *ent.RoomAccess) string {
			t.Helper()
			u, err := w.AccessUser(env.As(viewer), a)
			require.NoError(t, err)
			return u.Email
		}
		byID, err := w.Grant(env.As(olga), rooms.GrantInput{RoomID: r.ID, UserID: &vic.ID, Role: roomaccess.RoleMEMBER})
		require.NoError(t, err)
		assert.Empty(t, address(olga, byID))
		assert.Equal(t, vic.Email, address(vic, byID), "their own")
		_, err = w.SetRole(env.As(olga), r.ID, vic.ID, roomaccess.RoleADMINISTRATOR)
		require.NoError(t, err)
		changed, err := w.UpdateAccess(env.As(olga), r.ID, vic.ID, roomaccess.RoleMEMBER)
		require.NoError(t, err)
		assert.Empty(t, address(olga, changed))

		written := "Ada@Example.org"
		byEmail, err := w.Grant(env.As(olga), rooms.GrantInput{RoomID: r.ID, Email: &written, Role: member})
		require.NoError(t, err)
		assert.Equal(t, "ada@example.org", address(olga, byEmail))
		ada, err := w.People.SignIn(t.Context(), auth.Identity{
			Subject: uuid.NewString(), Email: "ada@example.org", EmailVerified: true, FullName: "Ada",
		})
		require.NoError(t, err)
		_, err = w.People.SignIn(t.Context(), auth.Identity{
			Subject: *ada.Subject, Email: "ada.secret@example.org", EmailVerified: true,
		})
		require.NoError(t, err)
		page, err := w.Accesses(env.As(olga), r.ID, nil, nil)
		require.NoError(t, err)
		var all []string
		for _, edge := range page.Edges {
			all = append(all, address(olga, edge.Node))
		}
		assert.Equal(t, []string{olga.Email, "", "ada@example.org"}, all, "and no address that they have had since")
		revoked, err := w.Revoke(env.As(olga), r.ID, vic.ID)
		require.NoError(t, err)
		assert.Empty(t, address(olga, revoked))
	})
}
