package env

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"

	"foyer/ent"
	"foyer/ent/database"
	"foyer/internal/devmode"
)

// connections is how many connections a test may open to its database.
const connections = 8

// OnEachDatabase runs a test on an SQLite file and on a PostgreSQL database of its own, both empty.
func OnEachDatabase(t *testing.T, test func(t *testing.T, db *ent.Client)) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, SQLite(t))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		test(t, openDatabase(t, Postgres(t, migrate)))
	})
}

// SQLite returns an empty SQLite database of the test's own.
func SQLite(t testing.TB) *ent.Client {
	t.Helper()
	return openDatabase(t, database.SQLite(filepath.Join(t.TempDir(), "test.db")))
}

// PostgresURL returns the URL of an empty PostgreSQL database of the test's own.
func PostgresURL(t testing.TB) string {
	t.Helper()
	return Postgres(t, migrate)
}

func openDatabase(t testing.TB, url string) *ent.Client {
	t.Helper()
	db, err := database.Open(url, connections)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db.Client
}

func migrate(ctx context.Context, url string) error {
	db, err := database.Open(url, connections)
	if err != nil {
		return err
	}
	_, err = db.Migrate(ctx)
	return errors.Join(err, db.Close())
}

// OnEachRedis runs a test on the Redis inside this process, on a single Redis and on a Redis Cluster,
// with a key prefix of its own.
func OnEachRedis(t *testing.T, test func(t *testing.T, rdb redis.UniversalClient, prefix string)) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		client, prefix := Embedded(t)
		test(t, client, prefix)
	})
	t.Run("single", func(t *testing.T) {
		t.Parallel()
		client, prefix := Redis(t)
		test(t, client, prefix)
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		client, prefix := RedisCluster(t)
		test(t, client, prefix)
	})
}

// Embedded returns a client of a Redis inside this process, of the test's own.
func Embedded(t testing.TB) (redis.UniversalClient, string) {
	t.Helper()
	client, stop, err := devmode.Redis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return client, ""
}
