package e2e

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// browser is a client with cookies. It follows redirects and remembers its last address.
type browser struct {
	t      testing.TB
	client *http.Client
	at     *url.URL
	status int
	text   string
	header http.Header
	// reads is its Accept-Language header.
	reads string
}

func newBrowser(t testing.TB) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &browser{t: t, client: &http.Client{Jar: jar}}
}

// stopsAt makes the browser follow no redirect to an address that contains a text.
func (b *browser) stopsAt(part string) *browser {
	b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.Contains(r.URL.String(), part) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return b
}

func (b *browser) do(request *http.Request) {
	b.t.Helper()
	request.Header.Set("Accept-Language", b.reads)
	got, err := b.client.Do(request)
	require.NoError(b.t, err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	require.NoError(b.t, err)
	b.at, b.status, b.text, b.header = got.Request.URL, got.StatusCode, string(text), got.Header
}

func (b *browser) open(address string) *browser {
	b.t.Helper()
	request, err := http.NewRequest(http.MethodGet, address, nil)
	require.NoError(b.t, err)
	b.do(request)
	return b
}

func (b *browser) submit(address string, values url.Values, headers ...string) *browser {
	b.t.Helper()
	request, err := http.NewRequest(http.MethodPost, address, strings.NewReader(values.Encode()))
	require.NoError(b.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	b.do(request)
	return b
}

var hiddenField = regexp.MustCompile(`name="id" value="([^"]+)"`)

// choose clicks on a person on the development provider's page.
func (b *browser) choose(name, email string) *browser {
	b.t.Helper()
	require.Equal(b.t, "/dev/oidc/login", b.at.Path, b.text)
	id := hiddenField.FindStringSubmatch(b.text)
	require.NotNil(b.t, id, b.text)
	return b.submit(b.at.String(), url.Values{
		"id": {html.UnescapeString(id[1])}, "name": {name}, "email": {email},
	})
}

// ask runs a GraphQL operation with the browser's cookie.
func (b *browser) ask(base, query string, headers ...string) (answer response, status int) {
	b.t.Helper()
	request, err := http.NewRequest(http.MethodPost, base+"/graphql",
		strings.NewReader(toJSON(b.t.(*testing.T), object{"query": query})))
	require.NoError(b.t, err)
	request.Header.Set("Content-Type", "application/json")
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	got, err := b.client.Do(request)
	require.NoError(b.t, err)
	defer got.Body.Close()
	require.NoError(b.t, json.NewDecoder(got.Body).Decode(&answer))
	return answer, got.StatusCode
}

// name returns the name of the signed-in person; "<nil>" for nobody.
func (b *browser) name(base string) string {
	b.t.Helper()
	answer, status := b.ask(base, `{ viewer { fullName } }`)
	require.Equal(b.t, http.StatusOK, status)
	if answer.Data["viewer"] == nil {
		return "<nil>"
	}
	return text(answer.Data, "viewer.fullName")
}

func TestPersonSignsInWithOneClickAndOutAgain(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b := newBrowser(t)
	assert.Equal(t, "<nil>", b.name(s.url))
	b.open(s.url + "/login?returnTo=" + url.QueryEscape("/healthz?room=a%20b#top"))
	assert.Contains(t, b.text, "Grace Hopper", "there are people to choose from")
	b.choose("Grace Hopper", "grace@example.org")
	assert.Equal(t, http.StatusOK, b.status, b.text)
	assert.Equal(t, "/healthz?room=a%20b", b.at.RequestURI(), "back where she came from")
	assert.Equal(t, "Grace Hopper", b.name(s.url))

	mine, _ := b.ask(s.url, `{ viewer { id email } }`)
	var answer object
	s.post("/dev/login", "", `{"name": "Grace Hopper", "email": "Grace@example.org"}`, &answer)
	assert.Equal(t, text(mine.Data, "viewer.id"), answer["userId"], "scripts sign in as the same person")
	assert.Equal(t, "grace@example.org", text(mine.Data, "viewer.email"))

	b.open(s.url + "/logout")
	assert.Contains(t, b.text, "Do you want to sign out?", "anybody can lead a browser here")
	assert.Equal(t, "Grace Hopper", b.name(s.url))
	b.submit(s.url+"/logout", nil)
	assert.Equal(t, "/", b.at.Path, "over the provider, and back")
	assert.Equal(t, "<nil>", b.name(s.url))
}

// TestDevelopmentModeSignsOutAtARestart: its provider had another key then.
func TestDevelopmentModeSignsOutAtARestart(t *testing.T) {
	t.Parallel()
	environ := shared(t)
	s := startServer(t, environ...)
	b := newBrowser(t)
	b.open(s.url+"/login").choose("Grace Hopper", "grace@example.org")
	require.NoError(t, s.stop())
	s = startServer(t, append(environ, "FOYER_ADDR="+strings.TrimPrefix(s.url, "http://"))...)
	require.Equal(t, "Grace Hopper", b.name(s.url), "the session is in Redis")
	b.submit(s.url+"/logout", nil)
	assert.Equal(t, s.url+"/", b.at.String(), b.text)
	assert.Equal(t, "<nil>", b.name(s.url))
}

// TestSmallPagesHaveTheirIcon: browsers would request /favicon.ico, which the pages' policies forbid.
func TestSmallPagesHaveTheirIcon(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for _, path := range []string{"/login", "/logout", "/callback"} {
		b := newBrowser(t).open(s.url + path)
		assert.Contains(t, b.text, `<link rel="icon" href="data:,">`, path)
		assert.Contains(t, b.header.Get("Content-Security-Policy"), "img-src data:", path)
	}
}

// TestFirstSignInSetsTheLanguageOfTheBrowser: a later one does not change it.
func TestFirstSignInSetsTheLanguageOfTheBrowser(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for _, reads := range []string{"de;q=0.9, fr-CH;q=0.8, en;q=0.7", "en"} {
		b := newBrowser(t)
		b.reads = reads
		b.open(s.url+"/login").choose("Ada Lovelace", "ada@example.org")
		mine, _ := b.ask(s.url, `{ viewer { language } }`)
		assert.Equal(t, "fr", text(mine.Data, "viewer.language"))
	}
}

// TestFirstSignInSetsTheTimeZoneOfTheBrowser: a later one does not change it.
func TestFirstSignInSetsTheTimeZoneOfTheBrowser(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for _, zone := range []string{"America/New_York", "Europe/Paris", "nowhere", strings.Repeat("Z", 3000)} {
		b := newBrowser(t)
		b.open(s.url+"/login?returnTo=/&timeZone="+zone).choose("Ada Lovelace", "ada@example.org")
		mine, _ := b.ask(s.url, `{ viewer { timeZone } }`)
		assert.Equal(t, "America/New_York", text(mine.Data, "viewer.timeZone"))
	}
}

func TestPersonWithoutAnAddressSignsIn(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b := newBrowser(t)
	b.open(s.url+"/login").choose("Nemo", "")
	assert.Equal(t, "Nemo", b.name(s.url), b.text)
	b = newBrowser(t)
	b.open(s.url+"/login").choose("", "somebody@example.org")
	answer, _ := b.ask(s.url, `{ viewer { fullName email } }`)
	assert.Equal(t, object{"fullName": "", "email": "somebody@example.org"}, answer.Data["viewer"])
}

func TestTwoTabsSignInTogether(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	one, two := newBrowser(t), newBrowser(t)
	two.client.Jar = one.client.Jar // tabs of one browser
	one.open(s.url + "/login?returnTo=/healthz?one")
	two.open(s.url + "/login?returnTo=/healthz?two")
	one.choose("Ada Lovelace", "ada@example.org")
	assert.Equal(t, "/healthz?one", one.at.RequestURI())
	two.choose("Grace Hopper", "grace@example.org")
	assert.Equal(t, "/healthz?two", two.at.RequestURI())
	assert.Equal(t, "Grace Hopper", one.name(s.url), "the later one counts")
}

func TestSignInDoesNotLeadToOtherPlaces(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for _, returnTo := range []string{
		"//evil.example", `/\evil.example`, `\\evil.example`, "https://evil.example/", "javascript:alert(1)",
		"%2F%2Fevil.example", "/%2Fevil.example", "/%5Cevil.example", "/%09/evil.example", "/\t/evil.example",
		"/%0d%0aSet-Cookie:a=b", "evil.example", "http:evil.example", "//user@evil.example/", "",
		"///evil.example", "/" + strings.Repeat("a", 2000),
	} {
		b := newBrowser(t).stopsAt("/callback")
		b.open(s.url+"/login?returnTo="+url.QueryEscape(returnTo)).choose("Ada", "ada@example.org")
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		b.open(b.header.Get("Location"))
		require.Equal(t, http.StatusFound, b.status)
		b.open(b.header.Get("Location"))
		require.Equal(t, http.StatusSeeOther, b.status, b.text)
		assert.Equal(t, "/", b.header.Get("Location"), "%q", returnTo)
		assert.Len(t, b.header.Values("Set-Cookie"), 2, "the session's, and the end of the flow's")
	}
}

func TestConcurrentSignInsOfANewPersonMakeOneUser(t *testing.T) {
	t.Parallel()
	s := startServer(t, shared(t)...)
	var all sync.WaitGroup
	ids := make([]string, 30)
	begin := make(chan struct{})
	for i := range ids {
		all.Go(func() {
			b := newBrowser(t).stopsAt("/callback")
			b.open(s.url+"/login").choose("New Person", "new@example.org")
			b.stopsAt("nowhere")
			<-begin
			b.open(b.header.Get("Location"))
			answer, _ := b.ask(s.url, `{ viewer { id } }`)
			assert.Empty(t, answer.Errors)
			ids[i] = text(answer.Data, "viewer.id")
		})
	}
	close(begin)
	all.Wait()
	require.NotEqual(t, "<nil>", ids[0])
	for _, id := range ids {
		assert.Equal(t, ids[0], id)
	}
}
