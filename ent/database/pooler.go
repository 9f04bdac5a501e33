package database

import (
	"context"
	"database/sql/driver"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// poolerAware connects to PostgreSQL, directly or through a pooler such as PgBouncer. A pooler can run each transaction
// on another connection, on which prepared statements are missing or belong to another client. So Foyer prepares none
// behind a pooler, and PostgreSQL has to plan each query.
type poolerAware struct {
	named, unnamed driver.Connector
	// behind is true if there is a pooler.
	behind *atomic.Bool
}

func newPoolerAware(config *pgx.ConnConfig, behind *atomic.Bool) *poolerAware {
	p := &poolerAware{named: stdlib.GetConnector(*config), behind: behind}
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	p.unnamed = stdlib.GetConnector(*config)
	return p
}

func (p *poolerAware) Driver() driver.Driver { return p.named.Driver() }

// Connect makes a connection. The first one that leads to a pooler is made again.
func (p *poolerAware) Connect(ctx context.Context) (driver.Conn, error) {
	if p.behind.Load() {
		return p.unnamed.Connect(ctx)
	}
	conn, err := p.named.Connect(ctx)
	if err != nil {
		return nil, err
	}
	pooled, err := isPooled(ctx, conn.(*stdlib.Conn).Conn())
	if err == nil && !pooled {
		return conn, nil
	}
	_ = conn.Close()
	if err != nil {
		return nil, err
	}
	p.behind.Store(true)
	return p.unnamed.Connect(ctx)
}

// isPooled reports whether another process answers than the one that PostgreSQL named at the start of the connection. A
// pooler names a process that does not exist, because clients cancel queries through the pooler.
func isPooled(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var pid uint32
	err := conn.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeExec).Scan(&pid)
	return pid != conn.PgConn().PID(), err
}
