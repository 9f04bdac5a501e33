package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const friend = "https://friend.example"

// attempt is a request that a page makes a browser send, with the browser's cookies.
type attempt struct {
	method, path string
	// headers that the page sets or the browser adds.
	headers map[string]string
	body    string
}

// as is the attempt by a page of an origin.
func (a attempt) as(origin, site string) attempt {
	headers := map[string]string{"Origin": origin, "Sec-Fetch-Site": site}
	for name, value := range a.headers {
		headers[name] = value
	}
	a.headers = headers
	return a
}

// by makes a browser send the attempt. It follows no redirect.
func (a attempt) by(t *testing.T, b *browser, base string) *http.Response {
	t.Helper()
	request, err := http.NewRequest(a.method, base+a.path, strings.NewReader(a.body))
	require.NoError(t, err)
	for name, value := range a.headers {
		request.Header.Set(name, value)
	}
	if host := a.headers["Host"]; host != "" {
		request.Host = host
	}
	client := *b.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	got, err := client.Do(request)
	require.NoError(t, err)
	got.Body.Close()
	return got
}

const (
	makeRoom = `mutation { createRoom(input: {name: "x"}) { room { id } } }`
	makeJSON = `{"query":"mutation { createRoom(input: {name: \"x\"}) { room { id } } }"}`
)

var jsonType = map[string]string{"Content-Type": "application/json"}

// hostile are requests that a page of another site can make a signed-in person's browser send.
var hostile = map[string]attempt{
	"a POST":         {http.MethodPost, "/graphql", jsonType, makeJSON},
	"a POST of text": {http.MethodPost, "/graphql", map[string]string{"Content-Type": "text/plain"}, makeJSON},
	"a form": {http.MethodPost, "/graphql",
		map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, "query=" + url.QueryEscape(makeRoom)},
	"a form with files": {http.MethodPost, "/graphql",
		map[string]string{"Content-Type": "multipart/form-data; boundary=x"}, "--x--"},
	"no media type":      {http.MethodPost, "/graphql", nil, makeJSON},
	"a GET":              {http.MethodGet, "/graphql?query=" + url.QueryEscape(`{ viewer { id } }`), nil, ""},
	"a GET that changes": {http.MethodGet, "/graphql?query=" + url.QueryEscape(makeRoom), nil, ""},
	"a stream": {http.MethodGet,
		"/graphql?query=" + url.QueryEscape(`subscription { lobby(roomId: "6c0d5c1e-5d5c-4d0c-8b38-7ad2cbd6fb5a") { totalCount } }`), map[string]string{"Accept": "text/event-stream"}, ""},
	"signing out": {http.MethodPost, "/logout", nil, ""},
	"signing in":  {http.MethodPost, "/dev/login", jsonType, `{"name": "Eve", "email": "eve@example.org"}`},
	"choosing a person": {http.MethodPost, "/dev/oidc/login",
		map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, "id=x&name=Eve"},
}

func TestPagesOfOtherSitesChangeAndReadNothing(t *testing.T) {
	t.Parallel()
	s := startServer(t, "FOYER_ALLOWED_ORIGINS="+friend)
	b := newBrowser(t)
	b.open(s.url+"/login").choose("Olga Owner", "olga@example.org")
	for _, page := range []struct{ origin, site string }{
		{"https://evil.example", "cross-site"}, {"https://evil.example", ""}, {"null", "cross-site"},
		{friend + ".evil.example", "cross-site"}, {"https://a.friend.example", "cross-site"},
		{"http://friend.example", "cross-site"}, {friend + ":8443", "cross-site"}, {"http://127.0.0.1:1", "same-site"},
	} {
		for name, attempt := range hostile {
			got := attempt.as(page.origin, page.site).by(t, b, s.url)
			assert.Equal(t, http.StatusForbidden, got.StatusCode, "%s: %s", page.origin, name)
			assert.Empty(t, got.Header.Get("Access-Control-Allow-Origin"), "%s: %s", page.origin, name)
			assert.Empty(t, got.Cookies())
		}
		preflight := attempt{method: http.MethodOptions, path: "/graphql", headers: map[string]string{
			"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type",
		}}.as(page.origin, page.site).by(t, b, s.url)
		assert.NotContains(t, preflight.Header, "Access-Control-Allow-Origin", page.origin)
		assert.NotContains(t, preflight.Header, "Access-Control-Allow-Headers", page.origin)
		assert.Equal(t, http.StatusForbidden, preflight.StatusCode, page.origin)
		assert.Equal(t, http.StatusForbidden, s.handshake(t, b, page.origin), page.origin)
	}
	answer, _ := b.ask(s.url, `{ viewer { fullName } rooms(first: 10) { totalCount } }`)
	assert.Equal(t, "Olga Owner", text(answer.Data, "viewer.fullName"), "still who she was")
	assert.EqualValues(t, 0, at(answer.Data, "rooms.totalCount"))
}

