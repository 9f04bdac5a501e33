package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// client is an application that the command made.
type client struct{ id, secret string }

var printedSecret = regexp.MustCompile(`client_id +(\S+)\nclient_secret +(\S+)\n`)

func secretIn(t testing.TB, out string) client {
	t.Helper()
	m := printedSecret.FindStringSubmatch(out)
	require.NotNil(t, m, out)
	return client{m[1], m[2]}
}

func newClient(t testing.TB, environ []string, scopes string) client {
	t.Helper()
	out, errOut, exit := foyer(t, environ, "app", "create",
		"-name", "Portal", "-domain", "example.org", "-scope", scopes)
	require.Zero(t, exit, errOut)
	return secretIn(t, out)
}

// askForToken requests a token with a form, and credentials in the header if there is an id.
func (s *server) askForToken(id, secret string, form url.Values) (*http.Response, object, string) {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.url+"/oauth/token", strings.NewReader(form.Encode()))
	require.NoError(s.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if id != "" {
		r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	}
	got, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	require.NoError(s.t, err)
	var body object
	require.NoError(s.t, json.Unmarshal(text, &body), "%s", text)
	assert.Equal(s.t, "no-store", got.Header.Get("Cache-Control"))
	return got, body, string(text)
}

func grant(more ...string) url.Values {
	form := url.Values{"grant_type": {"client_credentials"}, "user": {"ada@example.org"}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

// TestPortalMakesARoomForAUser follows an application: made by the command, used, and revoked while its token is in
// use.
func TestPortalMakesARoomForAUser(t *testing.T) {
	t.Parallel()
	environ := shared(t)
	s := startServer(t, environ...)
	portal := newClient(t, environ, "rooms:create,rooms:list")

	got, body, _ := s.askForToken(portal.id, portal.secret, grant())
	require.Equal(t, http.StatusOK, got.StatusCode)
	assert.Equal(t, "Bearer", body["token_type"])
	assert.InDelta(t, 600, body["expires_in"], 0)
	assert.Equal(t, "rooms:create rooms:list", body["scope"])
	token := body["access_token"].(string)

	room := s.room(token, object{"name": "Lesson"})
	listing := `{ rooms { edges { node { id name viewerRole } } } }`
	assert.Contains(t, s.must(token, listing, nil)["rooms"].(object)["edges"].([]any)[0].(object)["node"], "id")
	for _, closed := range []string{
		`mutation { deleteRoom(input: {roomId: "` + room + `"}) { room { id } } }`,
		`mutation { updateRoom(input: {roomId: "` + room + `", name: "X"}) { room { id } } }`,
		`mutation { leaveRoom(input: {roomId: "` + room + `"}) { room { id } } }`,
		`mutation { createRoomToken(input: {roomId: "` + room + `"}) { ticket } }`,
		`mutation { updateViewer(input: {}) { viewer { id } } }`,
		`{ room(id: "` + room + `") { id } }`,
		`{ viewer { email } }`,
	} {
		assert.Equal(t, "FORBIDDEN", s.ask(token, closed, nil).code(), closed)
	}
	assert.Equal(t, 4403, s.refusedSocket(token), "applications ask over HTTP")

	// Ada signs in and has the room.
	ada := s.login("Ada")
	assert.Equal(t, room, text(at(s.must(ada, listing, nil), "rooms.edges").([]any)[0], "node.id"))

	_, errOut, exit := foyer(t, environ, "app", "revoke", portal.id)
	require.Zero(t, exit, errOut)
	var refusal response
	assert.Equal(t, http.StatusUnauthorized, s.post("/graphql", token, `{"query": "{ __typename }"}`, &refusal))
	assert.Equal(t, "UNAUTHENTICATED", refusal.code())
	got, _, _ = s.askForToken(portal.id, portal.secret, grant())
	assert.Equal(t, http.StatusUnauthorized, got.StatusCode)
	assert.NotContains(t, s.log(), portal.secret)
	assert.NotContains(t, s.log(), token)
}

// refusedSocket opens a socket with a token and returns its close code.
func (s *server) refusedSocket(token string) int {
	s.t.Helper()
	k := s.dial()
	k.send(object{"type": "connection_init", "payload": object{"Authorization": "Bearer " + token}})
	return k.closed()
}

func TestTokenEndpointTakesCredentialsInTheHeaderOrInTheBody(t *testing.T) {
	t.Parallel()
	environ := shared(t)
	s := startServer(t, environ...)
	portal := newClient(t, environ, "rooms:list")
	inBody := func(more ...string) url.Values {
		return grant(append([]string{"client_id", portal.id, "client_secret", portal.secret}, more...)...)
	}
	twice := grant()
	twice.Add("user", "bob@example.org")
	tests := []struct {
		name       string
		id, secret string
		form       url.Values
		status     int
		err        string
	}{
		{"in the header", portal.id, portal.secret, grant(), 200, ""},
		{"in the body", "", "", inBody(), 200, ""},
		{"the id in both", portal.id, portal.secret, grant("client_id", portal.id), 200, ""},
		{"the secret in both", portal.id, portal.secret, inBody(), 400, "invalid_request"},
		{"a scope", portal.id, portal.secret, grant("scope", "rooms:list"), 200, ""},
		{"a scope that it has not", portal.id, portal.secret, grant("scope", "rooms:delete"), 400, "invalid_scope"},
		{"another grant", portal.id, portal.secret, grant("grant_type", "password"), 400, "unsupported_grant_type"},
		{"no grant", portal.id, portal.secret, grant("grant_type", ""), 400, "invalid_request"},
		{"a grant of no value, and no user", portal.id, portal.secret, url.Values{"grant_type": {""}}, 400,
			"invalid_request"},
		{"no parameter", portal.id, portal.secret, url.Values{}, 400, "invalid_request"},
		{"another id in the body", portal.id, portal.secret, grant("client_id", "foyer_app_other"), 400,
			"invalid_request"},
		{"no user", portal.id, portal.secret, grant("user", ""), 400, "invalid_request"},
		{"a user of another domain", portal.id, portal.secret, grant("user", "a@b.example"), 400, "invalid_grant"},
		{"two users", portal.id, portal.secret, twice, 400, "invalid_request"},
		{"too much", portal.id, portal.secret, grant("x", strings.Repeat("x", 9000)), 400, "invalid_request"},
		{"nothing", "", "", url.Values{}, 401, "invalid_client"},
	}
	for _, test := range tests {
		got, body, _ := s.askForToken(test.id, test.secret, test.form)
		assert.Equal(t, test.status, got.StatusCode, test.name)
		if test.err != "" {
			assert.Equal(t, test.err, body["error"], test.name)
			assert.NotEmpty(t, body["error_description"], test.name)
		}
	}

	// Credentials in the URL do not count: URLs are logged.
	var body object
	status := s.post("/oauth/token?"+inBody().Encode(), "", "{}", &body)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Equal(t, "invalid_request", body["error"])
	got, err := http.PostForm(s.url+"/oauth/token?"+inBody().Encode(), url.Values{})
	require.NoError(t, err)
	defer got.Body.Close()
	assert.Equal(t, http.StatusUnauthorized, got.StatusCode)
}

func TestEveryRefusalOfAClientIsTheSameAnswer(t *testing.T) {
	t.Parallel()
	environ := shared(t)
	s := startServer(t, environ...)
	portal, other, revoked := newClient(t, environ, "rooms:list"),
		newClient(t, environ, "rooms:list"), newClient(t, environ, "rooms:list")
	_, _, exit := foyer(t, environ, "app", "revoke", revoked.id)
	require.Zero(t, exit)
	answers := map[string]bool{}
	for _, c := range []client{
		{portal.id, "x"}, {portal.id, ""}, {portal.id, other.secret}, {"nobody", portal.secret},
		{revoked.id, revoked.secret}, {revoked.id, "x"}, {"\x00", "\xff"}, {"%zz", portal.secret},
		{strings.Repeat("a", 1000), "x"},
	} {
		for _, form := range []url.Values{grant(), grant("grant_type", "password"), {}} {
			inHeader, _, text := s.askForToken(c.id, c.secret, form)
			answers[inHeader.Status+inHeader.Header.Get("WWW-Authenticate")+text] = true
			form.Set("client_id", c.id)
			form.Set("client_secret", c.secret)
			inBody, _, text := s.askForToken("", "", form)
			answers[inBody.Status+inBody.Header.Get("WWW-Authenticate")+text] = true
		}
	}
	assert.Len(t, answers, 1)
	for answer := range answers {
		assert.Contains(t, answer, "401")
		assert.Contains(t, answer, `"error":"invalid_client"`)
	}
}

func TestRequestsForTokensAreLimited(t *testing.T) {
	t.Parallel()
	environ := append(shared(t), "FOYER_APP_TOKENS_PER_ADDRESS=1")
	s := startServer(t, environ...)
	portal := newClient(t, environ, "rooms:list")
	got, _, _ := s.askForToken(portal.id, portal.secret, grant())
	assert.Equal(t, http.StatusOK, got.StatusCode)
	got, body, _ := s.askForToken(portal.id, portal.secret, grant())
	assert.Equal(t, http.StatusTooManyRequests, got.StatusCode)
	assert.Equal(t, "temporarily_unavailable", body["error"])
	assert.NotEmpty(t, got.Header.Get("Retry-After"))
}

func TestCommandManagesApplications(t *testing.T) {
	t.Parallel()
	for name, environ := range map[string][]string{
		"SQLite":     {"FOYER_DATA=" + t.TempDir() + "/new"},
		"PostgreSQL": {"DATABASE_URL=" + env.PostgresURL(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			portal := newClient(t, environ, "rooms:list, rooms:create")
			out, _, exit := foyer(t, environ, "app", "create", "-name", "Kalender für alle",
				"-domain", "a.example", "-domain", "*", "-scope", "rooms:create")
			require.Zero(t, exit)
			calendar := secretIn(t, out)
			assert.NotEqual(t, portal.secret, calendar.secret)
			assert.Equal(t, 1, strings.Count(out, calendar.secret))

			out, _, exit = foyer(t, environ, "app", "rotate", "-overlap", "1h", portal.id)
			assert.Zero(t, exit)
			assert.NotEqual(t, portal.secret, secretIn(t, out).secret)
			_, _, exit = foyer(t, environ, "app", "revoke", calendar.id)
			assert.Zero(t, exit)
			out, _, exit = foyer(t, environ, "app", "list")
			assert.Zero(t, exit)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			require.Len(t, lines, 3)
			assert.Regexp(t, "^CLIENT ID +NAME +STATE +LAST USED +DOMAINS +SCOPES$", lines[0])
			assert.Regexp(t,
				"^"+portal.id+" +Portal +two secrets until .* never +example.org +rooms:create,rooms:list$", lines[1])
			assert.Regexp(t, "^"+calendar.id+` +Kalender für alle +revoked +never +\*,a.example +rooms:create$`,
				lines[2])
			assert.NotContains(t, out, "secret_")

			for _, args := range [][]string{
				{"app", "revoke", "nobody"}, {"app", "rotate", "nobody"}, {"app", "rotate", calendar.id},
			} {
				out, errOut, exit := foyer(t, environ, args...)
				assert.Equal(t, exitFailed, exit, args)
				assert.Empty(t, out, args)
				assert.NotEmpty(t, errOut, args)
			}
		})
	}
}

func TestInvalidCommandPrintsUsageAndDoesNothing(t *testing.T) {
	t.Parallel()
	environ := []string{"FOYER_DATA=" + t.TempDir()}
	for _, args := range [][]string{
		{"sreve"}, {"serve", "now"}, {"migrate", "down"}, {"app"}, {"app", "delete"}, {"app", "create"},
		{"app", "create", "-name", "Portal", "-domain", "example.org"},
		{"app", "create", "-name", "Portal", "-scope", "rooms:list"},
		{"app", "create", "-domain", "example.org", "-scope", "rooms:list"},
		{"app", "create", "-name", "Portal", "-domain", "example.org", "-scope", "rooms:admit"},
		{"app", "create", "-name", "Portal", "-domain", "example.org.", "-scope", "rooms:list"},
		{"app", "create", "-name", "Portal", "-domain", "example.org", "-scope", "rooms:list", "more"},
		{"app", "create", "-color", "red"},
		{"app", "list", "all"}, {"app", "rotate"}, {"app", "revoke"}, {"app", "revoke", "a", "b"},
		{"app", "rotate", "-overlap", "-1h", "x"}, {"app", "rotate", "-overlap", "soon", "x"},
	} {
		out, errOut, exit := foyer(t, environ, args...)
		assert.Equal(t, exitUsage, exit, args)
		assert.Empty(t, out, args)
		assert.Contains(t, errOut, "usage: foyer", args)
	}
	out, _, _ := foyer(t, environ, "app", "list")
	assert.Len(t, strings.Split(strings.TrimSpace(out), "\n"), 1)
	out, errOut, exit := foyer(t, environ, "help")
	assert.Zero(t, exit)
	assert.Contains(t, out, "usage: foyer")
	assert.Empty(t, errOut)
	_, errOut, exit = foyer(t, []string{"FOYER_ADDR=x"}, "app", "list")
	assert.Equal(t, exitFailed, exit)
	assert.Contains(t, errOut, "FOYER_ADDR")
}
