package devmode_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"foyer/internal/devmode"
)

// TestKeyEndsWhenItIsTo: who may come again in twenty seconds is not turned away after them. On a machine that
// stands still for a moment one key may stay longer, but not each.
func TestKeyEndsWhenItIsTo(t *testing.T) {
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
