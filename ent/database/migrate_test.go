package database_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"foyer/ent/database"
	"foyer/ent/migrate/migrations"
	"foyer/ent/room"
	"foyer/ent/schema"
	"foyer/ent/user"
	"foyer/test/env"
)

// onEachEmpty runs a test on an empty SQLite file and on an empty PostgreSQL database.
func onEachEmpty(t *testing.T, test func(t *testing.T, dialect goose.Dialect, url string)) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, goose.DialectSQLite3, database.SQLite(filepath.Join(t.TempDir(), "test.db")))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		test(t, goose.DialectPostgres, env.Postgres(t, nothing))
	})
}

func nothing(context.Context, string) error { return nil }

func open(t *testing.T, url string) *database.DB {
	t.Helper()
	db, err := database.Open(url, 2)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

// files returns a goose provider with the migrations of a dialect.
func files(t *testing.T, db *database.DB, dialect goose.Dialect) *goose.Provider {
	t.Helper()
	source, err := migrations.For(string(dialect))
	require.NoError(t, err)
	provider, err := goose.NewProvider(dialect, db.Pool, source)
	require.NoError(t, err)
	return provider
}

func TestMigrationsCreateWhatEntDescribes(t *testing.T) {
	t.Parallel()
	onEachEmpty(t, func(t *testing.T, _ goose.Dialect, url string) {
		db := open(t, url)
		applied, err := db.Migrate(t.Context())
		require.NoError(t, err)
		assert.NotEmpty(t, applied)
		assertNoDrift(t, db)
	})
}

func assertNoDrift(t *testing.T, db *database.DB) {
	t.Helper()
	var missing strings.Builder
	require.NoError(t, db.Drift(t.Context(), &missing))
	assert.Empty(t, missing.String(), "run make migration NAME=what_changes")
}

func TestDriftIsReported(t *testing.T) {
	t.Parallel()
	onEachEmpty(t, func(t *testing.T, _ goose.Dialect, url string) {
		db := open(t, url)
		_, err := db.Migrate(t.Context())
		require.NoError(t, err)
		_, err = db.Pool.ExecContext(t.Context(), "DROP INDEX room_created_at_id")
		require.NoError(t, err)
		var missing strings.Builder
		require.NoError(t, db.Drift(t.Context(), &missing))
		assert.Contains(t, missing.String(), "room_created_at_id")
	})
}

func TestTablesAreBehindUntilMigrated(t *testing.T) {
	t.Parallel()
	onEachEmpty(t, func(t *testing.T, dialect goose.Dialect, url string) {
		db := open(t, url)
		require.ErrorIs(t, db.Check(t.Context()), database.ErrBehind)
		_, err := files(t, db, dialect).UpByOne(t.Context())
		require.NoError(t, err)
		require.ErrorIs(t, db.Check(t.Context()), database.ErrBehind)
		_, err = db.Migrate(t.Context())
		require.NoError(t, err)
		require.NoError(t, db.Check(t.Context()))
		applied, err := db.Migrate(t.Context())
		require.NoError(t, err)
		assert.Empty(t, applied)
	})
}

func TestServersThatStartTogetherMigrateOnce(t *testing.T) {
	t.Parallel()
	url := env.Postgres(t, nothing)
	var all errgroup.Group
	counts := make([]int, 5)
	for i := range counts {
		db := open(t, url)
		all.Go(func() error {
			applied, err := db.Migrate(t.Context())
			counts[i] = len(applied)
			return err
		})
	}
	require.NoError(t, all.Wait())
	db := open(t, url)
	want := len(files(t, db, goose.DialectPostgres).ListSources())
	assert.Contains(t, counts, want, "one server does it all: %v", counts)
	assert.Equal(t, want, sum(counts))
}

func sum(counts []int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}

// For each version, testdata has rows that were written when it was the newest.
func TestMigrationsKeepTheRowsOfEveryVersion(t *testing.T) {
	t.Parallel()
	onEachEmpty(t, func(t *testing.T, dialect goose.Dialect, url string) {
		versions := files(t, open(t, url), dialect).ListSources()
		for i := range versions {
			db := open(t, another(t, dialect))
			provider := files(t, db, dialect)
			for _, v := range versions[:i+1] {
				_, err := provider.UpTo(t.Context(), v.Version)
				require.NoError(t, err)
				insert(t, db, v.Version)
			}
			_, err := db.Migrate(t.Context())
			require.NoError(t, err)
			assertNoDrift(t, db)
			assertRows(t, db, versions[i].Version)
		}
	})
}

func another(t *testing.T, dialect goose.Dialect) string {
	t.Helper()
	if dialect == goose.DialectPostgres {
		return env.Postgres(t, nothing)
	}
	return database.SQLite(filepath.Join(t.TempDir(), "test.db"))
}

func insert(t *testing.T, db *database.DB, version int64) {
	t.Helper()
	rows, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("%05d.sql", version)))
	require.NoError(t, err, "a version needs rows to try it with")
	_, err = db.Pool.ExecContext(t.Context(), string(rows))
	require.NoError(t, err)
}

