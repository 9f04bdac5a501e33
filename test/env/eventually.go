package env

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Eventually repeats what may not work yet, for as long as it may take on a machine that is slow and busy.
// A panic is a failure like others: it does not end the tests beside this one.
func Eventually(t testing.TB, f func(c *assert.CollectT)) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		defer func() {
			if reason := recover(); reason != nil {
				c.Errorf("panic: %v", reason)
			}
		}()
		f(c)
	}, time.Minute, pollTime)
}

// RunTests runs the tests of a package and returns its exit code. Nothing that find finds may be left: a
// goroutine that is about to end has time for that.
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
