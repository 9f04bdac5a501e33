package e2e

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"foyer/test/env"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const inner = "FOYER_INNER_ADDR=127.0.0.1:0"

var innerAt = regexp.MustCompile(`Inner +(http://\S+)`)

// innerURL waits until the greeting names the inner listener.
func (s *server) innerURL() (url string) {
	s.t.Helper()
	env.Eventually(s.t, func(c *assert.CollectT) {
		if at := innerAt.FindStringSubmatch(s.log()); assert.NotNil(c, at, s.log()) {
			url = at[1]
		}
	})
	return url
}

// inner returns the inner listener's answer.
func (s *server) inner(path string) (status int, body string) {
	s.t.Helper()
	answer, err := http.Get(s.innerURL() + path)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	return answer.StatusCode, string(text)
}

// families are metrics by name.
type families map[string]*dto.MetricFamily

func (s *server) metrics() families {
	s.t.Helper()
	status, text := s.inner("/metrics")
	require.Equal(s.t, http.StatusOK, status)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	found, err := parser.TextToMetricFamilies(strings.NewReader(text))
	require.NoError(s.t, err)
	return found
}

// value sums a metric over the series with these labels, as name=value. For a histogram it is the count.
func (f families) value(name string, labels ...string) (sum float64) {
	for _, m := range f[name].GetMetric() {
		has := map[string]bool{}
		for _, l := range m.GetLabel() {
			has[l.GetName()+"="+l.GetValue()] = true
		}
		if slices.ContainsFunc(labels, func(l string) bool { return !has[l] }) {
			continue
		}
		sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return sum
}

func TestMetricsCountWhatHappens(t *testing.T) {
	t.Parallel()
	s := startServer(t, append(shared(t), inner, "FOYER_OPERATION_NAMES=LetIn, MyRoom",
		"FOYER_SMTP_URL=smtp://127.0.0.1:9?tls=none", "FOYER_MAIL_FROM=foyer@example.org")...)
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	list := s.subscribe(host, watchLobby, object{"roomId": roomID})
	list.next()
	anna, ben := s.knock(roomID, "Anna"), s.knock(roomID, "Ben")
	entry := s.subscribe("", watchEntry, object{"ticket": anna.ticket})
	entry.until("entry.status", "WAITING")
	env.Eventually(t, func(c *assert.CollectT) {
		now := s.metrics()
		assert.EqualValues(c, 1, now.value("foyer_lobby_guests_waiting"), "Ben does not watch")
		assert.EqualValues(c, 1, now.value("foyer_graphql_subscriptions", "field=lobby"))
		assert.EqualValues(c, 1, now.value("foyer_graphql_subscriptions", "field=entry"))
		assert.EqualValues(c, 2, now.value("foyer_graphql_sockets"))
	})
	s.must(host, strings.Replace(admitEntry, "mutation", "mutation LetIn", 1), decision(roomID, anna))
	entry.until("entry.status", "ADMITTED")
	s.must(host, denyEntry, decision(roomID, ben))
	s.ask("", `query MyRoom($id: ID!) { room(id: $id) { id configuration { dataAllowed } } }`, object{"id": roomID})
	s.ask("", `{ nonsense }`, nil)
	s.must(host, `mutation($i: InviteToRoomInput!) { inviteToRoom(input: $i) { __typename } }`,
		object{"i": object{"roomId": roomID, "emails": []string{"zoe@example.org"}}})
	s.must(host, `mutation($id: ID!) { endMeeting(input: {roomId: $id}) { room { id } } }`, object{"id": roomID})
	status := s.post("/webhooks/livekit", "", `{}`, &object{})
	require.Equal(t, http.StatusUnauthorized, status)

	for _, k := range []*socket{list, entry} {
		k.conn.Close()
	}
	env.Eventually(t, func(c *assert.CollectT) {
		now := s.metrics()
		assert.Zero(c, now.value("foyer_graphql_sockets"))
		assert.Zero(c, now.value("foyer_graphql_subscriptions"))
		assert.Zero(c, now.value("foyer_lobby_guests_waiting"))
		assert.GreaterOrEqual(c, now.value("foyer_outbox_delivery_duration_seconds",
			"kind=invitation", "outcome=failed"), 1.0)
		assert.EqualValues(c, 1, now.value("foyer_outbox_messages", "state=waiting"))
		assert.Positive(c, now.value("foyer_outbox_oldest_seconds"))
		assert.EqualValues(c, 2, now.value("foyer_http_requests_total", "route=/graphql", "status=101"))
	})
	const operations = "foyer_graphql_operations_total"
	var now families
	env.Eventually(t, func(c *assert.CollectT) { // an operation is counted shortly after its end
		now = s.metrics()
		assert.EqualValues(c, 1, now.value(operations, "operation=LetIn", "field=admitEntry", "code=OK"))
		assert.EqualValues(c, 1, now.value(operations, "operation=other", "field=denyEntry", "code=OK"))
		assert.EqualValues(c, 1, now.value(operations, "operation=MyRoom", "field=room", "code=UNAUTHENTICATED"))
		assert.EqualValues(c, 1, now.value(operations, "operation=other", "field=none", "code=INVALID"))
		assert.EqualValues(c, 1, now.value(operations, "field=lobby", "code=OK"))
		assert.EqualValues(c, 1, now.value("foyer_graphql_operation_duration_seconds", "operation=LetIn"))
		assert.GreaterOrEqual(c, now.value("foyer_graphql_pushes_total", "field=entry"), 2.0)
		assert.EqualValues(c, 1, now.value("foyer_lobby_decision_seconds", "decision=admitted"))
		assert.EqualValues(c, 1, now.value("foyer_lobby_decision_seconds", "decision=denied"))
		assert.GreaterOrEqual(c, now.value("foyer_lobby_bells_heard_total"), 2.0)
		assert.GreaterOrEqual(c, now.value("foyer_lobby_bells_rung_total"), 2.0)
		assert.EqualValues(c, 1, now.value("foyer_livekit_call_duration_seconds", "method=DeleteRoom"))
		assert.EqualValues(c, 1, now.value("foyer_livekit_events_total", "outcome=refused"))
		assert.EqualValues(c, 1, now.value("foyer_livekit_tokens_total"))
		assert.Positive(c, now.value("foyer_redis_command_duration_seconds", "command=evalsha", "outcome=ok"))
		assert.Positive(c, now.value("foyer_redis_connections"))
		assert.Positive(c, now.value("foyer_database_connections"))
		assert.EqualValues(c, 20, now.value("foyer_database_connections_max"))
		assert.EqualValues(c, 1, now.value("foyer_build_info"))
		assert.Positive(c, now.value("go_goroutines"))
	})
	for name, family := range now {
		assert.NotEmpty(t, family.GetHelp(), name)
		assert.Regexp(t, `^(foyer|go|process)_`, name)
	}
	t.Run("and dashboard, alerts and docs ask for what is there", now.assertFilesAgree)
}

// The metric counts decisions, not attempts: the second host decides nothing.
func TestDecisionIsCountedOnce(t *testing.T) {
	t.Parallel()
	s := startServer(t, inner)
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	anna := s.knock(roomID, "Anna")
	for range 3 {
		s.must(host, admitEntry, decision(roomID, anna))
	}
	require.Equal(t, "CONFLICT", s.ask(host, denyEntry, decision(roomID, anna)).code())
	assert.EqualValues(t, 1, s.metrics().value("foyer_lobby_decision_seconds"))
}

func TestClientsCannotCreateTimeSeries(t *testing.T) {
	t.Parallel()
	s := startServer(t, inner, "FOYER_OPERATION_NAMES=Known", "FOYER_LIMIT_TOKENS=2000")
	series := func() (all int) {
		for name, family := range s.metrics() {
			if strings.HasPrefix(name, "foyer_") {
				all += len(family.GetMetric())
			}
		}
		return all
	}
	hostile := func(i int) {
		s.ask("", fmt.Sprintf(`query Hostile%d { viewer { id } }`, i), nil)
		s.ask("", fmt.Sprintf(`query Known { nonsense%d }`, i), nil)
		request, err := http.NewRequest(fmt.Sprintf("METHOD%d", i), fmt.Sprintf("%s/path%d", s.url, i), nil)
		require.NoError(t, err)
		request.Header.Set("X-Request-Id", fmt.Sprintf("mine-%d", i))
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		answer.Body.Close()
		assert.NotContains(t, answer.Header.Get("X-Request-Id"), "mine", "no proxy is trusted")
	}
	s.metrics()
	hostile(0)
	before := series()
	for i := range 1000 {
		hostile(i + 1)
	}
	assert.Equal(t, before, series())
	now := s.metrics()
	assert.EqualValues(t, 1001, now.value("foyer_graphql_operations_total", "operation=other", "field=viewer"))
	text := fmt.Sprint(now["foyer_graphql_operations_total"], now["foyer_http_requests_total"])
	for _, theirs := range []string{"Hostile", "nonsense", "METHOD", "path"} {
		assert.NotContains(t, text, theirs)
		assert.NotContains(t, s.log(), theirs)
	}
	assert.NotContains(t, s.log(), "mine-")
}

func TestInnerListenerHasProfilesAndHealthAndTheOuterHasNoMetrics(t *testing.T) {
	t.Parallel()
	s := startServer(t, inner)
	for _, path := range []string{"/healthz", "/readyz", "/debug/pprof/", "/debug/pprof/goroutine", "/debug/pprof/heap"} {
		status, body := s.inner(path)
		assert.Equal(t, http.StatusOK, status, "%s: %s", path, body)
	}
	status, _ := s.inner("/graphql")
	assert.Equal(t, http.StatusNotFound, status)
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap"} {
		answer, err := http.Get(s.url + path)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		answer.Body.Close()
		if path == "/metrics" { // the page, if there is one, shows it as a room of this name
			assert.NotContains(t, string(body), "go_goroutines")
		} else {
			assert.Equal(t, http.StatusNotFound, answer.StatusCode, path)
		}
	}
	request, err := http.NewRequest(http.MethodGet, s.innerURL()+"/debug/pprof/heap", nil)
	require.NoError(t, err)
	request.Host = "rebound.example.org"
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	answer.Body.Close()
	assert.Equal(t, http.StatusMisdirectedRequest, answer.StatusCode, "a page that has rebound its name")
}