// assertRows reads the rows as the product does.
func assertRows(t *testing.T, db *database.DB, version int64) {
	t.Helper()
	room, err := db.Room.Query().WithAccesses().WithBans().Only(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "Weekly", room.Name)
	assert.True(t, room.DataAllowed)
	assert.Equal(t, 2026, room.CreatedAt.UTC().Year())
	require.Len(t, room.Edges.Accesses, 1)
	user, err := room.Edges.Accesses[0].QueryUser().Only(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "ada@example.org", user.Email)
	assert.Len(t, room.Edges.Bans, 1)
	recordings, err := room.QueryRecordings().All(t.Context())
	require.NoError(t, err)
	assert.Equal(t, version >= 2, len(recordings) == 1)
}

// TestMigrationCopiesAddressesOfAccesses: for users who have signed in, the address is unknown.
func TestMigrationCopiesAddressesOfAccesses(t *testing.T) {
	t.Parallel()
	onEachEmpty(t, func(t *testing.T, dialect goose.Dialect, url string) {
		db := open(t, url)
		_, err := files(t, db, dialect).UpTo(t.Context(), 3)
		require.NoError(t, err)
		insert(t, db, 1)
		_, err = db.Pool.ExecContext(t.Context(), `
INSERT INTO users (id, created_at, updated_at, email)
VALUES ('88888888-8888-4888-8888-888888888888', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', 'new@example.org');
INSERT INTO room_accesses (id, created_at, updated_at, role, room_id, user_id)
VALUES ('99999999-9999-4999-8999-999999999999', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', 'MEMBER', '22222222-2222-4222-8222-222222222222', '88888888-8888-4888-8888-888888888888');
INSERT INTO audit_events (id, created_at, updated_at, action, actor_id, actor_name, target_id, room_id)
VALUES ('aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', 'LIFT_BAN', '11111111-1111-4111-8111-111111111111', 'Ada', '88888888-8888-4888-8888-888888888888', '22222222-2222-4222-8222-222222222222');
INSERT INTO audit_events (id, created_at, updated_at, action, actor_id, actor_name, target_id, room_id)
VALUES ('bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', 'LIFT_BAN', '11111111-1111-4111-8111-111111111111', 'Ada', '55555555-5555-4555-8555-555555555555', '22222222-2222-4222-8222-222222222222')`)
		require.NoError(t, err)
		_, err = db.Migrate(t.Context())
		require.NoError(t, err)
		accesses, err := db.RoomAccess.Query().All(t.Context())
		require.NoError(t, err)
		for _, access := range accesses {
			want := map[string]string{"MEMBER": "new@example.org"}[access.Role.String()]
			assert.Equal(t, want, access.Email)
		}
		assert.Len(t, accesses, 2)
		lifted, err := db.AuditEvent.Query().All(t.Context())
		require.NoError(t, err)
		for _, event := range lifted {
			assert.Equal(t, event.ID.String()[0] == 'b', event.TargetID != nil, "an account is told no more, an entry is")
		}
		assert.Len(t, lifted, 2)
	})
}

