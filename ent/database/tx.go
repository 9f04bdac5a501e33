package database

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/room"
)

const (
	// txTries is how often RetryTx runs a transaction.
	txTries = 5
	// txPause is the longest pause before the second try. Each later pause may be longer by the same time.
	txPause = 20 * time.Millisecond
)

// InTx runs f in one transaction: all of it happens or nothing.
func InTx(ctx context.Context, db *ent.Client, f func(*ent.Tx) error) error {
	tx, err := db.Tx(ctx)
	if err != nil {
		return err
	}
	// Without effect after a commit; ends the transaction also when f panics.
	defer func() { _ = tx.Rollback() }()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// RetryTx is InTx for a transaction that may conflict with another one: f then runs again, from its beginning.
func RetryTx(ctx context.Context, db *ent.Client, f func(*ent.Tx) error) error {
	for try := 1; ; try++ {
		err := InTx(ctx, db, f)
		if try == txTries || !ent.IsConstraintError(err) && !Contended(err) {
			return err
		}
		select {
		case <-time.After(rand.N(time.Duration(try) * txPause)):
		case <-ctx.Done():
			return err
		}
	}
}

// LockRooms locks the rows of rooms until the transaction ends, always in the same order, and returns how many
// of them exist.
func LockRooms(ctx context.Context, tx *ent.Tx, ids ...uuid.UUID) (int, error) {
	found, err := tx.Room.Query().Where(room.IDIn(ids...), ForUpdate).Order(room.ByID()).IDs(ctx)
	if err != nil {
		return 0, fmt.Errorf("lock rooms: %w", err)
	}
	return len(found), nil
}

// ForUpdate is a predicate that locks the rows that a query finds. On SQLite a transaction has locked the whole
// database already.
func ForUpdate(s *sql.Selector) {
	if s.Dialect() == dialect.Postgres {
		s.ForUpdate()
	}
}
