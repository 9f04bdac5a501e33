package env

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// Soon is how long a test waits for an event on a slow, busy machine.
const Soon = time.Minute

// Eventually repeats f until it succeeds, but not longer than Soon. A panic is a failure like others: it does not
// end the tests beside this one.
func Eventually(t testing.TB, f func(c *assert.CollectT)) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		defer func() {
			if reason := recover(); reason != nil {
				c.Errorf("panic: %v", reason)
			}
		}()
		f(c)
	}, Soon, pollTime)
}

// Receive returns the next value of a channel.
func Receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(Soon):
		require.Fail(t, "nothing came")
		panic("unreachable")
	}
}

// OurGoroutines finds goroutines of Foyer. It ignores those of LiveKit's client, which ends its own late.
func OurGoroutines() error {
	found := goleak.Find()
	if found == nil || !strings.Contains(found.Error(), "foyer/") {
		return nil
	}
	return found
}

// RunTests runs the tests of a package and returns its exit code. It fails when find still finds goroutines after
// a while: a goroutine that is about to end has time for that.
func RunTests(m *testing.M, find func() error) int {
	code := m.Run()
	if code != 0 {
		return code
	}
	for end := time.Now().Add(patience); ; time.Sleep(pollTime) {
		left := find()
		if left == nil {
			return 0
		}
		if time.Now().After(end) {
			fmt.Fprintln(os.Stderr, "goroutines that nobody ended:", left)
			return 1
		}
	}
}
