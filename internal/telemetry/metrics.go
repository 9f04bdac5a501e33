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

// The upper bounds of histogram buckets, in seconds.
var (
	requestBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	storeBuckets   = []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
	waitBuckets    = []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600}
)

// Metrics are the metrics of one server, in their own registry. A nil Metrics counts nothing. It is safe for concurrent
// use.
type Metrics struct {
	registry *prometheus.Registry
	// pools is gathered first, because other metrics query the database and use a connection for it.
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

// NewMetrics returns Metrics, including those of Go, of the process, and of the running version.
func NewMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), pools: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.Gauge("foyer_build_info", "The version of Foyer; always 1.",
		Labels{"version": version, "goversion": runtime.Version()}, func() float64 { return 1 })
	m.addRequests()
	m.addOperations()
	m.addDependencies()
	return m
}

func (m *Metrics) addRequests() {
	m.requests = m.counters("foyer_http_requests_total",
		"HTTP requests by route, method and status. A WebSocket counts when it ends.",
		"route", "method", "status")
	m.requestSeconds = m.histograms("foyer_http_request_duration_seconds",
		"Duration of HTTP requests by route, without sockets and streams.",
		requestBuckets, "route")
}

func (m *Metrics) addOperations() {
	m.operations = m.counters("foyer_graphql_operations_total",
		"GraphQL operations by name, root field and code (OK, or the code of the first error). "+
			"A subscription counts when it starts, and once more if an error ends it.",
		"operation", "field", "code")
	m.operationSeconds = m.histograms("foyer_graphql_operation_duration_seconds",
		"Duration of queries and mutations by name and root field.",
		requestBuckets, "operation", "field")
	m.subscriptions = m.gauges("foyer_graphql_subscriptions",
		"Running subscriptions by field.", "field")
	m.pushes = m.counters("foyer_graphql_pushes_total",
		"States that subscriptions have sent, by field.", "field")
}

// addDependencies adds the metrics of the lobby and of what Foyer depends on.
func (m *Metrics) addDependencies() {
	m.decisionSeconds = m.histograms("foyer_lobby_decision_seconds",
		"Time from a guest's request to enter to the decision, by decision. The count is the number of decisions.",
		waitBuckets, "decision")
	m.livekitSeconds = m.histograms("foyer_livekit_call_duration_seconds",
		"Duration of requests to LiveKit's API by method and outcome.",
		requestBuckets, "method", "outcome")
	m.events = m.counters("foyer_livekit_events_total",
		"Events that LiveKit's webhook has received, by kind and outcome.", "kind", "outcome")
	m.deliveries = m.histograms("foyer_outbox_delivery_duration_seconds",
		"Duration of delivery attempts by kind and outcome. The count is the number of attempts.",
		requestBuckets, "kind", "outcome")
	m.redisSeconds = m.histograms("foyer_redis_command_duration_seconds",
		"Duration of Redis commands and pipelines by command and outcome.",
		storeBuckets, "command", "outcome")
}

// Handler serves the metrics in Prometheus formats.
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

// Labels are the constant labels of a metric.
type Labels = prometheus.Labels

// Gauge adds a metric whose value is read when the metrics are gathered.
func (m *Metrics) Gauge(name, help string, labels Labels, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
}

// Counter is Gauge for a value that only rises.
func (m *Metrics) Counter(name, help string, labels Labels, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(
		prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, value))
}

// Pool adds a metric of a connection pool: its used and idle connections. Both are read together, so that each
// connection is counted exactly once.
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

// Other stands for every value that is not on an allow-list.
const Other = "other"

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodOptions,
}

// Method returns an HTTP method, or Other for an unknown one.
func Method(method string) string {
	if i := slices.Index(methods, method); i >= 0 {
		return methods[i] // not the request's string, which would keep its whole first line in memory
	}
	return Other
}

// Request counts an HTTP request. A streaming request has no duration.
func (m *Metrics) Request(method, route string, status int, streams bool, took time.Duration) {
	if m == nil {
		return
	}
	m.requests.WithLabelValues(route, Method(method), strconv.Itoa(status)).Inc()
	if !streams {
		m.requestSeconds.WithLabelValues(route).Observe(took.Seconds())
	}
}

// Operation describes a GraphQL operation: its name, or Other if it is not on the allow-list, and its root field.
type Operation struct{ Name, Field string }

// Operation counts an operation with the code of its result.
func (m *Metrics) Operation(o Operation, code string) {
	if m != nil {
		m.operations.WithLabelValues(o.Name, o.Field, code).Inc()
	}
}

// Took records the duration of a query or a mutation.
func (m *Metrics) Took(o Operation, took time.Duration) {
	if m != nil {
		m.operationSeconds.WithLabelValues(o.Name, o.Field).Observe(took.Seconds())
	}
}

// Subscribed changes the number of running subscriptions: more is 1 or -1.
func (m *Metrics) Subscribed(field string, more float64) {
	if m != nil {
		m.subscriptions.WithLabelValues(field).Add(more)
	}
}

// Pushed counts a state that a subscription sent.
func (m *Metrics) Pushed(field string) {
	if m != nil {
		m.pushes.WithLabelValues(field).Inc()
	}
}

// Decided counts a decision on a guest, with the time that the guest waited.
func (m *Metrics) Decided(decision string, waited time.Duration) {
	if m != nil {
		m.decisionSeconds.WithLabelValues(decision).Observe(waited.Seconds())
	}
}

// LiveKit counts a request to LiveKit's API.
func (m *Metrics) LiveKit(method, outcome string, took time.Duration) {
	if m != nil {
		m.livekitSeconds.WithLabelValues(method, outcome).Observe(took.Seconds())
	}
}

// Event counts an event from LiveKit.
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

// backlogTimeout is the time limit for reading the outbox.
const backlogTimeout = 2 * time.Second

// Outbox adds metrics of the outbox that read returns: the numbers of waiting and of failed messages, and the age of
// the oldest waiting one. While read fails, these metrics are missing.
func (m *Metrics) Outbox(
	read func(context.Context) (waiting, failed int, oldest time.Duration, err error),
) {
	m.registry.MustRegister(backlog{
		read: read,
		messages: prometheus.NewDesc("foyer_outbox_messages",
			"Messages in the database that wait for delivery or have failed, of all servers.",
			[]string{"state"}, nil),
		oldest: prometheus.NewDesc("foyer_outbox_oldest_seconds",
			"Age of the oldest message that waits for delivery, of all servers; 0 if none waits.",
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
