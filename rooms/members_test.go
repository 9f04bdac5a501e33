package rooms_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/ratelimit"
	"foyer/rooms"
	"foyer/test/env"
)

const (
	owner         = roomaccess.RoleOWNER
	administrator = roomaccess.RoleADMINISTRATOR
	member        = roomaccess.RoleMEMBER
	// none stands for no role.
	none roomaccess.Role = ""
)

var everyRole = []roomaccess.Role{none, member, administrator, owner}

// cast is a room with an owner who does nothing, a person who acts, and another person whom the acts are about.
type cast struct {
	room         *ent.Room
	actor, other *ent.User
}

func (w *world) cast(t *testing.T, actor, other roomaccess.Role) cast {
	t.Helper()
	r := w.NewRoom(w.User("Olga"), "Room")
	c := cast{room: r, actor: w.User("Actor"), other: w.User("Other")}
	for u, role := range map[*ent.User]roomaccess.Role{c.actor: actor, c.other: other} {
		if role != none {
			w.DB.RoomAccess.Create().SetRoom(r).SetUser(u).SetRole(role).ExecX(t.Context())
		}
	}
	return c
}

func (w *world) roleOf(t *testing.T, r *ent.Room, u *ent.User) roomaccess.Role {
	t.Helper()
	role, err := w.RoleOf(t.Context(), r.ID, u.ID)
	require.NoError(t, err)
	return role
}

// rights are the allowed changes: by the roles of the actor and of the other, the roles that the other may get.
var rights = []struct {
	actor, other roomaccess.Role
	may          string
}{
	{owner, none, "MEMBER ADMINISTRATOR OWNER"},
	{owner, member, "nothing MEMBER ADMINISTRATOR OWNER"},
	{owner, administrator, "nothing MEMBER ADMINISTRATOR OWNER"},
	{owner, owner, "nothing MEMBER ADMINISTRATOR OWNER"},
	{administrator, none, "MEMBER ADMINISTRATOR"},
	{administrator, member, "nothing MEMBER ADMINISTRATOR"},
	{administrator, administrator, "ADMINISTRATOR"},
	{administrator, owner, ""},
	{member, none, ""},
	{member, member, ""},
	{member, administrator, ""},
	{member, owner, ""},
	{none, none, ""},
	{none, member, ""},
	{none, administrator, ""},
	{none, owner, ""},
}

// become tries to give a person a role in every possible way, each in a new room, and returns the outcomes.
func (w *world) become(
	t *testing.T, ctx func(cast) context.Context, make func() cast, to roomaccess.Role,
) map[string]fault.Kind {
	t.Helper()
	ways := map[string]func(cast) error{
		"SetRole": func(c cast) error {
			_, err := w.SetRole(ctx(c), c.room.ID, c.other.ID, to)
			return err
		},
		"UpdateAccess": func(c cast) error {
			_, err := w.UpdateAccess(ctx(c), c.room.ID, c.other.ID, to)
			return err
		},
		"Grant": func(c cast) error {
			_, err := w.Grant(ctx(c), rooms.GrantInput{RoomID: c.room.ID, UserID: &c.other.ID, Role: to})
			return err
		},
	}
	if to == none {
		ways = map[string]func(cast) error{"Revoke": func(c cast) error {
			_, err := w.Revoke(ctx(c), c.room.ID, c.other.ID)
			return err
		}}
	}
	ended := map[string]fault.Kind{}
	for name, way := range ways {
		c := make()
		was := w.roleOf(t, c.room, c.other)
		ended[name] = kindOf(way(c))
		want := was
		if ended[name] == may {
			want = to
		}
		assert.Equal(t, want, w.roleOf(t, c.room, c.other), "%s of %s to %s", name, was, to)
	}
	return ended
}

func TestOnlyTheAllowedRolesChangeRoles(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		actor := func(c cast) context.Context { return env.As(c.actor) }
		for _, right := range rights {
			for _, to := range everyRole {
				name := string(to)
				if to == none {
					name = "nothing"
				}
				want := fault.Forbidden
				if slices.Contains(strings.Fields(right.may), name) {
					want = may
				}
				host := right.actor == owner || right.actor == administrator
				cast := func() cast { return w.cast(t, right.actor, right.other) }
				for way, got := range w.become(t, actor, cast, to) {
					expected := want
					switch {
					case !host:
					case right.other == none && (way == "UpdateAccess" || way == "Revoke"):
						expected = fault.NotFound
					case right.other != none && right.other != to && way == "Grant":
						expected = fault.Conflict
					}
					assert.Equal(t, expected, got, "%q makes %q %q by %s", right.actor, right.other, to, way)
				}
			}
		}
	})
}

