package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// What the program promises to its operators.
const (
	exitFailed       = 1
	exitUsage        = 2
	minSecret        = 32      // bytes
	maxTranscript    = 4 << 10 // bytes
	readTimeout      = 30 * time.Second
	answerTimeout    = 30 * time.Second
	spareConnections = 256 // of one address, besides its sockets
)

// production is a valid environment outside development mode.
var production = map[string]string{
	"FOYER_SECRET": "a secret of at least 32 bytes, for tests", "LIVEKIT_API_SECRET": "a LiveKit secret of 32 bytes ....",
	"FOYER_PUBLIC_URL": "https://meet.example.org",
}

// folder is where the tests build the program.
var folder string

// program builds the program when the first test needs it, and returns its file.
var program = sync.OnceValues(func() (string, error) { return env.BuildFoyer(folder) })

func TestMain(m *testing.M) {
	lksdk.SetLogger(logger.GetDiscardLogger()) // it logs much, and only about the tests' own calls
	var err error
	if folder, err = os.MkdirTemp("", "foyer-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// run is a command of the program in its own process. It gets no other environment.
func run(ctx context.Context, t testing.TB, environ []string, args ...string) *exec.Cmd {
	t.Helper()
	file, err := program()
	require.NoError(t, err)
	command := exec.CommandContext(ctx, file, args...)
	command.Env = append([]string{"PATH=" + os.Getenv("PATH")}, environ...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return command
}

// foyer runs a command and returns what it prints, and its exit code.
func foyer(t testing.TB, environ []string, args ...string) (out, errOut string, exit int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), env.Soon)
	defer cancel()
	var o, e bytes.Buffer
	command := run(ctx, t, environ, args...)
	command.Dir, command.Stdout, command.Stderr = t.TempDir(), &o, &e
	if err := command.Run(); err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return o.String(), e.String(), command.ProcessState.ExitCode()
}

// counts are the names of the settings whose value is a whole number.
func counts(t testing.TB) (names []string) {
	t.Helper()
	out, errOut, exit := foyer(t, nil, "config")
	require.Zero(t, exit, errOut)
	for _, found := range regexp.MustCompile(`(?m)^(\S+) +\d+$`).FindAllStringSubmatch(out, -1) {
		names = append(names, found[1])
	}
	return names
}

// server is Foyer in its own process.
type server struct {
	t       testing.TB
	url     string
	process *exec.Cmd
	exited  chan error

	mu  sync.Mutex
	out bytes.Buffer // everything that it has printed and logged
}

// startServer starts Foyer in development mode with a running LiveKit and more environment. It is killed when the test
// ends.
func startServer(t testing.TB, environ ...string) *server {
	t.Helper()
	url, key, secret := env.LiveKit(t)
	s := &server{t: t, exited: make(chan error, 1)}
	s.process = run(context.Background(), t, append([]string{
		fmt.Sprintf("FOYER_ADDR=127.0.0.1:%d", env.FreePort(t)), "FOYER_DATA=" + t.TempDir(),
		"LIVEKIT_URL=" + url, "LIVEKIT_API_KEY=" + key, "LIVEKIT_API_SECRET=" + secret,
	}, environ...))
	t.Cleanup(func() {
		s.kill()
		assert.NotContains(t, s.log(), "WARNING: DATA RACE")
	})
	s.start()
	return s
}

// start starts the process and waits for its greeting.
func (s *server) start() {
	s.t.Helper()
	output, input := io.Pipe()
	s.process.Stdout, s.process.Stderr = input, input
	require.NoError(s.t, s.process.Start())
	go func() { s.exited <- s.process.Wait(); input.Close() }()
	s.url = s.readURL(output)
}

var servesAt = regexp.MustCompile(`^  GraphQL +(http://\S+)/graphql `)

// readURL waits for the greeting, and collects all output.
func (s *server) readURL(output io.Reader) string {
	s.t.Helper()
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(output)
		for lines.Buffer(nil, 1<<24); lines.Scan(); {
			s.mu.Lock()
			s.out.WriteString(lines.Text() + "\n")
			s.mu.Unlock()
			if m := servesAt.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
			}
		}
	}()
	select {
	case url := <-found:
		return url
	case err := <-s.exited:
		s.exited <- err
		require.Fail(s.t, "the server ended", "%v\n%s", err, s.log())
	case <-time.After(env.Soon):
		require.Fail(s.t, "the server does not come up", s.log())
	}
	panic("unreachable")
}

func (s *server) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// kill kills the server (kill -9) and waits until it has ended.
func (s *server) kill() {
	_ = s.process.Process.Kill()
	err := <-s.exited
	s.exited <- err
}

// stop asks the server to stop and returns how it ended.
func (s *server) stop() error {
	require.NoError(s.t, s.process.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-s.exited:
		s.exited <- err
		return err
	case <-time.After(env.Soon):
		return fmt.Errorf("it does not stop")
	}
}
