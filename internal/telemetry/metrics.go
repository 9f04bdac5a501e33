package telemetry

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The upper ends of histograms' buckets, in seconds.
var (
	requestBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	storeBuckets   = []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
	waitBuckets    = []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600}
)

// Metrics are those of one server, in a registry of their own. A nil one counts nothing. It is safe for
// concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	// pools are gathered before the rest, some of which asks the database and has a connection for that.
	pools *prometheus.Registry

	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec

	operations       *prometheus.CounterVec
	operationSeconds *prometheus.HistogramVec
	subscriptions    *prometheus.GaugeVec
	pushes           *prometheus.CounterVec

	decisionSeconds *prometheus.HistogramVec
	livekitSeconds  *prometheus.HistogramVec
	events          *prometheus.CounterVec
	deliveries      *prometheus.HistogramVec
	redisSeconds    *prometheus.HistogramVec
}

// NewMetrics returns Metrics, which begin with those of Go, the process, and the version that runs.
func NewMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), pools: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.Gauge("foyer_build_info", "Which Foyer this is; always 1.",
		Labels{"version": version, "goversion": runtime.Version()}, func() float64 { return 1 })

	m.requests = m.counters("foyer_http_requests_total",
		"HTTP requests answered, by route, method and status. A WebSocket counts when it ends.",
		"route", "method", "status")
	m.requestSeconds = m.histograms("foyer_http_request_duration_seconds",
		"Time from an HTTP request to the end of its answer, by route; sockets and streams left out.",
		requestBuckets, "route")

	m.operations = m.counters("foyer_graphql_operations_total",
		"GraphQL operations answered, by name, root field and code (OK, or that of the first error). "+
			"A subscription counts when it begins, and once more when an error ends it.",
		"operation", "field", "code")
	m.operationSeconds = m.histograms("foyer_graphql_operation_duration_seconds",
		"Time that a query or a mutation took, by name and root field.",
		requestBuckets, "operation", "field")
	m.subscriptions = m.gauges("foyer_graphql_subscriptions",
		"Subscriptions that run, by field.", "field")
	m.pushes = m.counters("foyer_graphql_pushes_total",
		"States that subscriptions have given to their transports, by field.", "field")

	m.decisionSeconds = m.histograms("foyer_lobby_decision_seconds",
		"Time from a guest's knock until it was decided, by decision; its count is that of decisions.",
		waitBuckets, "decision")
	m.livekitSeconds = m.histograms("foyer_livekit_call_duration_seconds",
		"Time that a call of LiveKit's API took, by method and outcome.",
		requestBuckets, "method", "outcome")
	m.events = m.counters("foyer_livekit_events_total",
		"Events that came to LiveKit's webhook, by kind and outcome.", "kind", "outcome")
	m.deliveries = m.histograms("foyer_outbox_delivery_duration_seconds",
		"Time that an attempt to deliver took, by kind and outcome; its count is that of attempts.",
		requestBuckets, "kind", "outcome")
	m.redisSeconds = m.histograms("foyer_redis_command_duration_seconds",
		"Time that a command or a pipeline of Redis took, by command and outcome.",
		storeBuckets, "command", "outcome")
	return m
}

// Handler serves the metrics in the formats of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(prometheus.Gatherers{m.pools, m.registry},
		promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(g)
	return g
}

func (m *Metrics) histograms(
	name, help string, buckets []float64, labels ...string,
) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(
		prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(h)
	return h
}

// Labels are the fixed ones of a metric.
type Labels = prometheus.Labels

// Gauge adds a metric whose value is read when it is asked for.
func (m *Metrics) Gauge(name, help string, labels Labels, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
}

// Counter is Gauge for a value that only rises.
func (m *Metrics) Counter(name, help string, labels Labels, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(
		prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, value))
}

// Pool adds a metric of a pool of connections: how many are used, and how many idle. Both are read at once, so
// that a connection is not counted twice, or never.
func (m *Metrics) Pool(name, help string, read func() (used, idle int)) {
	m.pools.MustRegister(pool{prometheus.NewDesc(name, help, []string{"state"}, nil), read})
}

type pool struct {
	connections *prometheus.Desc
	read        func() (used, idle int)
}

func (p pool) Describe(to chan<- *prometheus.Desc) { to <- p.connections }

