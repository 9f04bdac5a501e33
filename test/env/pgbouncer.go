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

// pgBouncerConfig is a PgBouncer in transaction mode. It authenticates nobody: it serves only databases of one test.
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

// StartPgBouncer starts a PgBouncer in front of a database, with a maximum of connections to it, and returns the URL of
// the database through it. It ends with the test.
func StartPgBouncer(t testing.TB, database string, connections int) string {
	t.Helper()
	at, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := postgresOwner() // PgBouncer does not run as root either
	if err != nil {
		t.Fatal(err)
	}
	port := FreePort(t)
	file := pgBouncerFile(t, owner, at, port, connections)
	cmd := exec.Command(pgBouncerBinary(), file)
	cmd.Dir = filepath.Dir(file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	process, err := Start(cmd, filepath.Join(cmd.Dir, "pgbouncer.log"))
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

// pgBouncerFile writes the configuration into a folder of its owner, which is removed when the test ends.
func pgBouncerFile(t testing.TB, owner *syscall.Credential, database *url.URL, port, connections int) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgbouncer-test-") // PostgreSQL's user cannot enter t.TempDir
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	password, _ := database.User.Password()
	file := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf(pgBouncerConfig,
		database.Hostname(), database.Port(), database.User.Username(), password, port, connections)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	for _, path := range []string{dir, file} {
		must(t, os.Chown(path, int(owner.Uid), int(owner.Gid)))
	}
	return file
}

// pgBouncerBinary finds PgBouncer, which on Debian is not in every user's PATH.
func pgBouncerBinary() string {
	if file, err := exec.LookPath("pgbouncer"); err == nil {
		return file
	}
	return "/usr/sbin/pgbouncer"
}
