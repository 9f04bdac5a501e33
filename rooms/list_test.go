package rooms_test

import (
	"bytes"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/graph/scalar"
	"foyer/internal/fault"
	"foyer/test/env"
)

// overTheWire returns a cursor as a client sends it back.
func overTheWire(t *testing.T, c *ent.Cursor) *ent.Cursor {
	t.Helper()
	require.NotNil(t, c)
	var text bytes.Buffer
	scalar.MarshalCursor(*c).MarshalGQL(&text)
	quoted, err := strconv.Unquote(text.String())
	require.NoError(t, err)
	back, err := scalar.UnmarshalCursor(quoted)
	require.NoError(t, err)
	return &back
}

// rooms25 makes 25 rooms of a user, some at the same moment and some in another time zone, and returns their names in
// the order of the list.
func (w *world) rooms25(t *testing.T, owner *ent.User) []string {
	t.Helper()
	noon := time.Date(2026, 10, 25, 12, 0, 0, 0, time.UTC)
	zones := []*time.Location{
		time.UTC, time.FixedZone("", 2*60*60), time.FixedZone("", -9*60*60), time.Local,
	}
	list := []*ent.Room{}
	for i := range 25 {
		at := noon.Add(time.Duration(i/3) * 1500 * time.Millisecond).In(zones[i%len(zones)])
		r := w.DB.Room.Create().SetName(strconv.Itoa(i)).SetSlug(uuid.NewString()).
			SetAccessLevel(room.AccessLevelRESTRICTED).SetCreatedAt(at).SaveX(t.Context())
		w.DB.RoomAccess.Create().SetRoom(r).SetUser(owner).
			SetRole(roomaccess.RoleOWNER).ExecX(t.Context())
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *ent.Room) int {
		if d := b.CreatedAt.Compare(a.CreatedAt); d != 0 {
			return d
		}
		return bytes.Compare(b.ID[:], a.ID[:])
	})
	names := []string{}
	for _, r := range list {
		names = append(names, r.Name)
	}
	return names
}

func names(page *ent.RoomConnection) []string {
	list := []string{}
	for _, edge := range page.Edges {
		list = append(list, edge.Node.Name)
	}
	return list
}

func TestListHasEveryRoomOnceNewestFirst(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner, size := w.User("Olga"), 10
		want := w.rooms25(t, owner)
		w.NewRoom(w.User("Otto"), "somebody else's")

		var got []string
		var after *ent.Cursor
		for _, pageLen := range []int{10, 10, 5} {
			page, err := w.List(env.As(owner), &size, after)
			require.NoError(t, err)
			assert.Len(t, page.Edges, pageLen)
			assert.Equal(t, 25, page.TotalCount)
			assert.Equal(t, pageLen == 10, page.PageInfo.HasNextPage)
			assert.Equal(t, after != nil, page.PageInfo.HasPreviousPage)
			got = append(got, names(page)...)
			after = overTheWire(t, page.PageInfo.EndCursor)
		}
		assert.Equal(t, want, got)

		page, err := w.List(env.As(owner), &size, after)
		require.NoError(t, err)
		assert.Empty(t, page.Edges, "nothing comes after the last")
		assert.Equal(t, 25, page.TotalCount)
		assert.False(t, page.PageInfo.HasNextPage)

		page, err = w.List(env.As(owner), nil, nil)
		require.NoError(t, err)
		assert.Equal(t, want, names(page), "without a size")
	})
}

func TestNewRoomDoesNotDisturbPagesOfAList(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner, size := w.User("Olga"), 1
		w.NewRoom(owner, "first")
		w.NewRoom(owner, "second")
		page, err := w.List(env.As(owner), &size, nil)
		require.NoError(t, err)
		assert.Equal(t, []string{"second"}, names(page))
		w.NewRoom(owner, "third")
		page, err = w.List(env.As(owner), &size, overTheWire(t, page.PageInfo.EndCursor))
		require.NoError(t, err)
		assert.Equal(t, []string{"first"}, names(page))
	})
}

func TestPageHas100RoomsAtMost(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		w.make(t, owner, 101)
		tests := []struct {
			first *int
			rooms int
			fails bool
		}{
			{new(0), 0, false},
			{new(1), 1, false},
			{new(100), 100, false},
			{nil, 100, false},
			{new(101), 0, true},
			{new(-1), 0, true},
			{new(1 << 31), 0, true},
		}
		for _, test := range tests {
			page, err := w.List(env.As(owner), test.first, nil)
			if test.fails {
				env.AssertBlames(t, err, "first", "0 to 100")
				continue
			}
			require.NoError(t, err)
			assert.Len(t, page.Edges, test.rooms)
			assert.Equal(t, 101, page.TotalCount)
			assert.True(t, page.PageInfo.HasNextPage)
		}
	})
}

// make makes n rooms of a user.
func (w *world) make(t *testing.T, owner *ent.User, n int) {
	t.Helper()
	creates := []*ent.RoomCreate{}
	for range n {
		creates = append(creates, w.DB.Room.Create().SetName("Room").SetSlug(uuid.NewString()).
			SetAccessLevel(room.AccessLevelPUBLIC))
	}
	accesses := []*ent.RoomAccessCreate{}
	for _, r := range w.DB.Room.CreateBulk(creates...).SaveX(t.Context()) {
		accesses = append(accesses, w.DB.RoomAccess.Create().SetRoom(r).SetUser(owner).
			SetRole(roomaccess.RoleOWNER))
	}
	w.DB.RoomAccess.CreateBulk(accesses...).ExecX(t.Context())
}

func TestListHasOnlyTheViewersRooms(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner, other := w.User("Olga"), w.User("Otto")
		r := w.NewRoom(owner, "Room")
		w.NewRoom(other, "Other")
		for _, role := range []roomaccess.Role{roomaccess.RoleADMINISTRATOR, roomaccess.RoleMEMBER} {
			page, err := w.List(env.As(w.Member(r, role)), nil, nil)
			require.NoError(t, err)
			assert.Equal(t, []string{"Room"}, names(page), "of an %s", role)
			assert.Equal(t, 1, page.TotalCount)
		}
		page, err := w.List(env.As(w.User("Stranger")), nil, nil)
		require.NoError(t, err)
		assert.Empty(t, page.Edges)
		assert.Zero(t, page.TotalCount)
		assert.False(t, page.PageInfo.HasNextPage)
		_, err = w.List(t.Context(), nil, nil)
		env.AssertFault(t, fault.Unauthenticated, err)
	})
}

func TestListedRoomKnowsTheViewersRole(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		r := w.NewRoom(w.User("Olga"), "Room")
		member := w.Member(r, roomaccess.RoleMEMBER)
		page, err := w.List(env.As(member), nil, nil)
		require.NoError(t, err)
		listed := page.Edges[0].Node
		require.Len(t, listed.Edges.Accesses, 1, "nobody else's comes along")
		// The role is not read again: it is as old as the list.
		w.DB.RoomAccess.Delete().ExecX(t.Context())
		role, err := w.Role(env.As(member), listed)
		require.NoError(t, err)
		assert.Equal(t, roomaccess.RoleMEMBER, role)
	})
}
