package database

import (
	"context"
	"database/sql/driver"

	"modernc.org/sqlite"
)

// Limits of the prepared statements of an SQLite connection. The driver prepares each statement anew, which takes
// longer than running it, and starts a goroutine to watch each context, which costs as much again. PostgreSQL's driver
// caches prepared statements itself.
const (
	// maxStatements is how many prepared statements a connection caches, some kilobytes each.
	maxStatements = 64
	// maxStatement is the maximum length of a cached statement in bytes. Longer ones contain lists and are rarely
	// repeated.
	maxStatement = 4 << 10
)

// preparing makes connections that cache prepared statements.
type preparing struct{ driver.Connector }

func newPreparing(dsn string) (driver.Connector, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return preparing{connector}, nil
}

func (p preparing) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &preparedConn{opened.(sqliteConn), map[string]sqliteStmt{}}, nil
}

// sqliteConn and the next two are the interfaces that the driver's own types implement.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type sqliteRows interface {
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

// preparedConn is a connection that caches prepared statements. Like every connection, it has one user at a time.
type preparedConn struct {
	sqliteConn

	// idle holds the prepared statements that are not in use, by their text.
	idle map[string]sqliteStmt
}

// QueryContext runs a query. A read is not interrupted: it waits for nothing, uses indexes, and returns at most a page.
func (c *preparedConn) QueryContext(
	ctx context.Context, query string, args []driver.NamedValue,
) (driver.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if readsOnly(query) {
		ctx = context.WithoutCancel(ctx)
	}
	statement, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := statement.QueryContext(ctx, args)
	if err != nil {
		_ = statement.Close()
		return nil, err
	}
	return &preparedRows{rows.(sqliteRows), c, query, statement}, nil
}

// ExecContext runs a statement that returns no rows.
func (c *preparedConn) ExecContext(
	ctx context.Context, query string, args []driver.NamedValue,
) (driver.Result, error) {
	statement, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := statement.ExecContext(ctx, args)
	if err != nil {
		_ = statement.Close()
		return nil, err
	}
	return result, c.put(query, statement)
}

// take returns a cached statement, or prepares one. The same statement may be running already, in a transaction.
func (c *preparedConn) take(ctx context.Context, query string) (sqliteStmt, error) {
	if statement, ok := c.idle[query]; ok {
		delete(c.idle, query)
		return statement, nil
	}
	statement, err := c.sqliteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.(sqliteStmt), nil
}

// put caches a statement, in place of another one if the cache is full.
func (c *preparedConn) put(query string, statement sqliteStmt) error {
	if _, ok := c.idle[query]; ok || len(query) > maxStatement {
		return statement.Close()
	}
	for old, other := range c.idle {
		if len(c.idle) < maxStatements {
			break
		}
		delete(c.idle, old)
		if err := other.Close(); err != nil {
			return err
		}
	}
	c.idle[query] = statement
	return nil
}

func (c *preparedConn) Close() error {
	for _, statement := range c.idle {
		_ = statement.Close()
	}
	clear(c.idle)
	return c.sqliteConn.Close()
}

// preparedRows returns its statement to the cache when it is closed.
type preparedRows struct {
	sqliteRows

	conn      *preparedConn
	query     string
	statement sqliteStmt
}

func (r *preparedRows) Close() error {
	if err := r.sqliteRows.Close(); err != nil {
		_ = r.statement.Close()
		return err
	}
	return r.conn.put(r.query, r.statement)
}
