package accounts_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"foyer/accounts"
	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/test/env"
)

// usual are the default settings.
var usual = accounts.Settings{UsersChooseNames: true}

const (
	none          roomaccess.Role = ""
	member                        = roomaccess.RoleMEMBER
	administrator                 = roomaccess.RoleADMINISTRATOR
	owner                         = roomaccess.RoleOWNER
)

// world is a Service on a database of the test's own, which also has rooms.
type world struct {
	*env.World
	*accounts.Service
}

// onEach runs a test in an empty world on each database.
func onEach(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := env.EmptyWorld(t, env.Setup{DB: db, People: usual})
		test(t, &world{w, w.People})
	})
}

func (w *world) roleOf(t *testing.T, r *ent.Room, u *ent.User) roomaccess.Role {
	t.Helper()
	role, err := w.Rooms.RoleOf(t.Context(), r.ID, u.ID)
	require.NoError(t, err)
	return role
}