// collectorOf is an OpenTelemetry collector of one test.
type collectorOf struct {
	url string

	mu    sync.Mutex
	spans []*spans.Span
	raw   strings.Builder
}

func newCollector(t *testing.T) *collectorOf {
	t.Helper()
	c := &collectorOf{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		request := &collector.ExportTraceServiceRequest{}
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, request) != nil {
			http.Error(w, "this is no OTLP", http.StatusBadRequest)
			return
		}
		c.take(request)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *collectorOf) take(request *collector.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.WriteString(request.String())
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
}

func (c *collectorOf) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.String()
}

// find waits for a span of a name that fits.
func (c *collectorOf) find(t *testing.T, name string, fits func(*spans.Span) bool) (found *spans.Span) {
	t.Helper()
	env.Eventually(t, func(collect *assert.CollectT) {
		c.mu.Lock()
		defer c.mu.Unlock()
		names := []string{}
		for _, span := range c.spans {
			names = append(names, span.GetName())
			if span.GetName() == name && fits(span) {
				found = span
			}
		}
		assert.NotNil(collect, found, "no span %s in %v", name, names)
	})
	return found
}

func anySpan(*spans.Span) bool { return true }

// in fits spans of a trace.
func in(trace []byte) func(*spans.Span) bool {
	return func(s *spans.Span) bool { return string(s.GetTraceId()) == string(trace) }
}

