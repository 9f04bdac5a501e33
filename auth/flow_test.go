package auth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/internal/fault"
)

func flows(t testing.TB, secret string, secure bool) *auth.Flows {
	t.Helper()
	f, err := auth.NewFlows(secret, secure)
	require.NoError(t, err)
	return f
}

func flowOf(state string) auth.Flow {
	return auth.Flow{
		State: state, Nonce: "nonce of " + state, Verifier: "verifier of " + state,
		ReturnTo: "/" + state, ExpiresAt: time.Now().Add(time.Minute).UTC().Truncate(time.Second),
	}
}

// keep stores a flow in a browser that has cookies, and returns the cookies that were set.
func keep(t testing.TB, f *auth.Flows, flow auth.Flow, cookies ...*http.Cookie) []*http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	require.NoError(t, f.Keep(w, with(cookies...), flow))
	return w.Result().Cookies()
}

func TestFlowWorksOnceInTheBrowserThatStartedIt(t *testing.T) {
	t.Parallel()
	f := flows(t, secret, true)
	one, two := flowOf("ONEONEONEONEONEONEONEONEON"), flowOf("TWOTWOTWOTWOTWOTWOTWOTWOTW")
	cookies := append(keep(t, f, one), keep(t, f, two)...)
	require.Len(t, cookies, 2)
	for _, cookie := range cookies {
		assert.True(t, strings.HasPrefix(cookie.Name, "__Host-foyer_login_"))
		assert.True(t, cookie.Secure && cookie.HttpOnly)
		assert.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
		assert.InDelta(t, 60, cookie.MaxAge, 2)
		assert.NotContains(t, cookie.Value, "verifier")
	}
	for _, flow := range []auth.Flow{two, one} {
		w := httptest.NewRecorder()
		taken, err := flows(t, secret, true).Take(w, with(cookies...), flow.State)
		require.NoError(t, err)
		assert.Equal(t, flow, taken)
		forgotten := w.Result().Cookies()
		require.Len(t, forgotten, 1)
		assert.Equal(t, -1, forgotten[0].MaxAge)
	}
}

func TestFlowOfAnotherBrowserOrAnExpiredOneIsRefused(t *testing.T) {
	t.Parallel()
	const state = "STATESTATESTATESTATESTATES"
	f := flows(t, secret, false)
	good := keep(t, f, flowOf(state))[0]
	other := "A"
	if good.Value[:1] == other {
		other = "B"
	}
	old := flowOf(state)
	old.ExpiresAt = time.Now().Add(-time.Second)
	tests := map[string]struct {
		value, state string
	}{
		"no such flow":       {good.Value, "OTHERSTATEOTHERSTATEOTHERS"},
		"no state":           {good.Value, ""},
		"the same beginning": {good.Value, state[:16]},
		"and another end":    {good.Value, state[:16] + "AAAAAAAAAA"},
		"odd characters":     {good.Value, "a; Path=/\r\n"},
		"a huge state":       {good.Value, strings.Repeat("A", 1<<20)},
		"too old":            {keep(t, f, old)[0].Value, state},
		"another secret's":   {keep(t, flows(t, secret+".", false), flowOf(state))[0].Value, state},
		"another flow's":     {keep(t, f, flowOf("OTHERSTATEOTHERSTATEOTHERS"))[0].Value, state},
		"a letter changed":   {other + good.Value[1:], state},
		"nothing":            {"", state},
		"not base64":         {"!", state},
		"a letter, no more":  {"A", state},
		"what is no flow":    {strings.Repeat("A", 200), state},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := f.Take(httptest.NewRecorder(),
				with(&http.Cookie{Name: good.Name, Value: test.value}), test.state)
			assert.True(t, fault.Is(err, fault.Invalid), "%v", err)
		})
	}
	_, err := f.Take(httptest.NewRecorder(), with(good), state)
	assert.NoError(t, err)
}

