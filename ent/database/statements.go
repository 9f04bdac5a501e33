package database

import (
	"context"
	"database/sql/driver"

	"modernc.org/sqlite"
)

// What a connection to SQLite remembers of the statements it has run. The driver prepares each anew,
// which takes longer than to run it, and has a goroutine watch the context of each, which costs as much
// again. (PostgreSQL's driver prepares by itself.)
const (
	// maxStatements is how many statements a connection keeps prepared: some kilobytes each.
	maxStatements = 64
	// maxStatement is how many bytes the text of such a statement may have. Longer ones have lists in
	// them, and hardly ever come again.
	maxStatement = 4 << 10
)

// preparing makes connections that keep statements prepared.
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

// sqliteConn and the others are what the driver's own types can do.
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

// preparedConn is a connection that keeps statements prepared. Like any connection it is used by one at
// a time.
type preparedConn struct {
	sqliteConn

	// idle are the statements that are prepared and not in use, by their text.
	idle map[string]sqliteStmt
}

// QueryContext runs a statement. What only reads waits for nobody, and is not interrupted: rows are found
// by indexes, and lists have pages.
func (c *preparedConn) QueryContext(
	ctx context.Context, query string, args []driver.NamedValue,
) (driver.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if reads(query) {
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

// ExecContext runs a statement that has no rows.
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

// take prepares a statement, if none is that may be used: the same may be running already, in a
// transaction.
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

// put keeps a statement for the next time, in place of any other when there are enough.
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

// preparedRows gives its statement back when it is closed.
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
