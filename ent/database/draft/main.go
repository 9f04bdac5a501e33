// Draft writes the migrations that a change of ent/schema needs, one a dialect, to be read and owned:
//
//	bin/up -- go run ./ent/database/draft NAME
//
// It applies those that are there to empty databases, a PostgreSQL and an SQLite, and asks ent for what
// is missing then.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"foyer/ent/database"
)

const folder = "ent/migrate/migrations"

var validName = regexp.MustCompile(`^[a-z0-9_]+$`)

func main() {
	if len(os.Args) != 2 || !validName.MatchString(os.Args[1]) {
		fmt.Fprintln(os.Stderr, "usage: draft NAME, of a-z, 0-9 and _")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string) error {
	scratch, err := os.MkdirTemp("", "foyer-draft-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := draft(ctx, "sqlite3", database.SQLite(filepath.Join(scratch, "draft.db")), name); err != nil {
		return err
	}
	server := os.Getenv("FOYER_TEST_POSTGRES_URL")
	if err := emptyPostgres(ctx, server); err != nil {
		return err
	}
	return draft(ctx, "postgres", server, name)
}

// emptyPostgres sees that nobody's tables are in the way.
func emptyPostgres(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var tables int
	err = conn.QueryRow(ctx, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&tables)
	if err == nil && tables > 0 {
		err = errors.New("the PostgreSQL database is not empty: run this under bin/up")
	}
	return err
}

// draft writes the file of one dialect, unless nothing is missing.
func draft(ctx context.Context, dialect, url, name string) error {
	db, err := database.Open(url, 2)
	if err != nil {
		return err
	}
	defer db.Close()
	applied, err := db.Migrate(ctx)
	if err != nil {
		return err
	}
	var sql bytes.Buffer
	if err := db.Drift(ctx, &sql); err != nil {
		return err
	}
	if sql.Len() == 0 {
		fmt.Println(dialect + ": the migrations give what ent describes")
		return nil
	}
	file := filepath.Join(folder, dialect, fmt.Sprintf("%05d_%s.sql", len(applied)+1, name))
	fmt.Println(file)
	return os.WriteFile(file, []byte(migration(sql.String())), 0o644)
}

// migration makes a file for goose of the statements of a version, which goose runs in a transaction.
// SQLite cannot change a column but by copying its table; foreign keys are off meanwhile, or what
// refers to the rows of the old table would go with it, and pragmas do nothing inside a transaction.
func migration(statements string) string {
	const off, on = "PRAGMA foreign_keys = off;\n", "PRAGMA foreign_keys = on;\n"
	inside := strings.NewReplacer(off, "", on, "").Replace(statements)
	if !strings.Contains(statements, off) || !strings.Contains(statements, "DROP TABLE") {
		return "-- +goose Up\n" + inside
	}
	return "-- +goose NO TRANSACTION\n-- +goose Up\n" + off + "BEGIN IMMEDIATE;\n" + inside + "COMMIT;\n" + on
}
