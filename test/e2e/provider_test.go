package e2e

import (
	"html"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// startSignIn starts npm's OpenID provider, and Foyer outside development mode with it.
func startSignIn(t *testing.T, environ ...string) (s *server, issuer string) {
	t.Helper()
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(env.FreePort(t)))
	provider := env.Receive(t, node(t, "oidc.mjs", "http://"+addr, "foyer", "hush"))
	issuer = text(provider, "issuer")
	return startServer(t, append(append(shared(t),
		"FOYER_ADDR="+addr, "FOYER_SECRET="+production["FOYER_SECRET"], "FOYER_PUBLIC_URL=http://"+addr,
		"FOYER_OIDC_ISSUER="+issuer, "FOYER_OIDC_CLIENT_ID=foyer", "FOYER_OIDC_CLIENT_SECRET=hush"),
		environ...)...), issuer
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)
	formField  = regexp.MustCompile(`<input[^>]*name="([^"]+)"[^>]* value="([^"]*)"`)
)

// submitForm submits the form of the browser's page.
func (b *browser) submitForm(more url.Values) *browser {
	b.t.Helper()
	action := formAction.FindStringSubmatch(b.text)
	require.NotNil(b.t, action, "%d %s", b.status, b.text)
	to, err := b.at.Parse(html.UnescapeString(action[1]))
	require.NoError(b.t, err)
	values := url.Values{}
	for _, field := range formField.FindAllStringSubmatch(b.text, -1) {
		values.Set(field[1], html.UnescapeString(field[2]))
	}
	for name, value := range more {
		values[name] = value
	}
	return b.submit(to.String(), values)
}

// signsIn signs in at npm's provider and consents.
func (b *browser) signsIn(s *server, login, returnTo string) *browser {
	b.t.Helper()
	b.open(s.url + "/login?returnTo=" + url.QueryEscape(returnTo))
	b.submitForm(url.Values{"login": {login}, "password": {"any"}})
	return b.submitForm(nil)
}

// This provider, unlike the other ones of our tests, is not our own code.
func TestNPMsProviderSignsInAndOut(t *testing.T) {
	t.Parallel()
	s, issuer := startSignIn(t)
	b := newBrowser(t)
	b.signsIn(s, "ada", "/healthz?back")
	assert.Equal(t, s.url+"/healthz?back", b.at.String(), b.text)
	answer, _ := b.ask(s.url, `{ viewer { email fullName shortName sessions { current userAgent } } }`)
	assert.Equal(t, object{
		"email": "ada@example.org", "fullName": "Ada Lovelace", "shortName": "Ada",
		"sessions": []any{object{"current": true, "userAgent": "Go-http-client/1.1"}},
	}, answer.Data["viewer"])

	assert.Equal(t, http.StatusNotFound, s.get("/dev/oidc/login"), "that is for development mode")
	assert.Equal(t, http.StatusNotFound, newBrowser(t).submit(s.url+"/dev/login", nil).status)

	b.submit(s.url+"/logout", nil)
	assert.Equal(t, issuer+"/session/end", b.at.Scheme+"://"+b.at.Host+b.at.Path, b.text)
	assert.Equal(t, "<nil>", b.name(s.url), "signed out here, whatever the provider does")
	b.submitForm(url.Values{"logout": {"yes"}})
	assert.Equal(t, s.url+"/", b.at.String(), b.text)
}

