package rooms_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
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
		env.AssertBlames(t, err, "role", "")
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
