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

// Redis returns a hook that counts and traces commands. Of a command it tells the name alone. What no
// operation has asked for is in no trace.
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
		if h.nobodyAsks(ctx) {
			return next(ctx, cmd)
		}
		return h.observe(ctx, strings.ToLower(cmd.Name()), func(ctx context.Context) error {
			return next(ctx, cmd)
		})
	}
}

func (h redisHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if h.nobodyAsks(ctx) {
			return next(ctx, cmds)
		}
		return h.observe(ctx, pipeline, func(ctx context.Context) error { return next(ctx, cmds) })
	}
}

// nobodyAsks reports whether there is nothing to count, and no trace to be in.
func (h redisHook) nobodyAsks(ctx context.Context) bool { return h.metrics == nil && !traced(ctx) }

func (h redisHook) observe(ctx context.Context, command string, f func(context.Context) error) error {
	var span trace.Span = noop.Span{}
	if traced(ctx) { // what is told of a span costs more than a command's count
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

// traced reports whether a context is in a trace.
func traced(ctx context.Context) bool { return trace.SpanContextFromContext(ctx).IsValid() }

// redisOutcome says whether Redis has answered. That it has nothing, or not the script, is an answer.
func redisOutcome(err error) string {
	if err == nil || errors.Is(err, redis.Nil) || redis.HasErrorPrefix(err, "NOSCRIPT") {
		return "ok"
	}
	return "error"
}
