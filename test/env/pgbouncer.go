package env

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// pgBouncerConfig is a PgBouncer in transaction mode, that asks nobody who they are: it is a test's own, for
// databases that are a test's own.
const pgBouncerConfig = `
[databases]
* = host=%s port=%s user=%s password='%s'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = %d
`

// StartPgBouncer starts a PgBouncer in front of a database, with at most so many connections to it, and returns the
// URL of the database there. It ends when the test ends.
func StartPgBouncer(t testing.TB, database string, connections int) string {
	t.Helper()
	at, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "pgbouncer-test-") // t.TempDir would be closed to PostgreSQL's user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	password, _ := at.User.Password()
	port, file := FreePort(t), filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf(pgBouncerConfig, at.Hostname(), at.Port(), at.User.Username(), password, port, connections)
	owner, err := postgresOwner() // PgBouncer does not run as root either
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, file} {
		if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(pgBouncerBinary(), file)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	process, err := Start(cmd, filepath.Join(dir, "pgbouncer.log"))
	if err != nil {
		t.Fatalf("start PgBouncer (`make setup` installs it): %v", err)
	}
	t.Cleanup(process.End)
	at.User, at.Host = url.User(at.User.Username()), net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	answers := func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, at.String())
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	}
	if err := process.Ready(t.Context(), answers); err != nil {
		t.Fatal(err)
	}
	return at.String()
}

// pgBouncerBinary finds PgBouncer where Debian has it: not in everybody's PATH.
func pgBouncerBinary() string {
	if file, err := exec.LookPath("pgbouncer"); err == nil {
		return file
	}
	return "/usr/sbin/pgbouncer"
}