// Otherwise a page that makes a browser start many sign-ins could make its requests too large to be served.
func TestBrowserKeepsAFewFlows(t *testing.T) {
	t.Parallel()
	f := flows(t, secret, false)
	jar := map[string]*http.Cookie{}
	for n := range 20 {
		var cookies []*http.Cookie
		for _, cookie := range jar {
			cookies = append(cookies, cookie)
		}
		for _, cookie := range keep(t, f, flowOf(strings.Repeat(string(rune('A'+n)), 26)), cookies...) {
			if jar[cookie.Name] = cookie; cookie.MaxAge < 0 {
				delete(jar, cookie.Name)
			}
		}
		assert.LessOrEqual(t, len(jar), 5)
		assert.Contains(t, jar, "foyer_login_"+strings.Repeat(string(rune('A'+n)), 16))
	}
}

// Proxies commonly refuse headers of more than 8 KiB, and then every request of that browser.
func TestFlowsOfABrowserFitInAHeader(t *testing.T) {
	t.Parallel()
	f := flows(t, secret, true)
	for _, query := range []string{"a", "&", "\"", "é", "\xff"} {
		size := 0
		for n := range 5 {
			flow := flowOf(strings.Repeat(string(rune('A'+n)), 26))
			flow.ReturnTo = auth.ReturnTo("/?" + strings.Repeat(query, 998/len(query)))
			require.Greater(t, len(flow.ReturnTo), 900, "%q", query)
			for _, cookie := range keep(t, f, flow) {
				size += len(cookie.Name) + len(cookie.Value) + len("=; ")
			}
		}
		assert.Less(t, size, 7<<10, "%q", query)
	}
	short := flowOf("SHORTSHORTSHORTSHORTSHORTS")
	short.ReturnTo = auth.ReturnTo("/?" + strings.Repeat("a", 500))
	taken, err := f.Take(httptest.NewRecorder(), with(keep(t, f, short)...), short.State)
	require.NoError(t, err)
	assert.Equal(t, short, taken, "what fits is kept")
}

func TestReturnToIsAPathOfThisOrigin(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"/": "/", "/room": "/room", "/room?a=b&c=%2F#d": "/room?a=b&c=%2F#d", "/a//b": "/a//b", "/é": "/%C3%A9",
		"/a:b": "/a:b", "/?u=https://evil.example": "/?u=https://evil.example",
		"": "/", "room": "/", "//evil.example": "/", "///evil.example": "/", `/\evil.example`: "/", `\/evil.example`: "/",
		`/a\b`: "/", "https://evil.example": "/", "https:evil.example": "/", "HTTPS://evil.example": "/",
		"javascript:alert(1)": "/", "data:text/html,x": "/", "//user:pass@evil.example": "/", "/\t/evil.example": "/",
		"/\n/evil.example": "/", "\t//evil.example": "/", " //evil.example": "/", "/ /evil.example": "/",
		"/%2Fevil.example": "/", "/%2fevil.example": "/", "/%5Cevil.example": "/", "/%5cevil.example": "/",
		"/%09/evil.example": "/", "/%0d%0aLocation:x": "/", "%2F%2Fevil.example": "/", "/%zz": "/", "/\u2028": "/",
		"/" + strings.Repeat("a", 1000): "/", ".//evil.example": "/", "?x": "/", "#x": "/",
	} {
		got := auth.ReturnTo(text)
		assert.Equal(t, want, got, "%q", text)
		home, _ := url.Parse("https://meet.example.org/callback")
		at, err := home.Parse(got)
		require.NoError(t, err)
		assert.Equal(t, "meet.example.org", at.Host)
	}
}

func FuzzReturnTo(f *testing.F) {
	for _, text := range []string{"/", "//evil", `/\evil`, "/%2Fevil", "https://evil", "/a?b#c", "/\t/x"} {
		f.Add(text)
	}
	home, _ := url.Parse("https://meet.example.org/callback")
	f.Fuzz(func(t *testing.T, text string) {
		got := auth.ReturnTo(text)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n\t ") {
			t.Fatalf("%q becomes %q", text, got)
		}
		if at, err := home.Parse(got); err != nil || at.Host != home.Host || at.Scheme != home.Scheme {
			t.Fatalf("%q becomes %q", text, got)
		}
	})
}
