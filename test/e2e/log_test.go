package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
	request, err := http.NewRequest(http.MethodPost, s.url+"/graphql?secret=unmistakable",
		strings.NewReader(string(body)))
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
