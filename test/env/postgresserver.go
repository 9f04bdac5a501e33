package env

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

const postgresUser = "postgres"

// PostgresServer is a PostgreSQL on 127.0.0.1. It does not sync to disk. It has a password because a superuser can run
// programs, and not every account of the machine should be able to.
type PostgresServer struct {
	// Dir is the folder of its data and log. PostgreSQL may run as another user, who needs access to it.
	Dir      string
	Port     int
	Password string

	process *Process
}

// URL is the superuser's URL of the database postgres. With other servers it is the URL of the one that accepts
// writes.
func (s *PostgresServer) URL(others ...*PostgresServer) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(postgresUser, s.Password),
		Host: s.Addr(), Path: "/postgres", RawQuery: "sslmode=disable",
	}
	for _, other := range others {
		u.Host += "," + other.Addr()
		u.RawQuery = "sslmode=disable&target_session_attrs=read-write&connect_timeout=10"
	}
	return u.String()
}

// Addr is its host:port.
func (s *PostgresServer) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// Init makes the data of a new server.
func (s *PostgresServer) Init(ctx context.Context) error {
	owner, err := s.makeFolder()
	if err != nil {
		return err
	}
	secret := s.path("password")
	if err := os.WriteFile(secret, []byte(s.Password), 0o600); err != nil {
		return err
	}
	if err := os.Chown(secret, int(owner.Uid), int(owner.Gid)); err != nil {
		return err
	}
	return s.make(ctx, owner, "initdb", "-D", s.path("data"),
		"--username", postgresUser, "--pwfile", secret, "--auth", "password",
		"--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")
}

// Copy makes the data of a standby, which replicates another server.
func (s *PostgresServer) Copy(ctx context.Context, primary *PostgresServer) error {
	owner, err := s.makeFolder()
	if err != nil {
		return err
	}
	return s.make(ctx, owner, "pg_basebackup", "-D", s.path("data"),
		"--host", "127.0.0.1", "--port", strconv.Itoa(primary.Port), "--username", postgresUser,
		"--write-recovery-conf", "--checkpoint", "fast", "--no-sync")
}

// Launch starts the server's process on its data. It is up when Answers succeeds.
func (s *PostgresServer) Launch() (*Process, error) {
	owner, err := postgresOwner()
	if err != nil {
		return nil, err
	}
	cmd := s.command(owner, "postgres", "-D", s.path("data"),
		"-h", "127.0.0.1", "-p", strconv.Itoa(s.Port),
		"-c", "unix_socket_directories=", "-c", "max_connections=300",
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	return Start(cmd, filepath.Join(s.Dir, "postgres.log"))
}

// Answers is a check for Process.Ready.
func (s *PostgresServer) Answers(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// StartPostgres starts a PostgreSQL of the test's own, empty. It ends when the test ends.
func StartPostgres(t testing.TB) *PostgresServer {
	t.Helper()
	s := newPostgres(t, rand.Text())
	if err := s.Init(t.Context()); err != nil {
		t.Fatalf("make a PostgreSQL: %v: %s", err, hint)
	}
	s.start(t)
	return s
}

// Standby starts another server, which replicates this one until it is promoted. It ends with the test.
func (s *PostgresServer) Standby(t testing.TB) *PostgresServer {
	t.Helper()
	standby := newPostgres(t, s.Password)
	if err := standby.Copy(t.Context(), s); err != nil {
		t.Fatalf("make a standby of PostgreSQL: %v", err)
	}
	standby.start(t)
	return standby
}

// Stop ends the server as a crash does, without a checkpoint or a word to its clients. Its data stays.
func (s *PostgresServer) Stop() {
	if s.process != nil {
		s.process.End()
	}
}

// newPostgres is a server without data, in a folder that is removed when the test ends. PostgreSQL's user cannot
// enter t.TempDir.
func newPostgres(t testing.TB, password string) *PostgresServer {
	t.Helper()
	dir, err := os.MkdirTemp("", "postgres-test-")
	if err != nil {
		t.Fatal(err)
	}
	s := &PostgresServer{Dir: dir, Port: FreePort(t), Password: password}
	t.Cleanup(func() {
		s.Stop()
		os.RemoveAll(dir)
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *PostgresServer) start(t testing.TB) {
	t.Helper()
	process, err := s.Launch()
	if err != nil {
		t.Fatalf("start PostgreSQL: %v: %s", err, hint)
	}
	s.process = process
	if err := process.Ready(t.Context(), s.Answers); err != nil {
		t.Fatal(err)
	}
}

func (s *PostgresServer) path(name string) string { return filepath.Join(s.Dir, "postgres", name) }

// makeFolder makes the folder, owned by the user that PostgreSQL runs as.
func (s *PostgresServer) makeFolder() (*syscall.Credential, error) {
	owner, err := postgresOwner()
	if err != nil {
		return nil, err
	}
	dir := s.path("")
	return owner, errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, int(owner.Uid), int(owner.Gid)))
}

// make runs a program and waits for its end.
func (s *PostgresServer) make(ctx context.Context, owner *syscall.Credential, name string, args ...string) error {
	process, err := Start(s.command(owner, name, args...), filepath.Join(s.Dir, name+".log"))
	if err != nil {
		return err
	}
	defer process.End()
	return process.Wait(ctx)
}

// command is one of PostgreSQL's programs, run as owner. SIGQUIT ends the server immediately but, unlike SIGKILL, lets
// it release its shared memory.
func (s *PostgresServer) command(owner *syscall.Credential, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(postgresBinary(name), args...)
	cmd.Dir = s.path("")
	cmd.Env = append(os.Environ(), "PGPASSWORD="+s.Password) // for programs that connect to another server
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner, Pdeathsig: syscall.SIGQUIT}
	return cmd
}

// postgresBinary finds a program in Debian's folder of the newest version, or in the PATH.
func postgresBinary(name string) string {
	found, _ := filepath.Glob("/usr/lib/postgresql/[1-9][0-9]/bin/" + name)
	if len(found) == 0 {
		return name
	}
	return found[len(found)-1]
}

// postgresOwner is the user that PostgreSQL runs as: the current user, unless that is root, which it refuses.
func postgresOwner() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
		return &syscall.Credential{Uid: uid, Gid: gid, NoSetGroups: true}, nil
	}
	account, err := user.Lookup(postgresUser)
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
	owner := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return owner, errors.Join(uidErr, gidErr)
}
