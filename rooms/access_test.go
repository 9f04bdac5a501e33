package rooms_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/rooms"
	"foyer/test/env"
)

// may is the kind of no error.
const may fault.Kind = ""

func kindOf(err error) fault.Kind {
	if err == nil {
		return may
	}
	return fault.Of(err).Kind
}

func TestEachRoleAllowsItsActionsOnly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		who                          string
		read, decide, update, remove fault.Kind
		missing                      fault.Kind
	}{
		{"nobody", fault.Unauthenticated, fault.Unauthenticated, fault.Unauthenticated,
			fault.Unauthenticated, fault.Unauthenticated},
		{"a stranger", fault.Forbidden, fault.Forbidden, fault.Forbidden, fault.Forbidden,
			fault.NotFound},
		{"another's owner", fault.Forbidden, fault.Forbidden, fault.Forbidden, fault.Forbidden,
			fault.NotFound},
		{"a member", may, fault.Forbidden, fault.Forbidden, fault.Forbidden, fault.NotFound},
		{"an administrator", may, may, may, fault.Forbidden, fault.NotFound},
		{"an owner", may, may, may, may, fault.NotFound},
	}
	onEach(t, func(t *testing.T, w *world) {
		owner, other := w.User("Olga"), w.User("Otto")
		w.NewRoom(other, "Other")
		for _, test := range tests {
			r := w.NewRoom(owner, "Room")
			ctx := env.As(map[string]*ent.User{
				"nobody": nil, "a stranger": w.User("Stranger"), "another's owner": other,
				"a member": w.Member(r, roomaccess.RoleMEMBER), "an owner": owner,
				"an administrator": w.Member(r, roomaccess.RoleADMINISTRATOR),
			}[test.who])
			require := func(id uuid.UUID, action rooms.Action) fault.Kind {
				return kindOf(w.Require(ctx, id, action))
			}
			assert.Equal(t, test.read, require(r.ID, rooms.ReadConfiguration), "%s reads", test.who)
			assert.Equal(t, test.decide, require(r.ID, rooms.DecideEntries), "%s decides", test.who)
			assert.Equal(t, test.update, require(r.ID, rooms.Change), "%s may update", test.who)
			assert.Equal(t, test.remove, require(r.ID, rooms.Remove), "%s may delete", test.who)
			assert.Equal(t, test.missing, require(uuid.New(), rooms.Change), "%s, no room", test.who)

			in := rooms.UpdateInput{RoomID: r.ID, Name: new("New")}
			_, err := w.Update(ctx, in)
			assert.Equal(t, test.update, kindOf(err), "%s updates", test.who)
			assert.Equal(t, test.update == may, w.DB.Room.GetX(t.Context(), r.ID).Name == "New",
				"%s updates", test.who)
			in.RoomID = uuid.New()
			_, err = w.Update(ctx, in)
			assert.Equal(t, test.missing, kindOf(err), "%s updates no room", test.who)

			_, err = w.Delete(ctx, uuid.New())
			assert.Equal(t, test.missing, kindOf(err), "%s deletes no room", test.who)
			_, err = w.Delete(ctx, r.ID)
			assert.Equal(t, test.remove, kindOf(err), "%s deletes", test.who)
			_, err = w.ByID(t.Context(), r.ID)
			assert.Equal(t, test.remove == may, kindOf(err) == fault.NotFound, "%s deletes", test.who)
		}
	})
}

func TestUnknownActionIsForbidden(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		r := w.NewRoom(owner, "Room")
		env.AssertFault(t, fault.Forbidden, w.Require(env.As(owner), r.ID, "sell"))
		env.AssertFault(t, fault.Forbidden, w.Require(env.As(w.User("Stranger")), r.ID, "sell"))
	})
}

func TestRightEndsWithTheRole(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		r := w.NewRoom(w.User("Olga"), "Room")
		administrator := w.Member(r, roomaccess.RoleADMINISTRATOR)
		require.NoError(t, w.Require(env.As(administrator), r.ID, rooms.Change))
		access := w.DB.RoomAccess.Query().Where(roomaccess.UserID(administrator.ID)).OnlyX(t.Context())
		access.Update().SetRole(roomaccess.RoleMEMBER).ExecX(t.Context())
		env.AssertFault(t, fault.Forbidden, w.Require(env.As(administrator), r.ID, rooms.Change))
		w.DB.RoomAccess.DeleteOne(access).ExecX(t.Context())
		env.AssertFault(t, fault.Forbidden, w.Require(env.As(administrator), r.ID, rooms.ReadConfiguration))
	})
}

// walkers is the whole rule, by access level and person.
var walkers = []struct {
	level    room.AccessLevel
	signedIn bool
	role     roomaccess.Role
	may      bool
}{
	{room.AccessLevelPUBLIC, false, "", true},
	{room.AccessLevelPUBLIC, false, roomaccess.RoleMEMBER, true},
	{room.AccessLevelPUBLIC, false, roomaccess.RoleADMINISTRATOR, true},
	{room.AccessLevelPUBLIC, false, roomaccess.RoleOWNER, true},
	{room.AccessLevelPUBLIC, true, "", true},
	{room.AccessLevelPUBLIC, true, roomaccess.RoleMEMBER, true},
	{room.AccessLevelPUBLIC, true, roomaccess.RoleADMINISTRATOR, true},
	{room.AccessLevelPUBLIC, true, roomaccess.RoleOWNER, true},

	{room.AccessLevelTRUSTED, false, "", false},
	{room.AccessLevelTRUSTED, false, roomaccess.RoleMEMBER, true},
	{room.AccessLevelTRUSTED, false, roomaccess.RoleADMINISTRATOR, true},
	{room.AccessLevelTRUSTED, false, roomaccess.RoleOWNER, true},
	{room.AccessLevelTRUSTED, true, "", true},
	{room.AccessLevelTRUSTED, true, roomaccess.RoleMEMBER, true},
	{room.AccessLevelTRUSTED, true, roomaccess.RoleADMINISTRATOR, true},
	{room.AccessLevelTRUSTED, true, roomaccess.RoleOWNER, true},

	{room.AccessLevelRESTRICTED, false, "", false},
	{room.AccessLevelRESTRICTED, false, roomaccess.RoleMEMBER, true},
	{room.AccessLevelRESTRICTED, false, roomaccess.RoleADMINISTRATOR, true},
	{room.AccessLevelRESTRICTED, false, roomaccess.RoleOWNER, true},
	{room.AccessLevelRESTRICTED, true, "", false},
	{room.AccessLevelRESTRICTED, true, roomaccess.RoleMEMBER, true},
	{room.AccessLevelRESTRICTED, true, roomaccess.RoleADMINISTRATOR, true},
	{room.AccessLevelRESTRICTED, true, roomaccess.RoleOWNER, true},

	{"", false, "", false},
	{"", true, "", false},
}

