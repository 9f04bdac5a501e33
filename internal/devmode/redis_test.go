package devmode_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"foyer/internal/devmode"
)

// TestKeyExpiresOnTime: on a machine that pauses for a moment, one key may live longer, but not every one.
func TestKeyExpiresOnTime(t *testing.T) {
	t.Parallel()
	client, stop, err := devmode.Redis()
	require.NoError(t, err)
	t.Cleanup(stop)
	const life = 300 * time.Millisecond
	require.Eventually(t, func() bool {
		begin := time.Now()
		err := client.Set(t.Context(), "key", "x", life).Err()
		for err == nil && client.Exists(t.Context(), "key").Val() > 0 {
			<-time.After(time.Millisecond)
		}
		return err == nil && time.Since(begin) < 2*life
	}, time.Minute, time.Millisecond)
}
