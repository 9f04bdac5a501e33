package database_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStatementCanRunTwiceOnOneConnection(t *testing.T) {
	t.Parallel()
	db, _ := roomIn(t)
	tx, err := db.Pool.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	count := func(and func()) (n int) {
		rows, err := tx.QueryContext(t.Context(), "SELECT id FROM rooms")
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			n++
			and()
		}
		require.NoError(t, rows.Err())
		return n
	}
	for range 3 {
		assert.Equal(t, 20, count(func() { assert.Equal(t, 20, count(func() {})) }))
	}
}

// TestCacheOfStatementsIsBounded: each statement works whenever it is repeated, from several connections at the same
// time.
func TestCacheOfStatementsIsBounded(t *testing.T) {
	t.Parallel()
	db, _ := roomIn(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 3 {
				for i := range 150 {
					var n int
					query := fmt.Sprintf("SELECT count(*) + %d FROM rooms", i)
					assert.NoError(t, db.Pool.QueryRowContext(t.Context(), query).Scan(&n))
					assert.Equal(t, 20+i, n)
				}
			}
		})
	}
	group.Wait()
}

func TestCachedStatementWorksAfterAChangeOfTheTables(t *testing.T) {
	t.Parallel()
	db, made := roomIn(t)
	db.Pool.SetMaxOpenConns(1)
	columns := func() int {
		rows, err := db.Pool.QueryContext(t.Context(), "SELECT * FROM rooms WHERE id = ?", made.ID)
		require.NoError(t, err)
		defer rows.Close()
		require.True(t, rows.Next())
		names, err := rows.Columns()
		require.NoError(t, err)
		return len(names)
	}
	before := columns()
	_, err := db.Pool.ExecContext(t.Context(), "ALTER TABLE rooms ADD COLUMN more text")
	require.NoError(t, err)
	assert.Equal(t, before+1, columns())
}

func TestFailedStatementWorksAfterwards(t *testing.T) {
	t.Parallel()
	db, made := roomIn(t)
	db.Pool.SetMaxOpenConns(1)
	const insert = "INSERT INTO rooms (id) VALUES (?)"
	for range 2 {
		_, err := db.Pool.ExecContext(t.Context(), insert, made.ID)
		require.ErrorContains(t, err, "constraint")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	_, err := db.Room.Get(ended, made.ID)
	require.ErrorIs(t, err, context.Canceled)
	found, err := db.Room.Get(t.Context(), made.ID)
	require.NoError(t, err)
	assert.Equal(t, made.Slug, found.Slug)
}
