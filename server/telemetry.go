package main

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"foyer/ent"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/internal/outbox"
	"foyer/internal/telemetry"
)

// openTelemetry makes metrics and traces, if the settings ask for them.
func (a *app) openTelemetry(ctx context.Context) (err error) {
	c := a.config
	if c.Telemetry.AdminAddr != "" {
		a.metrics = telemetry.NewMetrics(currentVersion())
	}
	if c.Telemetry.OTLPEndpoint == "" && c.Telemetry.OTLPTracesEndpoint == "" {
		return nil
	}
	if a.traces, err = telemetry.NewTraces(ctx, currentVersion()); err != nil {
		return err
	}
	a.closers = append(a.closers, a.traces.Close)
	return nil
}

// observedLiveKit returns the settings of LiveKit's client, with metrics and traces of each call.
func (a *app) observedLiveKit() livekit.Settings {
	s := livekitSettings(a.config)
	if a.metrics == nil && a.traces == nil {
		return s
	}
	s.Around = func(ctx context.Context, method string, call func(context.Context) error) error {
		ctx, span := telemetry.Begin(ctx, "livekit "+method, trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(attribute.String("rpc.method", method)))
		defer span.End()
		began := time.Now()
		err := call(ctx)
		telemetry.Failed(span, err)
		a.metrics.LiveKit(method, livekit.Outcome(err), time.Since(began))
		return err
	}
	return s
}

func (a *app) observedLive() live.Settings {
	s := liveSettings(a.config)
	s.Observe = a.metrics.Decided
	return s
}

// observedDeliveries adds metrics and traces to each delivery.
func (a *app) observedDeliveries(all map[string]outbox.Deliver) map[string]outbox.Deliver {
	if a.metrics == nil && a.traces == nil {
		return all
	}
	for kind, deliver := range all {
		all[kind] = func(ctx context.Context, m *ent.OutboxMessage) error {
			ctx, span := a.traces.Start(ctx, "deliver "+kind, trace.WithNewRoot(),
				trace.WithAttributes(attribute.Int("foyer.outbox.attempt", m.Attempts)))
			defer span.End()
			began, outcome := time.Now(), "panicked"
			defer func() { a.metrics.Delivery(kind, outcome, time.Since(began)) }()
			err := deliver(ctx, m)
			telemetry.Failed(span, err)
			outcome = deliveryOutcome(err)
			return err
		}
	}
	return all
}

func deliveryOutcome(err error) string {
	switch {
	case err == nil:
		return "delivered"
	case outbox.IsPermanent(err):
		return "refused"
	default:
		return "failed"
	}
}

var eventKinds = []livekit.Kind{
	livekit.RoomStarted, livekit.RoomFinished, livekit.ParticipantJoined, livekit.ParticipantLeft,
	livekit.ParticipantAborted, livekit.EgressStarted, livekit.EgressUpdated, livekit.EgressEnded,
}

// eventName is the name of an event's kind in metrics; one name for all kinds that Foyer ignores.
func eventName(kind livekit.Kind) string {
	if slices.Contains(eventKinds, kind) {
		return string(kind)
	}
	return telemetry.Other
}

// readMetrics adds the metrics that are read from the parts at each request for them.
func (a *app) readMetrics() {
	m := a.metrics
	if m == nil {
		return
	}
	m.Gauge("foyer_graphql_sockets", "WebSockets that are open.", nil,
		func() float64 { return float64(a.api.Sockets()) })
	m.Gauge("foyer_lobby_guests_waiting", "Guests who wait and watch on this server.", nil,
		func() float64 { return float64(a.live.Stats().Waiting) })
	m.Counter("foyer_lobby_bells_heard_total", "Bells that came from Redis.", nil,
		func() float64 { return float64(a.live.Stats().Received) })
	m.Counter("foyer_lobby_bells_rung_total", "Times that a watcher on this server was woken.", nil,
		func() float64 { return float64(a.live.Stats().Rung) })
	m.Gauge("foyer_lobby_deaf", "1 while the subscription at Redis is broken, so that no bell is heard.",
		nil, func() float64 { return one(a.live.Stats().Broken) })
	m.Gauge("foyer_server_stopping", "1 while this server sends its clients away.", nil,
		func() float64 { return one(a.stopping.Load()) })
	m.Counter("foyer_livekit_tokens_total", "Tokens that were given to enter calls with.", nil,
		func() float64 { return float64(a.livekit.Tokens()) })
	m.Counter("foyer_client_address_unknown_total", "Times that a client's address could not be read.", nil,
		func() float64 { return float64(a.addresses.unknown.Load()) })
	m.Outbox(func(ctx context.Context) (waiting, failed int, oldest time.Duration, err error) {
		b, err := a.outbox.Backlog(ctx)
		return b.Waiting, b.Failed, b.Oldest, err
	})
	a.readPools()
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// readPools adds the metrics of connection pools.
func (a *app) readPools() {
	m, db, redis := a.metrics, a.db.Pool, a.redis
	m.Pool("foyer_database_connections", "Connections to the database, used or idle.", func() (used, idle int) {
		s := db.Stats()
		return s.InUse, s.Idle
	})
	m.Gauge("foyer_database_connections_max", "Connections to the database that may be open.", nil,
		func() float64 { return float64(db.Stats().MaxOpenConnections) })
	m.Counter("foyer_database_waits_total", "Times that a query waited for a connection.", nil,
		func() float64 { return float64(db.Stats().WaitCount) })
	m.Counter("foyer_database_wait_seconds_total", "Time that queries waited for connections.", nil,
		func() float64 { return db.Stats().WaitDuration.Seconds() })

	m.Pool("foyer_redis_connections", "Connections to Redis in the pool, used or idle.", func() (used, idle int) {
		s := redis.PoolStats()
		return int(s.TotalConns) - int(s.IdleConns), int(s.IdleConns)
	})
	m.Counter("foyer_redis_pool_hits_total", "Times that a free connection was in the pool.", nil,
		func() float64 { return float64(redis.PoolStats().Hits) })
	m.Counter("foyer_redis_pool_misses_total", "Times that there was none in the pool.", nil,
		func() float64 { return float64(redis.PoolStats().Misses) })
	m.Counter("foyer_redis_pool_timeouts_total", "Times that none came free in time.", nil,
		func() float64 { return float64(redis.PoolStats().Timeouts) })
}
