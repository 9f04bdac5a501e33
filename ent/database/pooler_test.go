package database_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"foyer/ent"
	"foyer/ent/database"
	"foyer/ent/room"
	"foyer/test/env"
)

// TestPgBouncerInTransactionModeServesManyServers: they start together several times, each with its own connections,
// and share two of PostgreSQL's.
func TestPgBouncerInTransactionModeServesManyServers(t *testing.T) {
	t.Parallel()
	direct := env.Postgres(t, nothing)
	url := env.StartPgBouncer(t, direct, 2)
	for range 3 {
		group, ctx := errgroup.WithContext(t.Context())
		for range 6 {
			group.Go(func() error { return serveSome(ctx, url) })
		}
		require.NoError(t, group.Wait())
		assert.Zero(t, advisoryLocks(t, direct), "locks that nobody gives back")
	}
}

// serveSome does what a server does: it migrates, writes, and runs concurrent queries.
func serveSome(ctx context.Context, url string) error {
	db, err := database.Open(url, 4)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Migrate(ctx); err != nil {
		return err
	}
	made, err := db.Room.Create().SetName("x").SetSlug(uuid.NewString()).
		SetAccessLevel(room.AccessLevelPUBLIC).Save(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for range 8 {
		group.Go(func() error {
			for range 10 {
				if _, err := db.Room.Get(ctx, made.ID); err != nil {
					return err
				}
				asked := []ent.PersonInRoom{{RoomID: made.ID, UserID: uuid.New(), ID: uuid.New()}}
				if _, err := db.Room.Standings(ctx, asked); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func advisoryLocks(t *testing.T, url string) (held int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
		WHERE locktype = 'advisory' AND datname = current_database()`).Scan(&held))
	return held
}

// TestPoolersAreRecognised, and PostgreSQL itself is not mistaken for one: it keeps prepared statements.
func TestPoolersAreRecognised(t *testing.T) {
	t.Parallel()
	direct := env.Postgres(t, nothing)
	for url, want := range map[string]struct {
		pooled   bool
		prepared int
	}{
		direct:                           {false, 1},
		env.StartPgBouncer(t, direct, 1): {true, 0},
	} {
		db := open(t, url)
		db.Pool.SetMaxOpenConns(1)
		for range 2 {
			var prepared int
			require.NoError(t, db.Pool.QueryRowContext(t.Context(),
				"SELECT count(*) FROM pg_prepared_statements WHERE $1 <> ''", "x").Scan(&prepared))
			assert.Equal(t, want.prepared, prepared)
		}
		version, err := db.Version(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want.pooled, strings.Contains(version, "behind a pooler"), version)
	}
}
