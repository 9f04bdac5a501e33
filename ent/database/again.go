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
	// attempts is how often something is asked at once that a lost connection kept from being answered.
	attempts = 4
	// pause is between attempts to reach a database that is away.
	pause = 200 * time.Millisecond
)

// steady is a driver for which a connection that PostgreSQL has cut, as it does when it restarts or when
// another becomes the primary, is no reason not to answer: what only reads is asked again on a new
// connection, and so is the begin of a transaction. While none can be made, both wait for a time. What
// writes may have been done, and is not asked again.
type steady struct {
	*entsql.Driver

	// patience is how long to wait.
	patience time.Duration
	// renew closes the connections that nobody uses: they are as old as the one that was lost.
	renew func()
}

func (d steady) Query(ctx context.Context, query string, args, into any) error {
	return d.again(ctx, reads(query), func() error { return d.Driver.Query(ctx, query, args, into) })
}

func (d steady) Tx(ctx context.Context) (dialect.Tx, error) { return d.BeginTx(ctx, nil) }

func (d steady) BeginTx(ctx context.Context, options *entsql.TxOptions) (tx dialect.Tx, err error) {
	err = d.again(ctx, true, func() error {
		tx, err = d.Driver.BeginTx(ctx, options)
		return err
	})
	return tx, err
}

func (d steady) again(ctx context.Context, harmless bool, ask func() error) error {
	until := time.Now().Add(d.patience)
	err := ask()
	for i := 1; harmless && ctx.Err() == nil; i++ {
		switch {
		case lost(err) && i < attempts:
			d.renew()
		case (lost(err) || unmade(err)) && time.Now().Add(pause).Before(until):
			wait(ctx, pause)
		default:
			return err
		}
		err = ask()
	}
	return err
}

func wait(ctx context.Context, duration time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	<-ctx.Done()
}

// reads reports whether a statement of ent's changes nothing: on PostgreSQL an INSERT is a query, too.
func reads(query string) bool { return strings.HasPrefix(query, "SELECT ") }

// unmade reports whether an error means that PostgreSQL is not there, or not yet: nobody answers, it is
// starting, or none of several is the primary.
func unmade(err error) bool {
	if _, is := errors.AsType[*pgconn.ConnectError](err); !is {
		return false
	}
	pg, refused := errors.AsType[*pgconn.PgError](err)
	return !refused || strings.HasPrefix(pg.Code, "57P")
}

// lost reports whether an error means that a connection was cut. One that could not be made is another
// matter.
func lost(err error) bool {
	if _, unmade := errors.AsType[*pgconn.ConnectError](err); unmade {
		return false
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(pg.Code, "57P") // shutdown, crash
	}
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, driver.ErrBadConn)
}
