package accounts_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/accounts"
	"foyer/auth"
	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/rooms"
	"foyer/test/env"
)

// usual are settings as a server has them when nobody says otherwise.
var usual = accounts.Settings{UsersChooseNames: true}

const (
	none          roomaccess.Role = ""
	member                        = roomaccess.RoleMEMBER
	administrator                 = roomaccess.RoleADMINISTRATOR
	owner                         = roomaccess.RoleOWNER
)

// world is a Service on a database of the test's own, which has rooms, too.
type world struct {
	*accounts.Service

	rooms *rooms.Service
	db    *ent.Client
}

// onEach runs a test in an empty world on each database.
func onEach(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		people := accounts.New(db, usual)
		settings := rooms.Settings{DefaultAccessLevel: room.AccessLevelRESTRICTED}
		test(t, &world{people, rooms.New(db, people, settings), db})
	})
}

// user makes an account.
func (w *world) user(t *testing.T, name string) *ent.User {
	t.Helper()
	u, err := w.SignIn(t.Context(), auth.Identity{
		Subject: uuid.NewString(), Email: uuid.NewString() + "@example.org", FullName: name,
	})
	require.NoError(t, err)
	return u
}

// room makes a room of which a user is the owner.
func (w *world) room(t *testing.T, owner *ent.User, name string) *ent.Room {
	t.Helper()
	r, err := w.rooms.Create(as(t, owner), rooms.CreateInput{Name: name})
	require.NoError(t, err)
	return r
}

func (w *world) roleOf(t *testing.T, r *ent.Room, u *ent.User) roomaccess.Role {
	t.Helper()
	role, err := w.rooms.RoleOf(t.Context(), r.ID, u.ID)
	require.NoError(t, err)
	return role
}

// as is the context of a user, and of nobody when the user is nil.
func as(t *testing.T, u *ent.User) context.Context {
	t.Helper()
	if u == nil {
		return t.Context()
	}
	return auth.NewContext(t.Context(), auth.Viewer{UserID: u.ID})
}

// gone is the context of somebody whose account has been deleted.
func gone(t *testing.T) context.Context {
	t.Helper()
	return auth.NewContext(t.Context(), auth.Viewer{UserID: uuid.New()})
}

func assertFault(t *testing.T, kind fault.Kind, err error) {
	t.Helper()
	if assert.Error(t, err) {
		assert.Equal(t, kind, fault.Of(err).Kind, "%v", err)
	}
}

func assertBlames(t *testing.T, err error, field, why string) {
	t.Helper()
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	assert.Equal(t, map[string]any{"field": field}, fault.Of(err).Details)
	assert.Contains(t, fault.Of(err).Message, field)
	assert.Contains(t, fault.Of(err).Message, why)
}

// atOnce calls f n times at once, and returns when all calls have.
func atOnce(n int, f func(i int)) {
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			f(i)
		})
	}
	done.Wait()
}
