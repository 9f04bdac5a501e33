package telemetry

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Redis returns a hook that counts and traces commands. It records only the names of commands. Commands outside an
// operation are not traced.
func (m *Metrics) Redis() redis.Hook { return redisHook{m} }

type redisHook struct{ metrics *Metrics }

// pipeline is the name of several commands that are sent together.
const pipeline = "pipeline"

func (redisHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return next(ctx, network, address)
	}
}

func (h redisHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if h.unobserved(ctx) {
			return next(ctx, cmd)
		}
		return h.observe(ctx, strings.ToLower(cmd.Name()), func(ctx context.Context) error {
			return next(ctx, cmd)
		})
	}
}

func (h redisHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if h.unobserved(ctx) {
			return next(ctx, cmds)
		}
		return h.observe(ctx, pipeline, func(ctx context.Context) error { return next(ctx, cmds) })
	}
}

// unobserved reports whether a command is neither counted nor traced.
func (h redisHook) unobserved(ctx context.Context) bool { return h.metrics == nil && !traced(ctx) }

func (h redisHook) observe(ctx context.Context, command string, f func(context.Context) error) error {
	var span trace.Span = noop.Span{}
	if traced(ctx) { // a span costs more than counting a command
		ctx, span = Begin(ctx, "redis "+command, trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(attribute.String("db.system.name", "redis"),
				attribute.String("db.operation.name", command)))
	}
	defer span.End()
	began := time.Now()
	err := f(ctx)
	outcome := redisOutcome(err)
	if outcome == "error" {
		span.SetStatus(codes.Error, "")
	}
	if h.metrics != nil {
		h.metrics.redisSeconds.WithLabelValues(command, outcome).Observe(time.Since(began).Seconds())
	}
	return err
}

// traced reports whether a context belongs to a trace.
func traced(ctx context.Context) bool { return trace.SpanContextFromContext(ctx).IsValid() }

// redisOutcome returns whether Redis answered. A missing key or script is an answer.
func redisOutcome(err error) string {
	if err == nil || errors.Is(err, redis.Nil) || redis.HasErrorPrefix(err, "NOSCRIPT") {
		return "ok"
	}
	return "error"
}
