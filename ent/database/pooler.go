package database

import (
	"context"
	"database/sql/driver"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// poolerAware makes connections to PostgreSQL, or to a pooler such as PgBouncer in front of it. A pooler may run
// each transaction on another connection of its own: prepared statements are not there then, or are somebody
// else's. So behind a pooler none is named, which costs PostgreSQL the planning of each query.
type poolerAware struct {
	named, unnamed driver.Connector
	// behind says that there is a pooler.
	behind *atomic.Bool
}

func newPoolerAware(config *pgx.ConnConfig, behind *atomic.Bool) *poolerAware {
	p := &poolerAware{named: stdlib.GetConnector(*config), behind: behind}
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	p.unnamed = stdlib.GetConnector(*config)
	return p
}

func (p *poolerAware) Driver() driver.Driver { return p.named.Driver() }

// Connect makes a connection. One that leads to a pooler is made again, the first time.
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

// isPooled reports whether the process that answers is another than the one that PostgreSQL named when the
// connection began: a pooler names one that does not exist, as it has the client cancel queries with the pooler.
func isPooled(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var pid uint32
	err := conn.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeExec).Scan(&pid)
	return pid != conn.PgConn().PID(), err
}
