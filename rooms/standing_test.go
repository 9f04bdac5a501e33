package rooms_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/ent/roomaccess"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/rooms"
	"foyer/test/env"
)

func TestStandingHoldsTheRoomTheRoleAndTheBan(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		olga, mia := w.User("Olga"), w.User("Mia")
		room := w.NewRoom(olga, "A room")
		room = w.DB.Room.UpdateOne(room).SetLockedAt(room.CreatedAt).SetDataAllowed(false).
			SetPublishSources([]schema.PublishSource{schema.Camera}).SaveX(t.Context())
		w.DB.RoomAccess.Create().SetRoom(room).SetUser(mia).SetRole(roomaccess.RoleMEMBER).ExecX(t.Context())
		other := w.NewRoom(mia, "Another")
		entry := rooms.Person{ID: uuid.New()}
		require.NoError(t, w.Ban(env.As(olga), room.ID, entry, rooms.Forever))
		require.NoError(t, w.Ban(env.As(olga), room.ID, rooms.Person{ID: uuid.New(), UserID: mia.ID}, rooms.Forever))

		tests := []struct {
			name   string
			room   *ent.Room
			person rooms.Person
			role   roomaccess.Role
			banned bool
		}{
			{"own room", room, rooms.Person{ID: uuid.New(), UserID: olga.ID}, roomaccess.RoleOWNER, false},
			{"a member who is banned", room, rooms.Person{ID: mia.ID, UserID: mia.ID}, roomaccess.RoleMEMBER, true},
			{"banned elsewhere", other, rooms.Person{ID: entry.ID, UserID: mia.ID}, roomaccess.RoleOWNER, false},
			{"nobody", room, rooms.Person{ID: uuid.New()}, "", false},
			{"an entry that is banned", room, entry, "", true},
			{"signed in after the ban", room, rooms.Person{ID: entry.ID, UserID: olga.ID}, roomaccess.RoleOWNER, true},
		}
		for _, test := range tests {
			standing, err := w.Standing(t.Context(), test.room.ID, test.person)
			require.NoError(t, err)
			assert.Equal(t, test.role, standing.Role, test.name)
			assert.Equal(t, test.banned, standing.Banned, test.name)
			assert.Equal(t, w.DB.Room.GetX(t.Context(), test.room.ID).String(), standing.Room.String())
		}
		assert.Len(t, roomOf(t, w, room).QueryAccesses().AllX(t.Context()), 2, "a room of ent's, with what belongs to it")
		_, err := w.Standing(t.Context(), uuid.New(), entry)
		assert.True(t, fault.Is(err, fault.NotFound))
	})
}

func roomOf(t *testing.T, w *world, room *ent.Room) *ent.Room {
	t.Helper()
	standing, err := w.Standing(t.Context(), room.ID, rooms.Person{ID: uuid.New()})
	require.NoError(t, err)
	return standing.Room
}

// TestConcurrentReadersEachGetTheirOwnStanding although one query reads for several.
func TestConcurrentReadersEachGetTheirOwnStanding(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		const people = 30
		users, made := make([]*ent.User, people), make([]*ent.Room, people)
		for i := range people {
			users[i] = w.User(fmt.Sprint("User ", i))
			made[i] = w.NewRoom(users[i], fmt.Sprint("Room ", i))
		}
		var group sync.WaitGroup
		for i, u := range users {
			group.Go(func() {
				for j := range people {
					standing, err := w.ViewerStanding(env.As(u), made[j].ID)
					if assert.NoError(t, err) {
						assert.Equal(t, made[j].Name, standing.Room.Name)
						assert.Equal(t, i == j, standing.Role == roomaccess.RoleOWNER)
						standing.Room.Name = "changed by one of them"
					}
					r, err := w.ByID(t.Context(), made[j].ID)
					if assert.NoError(t, err) {
						assert.Equal(t, made[j].Name, r.Name)
						r.Name = "changed by one of them"
					}
					viewer, err := w.People.Viewer(env.As(u))
					if assert.NoError(t, err) {
						assert.Equal(t, u.ID, viewer.ID)
					}
					_, err = w.ByID(t.Context(), uuid.New())
					assert.True(t, fault.Is(err, fault.NotFound))
				}
			})
		}
		group.Wait()
	})
}

// TestActWithTooLongADetailIsNotStored: InsertAll validates as ent does.
func TestActWithTooLongADetailIsNotStored(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		room := w.NewRoom(w.User("Olga"), "A room")
		event := ent.AuditEvent{RoomID: room.ID, Action: auditevent.ActionLOCK}
		long, unknown := event, event
		long.Detail, unknown.Action = strings.Repeat("x", 2001), "DANCE"
		for _, bad := range []*ent.AuditEvent{&long, &unknown} {
			assert.True(t, ent.IsValidationError(w.DB.AuditEvent.InsertAll(t.Context(), []*ent.AuditEvent{&event, bad})))
		}
		nowhere := event
		nowhere.RoomID = uuid.New()
		assert.True(t, ent.IsConstraintError(w.DB.AuditEvent.InsertAll(t.Context(), []*ent.AuditEvent{&event, &nowhere})))
		assert.Zero(t, w.DB.AuditEvent.Query().CountX(t.Context()))
	})
}