func TestTracesFollowADecisionToItsGuest(t *testing.T) {
	t.Parallel()
	collector := newCollector(t)
	environ := append(shared(t), "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.url, "OTEL_BSP_SCHEDULE_DELAY=100",
		"FOYER_OPERATION_NAMES=LetIn", "FOYER_NOTIFY_HOSTS=true")
	door, desk := startServer(t, environ...), startServer(t, environ...)
	host := desk.login("Olga Unmistakable")
	roomID := desk.room(host, object{"name": "Room-Unmistakable"})
	anna := door.knock(roomID, "Anna-Unmistakable")
	entry := door.subscribe("", watchEntry, object{"ticket": anna.ticket})
	entry.until("entry.status", "WAITING")
	list := door.subscribe(host, watchLobby, object{"roomId": roomID})
	list.next()

	const parent, parentSpan = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	body, err := json.Marshal(object{
		"query":     strings.Replace(admitEntry, "mutation", "mutation LetIn", 1),
		"variables": decision(roomID, anna),
	})
	require.NoError(t, err)
	request, err := http.NewRequest(http.MethodPost, desk.url+"/graphql", strings.NewReader(string(body)))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+host)
	request.Header.Set("traceparent", "00-"+parent+"-"+parentSpan+"-01")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	answer.Body.Close()
	admitted := entry.until("entry.status", "ADMITTED")
	token := text(admitted, "entry.connectionDetails.participantToken")

	caller, err := hex.DecodeString(parent)
	require.NoError(t, err)
	http1 := collector.find(t, "POST /graphql", in(caller))
	assert.Equal(t, parentSpan, hex.EncodeToString(http1.GetParentSpanId()))
	operation := collector.find(t, "mutation LetIn", in(caller))
	assert.Equal(t, http1.GetSpanId(), operation.GetParentSpanId())
	resolver := collector.find(t, "Mutation.admitEntry", in(caller))
	assert.Equal(t, operation.GetSpanId(), resolver.GetParentSpanId())
	script := collector.find(t, "redis evalsha", in(caller))
	assert.Equal(t, resolver.GetSpanId(), script.GetParentSpanId())
	collector.find(t, "sql.conn.query", in(caller))

	for _, name := range []string{"push entry", "push lobby"} {
		push := collector.find(t, name, func(s *spans.Span) bool {
			return len(s.GetLinks()) == 1 && in(caller)(&spans.Span{TraceId: s.GetLinks()[0].GetTraceId()})
		})
		assert.NotEqual(t, caller, push.GetTraceId(), "a trace of its own")
		assert.Empty(t, push.GetParentSpanId())
		if name == "push entry" {
			details := collector.find(t, "connection details", in(push.GetTraceId()))
			assert.Equal(t, push.GetSpanId(), details.GetParentSpanId())
			collector.find(t, "redis evalsha", in(push.GetTraceId()))
		}
	}
	collector.find(t, "subscription entry", anySpan)
	list.conn.Close()
	entry.conn.Close()
	desk.must(host, `mutation($id: ID!) { endMeeting(input: {roomId: $id}) { room { id } } }`, object{"id": roomID})
	collector.find(t, "livekit DeleteRoom", anySpan)
	require.NoError(t, desk.stop())
	require.NoError(t, door.stop())
	for _, secret := range []string{"nmistakable", anna.ticket, host, token, "127.0.0.1", "Go-http-client"} {
		assert.NotContains(t, collector.text(), secret)
	}
}

