package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"
)

const postgresUser = "postgres"

func postgresURL(port int, password string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(postgresUser, password),
		Host:     address(port),
		Path:     "/postgres",
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// startPostgres makes a database cluster and serves it, without care for a crash. The password is
// there because a superuser may run programs: not every account of the machine should be one.
func (s *services) startPostgres(ctx context.Context, port int, password string) error {
	owner, err := postgresOwner()
	if err != nil {
		return err
	}
	if err := s.initPostgres(ctx, owner, password); err != nil {
		return err
	}
	cmd := s.postgresCommand(owner, "postgres", "-D", s.path("postgres/data"),
		"-h", "127.0.0.1", "-p", strconv.Itoa(port),
		"-c", "unix_socket_directories=", "-c", "max_connections=300",
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	server, err := s.process("postgres", cmd)
	if err != nil {
		return err
	}
	return server.Ready(ctx, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, postgresURL(port, password))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

func (s *services) initPostgres(
	ctx context.Context, owner *syscall.Credential, password string,
) error {
	dir, secret := s.path("postgres"), s.path("postgres/password")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
		return err
	}
	uid, gid := int(owner.Uid), int(owner.Gid)
	if err := errors.Join(os.Chown(secret, uid, gid), os.Chown(dir, uid, gid)); err != nil {
		return err
	}
	cmd := s.postgresCommand(owner, "initdb", "-D", s.path("postgres/data"),
		"--username", postgresUser, "--pwfile", secret, "--auth", "password",
		"--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")
	initdb, err := s.process("initdb", cmd)
	if err != nil {
		return err
	}
	return initdb.Wait(ctx)
}

// postgresCommand runs one of PostgreSQL's programs as owner. SIGQUIT makes the server end at once,
// and still give back its shared memory, which SIGKILL would not.
func (s *services) postgresCommand(
	owner *syscall.Credential, name string, args ...string,
) *exec.Cmd {
	cmd := exec.Command(postgresBinary(name), args...)
	cmd.Dir = s.path("postgres")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner, Pdeathsig: syscall.SIGQUIT}
	return cmd
}

// postgresBinary finds a program in Debian's folder of the newest version, or else in the PATH.
func postgresBinary(name string) string {
	found, _ := filepath.Glob("/usr/lib/postgresql/[1-9][0-9]/bin/" + name)
	if len(found) == 0 {
		return name
	}
	return found[len(found)-1]
}

// postgresOwner is whom PostgreSQL runs as: us, unless we are root, whom it refuses.
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