func TestNobodyChangesTheirOwnRole(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		self := func(c cast) context.Context { return env.As(c.other) }
		for _, role := range everyRole {
			for _, to := range everyRole {
				for way, got := range w.become(t, self, func() cast { return w.cast(t, none, role) }, to) {
					if way == "Grant" && role != none && role != member && role != to {
						assert.Equal(t, fault.Conflict, got, "%q makes themself %q by %s", role, to, way)
						continue
					}
					assert.Equal(t, fault.Forbidden, got, "%q makes themself %q by %s", role, to, way)
				}
			}
		}
	})
}

func TestGuestsChangeNoRoles(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		nobody := func(cast) context.Context { return t.Context() }
		for _, role := range everyRole {
			for _, to := range everyRole {
				for way, got := range w.become(t, nobody, func() cast { return w.cast(t, none, role) }, to) {
					assert.Equal(t, fault.Unauthenticated, got, "%q to %q by %s", role, to, way)
				}
			}
		}
		r := w.NewRoom(w.User("Olga"), "Room")
		_, err := w.Leave(t.Context(), r.ID)
		env.AssertFault(t, fault.Unauthenticated, err)
		_, err = w.Transfer(t.Context(), r.ID, uuid.New())
		env.AssertFault(t, fault.Unauthenticated, err)
		_, err = w.Accesses(t.Context(), r.ID, nil, nil)
		env.AssertFault(t, fault.Unauthenticated, err)
	})
}

func TestUnknownRoomOrPersonIsNotFound(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		c := w.cast(t, owner, member)
		ctx, nowhere := env.As(c.actor), uuid.New()
		_, err := w.SetRole(ctx, nowhere, c.other.ID, member)
		env.AssertFault(t, fault.NotFound, err)
		_, err = w.Grant(ctx, rooms.GrantInput{RoomID: nowhere, UserID: &c.other.ID, Role: member})
		env.AssertFault(t, fault.NotFound, err)
		_, err = w.Leave(ctx, nowhere)
		env.AssertFault(t, fault.NotFound, err)
		_, err = w.Accesses(ctx, nowhere, nil, nil)
		env.AssertFault(t, fault.NotFound, err)
		for _, id := range []uuid.UUID{uuid.New(), uuid.Nil} {
			_, err = w.SetRole(ctx, c.room.ID, id, member)
			env.AssertFault(t, fault.NotFound, err)
			_, err = w.Grant(ctx, rooms.GrantInput{RoomID: c.room.ID, UserID: &id, Role: member})
			env.AssertFault(t, fault.NotFound, err)
			_, err = w.Revoke(ctx, c.room.ID, id)
			env.AssertFault(t, fault.NotFound, err)
			_, err = w.Transfer(ctx, c.room.ID, id)
			env.AssertFault(t, fault.NotFound, err)
		}
		_, err = w.SetRole(ctx, c.room.ID, c.other.ID, "EMPEROR")
		assertBlames(t, err, "role", "")
		assert.Equal(t, member, w.roleOf(t, c.room, c.other))
	})
}

func TestSetRoleReturnsThePreviousRole(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		c, was := w.cast(t, owner, none), none
		for _, role := range []roomaccess.Role{member, member, administrator, owner, member} {
			before, err := w.SetRole(env.As(c.actor), c.room.ID, c.other.ID, role)
			require.NoError(t, err)
			assert.Equal(t, was, before)
			was = role
		}
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

func TestEveryoneButTheLastOwnerMayGiveUpTheirRole(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		olga := w.User("Olga")
		r := w.NewRoom(olga, "Room")
		for _, role := range []roomaccess.Role{member, administrator, owner} {
			u := w.Member(r, role)
			left, err := w.Leave(env.As(u), r.ID)
			require.NoError(t, err)
			assert.Equal(t, r.ID, left.ID)
			assert.Equal(t, none, w.roleOf(t, r, u))
			_, err = w.Leave(env.As(u), r.ID)
			env.AssertFault(t, fault.Forbidden, err)
		}
		w.Member(r, administrator)
		_, err := w.Leave(env.As(olga), r.ID)
		env.AssertFault(t, fault.Conflict, err)
		assert.Equal(t, owner, w.roleOf(t, r, olga))

		_, err = w.Grant(env.As(olga), rooms.GrantInput{
			RoomID: r.ID, Email: new("new@example.org"), Role: owner,
		})
		require.NoError(t, err)
		_, err = w.Leave(env.As(olga), r.ID)
		env.AssertFault(t, fault.Conflict, err)
		assert.Equal(t, owner, w.roleOf(t, r, olga), "an owner who never came is none to leave it to")

		w.Member(r, owner)
		_, err = w.Leave(env.As(olga), r.ID)
		require.NoError(t, err)
	})
}

