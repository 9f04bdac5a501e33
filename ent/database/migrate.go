package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql/schema"
	"github.com/pressly/goose/v3"
	gooseDB "github.com/pressly/goose/v3/database"

	"foyer/ent/migrate/migrations"
)

// migrationTimeout is the time limit for migrations at start. It makes a database that does not answer an error.
const migrationTimeout = time.Minute

// migrationLock is PostgreSQL's advisory lock for changes of the tables.
const migrationLock = 0x666f796572 // "foyer"

// ErrBehind means that the tables of a database are older than this program.
var ErrBehind = errors.New("the tables of the database are older than this program: run foyer migrate")

// Migrate brings the tables up to date, each version in a transaction, and returns the names of the versions that it
// applied. Several servers may run it at the same time. It leaves tables alone that are newer than this program.
func (db *DB) Migrate(ctx context.Context) (applied []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, migrationTimeout)
	defer cancel()
	unlock, err := db.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := db.adopt(ctx); err != nil {
		return nil, fmt.Errorf("adopt tables from before versions: %w", err)
	}
	provider, err := db.provider()
	if err != nil {
		return nil, err
	}
	results, err := provider.Up(ctx)
	for _, r := range results {
		applied = append(applied, r.Source.Path)
	}
	return applied, err
}

// Check returns ErrBehind if there is a version to apply.
func (db *DB) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrationTimeout)
	defer cancel()
	there, err := db.hasTable(ctx, goose.DefaultTablename)
	if err != nil {
		return err
	}
	if !there {
		return ErrBehind
	}
	provider, err := db.provider()
	if err != nil {
		return err
	}
	pending, err := provider.HasPending(ctx)
	if err != nil {
		return err
	}
	if pending {
		return ErrBehind
	}
	return nil
}

// Drift writes the statements that would turn the tables into what ent describes; none after Migrate.
func (db *DB) Drift(ctx context.Context, to io.Writer) error {
	describing.Lock()
	defer describing.Unlock()
	return db.Schema.WriteTo(ctx, to, schema.WithDropColumn(true), schema.WithDropIndex(true))
}

// describing lets only one comparison run in this process: ent changes its description of the tables while it compares.
var describing sync.Mutex

// lockPause is the time between two attempts to get the lock.
const lockPause = 50 * time.Millisecond

// lock stops other servers from migrating a PostgreSQL database until unlock is called. It uses a separate connection,
// because the pool may have only one. An SQLite file has only one server, so it needs no lock.
//
// The lock belongs to a transaction: behind a pooler, a session's lock would stay with the connection on which it was
// taken. A server that waits for the lock polls, and holds no connection of a pooler meanwhile, because a pooler may
// have few.
func (db *DB) lock(ctx context.Context) (unlock func() error, err error) {
	if db.dialect != dialect.Postgres {
		return func() error { return nil }, nil
	}
	separate, err := db.separate()
	if err != nil {
		return nil, err
	}
	for {
		tx, err := tryLock(ctx, separate)
		if err != nil {
			return nil, errors.Join(err, separate.Close())
		}
		if tx != nil {
			return func() error { return errors.Join(tx.Rollback(), separate.Close()) }, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), separate.Close())
		case <-time.After(lockPause):
		}
	}
}

// tryLock returns the transaction that holds the lock; nil if another server has it.
func tryLock(ctx context.Context, pool *sql.DB) (*sql.Tx, error) {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	var locked bool
	err = tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock($1)", migrationLock).Scan(&locked)
	if err == nil && locked {
		return tx, nil
	}
	return nil, errors.Join(err, tx.Rollback())
}

func (db *DB) provider() (*goose.Provider, error) {
	files, err := migrations.For(db.dialect)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.Dialect(db.dialect), db.Pool, files)
}

// adopt takes over tables from before there were versions: ent brings them up to date once.
func (db *DB) adopt(ctx context.Context) error {
	versioned, err := db.hasTable(ctx, goose.DefaultTablename)
	if err != nil || versioned {
		return err
	}
	if old, err := db.hasTable(ctx, "rooms"); err != nil || !old {
		return err
	}
	describing.Lock()
	defer describing.Unlock()
	if err := db.Schema.Create(ctx); err != nil {
		return err
	}
	return db.markAll(ctx)
}

// markAll records that every version has been applied.
func (db *DB) markAll(ctx context.Context) error {
	provider, err := db.provider()
	if err != nil {
		return err
	}
	store, err := gooseDB.NewStore(goose.Dialect(db.dialect), goose.DefaultTablename)
	if err != nil {
		return err
	}
	tx, err := db.Pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	if err := store.CreateVersionTable(ctx, tx); err != nil {
		return err
	}
	versions := []int64{0}
	for _, source := range provider.ListSources() {
		versions = append(versions, source.Version)
	}
	for _, version := range versions {
		if err := store.Insert(ctx, tx, gooseDB.InsertRequest{Version: version}); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (db *DB) hasTable(ctx context.Context, name string) (bool, error) {
	query := "SELECT to_regclass($1) IS NOT NULL"
	if db.dialect != dialect.Postgres {
		query = "SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = $1"
	}
	var there bool
	err := db.Pool.QueryRowContext(ctx, query, name).Scan(&there)
	return there, err
}