// handshake opens a socket with a browser's cookies, as a page of an origin, and returns the status.
func (s *server) handshake(t *testing.T, b *browser, origin string) int {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}, Jar: b.client.Jar}
	conn, got, err := dialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/graphql", http.Header{"Origin": {origin}})
	if err == nil {
		conn.Close()
	}
	require.NotNil(t, got)
	return got.StatusCode
}

// A browser sends the cookie when a link leads here (SameSite=Lax), so such a request must have no effect.
func TestLinkOfAnotherSiteNeitherSignsOutNorIn(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b := newBrowser(t)
	b.open(s.url+"/login").choose("Olga Owner", "olga@example.org")
	for _, site := range []string{"cross-site", "same-site", ""} {
		got := attempt{method: http.MethodGet, path: "/logout",
			headers: map[string]string{"Sec-Fetch-Site": site}}.by(t, b, s.url)
		assert.Equal(t, http.StatusOK, got.StatusCode)
		assert.Contains(t, got.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
		assert.Equal(t, "Olga Owner", b.name(s.url), site)
	}
	// A sign-in that the attacker has finished except for the last step.
	eve := newBrowser(t).stopsAt("/callback?")
	eve.open(s.url+"/login").choose("Eve", "eve@example.org")
	b.open(eve.header.Get("Location"))
	assert.Equal(t, http.StatusBadRequest, b.status)
	assert.Equal(t, "Olga Owner", b.name(s.url))

	got := attempt{method: http.MethodGet, path: "/logout",
		headers: map[string]string{"Sec-Fetch-Site": "same-origin"}}.by(t, b, s.url)
	assert.Equal(t, http.StatusSeeOther, got.StatusCode, "a link of our own does")
	assert.Equal(t, "<nil>", b.name(s.url))
}

func TestPagesOfAllowedOriginsMayAskWithCookies(t *testing.T) {
	t.Parallel()
	s := startServer(t, "FOYER_ALLOWED_ORIGINS="+friend+", https://other.example")
	b := newBrowser(t)
	b.open(s.url+"/login").choose("Olga Owner", "olga@example.org")
	for _, origin := range []string{friend, "https://other.example"} {
		preflight := attempt{method: http.MethodOptions, path: "/graphql", headers: map[string]string{
			"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type",
		}}.as(origin, "cross-site").by(t, newBrowser(t), s.url)
		assert.Equal(t, http.StatusNoContent, preflight.StatusCode)
		for _, name := range []string{"a POST", "a GET"} {
			got := hostile[name].as(origin, "cross-site").by(t, b, s.url)
			assert.Equal(t, http.StatusOK, got.StatusCode, name)
			assert.Equal(t, origin, got.Header.Get("Access-Control-Allow-Origin"))
			assert.Equal(t, "true", got.Header.Get("Access-Control-Allow-Credentials"))
			assert.Contains(t, strings.Join(got.Header.Values("Vary"), ","), "Origin")
		}
		assert.Equal(t, http.StatusSwitchingProtocols, s.handshake(t, b, origin))
		refused := hostile["a POST"].as(origin, "cross-site")
		refused.headers["Authorization"] = "Bearer nonsense"
		got := refused.by(t, b, s.url)
		assert.Equal(t, http.StatusUnauthorized, got.StatusCode)
		assert.Equal(t, origin, got.Header.Get("Access-Control-Allow-Origin"), "so that the page can read why")
	}
	answer, _ := b.ask(s.url, `{ rooms(first: 10) { totalCount } }`)
	assert.EqualValues(t, 2, at(answer.Data, "rooms.totalCount"))
}

// TestRefusedOriginNamesTheSettingThatAllowsIt as a GraphQL error, with and without allowed origins.
func TestRefusedOriginNamesTheSettingThatAllowsIt(t *testing.T) {
	t.Parallel()
	for _, allowed := range []string{"", friend} {
		s := startServer(t, "FOYER_ALLOWED_ORIGINS="+allowed)
		for _, method := range []string{http.MethodOptions, http.MethodPost} {
			request, err := http.NewRequest(method, s.url+"/graphql", strings.NewReader(makeJSON))
			require.NoError(t, err)
			for name, value := range map[string]string{
				"Origin": "https://other.example", "Sec-Fetch-Site": "cross-site", "Content-Type": "application/json",
				"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type",
			} {
				request.Header.Set(name, value)
			}
			got, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			var told response
			require.NoError(t, json.NewDecoder(got.Body).Decode(&told), method)
			got.Body.Close()
			assert.Equal(t, http.StatusForbidden, got.StatusCode)
			assert.Equal(t, "FORBIDDEN", told.code())
			assert.Contains(t, told.Errors[0].Message, "FOYER_ALLOWED_ORIGINS")
		}
	}
}

// TestPagesOfAllowedOriginsMaySendAnyHeader, such as those of tracing, error reports and GraphQL clients.
func TestPagesOfAllowedOriginsMaySendAnyHeader(t *testing.T) {
	t.Parallel()
	s := startServer(t, "FOYER_ALLOWED_ORIGINS="+friend)
	for _, headers := range []string{
		"traceparent,tracestate", "baggage,sentry-trace", "apollo-require-preflight,x-apollo-operation-name",
		"apollographql-client-name,apollographql-client-version", "x-requested-with", "x-request-id",
		"authorization,content-type", "x-of-some-other-tool",
	} {
		preflight := attempt{method: http.MethodOptions, path: "/graphql", headers: map[string]string{
			"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": headers,
		}}.as(friend, "cross-site").by(t, newBrowser(t), s.url)
		assert.Equal(t, http.StatusNoContent, preflight.StatusCode, headers)
		assert.Equal(t, headers, preflight.Header.Get("Access-Control-Allow-Headers"))
	}
	got := hostile["a GET"].as(friend, "cross-site").by(t, newBrowser(t), s.url)
	exposed := strings.ToLower(got.Header.Get("Access-Control-Expose-Headers"))
	assert.Contains(t, exposed, "x-request-id")
	assert.NotEmpty(t, got.Header.Get("X-Request-Id"))
}

// A name of the attacker that leads to this machine (DNS rebinding) gives the attacker's page our origin.
func TestDevelopmentModeAnswersToNamesOfThisMachineAlone(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for name, attempt := range hostile {
		attempt.headers = map[string]string{"Host": "evil.example:8080",
			"Content-Type": attempt.headers["Content-Type"]}
		assert.Equal(t, http.StatusMisdirectedRequest, attempt.by(t, newBrowser(t), s.url).StatusCode, name)
	}
	attempt := attempt{method: http.MethodPost, path: "/dev/login",
		headers: map[string]string{"Content-Type": "text/plain"},
		body:    `{"name": "x", "email": "x@example.org"}`}
	assert.Equal(t, http.StatusBadRequest, attempt.by(t, newBrowser(t), s.url).StatusCode)
}
