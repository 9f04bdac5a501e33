package database_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/database"
	"foyer/ent/room"
	"foyer/test/env"
)

// mutedDatabase opens a database behind a link that can be muted: it then acknowledges what is sent, and no answer
// comes.
func mutedDatabase(t *testing.T, settings database.Settings) (db *database.DB, mute, mend func()) {
	t.Helper()
	link, address := linked(t)
	db, err := database.OpenWith(address, settings)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return db, func() {
		_, err := link.Toxics.AddToxicJson(strings.NewReader(
			`{"name": "mute", "type": "timeout", "attributes": {"timeout": 0}}`))
		require.NoError(t, err)
	}, func() { link.Toxics.ResetToxics(context.Background()) }
}

// TestMuteDatabaseKeepsNoConnection: queries without a deadline end too, and no broken connection stays in the pool.
func TestMuteDatabaseKeepsNoConnection(t *testing.T) {
	t.Parallel()
	db, mute, mend := mutedDatabase(t, database.Settings{Connections: 2, Silence: 5 * time.Second})
	create := func(slug string) error {
		return db.Room.Create().SetName(slug).SetSlug(slug).SetAccessLevel(room.AccessLevelPUBLIC).
			Exec(context.Background())
	}
	require.NoError(t, create("before"))
	tx, err := db.Tx(context.Background())
	require.NoError(t, err)

	mute()
	begun := time.Now()
	err = create("meanwhile")
	require.Error(t, err)
	assert.True(t, database.Away(err), "%v", err)
	_, err = tx.Room.Query().Count(context.Background())
	require.Error(t, err)
	assert.True(t, database.Away(err), "%v", err)
	require.Error(t, tx.Rollback())
	_, err = db.Room.Query().Count(context.Background()) // on a new connection, which is mute too
	require.Error(t, err)
	assert.True(t, database.Away(err), "%v", err)
	assert.Zero(t, db.Pool.Stats().InUse)
	assert.Less(t, time.Since(begun), time.Minute)

	mend()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		rooms, err := db.Room.Query().Count(context.Background())
		assert.NoError(c, err)
		assert.LessOrEqual(c, rooms, 2)
	}, time.Minute, 50*time.Millisecond)
}

// TestMuteDatabaseDelaysNobodyAfterwards: database/sql makes connections for queued callers one after the other,
// without a deadline, even for callers that no longer wait.
func TestMuteDatabaseDelaysNobodyAfterwards(t *testing.T) {
	t.Parallel()
	db, mute, mend := mutedDatabase(t, database.Settings{Connections: 1, Silence: 5 * time.Second})
	mute()
	asked := make(chan error, 5)
	ask := func(patience time.Duration) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := db.Room.Query().Count(ctx)
		asked <- err
	}
	go ask(time.Second) // makes a connection itself
	require.Eventually(t, func() bool { return db.Pool.Stats().OpenConnections == 1 }, time.Minute, time.Millisecond)
	for range cap(asked) - 1 {
		go ask(1500 * time.Millisecond) // these queue, and have one made for them
	}
	for range cap(asked) {
		require.Error(t, <-asked)
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Zero(c, db.Pool.Stats().OpenConnections)
	}, time.Minute, 50*time.Millisecond)
	mend()
	_, err := db.Room.Query().Count(t.Context())
	require.NoError(t, err)
}

// TestSlowAnswerIsNotSilence: an answer may take any time as long as some of it arrives.
func TestSlowAnswerIsNotSilence(t *testing.T) {
	t.Parallel()
	db, err := database.OpenWith(env.PostgresURL(t), database.Settings{Connections: 1, Silence: 10 * time.Second})
	require.NoError(t, err)
	defer db.Close()
	rows, err := db.Pool.QueryContext(t.Context(),
		"SELECT repeat('x', 20000), pg_sleep(0.5)::text FROM generate_series(1, 24)")
	require.NoError(t, err)
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	require.NoError(t, rows.Err())
	assert.Equal(t, 24, n)
}
