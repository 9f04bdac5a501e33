// Package database opens the database that ent uses, and migrates its tables.
package database

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/XSAM/otelsql"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/trace"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"foyer/ent"
)

// sqliteScheme is the prefix of the path of an SQLite file.
const sqliteScheme = "sqlite:"

// SQLite returns the URL of an SQLite file.
func SQLite(path string) string { return sqliteScheme + path }

// Known reports whether Open can open such a URL.
func Known(url string) bool {
	return isPostgres(url) || strings.HasPrefix(url, sqliteScheme)
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// idleTime is how long an unused connection stays open.
const idleTime = 5 * time.Minute

// DB is an open database: ent's client, and the connection pool below it.
type DB struct {
	*ent.Client

	Pool *sql.DB

	dialect string
	// pooled is true if there is a pooler in front of PostgreSQL.
	pooled *atomic.Bool
	// separate opens another pool with a single connection.
	separate func() (*sql.DB, error)
}

// Settings are the settings of a database.
type Settings struct {
	// Connections is the maximum number of open connections.
	Connections int
	// Lifetime is how long a connection is used before a new one replaces it; 0 means forever.
	Lifetime time.Duration
	// Patience is how long reads wait for a database that cannot be reached, for example during a failover. They never
	// wait longer than their context lasts.
	Patience time.Duration
	// Silence is how long PostgreSQL may send nothing after a query, whatever the context allows. Then the connection
	// counts as lost. 0 means one minute.
	Silence time.Duration
	// Traces creates spans for queries, as children of the spans in their contexts; nil creates none.
	Traces trace.TracerProvider
}

// Open opens a database with a maximum number of connections. Errors never contain the URL, which may contain a
// password.
func Open(url string, connections int) (*DB, error) {
	return OpenWith(url, Settings{Connections: connections})
}

// OpenWith is Open with more settings.
func OpenWith(url string, settings Settings) (*DB, error) {
	db, err := open(url, settings)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db.Pool.SetMaxOpenConns(settings.Connections)
	db.Pool.SetMaxIdleConns(settings.Connections)
	db.Pool.SetConnMaxIdleTime(idleTime)
	db.Pool.SetConnMaxLifetime(settings.Lifetime)
	return db, nil
}

func open(url string, settings Settings) (*DB, error) {
	name := dialect.SQLite
	if isPostgres(url) {
		name = dialect.Postgres
	}
	pooled := new(atomic.Bool)
	pool, err := openPool(url, settings, pooled)
	if err != nil {
		return nil, err
	}
	retried := retrying{entsql.OpenDB(name, pool), settings.Patience, func() {
		pool.SetMaxIdleConns(0)
		pool.SetMaxIdleConns(settings.Connections)
	}}
	separate := func() (*sql.DB, error) {
		one, err := openPool(url, Settings{Silence: settings.Silence}, pooled)
		if err == nil {
			one.SetMaxOpenConns(1)
		}
		return one, err
	}
	return &DB{ent.NewClient(ent.Driver(retried)), pool, name, pooled, separate}, nil
}

func connector(url string, silence time.Duration, pooled *atomic.Bool) (driver.Connector, error) {
	if path, ok := strings.CutPrefix(url, sqliteScheme); ok {
		return newPreparing(sqliteDSN(path))
	}
	return postgres(url, silence, pooled)
}

func openPool(url string, settings Settings, pooled *atomic.Bool) (*sql.DB, error) {
	from, err := connector(url, cmp.Or(settings.Silence, silence), pooled)
	if err != nil {
		return nil, err
	}
	if settings.Traces == nil {
		return sql.OpenDB(from), nil
	}
	return otelsql.OpenDB(from, otelsql.WithTracerProvider(settings.Traces),
		otelsql.WithSpanOptions(otelsql.SpanOptions{
			DisableErrSkip: true, OmitConnResetSession: true, OmitConnectorConnect: true,
			OmitConnPrepare: true, OmitRows: true,
			// Errors may contain personal data.
			RecordError: func(error) bool { return false },
			SpanFilter:  underSpan,
		})), nil
}

// underSpan reports whether a query belongs to a trace.
func underSpan(ctx context.Context, _ otelsql.Method, _ string, _ []driver.NamedValue) bool {
	return trace.SpanContextFromContext(ctx).IsValid()
}

// sqliteDSN makes a transaction lock the file when it begins, not at its first write, so that two transactions wait for
// each other instead of failing. Times are stored as text in one time zone and format, so that they sort by time on
// every machine.
func sqliteDSN(path string) string {
	options := url.Values{
		"_txlock": {"immediate"}, "_time_format": {"sqlite"}, "_timezone": {"UTC"},
		"_pragma": {
			"foreign_keys(1)", "busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)",
		},
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: options.Encode()}).String()
}

// Version returns the name and version of the database, for people.
func (db *DB) Version(ctx context.Context) (string, error) {
	name, query := "PostgreSQL ", "SHOW server_version"
	if db.dialect != dialect.Postgres {
		name, query = "SQLite ", "SELECT sqlite_version()"
	}
	var version string
	err := db.Pool.QueryRowContext(ctx, query).Scan(&version)
	if db.pooled.Load() {
		version += " behind a pooler"
	}
	return name + version, err
}

// Now returns the time of the database's clock. For SQLite, it is the clock of this machine.
func (db *DB) Now(ctx context.Context) (time.Time, error) {
	if db.dialect != dialect.Postgres {
		return time.Now(), nil
	}
	var now time.Time
	err := db.Pool.QueryRowContext(ctx, "SELECT clock_timestamp()").Scan(&now)
	return now, err
}

// Contended reports whether a transaction failed because of concurrent ones, and may succeed when it is run again.
func Contended(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return slices.Contains([]string{"40001", "40P01"}, pg.Code) // serialization failure, deadlock
	}
	lite, ok := errors.AsType[*sqlite.Error](err)
	return ok && lite.Code()&0xff == sqlite3.SQLITE_BUSY // with any extended code
}

// Away reports whether an error means that the database cannot be reached at the moment, rather than that it refused.
func Away(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		// PostgreSQL's error classes: connection, insufficient resources, operator intervention. The last code means
		// that the server is no longer the primary.
		return slices.Contains([]string{"08", "53", "57"}, pg.Code[:min(2, len(pg.Code))]) || pg.Code == "25006"
	}
	_, refused := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return refused || network || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF)
}
