package env_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

func start(t *testing.T, name string, args ...string) *env.Process {
	t.Helper()
	process, err := env.Start(exec.Command(name, args...), filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	t.Cleanup(process.End)
	return process
}

// onThreadThatEnds runs f on its own OS thread, which ends after f, and sends the thread's number.
func onThreadThatEnds(f func(), thread chan<- int) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	if syscall.Gettid() == os.Getpid() {
		defer runtime.UnlockOSThread() // the first thread never ends: hold it and take another
		other := make(chan int)
		go onThreadThatEnds(f, other)
		thread <- <-other
		return
	}
	f()
	thread <- syscall.Gettid()
}

func TestProcessOutlivesTheThreadThatStartedIt(t *testing.T) {
	t.Parallel()
	var process *env.Process
	thread := make(chan int)
	go onThreadThatEnds(func() { process = start(t, "sleep", "1000") }, thread)
	task := fmt.Sprintf("/proc/self/task/%d", <-thread)
	require.Eventually(t, func() bool {
		_, err := os.Stat(task)
		return os.IsNotExist(err)
	}, 20*time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, process.Wait(ctx), context.DeadlineExceeded)
}

func TestFailedProcessIsReportedWithTheEndOfItsLog(t *testing.T) {
	t.Parallel()
	process := start(t, "sh", "-c", "seq 100000; echo the reason >&2; exit 3")
	err := process.Wait(t.Context())
	assert.ErrorContains(t, err, "sh failed: exit status 3")
	assert.ErrorContains(t, err, "100000\nthe reason")
	assert.Less(t, len(err.Error()), 5000)
	assert.Equal(t, 3, process.ExitCode())
}

func TestReadyDoesNotWaitForAProcessThatHasEnded(t *testing.T) {
	t.Parallel()
	err := start(t, "true").Ready(t.Context(), func(context.Context) error {
		return assert.AnError
	})
	assert.ErrorContains(t, err, "true ended before it was ready")
}

func TestProcessCanBeEndedTwiceAndReportsTheSignal(t *testing.T) {
	t.Parallel()
	process := start(t, "sh", "-c", "sleep 1000 & wait")
	process.End()
	assert.Equal(t, 128+int(syscall.SIGKILL), process.ExitCode())
	process.End()
}
