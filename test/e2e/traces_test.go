package e2e

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"foyer/test/env"
)

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