func (p pool) Collect(to chan<- prometheus.Metric) {
	used, idle := p.read()
	to <- prometheus.MustNewConstMetric(p.connections, prometheus.GaugeValue, float64(used), "used")
	to <- prometheus.MustNewConstMetric(p.connections, prometheus.GaugeValue, float64(idle), "idle")
}

// Other stands for whatever is not on an allow-list.
const Other = "other"

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodOptions,
}

// Method is an HTTP method, or Other for one that a client has made up.
func Method(method string) string {
	if i := slices.Index(methods, method); i >= 0 {
		return methods[i] // not the request's, which is a part of its first line
	}
	return Other
}

// Request counts an HTTP request. One that streams has no duration.
func (m *Metrics) Request(method, route string, status int, streams bool, took time.Duration) {
	if m == nil {
		return
	}
	m.requests.WithLabelValues(route, Method(method), strconv.Itoa(status)).Inc()
	if !streams {
		m.requestSeconds.WithLabelValues(route).Observe(took.Seconds())
	}
}

// Operation is what is told of a GraphQL operation: its name if that is on the allow-list, else Other,
// and its root field.
type Operation struct{ Name, Field string }

// Operation counts an operation that was answered with a code.
func (m *Metrics) Operation(o Operation, code string) {
	if m != nil {
		m.operations.WithLabelValues(o.Name, o.Field, code).Inc()
	}
}

// Took notes how long a query or a mutation took.
func (m *Metrics) Took(o Operation, took time.Duration) {
	if m != nil {
		m.operationSeconds.WithLabelValues(o.Name, o.Field).Observe(took.Seconds())
	}
}

// Subscribed counts a subscription that runs: one more, or less.
func (m *Metrics) Subscribed(field string, more float64) {
	if m != nil {
		m.subscriptions.WithLabelValues(field).Add(more)
	}
}

// Pushed counts a state of a subscription.
func (m *Metrics) Pushed(field string) {
	if m != nil {
		m.pushes.WithLabelValues(field).Inc()
	}
}

// Decided counts a decision on a guest who had waited for so long.
func (m *Metrics) Decided(decision string, waited time.Duration) {
	if m != nil {
		m.decisionSeconds.WithLabelValues(decision).Observe(waited.Seconds())
	}
}

// LiveKit counts a call of LiveKit's API.
func (m *Metrics) LiveKit(method, outcome string, took time.Duration) {
	if m != nil {
		m.livekitSeconds.WithLabelValues(method, outcome).Observe(took.Seconds())
	}
}

// Event counts an event of LiveKit's.
func (m *Metrics) Event(kind, outcome string) {
	if m != nil {
		m.events.WithLabelValues(kind, outcome).Inc()
	}
}

// Delivery counts an attempt to deliver a message of the outbox.
func (m *Metrics) Delivery(kind, outcome string, took time.Duration) {
	if m != nil {
		m.deliveries.WithLabelValues(kind, outcome).Observe(took.Seconds())
	}
}

// backlogTimeout bounds the question for it.
const backlogTimeout = 2 * time.Second

// Outbox adds what read tells of the outbox: how many messages wait and were given up, and the age of the
// oldest that waits. While it fails, these metrics are not there.
func (m *Metrics) Outbox(
	read func(context.Context) (waiting, failed int, oldest time.Duration, err error),
) {
	m.registry.MustRegister(backlog{
		read: read,
		messages: prometheus.NewDesc("foyer_outbox_messages",
			"Messages in the database that wait for delivery, or were given up, of all servers.",
			[]string{"state"}, nil),
		oldest: prometheus.NewDesc("foyer_outbox_oldest_seconds",
			"Age of the oldest message that waits for delivery, of all servers; 0 when none does.",
			nil, nil),
	})
}

type backlog struct {
	read             func(context.Context) (waiting, failed int, oldest time.Duration, err error)
	messages, oldest *prometheus.Desc
}

func (b backlog) Describe(to chan<- *prometheus.Desc) { to <- b.messages; to <- b.oldest }

func (b backlog) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), backlogTimeout)
	defer cancel()
	waiting, failed, oldest, err := b.read(ctx)
	if err != nil {
		slog.DebugContext(ctx, "the outbox cannot be counted", "err", err)
		return
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(b.messages, float64(waiting), "waiting")
	gauge(b.messages, float64(failed), "failed")
	gauge(b.oldest, oldest.Seconds())
}