func TestOwnershipIsTransferredToAMember(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		for _, heir := range []roomaccess.Role{member, administrator, owner} {
			c := w.cast(t, owner, heir)
			r, err := w.Transfer(env.As(c.actor), c.room.ID, c.other.ID)
			require.NoError(t, err)
			assert.Equal(t, c.room.ID, r.ID)
			assert.Equal(t, owner, w.roleOf(t, c.room, c.other))
			assert.Equal(t, administrator, w.roleOf(t, c.room, c.actor))
		}
		for _, actor := range []roomaccess.Role{administrator, member, none} {
			c := w.cast(t, actor, member)
			_, err := w.Transfer(env.As(c.actor), c.room.ID, c.other.ID)
			env.AssertFault(t, fault.Forbidden, err)
			assert.Equal(t, member, w.roleOf(t, c.room, c.other))
			assert.Equal(t, actor, w.roleOf(t, c.room, c.actor))
		}
		c := w.cast(t, owner, none)
		_, err := w.Transfer(env.As(c.actor), c.room.ID, c.other.ID)
		env.AssertFault(t, fault.NotFound, err)
		_, err = w.Transfer(env.As(c.actor), c.room.ID, c.actor.ID)
		assertBlames(t, err, "userId", "")
		access, err := w.Grant(env.As(c.actor), rooms.GrantInput{
			RoomID: c.room.ID, Email: new("new@example.org"), Role: administrator,
		})
		require.NoError(t, err)
		_, err = w.Transfer(env.As(c.actor), c.room.ID, access.UserID)
		env.AssertFault(t, fault.Conflict, err)
		assert.Equal(t, owner, w.roleOf(t, c.room, c.actor))
	})
}

// TestConcurrentChangesLeaveOneOwner: in one room ten owners change each other's roles a hundred times, and in many
// rooms two owners do once.
func TestConcurrentChangesLeaveOneOwner(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owners := make([]*ent.User, 10)
		for i := range owners {
			owners[i] = w.User("Owner")
		}
		untouched, crowded := w.sharedRoom(t, owners), w.sharedRoom(t, owners)
		var done atomic.Int32
		atOnce(100, func(i int) {
			actor, other := owners[i%10], owners[(i%10+1+i/10%9)%10]
			if w.harm(t, i, crowded, actor, other) == may {
				done.Add(1)
			}
		})
		w.assertOwned(t, crowded)
		assert.Positive(t, done.Load())

		pairs := make([]*ent.Room, 16)
		for i := range pairs {
			pairs[i] = w.sharedRoom(t, owners[:2])
		}
		atOnce(6*len(pairs), func(i int) {
			r, actor := pairs[i/6], i%2
			w.harm(t, i/2, r, owners[actor], owners[1-actor])
		})
		for _, r := range pairs {
			w.assertOwned(t, r)
		}

		assert.Equal(t, 10, w.DB.RoomAccess.Query().
			Where(roomaccess.RoomID(untouched.ID), roomaccess.RoleEQ(owner)).CountX(t.Context()))
		assert.Equal(t, 10, w.DB.User.Query().CountX(t.Context()))
		assert.Equal(t, 2+len(pairs), w.DB.Room.Query().CountX(t.Context()))
	})
}

// sharedRoom makes a room of many owners.
func (w *world) sharedRoom(t *testing.T, all []*ent.User) *ent.Room {
	t.Helper()
	r := w.NewRoom(all[0], "Room")
	for _, u := range all[1:] {
		w.DB.RoomAccess.Create().SetRoom(r).SetUser(u).SetRole(owner).ExecX(t.Context())
	}
	return r
}

// harm makes one of the changes that can leave a room with one owner less.
func (w *world) harm(t *testing.T, which int, r *ent.Room, actor, other *ent.User) fault.Kind {
	var err error
	switch which % 4 {
	case 0:
		_, err = w.Leave(env.As(actor), r.ID)
	case 1:
		_, err = w.SetRole(env.As(actor), r.ID, other.ID, member)
	case 2:
		_, err = w.Revoke(env.As(actor), r.ID, other.ID)
	case 3:
		_, err = w.Transfer(env.As(actor), r.ID, other.ID)
	}
	kind := kindOf(err)
	assert.Contains(t, []fault.Kind{may, fault.Forbidden, fault.Conflict, fault.NotFound}, kind, "%v", err)
	return kind
}

func (w *world) assertOwned(t *testing.T, r *ent.Room) {
	t.Helper()
	assert.Positive(t, w.DB.RoomAccess.Query().
		Where(roomaccess.RoomID(r.ID), roomaccess.RoleEQ(owner)).CountX(t.Context()), "its owners")
}

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
			assertBlames(t, err, "first", "")
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

func TestGrantsAreLimited(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	settings := usual
	settings.GrantsPerUser, settings.GrantsPerRoom = 2, 3
	settings.Limiter = ratelimit.New(rdb, prefix)
	db := env.SQLite(t)
	w := newWorld(t, db, settings)
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
