package database_test

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/database"
	"foyer/ent/room"
	"foyer/test/env"
)

// busy uses all connections of a database at the same time.
func busy(t *testing.T, db *database.DB, connections int) {
	t.Helper()
	var queries, all sync.WaitGroup
	all.Add(connections)
	for range connections {
		queries.Go(func() {
			conn, err := db.Pool.Conn(t.Context())
			if assert.NoError(t, err) {
				defer conn.Close()
			}
			all.Done()
			all.Wait()
		})
	}
	queries.Wait()
	require.Equal(t, connections, db.Pool.Stats().OpenConnections)
}

// TestReadsSurviveARestartOfPostgreSQL also covers transactions that begin then.
func TestReadsSurviveARestartOfPostgreSQL(t *testing.T) {
	t.Parallel()
	address := env.PostgresURL(t)
	admin, err := database.Open(address, 1)
	require.NoError(t, err)
	defer admin.Close()
	const connections = 10
	db, err := database.Open(address, connections)
	require.NoError(t, err)
	defer db.Close()
	cut := func() {
		t.Helper()
		busy(t, db, connections)
		const others = `FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
		_, err := admin.Pool.ExecContext(t.Context(), "SELECT pg_terminate_backend(pid) "+others)
		require.NoError(t, err)
		for left := 1; left > 0; { // soon: the pool checks a connection that was idle for long before it uses it
			require.NoError(t, admin.Pool.QueryRowContext(t.Context(), "SELECT count(*) "+others).Scan(&left))
		}
	}
	for range 5 {
		cut()
		_, err = db.Room.Query().Count(t.Context())
		require.NoError(t, err)
		cut()
		_, err = db.Room.Query().All(t.Context())
		require.NoError(t, err)
		cut()
		tx, err := db.Tx(t.Context())
		require.NoError(t, err)
		_, err = tx.Room.Query().Count(t.Context())
		require.NoError(t, err)
		require.NoError(t, tx.Commit())
	}
	cut()
	var group sync.WaitGroup
	for range 4 * connections {
		group.Go(func() {
			_, err := db.Room.Query().Count(context.Background())
			assert.NoError(t, err)
		})
	}
	group.Wait()
}

// linked returns a link to a new database, and the database's URL through that link.
func linked(t *testing.T) (link *toxiproxy.Proxy, behind string) {
	t.Helper()
	address, err := url.Parse(env.PostgresURL(t))
	require.NoError(t, err)
	proxies := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	here := fmt.Sprintf("127.0.0.1:%d", env.FreePort(t))
	link = toxiproxy.NewProxy(proxies, t.Name(), here, address.Host)
	require.NoError(t, link.Start())
	t.Cleanup(link.Stop)
	address.Host = link.Listen
	return link, address.String()
}

// TestReadsSurviveALostNetwork covers a link that ends without a message, as when a machine fails.
func TestReadsSurviveALostNetwork(t *testing.T) {
	t.Parallel()
	proxy, address := linked(t)
	const connections = 5
	db, err := database.Open(address, connections)
	require.NoError(t, err)
	defer db.Close()
	busy(t, db, connections)
	proxy.Stop()
	_, err = db.Room.Query().Count(t.Context())
	require.Error(t, err)
	assert.True(t, database.Away(err), "%v", err)
	require.NoError(t, proxy.Start())
	_, err = db.Room.Query().Count(t.Context())
	require.NoError(t, err)
	busy(t, db, connections)
	proxy.Stop()
	require.NoError(t, proxy.Start())
	_, err = db.Room.Query().Count(t.Context())
	require.NoError(t, err)
}

// TestWriteIsNotRetried: it may have taken effect.
func TestWriteIsNotRetried(t *testing.T) {
	t.Parallel()
	db, err := database.Open(env.PostgresURL(t), 1)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Pool.ExecContext(t.Context(), `CREATE SEQUENCE tries;
		CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM nextval('tries'); PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
		CREATE TRIGGER gone BEFORE INSERT ON rooms FOR EACH ROW EXECUTE FUNCTION gone()`)
	require.NoError(t, err)
	err = db.Room.Create().SetName("x").SetSlug("x").SetAccessLevel(room.AccessLevelPUBLIC).Exec(t.Context())
	require.Error(t, err)
	assert.True(t, database.Away(err), "%v", err)
	var tries int
	require.NoError(t, db.Pool.QueryRowContext(t.Context(), "SELECT last_value FROM tries").Scan(&tries))
	assert.Equal(t, 1, tries)
}

// TestReadsSurviveAFailover: the primary fails, reads wait until the standby takes its place, and writes go there too.
func TestReadsSurviveAFailover(t *testing.T) {
	t.Parallel()
	primary := env.StartPostgres(t)
	standby := primary.Standby(t)
	db, err := database.OpenWith(primary.URL(standby), database.Settings{Connections: 5, Patience: time.Minute})
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Migrate(t.Context())
	require.NoError(t, err)
	write := func(slug string) error {
		return db.Room.Create().SetName(slug).SetSlug(slug).SetAccessLevel(room.AccessLevelPUBLIC).Exec(t.Context())
	}
	require.NoError(t, write("before"))
	admin, err := database.Open(standby.URL(), 1)
	require.NoError(t, err)
	defer admin.Close()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		n, err := admin.Room.Query().Count(t.Context())
		assert.NoError(c, err)
		assert.Equal(c, 1, n, "the standby follows")
	}, time.Minute, 50*time.Millisecond)

	impatient, err := database.Open(primary.URL(standby), 1)
	require.NoError(t, err)
	defer impatient.Close()
	primary.Stop()
	_, err = impatient.Room.Query().Count(t.Context())
	require.Error(t, err)
	assert.True(t, database.Away(err), "%v", err)
	err = write("meanwhile")
	require.Error(t, err)
	assert.True(t, database.Away(err), "%v", err)

	var readers sync.WaitGroup
	for range 20 {
		readers.Go(func() {
			n, err := db.Room.Query().Count(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, 1, n)
		})
		readers.Go(func() {
			tx, err := db.Tx(t.Context())
			if assert.NoError(t, err) {
				assert.NoError(t, tx.Rollback())
			}
		})
	}
	_, err = admin.Pool.ExecContext(t.Context(), "SELECT pg_promote()")
	require.NoError(t, err)
	readers.Wait()
	require.NoError(t, write("after"))
}

// TestWaitForADatabaseIsLimited also covers a database that refuses.
func TestWaitForADatabaseIsLimited(t *testing.T) {
	t.Parallel()
	patient := func(url string, patience time.Duration) *database.DB {
		t.Helper()
		db, err := database.OpenWith(url, database.Settings{Connections: 1, Patience: patience})
		require.NoError(t, err)
		t.Cleanup(func() { db.Close() })
		return db
	}
	nowhere := "postgres://nobody:nothing@127.0.0.1:1/nowhere"
	_, err := patient(nowhere, time.Second).Room.Query().Count(t.Context())
	require.Error(t, err)
	assert.True(t, database.Away(err), "%v", err)

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = patient(nowhere, time.Hour).Room.Query().Count(ctx)
	require.Error(t, err)
	assert.True(t, database.Away(err), "%v", err)

	at, err := url.Parse(env.PostgresURL(t))
	require.NoError(t, err)
	at.User = url.UserPassword(at.User.Username(), "wrong")
	_, err = patient(at.String(), time.Hour).Room.Query().Count(t.Context())
	require.ErrorContains(t, err, "password")
}
