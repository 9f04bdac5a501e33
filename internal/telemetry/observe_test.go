package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"foyer/internal/telemetry"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestWithoutTracesThereIsNoSpan(t *testing.T) {
	t.Parallel()
	ctx, span := telemetry.Begin(t.Context(), "work")
	assert.Equal(t, t.Context(), ctx)
	assert.False(t, span.IsRecording())
	assert.Empty(t, telemetry.Parent(ctx))
	ctx, span = telemetry.Because(t.Context(), "push", parent)
	assert.Equal(t, t.Context(), ctx)
	assert.False(t, span.IsRecording())
	var none *telemetry.Traces
	ctx, _ = none.Start(t.Context(), "work")
	assert.Equal(t, t.Context(), ctx)
	assert.Nil(t, none.Provider())
}

func TestBecauseLinksANewTrace(t *testing.T) {
	t.Parallel()
	recorder := tracetest.NewSpanRecorder()
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
	here, _ := provider.Tracer("test").Start(t.Context(), "here")
	assert.Regexp(t, `^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`, telemetry.Parent(here))

	_, span := telemetry.Because(here, "push", " "+parent)
	span.End()
	ended := recorder.Ended()
	assert.Len(t, ended, 1)
	assert.False(t, ended[0].Parent().IsValid())
	assert.Equal(t, "0af7651916cd43dd8448eb211c80319c", ended[0].Links()[0].SpanContext.TraceID().String())

	for _, none := range []string{"", "nonsense", "00-0-0-01", parent + parent} {
		_, span := telemetry.Because(here, "push", none)
		assert.False(t, span.IsRecording(), none)
	}
}

func TestUnsampledTraceIsNotPassedOn(t *testing.T) {
	t.Parallel()
	provider := sdk.NewTracerProvider(sdk.WithSampler(sdk.NeverSample()))
	ctx, _ := provider.Tracer("test").Start(t.Context(), "here")
	assert.Empty(t, telemetry.Parent(ctx))
}

func TestNilMetricsCountNothing(t *testing.T) {
	t.Parallel()
	var none *telemetry.Metrics
	none.Request(http.MethodGet, "/", http.StatusOK, false, 0)
	none.Operation(telemetry.Operation{}, "OK")
	none.Took(telemetry.Operation{}, 0)
	none.Subscribed("lobby", 1)
	none.Pushed("lobby")
	none.Decided("denied", 0)
	none.LiveKit("DeleteRoom", "ok", 0)
	none.Event("room_started", "taken")
	none.Delivery("letter", "failed", 0)
}

func TestLogLinesHaveTheIDOfTheirRequest(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(telemetry.Logged(slog.NewTextHandler(&out, nil))).With("a", 1).WithGroup("g")
	log.InfoContext(context.Background(), "no request")
	assert.NotContains(t, out.String(), "requestId")
	ctx := telemetry.WithRequest(t.Context(), &telemetry.Request{ID: "the-id"})
	log.ErrorContext(ctx, "failed", "err", errors.New("away"))
	assert.Contains(t, out.String(), "requestId=the-id")
	out.Reset()
	log.InfoContext(ctx, "said already", "requestId", "the-id")
	assert.Equal(t, 1, bytes.Count(out.Bytes(), []byte("the-id")))
}

func TestContextOfARequestHasNothingElse(t *testing.T) {
	t.Parallel()
	r := &telemetry.Request{ID: "one"}
	assert.Same(t, r, telemetry.RequestOf(r.Context()))
	assert.NoError(t, r.Context().Err())
	assert.Nil(t, r.Context().Value("anything"))
	var none *telemetry.Request
	assert.Nil(t, telemetry.RequestOf(none.Context()))
}
