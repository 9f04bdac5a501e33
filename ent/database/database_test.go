package database_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/database"
)

func TestErrorsOfConcurrentTransactionsAreContended(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"40001": true, "40P01": true, // serialization failure, deadlock
		"23505": false, "57014": false, "08006": false,
	} {
		err := fmt.Errorf("set role: %w", &pgconn.PgError{Code: code})
		assert.Equal(t, want, database.Contended(err), code)
	}
	assert.False(t, database.Contended(errors.New("database is locked")))
	assert.False(t, database.Contended(nil))
}

func TestBusySQLiteFileIsContended(t *testing.T) {
	t.Parallel()
	file := "file:" + filepath.Join(t.TempDir(), "test.db") + "?_txlock=immediate"
	db, err := sql.Open("sqlite", file)
	require.NoError(t, err)
	defer db.Close()
	first, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = db.BeginTx(t.Context(), nil)
	assert.True(t, database.Contended(err), "%v", err)
	require.NoError(t, first.Rollback())
	_, err = db.ExecContext(t.Context(), "SELECT nothing")
	require.Error(t, err)
	assert.False(t, database.Contended(err), "%v", err)
}
