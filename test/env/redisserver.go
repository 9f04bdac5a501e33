package env

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisServer is a Redis of the test's own, to stop and start again. It writes every change to disk before it answers,
// so that an answered change survives a crash.
type RedisServer struct {
	addr     string
	dir      string
	settings []string
	process  *Process
}

// StartRedis starts a Redis server on a free port, with more settings as on its command line. It ends with the test,
// and its data is deleted.
func StartRedis(t testing.TB, settings ...string) *RedisServer {
	t.Helper()
	s := &RedisServer{
		addr:     net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t))),
		dir:      t.TempDir(),
		settings: settings,
	}
	t.Cleanup(func() { s.Stop(t) })
	s.Start(t)
	return s
}

// StartRedisTLS starts a Redis server that also speaks TLS, on the port it returns, to clients with a certificate
// of the authority.
func StartRedisTLS(t testing.TB, authority *Authority, settings ...string) (*RedisServer, int) {
	t.Helper()
	certificate, key := authority.Issue(t, "127.0.0.1")
	port := FreePort(t)
	return StartRedis(t, append([]string{
		"--tls-port", strconv.Itoa(port), "--tls-cert-file", certificate, "--tls-key-file", key,
		"--tls-ca-cert-file", authority.CA, "--tls-replication", "yes",
	}, settings...)...), port
}

// URL is the server's address, also while it is stopped.
func (s *RedisServer) URL() string {
	return "redis://" + s.addr + "/0"
}

// Addr is the server's host:port.
func (s *RedisServer) Addr() string { return s.addr }

// Client returns a client of the server; it is closed when the test ends.
func (s *RedisServer) Client(t testing.TB) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.addr})
	t.Cleanup(func() { client.Close() })
	return client
}

// Start starts a stopped server on the same port with its data, and waits until it answers. It does nothing to a
// running server.
func (s *RedisServer) Start(t testing.TB) {
	t.Helper()
	if s.process != nil {
		return
	}
	process, err := Start(s.command(), filepath.Join(s.dir, "redis.log"))
	if err != nil {
		t.Fatalf("start a Redis server: %v: %s", err, hint)
	}
	s.process = process
	if err := process.Ready(t.Context(), PingRedis(s.addr)); err != nil {
		t.Fatal(err)
	}
}

// Stop kills the server (kill -9) and waits until it has ended. It does nothing to a stopped server.
func (s *RedisServer) Stop(t testing.TB) {
	t.Helper()
	if s.process != nil {
		s.process.End()
		s.process = nil
	}
}

// Freeze suspends the server until Thaw: it keeps its connections and answers nothing.
func (s *RedisServer) Freeze() { s.process.signal(syscall.SIGSTOP) }

// Thaw resumes a frozen server.
func (s *RedisServer) Thaw() { s.process.signal(syscall.SIGCONT) }

// Restart is Stop and Start. Clients lose their connections and subscriptions, but no data.
func (s *RedisServer) Restart(t testing.TB) {
	t.Helper()
	s.Stop(t)
	s.Start(t)
}

func (s *RedisServer) command() *exec.Cmd {
	_, port, _ := net.SplitHostPort(s.addr)
	return exec.Command("redis-server", append([]string{
		"--bind", "127.0.0.1", "--port", port, "--dir", s.dir,
		"--save", "", "--appendonly", "yes", "--appendfsync", "always",
	}, s.settings...)...)
}

// PingRedis is a check for Process.Ready: the server at addr answers and has loaded its data. It writes Redis's
// protocol itself, because a client logs every failed attempt.
func PingRedis(addr string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		fmt.Fprint(conn, "PING\r\n")
		answer, err := bufio.NewReader(conn).ReadString('\n')
		if err == nil && answer != "+PONG\r\n" {
			err = fmt.Errorf("answered %q", answer)
		}
		return err
	}
}