func TestAccessLevelAndRoleDecideWhoWalksIn(t *testing.T) {
	t.Parallel()
	for _, w := range walkers {
		assert.Equal(t, w.may, rooms.MayWalkIn(&ent.Room{AccessLevel: w.level}, w.signedIn, w.role), "%+v", w)
	}
}

func TestViewerCanJoinFollowsTheAccessLevel(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner, stranger := w.User("Olga"), w.User("Stranger")
		r := w.NewRoom(owner, "Room")
		viewers := map[roomaccess.Role]context.Context{
			"": env.As(stranger), roomaccess.RoleOWNER: env.As(owner),
		}
		for _, role := range []roomaccess.Role{roomaccess.RoleMEMBER, roomaccess.RoleADMINISTRATOR} {
			viewers[role] = env.As(w.Member(r, role))
		}
		for _, rule := range walkers {
			if rule.level == "" || !rule.signedIn && rule.role != "" {
				continue // no such level or person exists
			}
			ctx := t.Context()
			if rule.signedIn {
				ctx = viewers[rule.role]
			}
			r = r.Update().SetAccessLevel(rule.level).SaveX(t.Context())
			role, err := w.Role(ctx, r)
			require.NoError(t, err)
			assert.Equal(t, rule.role, role)
			can, err := w.ViewerCanJoin(ctx, r)
			require.NoError(t, err)
			assert.Equal(t, rule.may, can, "%+v", rule)
		}
	})
}

func TestRoleBelongsToOneRoom(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		r, other := w.NewRoom(owner, "Room"), w.NewRoom(w.User("Otto"), "Other")
		member := w.Member(r, roomaccess.RoleMEMBER)
		tests := []struct {
			room, user uuid.UUID
			role       roomaccess.Role
		}{
			{r.ID, owner.ID, roomaccess.RoleOWNER},
			{r.ID, member.ID, roomaccess.RoleMEMBER},
			{other.ID, owner.ID, ""},
			{other.ID, member.ID, ""},
			{r.ID, uuid.Nil, ""},
			{r.ID, uuid.New(), ""},
			{uuid.New(), owner.ID, ""},
		}
		for _, test := range tests {
			role, err := w.RoleOf(t.Context(), test.room, test.user)
			require.NoError(t, err)
			assert.Equal(t, test.role, role)
		}
		// A caller may have loaded all roles.
		loaded := w.DB.Room.Query().Where(room.ID(r.ID)).WithAccesses().OnlyX(t.Context())
		for user, want := range map[*ent.User]roomaccess.Role{
			owner: roomaccess.RoleOWNER, member: roomaccess.RoleMEMBER, nil: "",
		} {
			role, err := w.Role(env.As(user), loaded)
			require.NoError(t, err)
			assert.Equal(t, want, role)
		}
	})
}

func TestUnreachableDatabaseNeitherAllowsNorForbids(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		r := w.NewRoom(owner, "Room")
		r.AccessLevel = room.AccessLevelPUBLIC
		require.NoError(t, w.DB.Close())
		env.AssertFault(t, fault.Internal, w.Require(env.As(owner), r.ID, rooms.Change))
		can, err := w.ViewerCanJoin(env.As(owner), r)
		env.AssertFault(t, fault.Internal, err)
		assert.False(t, can)
		_, err = w.Create(env.As(owner), rooms.CreateInput{Name: "Room"})
		env.AssertFault(t, fault.Internal, err)
		_, err = w.ByID(t.Context(), r.ID)
		env.AssertFault(t, fault.Internal, err)
		_, err = w.List(env.As(owner), nil, nil)
		env.AssertFault(t, fault.Internal, err)
	})
}

// TestBannedFindsTheBansOfManyPeople: one query reads the bans of all guests who wait for a room.
func TestBannedFindsTheBansOfManyPeople(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		olga := w.User("Olga")
		room, other := w.NewRoom(olga, "A room"), w.NewRoom(olga, "Another")
		for _, n := range []int{1, 3, 40, 10_000} {
			people := make([]rooms.Person, n)
			for i := range people {
				people[i] = rooms.Person{ID: uuid.New()}
			}
			last := people[n-1]
			require.NoError(t, w.Ban(env.As(olga), room.ID, last, rooms.Forever))
			banned, err := w.Banned(t.Context(), room.ID, people...)
			require.NoError(t, err)
			assert.Equal(t, map[uuid.UUID]bool{last.ID: true}, banned)
			banned, err = w.Banned(t.Context(), other.ID, people...)
			require.NoError(t, err)
			assert.Empty(t, banned)
		}
	})
}
