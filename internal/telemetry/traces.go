package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// scope is the instrumentation scope of Foyer's spans.
const scope = "foyer"

// flushTimeout is the time limit for the last spans when a server stops.
const flushTimeout = 3 * time.Second

// Traces sends spans to an OpenTelemetry collector. A nil Traces creates none.
type Traces struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// NewTraces returns Traces that send over OTLP/HTTP, configured by the standard OTEL_… environment variables. It does
// not connect, so the collector can start later.
func NewTraces(ctx context.Context, version string) (*Traces, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	// No host or process detectors: command-line arguments may contain anything.
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "foyer"),
			attribute.String("service.version", version),
			attribute.String("service.instance.id", uuid.NewString())),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		slog.Warn("traces cannot be sent", "err", err)
	}))
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return &Traces{provider, provider.Tracer(scope)}, nil
}

// Close sends the remaining spans, for a few seconds at most.
func (t *Traces) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		slog.Warn("the last traces were not sent", "err", err)
	}
}

// Provider creates spans for libraries; nil if there are no traces.
func (t *Traces) Provider() trace.TracerProvider {
	if t == nil {
		return nil
	}
	return t.provider
}

// Start starts a span, as a child of the context's span if there is one.
func (t *Traces) Start(
	ctx context.Context, name string, options ...trace.SpanStartOption,
) (context.Context, trace.Span) {
	if t == nil {
		return ctx, noop.Span{}
	}
	return t.tracer.Start(ctx, name, options...)
}

// Serve starts the span of an HTTP request, in the trace that the request names. Served adds the attributes.
func (t *Traces) Serve(ctx context.Context, r *http.Request) (context.Context, trace.Span) {
	if t == nil {
		return ctx, noop.Span{}
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	return t.tracer.Start(ctx, Method(r.Method), trace.WithSpanKind(trace.SpanKindServer))
}

// Served ends the span of an HTTP request.
func Served(span trace.Span, method, route string, status int) {
	if span.IsRecording() {
		span.SetName(Method(method) + " " + route)
		span.SetAttributes(attribute.String("http.request.method", Method(method)),
			attribute.String("http.route", route),
			attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	}
	span.End()
}

// Begin starts a span as a child of the context's span. Without one it creates none, and costs nothing.
func Begin(
	ctx context.Context, name string, options ...trace.SpanStartOption,
) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsValid() {
		return ctx, noop.Span{}
	}
	return parent.TracerProvider().Tracer(scope).Start(ctx, name, options...)
}

// Failed marks a span as failed. The text of the error is left out, because it may name people.
func Failed(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
}

const parentHeader = "traceparent"

// Parent returns a context's span as a W3C traceparent; empty if there is none or it is not sampled.
func Parent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[parentHeader]
}

// Because starts a new trace, linked to the trace that caused it, which is given as a traceparent. If that is empty,
// there is no span. The tracer is that of the context's span.
func Because(ctx context.Context, name, of string) (context.Context, trace.Span) {
	here := trace.SpanFromContext(ctx)
	if of == "" || !here.SpanContext().IsValid() {
		return ctx, noop.Span{}
	}
	cause := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(),
		propagation.MapCarrier{parentHeader: strings.TrimSpace(of)}))
	if !cause.IsValid() {
		return ctx, noop.Span{}
	}
	return here.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithNewRoot(),
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(trace.Link{SpanContext: cause}))
}
