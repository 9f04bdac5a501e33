package rooms_test

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/rooms"
	"foyer/test/env"
)

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
		env.AssertBlames(t, err, "userId", "")
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
		env.Concurrently(100, func(i int) {
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
		env.Concurrently(6*len(pairs), func(i int) {
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
