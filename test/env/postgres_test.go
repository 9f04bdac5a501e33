package env_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

func migrate(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `CREATE TABLE rooms (slug text PRIMARY KEY)`)
	return err
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	return conn
}

func TestDatabasesAreSeparateAndMigrated(t *testing.T) {
	t.Parallel()
	one := connect(t, env.Postgres(t, migrate))
	other := connect(t, env.Postgres(t, migrate))
	_, err := one.Exec(t.Context(), `INSERT INTO rooms VALUES ('abc-defg-hij')`)
	require.NoError(t, err)
	var rooms int
	row := other.QueryRow(t.Context(), `SELECT count(*) FROM rooms`)
	require.NoError(t, row.Scan(&rooms))
	assert.Zero(t, rooms)
}

func TestDatabaseIsDroppedWithItsConnectionsWhenTheTestEnds(t *testing.T) {
	t.Parallel()
	var url string
	t.Run("a test that leaves a connection open", func(t *testing.T) {
		url = env.Postgres(t, migrate)
		connect(t, url)
	})
	_, err := pgx.Connect(t.Context(), url)
	assert.ErrorContains(t, err, "does not exist")
}

// migrations counts for the whole process, as templates live that long.
var migrations atomic.Int32

func TestTemplateIsMigratedOnceForManyTests(t *testing.T) {
	t.Parallel()
	counted := func(ctx context.Context, url string) error {
		migrations.Add(1)
		return migrate(ctx, url)
	}
	t.Run("many", func(t *testing.T) {
		for range 5 {
			t.Run("one of them", func(t *testing.T) {
				t.Parallel()
				env.Postgres(t, counted)
			})
		}
	})
	assert.EqualValues(t, 1, migrations.Load())
}

func TestFailedMigrationFailsTheTest(t *testing.T) {
	t.Parallel()
	reason := reasonToFail(t, func(t testing.TB) {
		env.Postgres(t, func(context.Context, string) error { return assert.AnError })
	})
	assert.Contains(t, reason, "migrate")
	assert.Contains(t, reason, assert.AnError.Error())
}
