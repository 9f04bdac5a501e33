package soak

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// server is Foyer in its own process, at an address that it keeps over restarts.
type server struct {
	t           *testing.T
	number      int
	file, log   string
	addr, inner string
	environ     []string

	mu      sync.Mutex
	cmd     *exec.Cmd
	process *env.Process
}

// newServer starts a server that reaches all services through links. It is killed when the test ends.
func newServer(t *testing.T, number int, file string, links links, more ...string) *server {
	t.Helper()
	ports, err := env.FreePorts(2)
	require.NoError(t, err)
	dir := t.TempDir()
	s := &server{
		t: t, number: number, file: file, log: filepath.Join(dir, "foyer.log"),
		addr: fmt.Sprintf("127.0.0.1:%d", ports[0]), inner: fmt.Sprintf("127.0.0.1:%d", ports[1]),
	}
	s.environ = append([]string{
		"FOYER_ADDR=" + s.addr, "FOYER_INNER_ADDR=" + s.inner, "FOYER_DATA=" + dir,
		"DATABASE_URL=" + links.postgresURL, "REDIS_URL=" + links.redisURL,
		"LIVEKIT_URL=" + links.liveKitURL,
		"FOYER_LOG_LEVEL=warn", "FOYER_NOTIFY_HOSTS=true",
		"FOYER_LOBBY_HEARTBEAT=" + heartbeat.String(), "FOYER_LOBBY_GRACE=" + grace.String(),
		"FOYER_DENIED_FOR=" + deniedFor.String(), "FOYER_DATABASE_CONNECTIONS=" + fmt.Sprint(databasePool),
		// All guests come from one address, and are more than any address is allowed.
		"FOYER_SOCKETS_PER_ADDRESS=0", "FOYER_KNOCKS_PER_ADDRESS=0", "FOYER_KNOCKS_PER_ROOM=0",
		"FOYER_TOKENS_PER_ADDRESS=0", "FOYER_TOKENS_PER_ROOM=0", "FOYER_SIGN_INS_PER_ADDRESS=0",
		"FOYER_LISTS_PER_USER=0", "FOYER_MUTATIONS_PER_USER=0", "FOYER_REQUESTS_PER_TICKET=0",
	}, more...)
	t.Cleanup(s.kill)
	s.start()
	return s
}

// start starts the server until it is ready, as a supervisor does: the services that it needs may be away.
func (s *server) start() {
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		cmd := exec.Command(s.file)
		cmd.Env = s.environ
		process, err := env.Start(cmd, s.log)
		require.NoError(s.t, err)
		s.mu.Lock()
		s.cmd, s.process = cmd, process
		s.mu.Unlock()
		if err = process.Ready(context.Background(), env.GetOK("http://"+s.addr+"/healthz")); err == nil {
			return
		}
		process.EndWith(syscall.SIGKILL)
		time.Sleep(200 * time.Millisecond)
	}
	s.t.Errorf("server %d does not come up: %s", s.number, s.tail())
}

// kill is kill -9.
func (s *server) kill() {
	s.mu.Lock()
	process := s.process
	s.mu.Unlock()
	if process != nil {
		process.EndWith(syscall.SIGKILL)
	}
}

func (s *server) pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Pid
}

// said is its whole log, over all restarts.
func (s *server) said() string {
	text, err := os.ReadFile(s.log)
	require.NoError(s.t, err)
	return string(text)
}

func (s *server) tail() string {
	text := s.said()
	return text[max(0, len(text)-2000):]
}

// missing is a known fault: when the database fails just after a decision, the decision holds, but its audit row is
// lost.
const missing = "missing in the audit"

// bad are lines of the log that are always a fault.
func (s *server) bad() (lines []string) {
	for line := range strings.Lines(s.said()) {
		wrong := strings.Contains(line, "DATA RACE") || strings.HasPrefix(line, "panic:") ||
			strings.Contains(line, "level=ERROR")
		if wrong && !strings.Contains(line, missing) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}
