package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
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
	for _, path := range []string{"/healthz", "/readyz", "/debug/pprof/", "/debug/pprof/goroutine",
		"/debug/pprof/heap"} {
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