func TestDeliveryHasATrace(t *testing.T) {
	t.Parallel()
	collector := newCollector(t)
	s := startServer(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.url, "OTEL_BSP_SCHEDULE_DELAY=100",
		"FOYER_SMTP_URL=smtp://127.0.0.1:9?tls=none", "FOYER_MAIL_FROM=foyer@example.org")
	host := s.login("Olga Owner")
	s.must(host, `mutation($i: InviteToRoomInput!) { inviteToRoom(input: $i) { __typename } }`,
		object{"i": object{"roomId": s.room(host, object{}), "emails": []string{"unmistakable@example.org"}}})
	failed := collector.find(t, "deliver invitation", anySpan)
	assert.Equal(t, spans.Status_STATUS_CODE_ERROR, failed.GetStatus().GetCode())
	assert.NotContains(t, collector.text(), "unmistakable")
}

// The server works while its collector is away.
func TestServerWorksWithoutItsCollector(t *testing.T) {
	t.Parallel()
	s := startServer(t, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY=100")
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	s.must(host, admitEntry, decision(roomID, s.knock(roomID, "Anna")))
	require.NoError(t, s.stop())
}

// line is a line of the log outside development mode.
type line struct {
	Level, Msg, Method, Route, Operation, Field, RequestID, TraceID string

	Status, Bytes int
	Milliseconds  *float64
}

func (s *server) lines() []line {
	s.t.Helper()
	var all []line
	for scanner := bufio.NewScanner(strings.NewReader(s.log())); scanner.Scan(); {
		if text := scanner.Text(); strings.HasPrefix(text, "{") {
			var l line
			require.NoError(s.t, json.Unmarshal([]byte(text), &l), text)
			all = append(all, l)
		}
	}
	return all
}

// production starts Foyer outside development mode with sign-in by an issuer's tokens.
func (i *issuer) production(environ ...string) *server {
	all := []string{"FOYER_ADDR=127.0.0.1:0"}
	for _, name := range []string{"FOYER_SECRET", "FOYER_PUBLIC_URL"} {
		all = append(all, name+"="+production[name])
	}
	return i.start(append(all, environ...)...)
}

func TestLogHasOneLinePerRequestWithoutPersonalData(t *testing.T) {
	t.Parallel()
	collector, issuer := newCollector(t), newIssuer(t)
	s := issuer.production("FOYER_LOG_LEVEL=debug", "FOYER_TRUSTED_PROXIES=1", "FOYER_OPERATION_NAMES=LetIn",
		"OTEL_EXPORTER_OTLP_ENDPOINT="+collector.url, inner,
		"FOYER_SMTP_URL=smtp://127.0.0.1:9?tls=none", "FOYER_MAIL_FROM=foyer@example.org")
	host := issuer.token("olga-unmistakable", time.Hour)
	roomID := s.room(host, object{"name": "Room-Unmistakable", "slug": "slug7unmistakable"})
	anna := s.knock(roomID, "Anna-Unmistakable")
	entry := s.subscribe("", watchEntry, object{"ticket": anna.ticket})
	entry.until("entry.status", "WAITING")
	body, err := json.Marshal(object{
		"query":     strings.Replace(admitEntry, "mutation", "mutation LetIn", 1),
		"variables": decision(roomID, anna),
	})
	require.NoError(t, err)
	request, err := http.NewRequest(http.MethodPost, s.url+"/graphql?secret=unmistakable", strings.NewReader(string(body)))
	require.NoError(t, err)
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Authorization": "Bearer " + host,
		"X-Request-Id": "from-the-proxy", "X-Forwarded-For": "198.51.100.77", "User-Agent": "unmistakable",
	} {
		request.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	answer.Body.Close()
	assert.Equal(t, "from-the-proxy", answer.Header.Get("X-Request-Id"))
	token := text(entry.until("entry.status", "ADMITTED"), "entry.connectionDetails.participantToken")
	s.must(host, `mutation($i: InviteToRoomInput!) { inviteToRoom(input: $i) { __typename } }`,
		object{"i": object{"roomId": roomID, "emails": []string{"zoe.unmistakable@example.org"}}})
	s.ask("", `{ room(slug: "slug7unmistakable") { id configuration { dataAllowed } } }`, nil)
	probe, err := http.Get(s.url + "/Path-Unmistakable?ticket=unmistakable")
	require.NoError(t, err)
	probe.Body.Close()
	request.Header.Set("X-Request-Id", "two words\tand more")
	request.Body, request.ContentLength = io.NopCloser(strings.NewReader("{}")), 2
	odd, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	odd.Body.Close()
	assert.Len(t, odd.Header.Get("X-Request-Id"), 36, "what is no id is not taken for one")
	entry.conn.Close()
	require.NoError(t, s.stop())

	byID := map[string][]line{}
	for _, l := range s.lines() {
		if l.Msg == "request" {
			byID[l.RequestID] = append(byID[l.RequestID], l)
			assert.NotEmpty(t, l.Method)
			assert.NotEmpty(t, l.Route)
			assert.NotZero(t, l.Status)
			assert.NotNil(t, l.Milliseconds)
		}
	}
	require.Len(t, byID["from-the-proxy"], 1, "one line a request")
	l := byID["from-the-proxy"][0]
	assert.Equal(t, []any{"POST", "/graphql", 200, "LetIn", "admitEntry", "INFO"},
		[]any{l.Method, l.Route, l.Status, l.Operation, l.Field, l.Level})
	assert.Positive(t, l.Bytes)
	assert.Len(t, l.TraceID, 32)
	sockets := 0
	for id, lines := range byID {
		assert.Len(t, lines, 1, id)
		if lines[0].Status == http.StatusSwitchingProtocols {
			sockets++
			assert.Equal(t, "entry", lines[0].Field)
		}
	}
	assert.Equal(t, 1, sockets)
	for _, secret := range []string{
		"nmistakable", anna.ticket, host, token, strings.Split(token, ".")[2], "198.51.100.77", "two words",
		production["FOYER_SECRET"], "Go-http-client",
	} {
		assert.NotContains(t, s.log(), secret)
		assert.NotContains(t, collector.text(), secret)
	}
}

// aMetric finds names of metrics in PromQL.
var aMetric = regexp.MustCompile(`\b(?:foyer|go|process)_[a-z0-9_]+\b`)

// names are the names that PromQL can query.
func (f families) names() map[string]bool {
	all := map[string]bool{}
	for name, family := range f {
		all[name] = true
		if family.GetType() == dto.MetricType_HISTOGRAM {
			all[name+"_bucket"], all[name+"_sum"], all[name+"_count"] = true, true, true
		}
	}
	return all
}

// assertFilesAgree checks that our dashboards, alerts and docs name only metrics that exist, and that the page about
// metrics has all of ours.
func (f families) assertFilesAgree(t *testing.T) {
	t.Helper()
	there := f.names()
	for path, least := range map[string]int{
		"../../deploy/grafana-dashboard.json": 20, "../../deploy/alerts.yml": 10, "../../docs/observability.md": 20,
	} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		asked := aMetric.FindAllString(string(text), -1)
		require.Greater(t, len(asked), least, path)
		for _, name := range asked {
			assert.True(t, there[name], "%s speaks of %s", path, name)
		}
		for name := range f {
			if strings.HasPrefix(name, "foyer_") && strings.HasSuffix(path, ".md") {
				assert.Contains(t, string(text), "`"+name, path)
			}
		}
	}
}