// TestMigrationRemovesEmptyPublishSources and changes nothing else: an empty list means nothing, null the server's
// defaults.
func TestMigrationRemovesEmptyPublishSources(t *testing.T) {
	t.Parallel()
	type list = []schema.PublishSource
	onEachEmpty(t, func(t *testing.T, dialect goose.Dialect, url string) {
		db := open(t, url)
		_, err := files(t, db, dialect).UpTo(t.Context(), 4)
		require.NoError(t, err)
		tests := []struct{ stored, want list }{
			{list{""}, nil}, {list{"", ""}, nil}, {list{"", schema.Camera}, list{schema.Camera}},
			{list{schema.Microphone, "", schema.ScreenShare}, list{schema.Microphone, schema.ScreenShare}},
			{list{schema.Camera}, list{schema.Camera}}, {list{}, list{}}, {nil, nil},
		}
		for i, test := range tests {
			room := db.Room.Create().SetSlug(fmt.Sprintf("room-%d", i)).SetName("Room").SetAccessLevel("PUBLIC")
			user := db.User.Create().SetSubject(fmt.Sprint(i))
			if test.stored != nil {
				room.SetPublishSources(test.stored)
				user.SetDefaultPublishSources(test.stored)
			}
			room.SaveX(t.Context())
			user.SaveX(t.Context())
		}
		_, err = db.Migrate(t.Context())
		require.NoError(t, err)
		for i, test := range tests {
			room := db.Room.Query().Where(room.Slug(fmt.Sprintf("room-%d", i))).OnlyX(t.Context())
			assert.Equal(t, test.want, room.PublishSources, "%q", test.stored)
			user := db.User.Query().Where(user.Subject(fmt.Sprint(i))).OnlyX(t.Context())
			assert.Equal(t, test.want, user.DefaultPublishSources, "%q", test.stored)
		}
	})
}

// Before there were versions, ent created the tables.
func TestTablesFromBeforeVersionsAreAdopted(t *testing.T) {
	t.Parallel()
	onEachEmpty(t, func(t *testing.T, dialect goose.Dialect, url string) {
		db := open(t, url)
		_, err := files(t, db, dialect).UpTo(t.Context(), 1)
		require.NoError(t, err)
		insert(t, db, 1)
		_, err = db.Pool.ExecContext(t.Context(), "DROP TABLE "+goose.DefaultTablename)
		require.NoError(t, err)
		_, err = db.Migrate(t.Context())
		require.NoError(t, err)
		require.NoError(t, db.Check(t.Context()))
		assertNoDrift(t, db)
		assertRows(t, db, 1)
	})
}

// During a rolling update, old servers see the tables of new ones.
func TestNewerTablesAreLeftAlone(t *testing.T) {
	t.Parallel()
	onEachEmpty(t, func(t *testing.T, _ goose.Dialect, url string) {
		db := open(t, url)
		_, err := db.Migrate(t.Context())
		require.NoError(t, err)
		_, err = db.Pool.ExecContext(t.Context(),
			"INSERT INTO "+goose.DefaultTablename+" (version_id, is_applied) VALUES (99999, true)")
		require.NoError(t, err)
		require.NoError(t, db.Check(t.Context()))
		applied, err := db.Migrate(t.Context())
		require.NoError(t, err)
		assert.Empty(t, applied)
	})
}

// TestOneConnectionIsEnoughToMigrate: the lock does not wait for itself.
func TestOneConnectionIsEnoughToMigrate(t *testing.T) {
	t.Parallel()
	onEachEmpty(t, func(t *testing.T, _ goose.Dialect, url string) {
		db, err := database.Open(url, 1)
		require.NoError(t, err)
		t.Cleanup(func() { db.Close() })
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		applied, err := db.Migrate(ctx)
		require.NoError(t, err)
		assert.NotEmpty(t, applied)
		require.NoError(t, db.Check(ctx))
	})
}