// TestRoleOfAnAddressThatIsNotVerifiedWaitsAndTheLogSaysSo, until the settings say that all addresses are verified.
func TestRoleOfAnAddressThatIsNotVerifiedWaitsAndTheLogSaysSo(t *testing.T) {
	t.Parallel()
	for name, environ := range map[string][]string{
		"by default": nil, "verified by the settings": {"FOYER_OIDC_EMAILS_VERIFIED=true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := startSignIn(t, environ...)
			host := newBrowser(t)
			host.signsIn(s, "ada", "/healthz")
			made, _ := host.ask(s.url, `mutation { createRoom(input: {name: "Room"}) { room { id } } }`)
			granted, _ := host.ask(s.url, `mutation { grantRoomAccess(input: {roomId: "`+
				text(made.Data,
					"createRoom.room.id")+`", email: "unverified@example.org", role: MEMBER}) { roomAccess { id } } }`)
			require.Empty(t, granted.Errors)
			for range 2 {
				guest := newBrowser(t)
				guest.signsIn(s, "unverified", "/healthz")
				mine, _ := guest.ask(s.url, `{ viewer { email emailVerified } rooms { totalCount } }`)
				assert.Equal(t, environ != nil, at(mine.Data, "viewer.emailVerified"))
				assert.Equal(t, map[bool]any{true: 1.0, false: 0.0}[environ != nil], at(mine.Data, "rooms.totalCount"))
			}
			assert.Equal(t, map[bool]int{true: 0, false: 1}[environ != nil],
				strings.Count(s.log(), "has not verified"), "once an hour at most")
			assert.NotContains(t, s.log(), "unverified@")
		})
	}
}

// TestLargeIDTokenSignsOutBehindNginx, also at the provider.
func TestLargeIDTokenSignsOutBehindNginx(t *testing.T) {
	t.Parallel()
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(env.FreePort(t)))
	nginx := startNginx(t, "http://"+addr, "http://127.0.0.1:1", secured(t, http.NotFoundHandler()).Certificate())
	issuer := text(env.Receive(t, node(t, "oidc.mjs", nginx.URL(), "foyer", "hush", "5000")), "issuer")
	startServer(t, append(shared(t), "FOYER_ADDR="+addr, "FOYER_SECRET="+production["FOYER_SECRET"],
		"FOYER_PUBLIC_URL="+nginx.URL(), "FOYER_TRUSTED_PROXIES=1", "FOYER_OIDC_ISSUER="+issuer,
		"FOYER_OIDC_CLIENT_ID=foyer", "FOYER_OIDC_CLIENT_SECRET=hush")...)
	through := &server{t: t, url: nginx.URL()}
	b := newBrowser(t)
	b.signsIn(through, "ada", "/healthz?"+strings.Repeat("x", 900))
	require.Equal(t, "Ada Lovelace", b.name(through.url), b.text)
	b.submit(through.url+"/logout", nil)
	require.Equal(t, http.StatusOK, b.status, b.text)
	assert.Equal(t, issuer+"/session/end", b.at.Scheme+"://"+b.at.Host+b.at.Path)
	b.submitForm(url.Values{"logout": {"yes"}})
	assert.Equal(t, through.url+"/", b.at.String(), b.text)
	b.open(through.url + "/login")
	assert.Contains(t, b.text, `name="login"`, "the provider has forgotten them too")
}

func TestCodeWorksOnceAndInTheBrowserThatBegan(t *testing.T) {
	t.Parallel()
	s, _ := startSignIn(t)
	b := newBrowser(t).stopsAt("/callback?")
	b.signsIn(s, "ada", "/")
	callback := b.header.Get("Location")
	require.Contains(t, callback, "code=", b.text)

	thief := newBrowser(t)
	thief.open(callback)
	assert.Equal(t, http.StatusBadRequest, thief.status, "another browser, with the address")
	assert.Contains(t, thief.text, "was not begun in this browser")
	assert.Equal(t, "<nil>", thief.name(s.url))
	victim := newBrowser(t)
	victim.open(s.url + "/login")
	victim.open(callback)
	assert.Equal(t, http.StatusBadRequest, victim.status, "nor is somebody signed in as the attacker")

	home, err := url.Parse(s.url)
	require.NoError(t, err)
	cookies := b.client.Jar.Cookies(home) // as if the browser kept them
	b.stopsAt("nowhere").open(callback)
	require.Equal(t, "Ada Lovelace", b.name(s.url), b.text)
	replay := newBrowser(t)
	replay.client.Jar.SetCookies(home, cookies)
	replay.open(callback)
	assert.Equal(t, http.StatusBadRequest, replay.status)
	assert.Contains(t, replay.text, "has been used")
	assert.Equal(t, "<nil>", replay.name(s.url))
}

