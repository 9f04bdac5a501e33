package telemetry_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"foyer/internal/telemetry"
)

// TestCommandsBelongToTheTraceOfTheirRequest, with metrics and without, and cost nothing without both.
func TestCommandsBelongToTheTraceOfTheirRequest(t *testing.T) {
	answers := func(context.Context, redis.Cmder) error { return nil }
	var none *telemetry.Metrics
	for _, metrics := range []*telemetry.Metrics{none, telemetry.NewMetrics("test")} {
		recorder := tracetest.NewSpanRecorder()
		provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
		process := metrics.Redis().ProcessHook(answers)
		here, _ := provider.Tracer("test").Start(t.Context(), "here")
		assert.NoError(t, process(here, redis.NewStringCmd(here, "GET", "secret")))
		assert.NoError(t, process(t.Context(), redis.NewStringCmd(t.Context(), "GET", "secret")))
		if ended := recorder.Ended(); assert.Len(t, ended, 1) {
			assert.Equal(t, "redis get", ended[0].Name())
		}
	}
	process, ctx := none.Redis().ProcessHook(answers), t.Context()
	cmd := redis.NewStringCmd(ctx, "GET", "secret")
	assert.Zero(t, testing.AllocsPerRun(100, func() { _ = process(ctx, cmd) }))
}
