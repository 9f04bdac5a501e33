package main_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

const (
	liveKit = "../../../bin/livekit-server"
	minIO   = "../../../bin/minio"
)

// up is the program under test, with a temporary folder that only it uses.
type up struct {
	*exec.Cmd
	tmp string
}

func TestCommandFindsTheServicesAndUpExitsWithItsCode(t *testing.T) {
	t.Parallel()
	up := newUp(t, "--", "sh", "-c", "echo; env; echo to stderr >&2; exit 42")
	output, err := up.Output()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 42, exit.ExitCode())
	assert.Equal(t, "to stderr\n", string(exit.Stderr))
	for _, name := range []string{
		env.EnvPostgres, env.EnvRedis, env.EnvRedisCluster,
		env.EnvLiveKitURL, env.EnvLiveKitKey, env.EnvLiveKitSecret,
		env.EnvMinIOFile, env.EnvS3URL, env.EnvS3Key, env.EnvS3Secret,
	} {
		assert.Contains(t, string(output), "\n"+name+"=")
	}
	up.leavesNothing(t)
}

func TestKilledUpLeavesNoProcess(t *testing.T) {
	t.Parallel()
	up := newUp(t, "--", "sh", "-c", "echo ready; exec sleep 1000")
	children := up.started(t)
	require.NoError(t, up.Process.Kill())
	assert.Error(t, up.Wait())
	allEnd(t, children)
}

func TestSignalEndsTheCommandWithItsChildrenAndTheServices(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			up := newUp(t, "--", "sh", "-c", "sleep 1000 & echo ready; wait")
			children := up.started(t)
			require.NoError(t, up.Process.Signal(signal))
			assert.Error(t, up.Wait())
			allEnd(t, children)
			up.leavesNothing(t)
		})
	}
}

func TestUpEndsProcessesThatTheCommandLeavesBehind(t *testing.T) {
	t.Parallel()
	up := newUp(t, "--", "sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!")
	output, err := up.Output()
	require.NoError(t, err)
	left, err := strconv.Atoi(strings.TrimSpace(string(output)))
	require.NoError(t, err)
	allEnd(t, []int{left})
}

func TestServiceThatDoesNotStartIsReportedWithItsLog(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "livekit-server")
	script := "#!/bin/sh\necho no such luck\nexit 3\n"
	require.NoError(t, os.WriteFile(broken, []byte(script), 0o700))
	up := newUp(t, "-livekit", broken, "--", "echo", "the command")
	output, err := up.CombinedOutput()
	assert.Error(t, err)
	assert.Contains(t, string(output), "livekit-server ended before it was ready: exit status 3")
	assert.Contains(t, string(output), "no such luck")
	assert.NotContains(t, string(output), "the command")
	up.leavesNothing(t)
}

func TestMissingProgramsAreReported(t *testing.T) {
	t.Parallel()
	output, err := newUp(t, "-livekit", "nowhere", "-minio", "nor here", "--", "true").CombinedOutput()
	assert.Error(t, err)
	assert.Contains(t, string(output), "`make bin/livekit-server` builds it")
	assert.Contains(t, string(output), "`make bin/minio` builds it")
}

// newUp builds the program, to run with the usual servers unless the arguments say otherwise. With `go run`, a signal
// would reach the go command instead.
func newUp(t *testing.T, args ...string) *up {
	t.Helper()
	program := filepath.Join(t.TempDir(), "up")
	output, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(output))
	tmp, err := os.MkdirTemp("", "up-test-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(tmp, 0o711)) // the user postgres cannot enter t.TempDir
	t.Cleanup(func() { os.RemoveAll(tmp) })
	args = append([]string{"-livekit", liveKit, "-minio", minIO}, args...)
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	return &up{Cmd: cmd, tmp: tmp}
}

// started starts up, waits for the first line of its command, and returns all its descendants.
func (u *up) started(t *testing.T) []int {
	t.Helper()
	output, err := u.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, u.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	children := descendants(t, u.Process.Pid)
	require.Greater(t, len(children), 7, "the command, PostgreSQL, four Redis, LiveKit and MinIO")
	return children
}

func (u *up) leavesNothing(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(u.tmp)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func descendants(t *testing.T, pid int) []int {
	t.Helper()
	lists, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	require.NoError(t, err)
	var all []int
	for _, list := range lists {
		children, _ := os.ReadFile(list) // the thread may have ended
		for _, field := range strings.Fields(string(children)) {
			child, err := strconv.Atoi(field)
			require.NoError(t, err)
			all = append(append(all, child), descendants(t, child)...)
		}
	}
	return all
}

// allEnd waits until none of the processes runs.
func allEnd(t *testing.T, pids []int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, pid := range pids {
		for runs(pid) {
			select {
			case <-ctx.Done():
				t.Fatalf("process %d still runs", pid)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

// runs is false for a process that has ended, also for a zombie.
func runs(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	afterName := stat[strings.LastIndexByte(string(stat), ')')+1:]
	return !strings.HasPrefix(string(afterName), " Z")
}