func TestProvidersErrorsAreShownAndNotFollowed(t *testing.T) {
	t.Parallel()
	s, issuer := startSignIn(t)
	begin := func() (b *browser, state string) {
		b = newBrowser(t).stopsAt(issuer)
		b.open(s.url + "/login")
		at, err := url.Parse(b.header.Get("Location"))
		require.NoError(t, err)
		return b, at.Query().Get("state")
	}
	for query, status := range map[string]int{
		"error=access_denied&error_description=<script>": http.StatusForbidden,
		"error=server_error":                             http.StatusServiceUnavailable,
		"code=nonsense":                                  http.StatusBadRequest,
		"code=nonsense&iss=https://evil.example":         http.StatusBadRequest,
		"":                                               http.StatusBadRequest,
	} {
		b, state := begin()
		b.open(s.url + "/callback?state=" + state + "&" + query)
		assert.Equal(t, status, b.status, "%s: %s", query, b.text)
		assert.Equal(t, "/callback", b.at.Path, "no loop")
		assert.NotContains(t, b.text, "<script>")
		assert.Contains(t, b.header.Get("Content-Security-Policy"), "default-src 'none'")
		assert.Equal(t, "no-store", b.header.Get("Cache-Control"))
	}
	for _, address := range []string{"/callback", "/callback?state=x", "/callback?code=x&state=AAAA", "/callback?%zz"} {
		assert.Equal(t, http.StatusBadRequest, newBrowser(t).open(s.url+address).status, address)
	}
	assert.NotContains(t, s.log(), "nonsense", "no code is logged")
	assert.NotContains(t, s.log(), "level=ERROR")
}

func TestNothingOfASignInIsLogged(t *testing.T) {
	t.Parallel()
	outside, issuer := startSignIn(t, "FOYER_LOG_LEVEL=debug")
	inside := startServer(t, "FOYER_LOG_LEVEL=debug")
	for _, s := range []*server{outside, inside} {
		b := newBrowser(t).stopsAt("/callback?code=")
		if s == outside {
			b.signsIn(s, "ada-unmistakable", "/healthz")
		} else {
			b.open(s.url+"/login").choose("Ada-Unmistakable", "ada-unmistakable@example.org")
		}
		callback, err := url.Parse(b.header.Get("Location"))
		require.NoError(t, err)
		b.stopsAt(issuer + "/session/end").open(callback.String())
		home, err := url.Parse(s.url)
		require.NoError(t, err)
		secrets := []string{callback.Query().Get("code"), callback.Query().Get("state"), "hush", "nmistakable"}
		for _, cookie := range b.client.Jar.Cookies(home) {
			secrets = append(secrets, cookie.Value)
		}
		require.GreaterOrEqual(t, len(secrets), 5, "the session's cookie")
		b.open(callback.String())
		require.Equal(t, http.StatusBadRequest, b.status)
		b.submit(s.url+"/logout", nil)
		require.NoError(t, s.stop())
		for _, secret := range secrets {
			require.NotEmpty(t, secret)
			assert.NotContains(t, s.log(), secret)
		}
	}
}

func TestServerStartsAndServesWhileTheProviderIsAway(t *testing.T) {
	t.Parallel()
	port := strconv.Itoa(env.FreePort(t))
	s := startServer(t, "FOYER_OIDC_ISSUER=http://127.0.0.1:"+port, "FOYER_OIDC_CLIENT_ID=foyer")
	b := newBrowser(t).open(s.url + "/login")
	assert.Equal(t, http.StatusServiceUnavailable, b.status)
	assert.Contains(t, b.text, "nobody can sign in at the moment")
	token := s.login("Olga Owner")
	assert.Equal(t, "Olga Owner", text(s.must(token, `{ viewer { fullName } }`, nil), "viewer.fullName"))
}
