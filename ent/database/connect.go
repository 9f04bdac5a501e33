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
	// connectTimeout is the time limit for a connection attempt if the URL sets none (connect_timeout).
	connectTimeout = 10 * time.Second
	// silence is how long PostgreSQL may send nothing after a query. No statement takes that long, because a whole
	// migration may not.
	silence = migrationTimeout
)

var errSilent = errors.New("PostgreSQL says nothing")

// postgres returns a connector for PostgreSQL. Every use of its connections ends, whatever the context. A network can
// drop packets without closing a connection, and database/sql waits without a deadline when it connects for queued
// callers, rolls back, and closes. Behind is set to whether there is a pooler, unless the URL sets the query mode
// (default_query_exec_mode).
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

// bounded is a connection on which each read and each write fails after a time of silence.
type bounded struct {
	net.Conn

	silence time.Duration

	mu sync.Mutex
	// reads and writes say that the driver has set a deadline itself, for example for a context. Then that deadline
	// holds.
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

// bound sets the deadline, unless the driver has set one.
func (b *bounded) bound(theirs *bool, set func(time.Time) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !*theirs {
		_ = set(time.Now().Add(b.silence)) // fails only on a closed connection, whose use fails too
	}
}

// silent turns a passed deadline into an error of a lost connection. The driver would take the timeout for the end of a
// context, and keep using the connection.
func (b *bounded) silent(op string, theirs *bool, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if *theirs || !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	at := b.RemoteAddr()
	return &net.OpError{Op: op, Net: at.Network(), Addr: at, Err: errSilent}
}
