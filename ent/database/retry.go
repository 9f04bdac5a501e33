package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// attempts is how often Foyer sends a query whose connection is lost.
	attempts = 4
	// pause is the time between attempts while the database cannot be reached.
	pause = 200 * time.Millisecond
)

// retrying is a driver that hides lost connections, as when PostgreSQL restarts or another server becomes the primary.
// It retries reads and BEGIN on a new connection. While no connection can be made, both wait. Writes are not retried,
// because they may have taken effect.
type retrying struct {
	*entsql.Driver

	// patience is the maximum time to wait.
	patience time.Duration
	// renew closes the idle connections, because they are as old as the lost one.
	renew func()
}

func (d retrying) Query(ctx context.Context, query string, args, into any) error {
	return d.retry(ctx, readsOnly(query), func() error { return d.Driver.Query(ctx, query, args, into) })
}

func (d retrying) Tx(ctx context.Context) (dialect.Tx, error) { return d.BeginTx(ctx, nil) }

func (d retrying) BeginTx(ctx context.Context, options *entsql.TxOptions) (tx dialect.Tx, err error) {
	err = d.retry(ctx, true, func() error {
		tx, err = d.Driver.BeginTx(ctx, options)
		return err
	})
	return tx, err
}

func (d retrying) retry(ctx context.Context, repeatable bool, run func() error) error {
	until := time.Now().Add(d.patience)
	err := run()
	for i := 1; repeatable && ctx.Err() == nil; i++ {
		switch {
		case connectionLost(err) && i < attempts:
			d.renew()
		case (connectionLost(err) || cannotConnect(err)) && time.Now().Add(pause).Before(until):
			wait(ctx, pause)
		default:
			return err
		}
		err = run()
	}
	return err
}

func wait(ctx context.Context, duration time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	<-ctx.Done()
}

// readsOnly reports whether one of ent's statements changes nothing. On PostgreSQL, ent runs INSERT as a query too.
func readsOnly(query string) bool { return strings.HasPrefix(query, "SELECT ") }

// cannotConnect reports whether an error means that PostgreSQL does not accept connections at the moment: nothing
// answers, it is starting, or none of several servers is the primary.
func cannotConnect(err error) bool {
	if _, is := errors.AsType[*pgconn.ConnectError](err); !is {
		return false
	}
	pg, refused := errors.AsType[*pgconn.PgError](err)
	return !refused || strings.HasPrefix(pg.Code, "57P")
}

// connectionLost reports whether an error means that an open connection was cut.
func connectionLost(err error) bool {
	if _, connecting := errors.AsType[*pgconn.ConnectError](err); connecting {
		return false
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(pg.Code, "57P") // shutdown, crash
	}
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, driver.ErrBadConn)
}
