package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// connectTimeout bounds the making of a connection where the URL does not (connect_timeout).
	connectTimeout = 10 * time.Second
	// silence is how long PostgreSQL may say nothing when it has been asked something. No statement of ours
	// takes as long: migrations as a whole may not.
	silence = migrationTimeout
)

var errSilent = errors.New("PostgreSQL says nothing")

// postgres returns what makes connections to PostgreSQL. No use of one lasts for ever, whatever its context:
// a network may swallow what is sent and what is answered without breaking a connection, and database/sql
// waits with no deadline when it makes connections for those who queue, when it rolls back, and when it closes.
// Behind tells whether a pooler was found, unless the URL says how to query (default_query_exec_mode).
func postgres(url string, silence time.Duration, behind *atomic.Bool) (driver.Connector, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &bounded{Conn: conn, silence: silence}, nil
	}
	if strings.Contains(url, "default_query_exec_mode=") {
		return stdlib.GetConnector(*config), nil
	}
	return newPoolerAware(config, behind), nil
}

// bounded is a connection of which each read and each write ends, in an error, after a time of silence.
type bounded struct {
	net.Conn

	silence time.Duration

	mu sync.Mutex
	// reads and writes say that the driver has set a deadline itself, as when a context ends: that one holds.
	reads, writes bool
}

func (b *bounded) SetDeadline(t time.Time) error {
	return errors.Join(b.SetReadDeadline(t), b.SetWriteDeadline(t))
}

func (b *bounded) SetReadDeadline(t time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads = !t.IsZero()
	return b.Conn.SetReadDeadline(t)
}

func (b *bounded) SetWriteDeadline(t time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writes = !t.IsZero()
	return b.Conn.SetWriteDeadline(t)
}

func (b *bounded) Read(data []byte) (int, error) {
	b.bound(&b.reads, b.Conn.SetReadDeadline)
	n, err := b.Conn.Read(data)
	return n, b.silent("read", &b.reads, err)
}

func (b *bounded) Write(data []byte) (int, error) {
	b.bound(&b.writes, b.Conn.SetWriteDeadline)
	n, err := b.Conn.Write(data)
	return n, b.silent("write", &b.writes, err)
}

// bound sets our deadline unless the driver has set one.
func (b *bounded) bound(theirs *bool, set func(time.Time) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !*theirs {
		_ = set(time.Now().Add(b.silence)) // it fails on a closed connection alone, and so will its use
	}
}

// silent makes of the end of our deadline what it means, that the connection is lost: the driver takes a
// time-out for the end of a context, and goes on with the connection.
func (b *bounded) silent(op string, theirs *bool, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if *theirs || !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	at := b.RemoteAddr()
	return &net.OpError{Op: op, Net: at.Network(), Addr: at, Err: errSilent}
}
