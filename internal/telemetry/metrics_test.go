package telemetry_test

import (
	"context"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"foyer/internal/telemetry"
)

// TestMetricsDoNotCountTheirOwnUse: reading the outbox uses a connection of the pool.
func TestMetricsDoNotCountTheirOwnUse(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics("test")
	var used atomic.Int64
	m.Outbox(func(context.Context) (waiting, failed int, oldest time.Duration, err error) {
		used.Store(1)
		return 0, 0, 0, nil
	})
	m.Pool("foyer_test_connections", "Of a test.", func() (int, int) {
		n := int(used.Load())
		return n, 5 - n
	})
	for range 50 {
		used.Store(0)
		answer := httptest.NewRecorder()
		m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
		assert.Contains(t, answer.Body.String(), `foyer_test_connections{state="used"} 0`)
		assert.Contains(t, answer.Body.String(), `foyer_test_connections{state="idle"} 5`)
	}
}
