// Package migrations holds the SQL that brings a database from one version of its tables to the next:
// a folder a dialect, a file a version, for goose. `make migration NAME=what_changes` writes a draft
// after a change of ent/schema; read it, and mind what it does to rows that are there. A file that has
// been released is never changed.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed postgres/*.sql sqlite3/*.sql
var files embed.FS

// For returns the migrations of a dialect, "postgres" or "sqlite3".
func For(dialect string) (fs.FS, error) { return fs.Sub(files, dialect) }
