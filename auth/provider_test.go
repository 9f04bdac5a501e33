package auth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/internal/fault"
	"foyer/test/env"
)

func TestBrowserIsSentToTheProviderWithPKCEStateAndNonce(t *testing.T) {
	t.Parallel()
	p := newIssuer(t).provider()
	flow, address, err := p.Begin(t.Context(), redirect, "/room")
	require.NoError(t, err)
	at, err := url.Parse(address)
	require.NoError(t, err)
	sum := sha256.Sum256([]byte(flow.Verifier))
	assert.Equal(t, url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {redirect}, "scope": {"openid"},
		"state": {flow.State}, "nonce": {flow.Nonce}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
	}, at.Query())
	assert.Equal(t, "/room", flow.ReturnTo)
	other, _, err := p.Begin(t.Context(), redirect, "/room")
	require.NoError(t, err)
	assert.NotEqual(t, flow.State, other.State)
	assert.NotEqual(t, flow.Nonce, other.Nonce)
	assert.NotEqual(t, flow.Verifier, other.Verifier)
}

func TestProviderIdentifiesThePerson(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		claims       jwt.MapClaims
		userinfo     jwt.MapClaims
		full, short  string
		email        string
		verified     bool
		asksUserinfo bool
	}{
		{"everything in the ID token", jwt.MapClaims{"name": "Ada Lovelace", "given_name": "Ada",
			"email": "ada@example.org", "email_verified": true}, nil,
			"Ada Lovelace", "Ada", "ada@example.org", true, false},
		{"in userinfo alone", jwt.MapClaims{}, jwt.MapClaims{"sub": "ada", "given_name": " Ada", "family_name": "Lovelace ",
			"email": "ada@example.org", "email_verified": "true"}, "Ada Lovelace", "Ada", "ada@example.org", true, true},
		{"the ID token counts", jwt.MapClaims{"name": "Ada"}, jwt.MapClaims{"sub": "ada", "name": "Eve",
			"email": "ada@example.org", "email_verified": "false"}, "Ada", "", "ada@example.org", false, true},
		{"an address that only userinfo says, unverified", jwt.MapClaims{"email_verified": true},
			jwt.MapClaims{"sub": "ada", "email": "bob@example.org"}, "", "", "bob@example.org", false, true},
		{"userinfo vouches for another address", jwt.MapClaims{"email": "bob@example.org"},
			jwt.MapClaims{"sub": "ada", "email": "ada@example.org", "email_verified": true}, "", "", "bob@example.org", false, true},
		{"userinfo vouches for the same address", jwt.MapClaims{"email": "ada@example.org"},
			jwt.MapClaims{"sub": "ada", "email": "ada@example.org", "email_verified": true}, "", "", "ada@example.org", true, true},
		{"nothing anywhere", jwt.MapClaims{}, jwt.MapClaims{"sub": "ada"}, "", "", "", false, true},
		{"what is no name and no address", jwt.MapClaims{"name": 7, "given_name": "\u202e\x00 ", "email": "Ada <a@b>",
			"email_verified": true}, jwt.MapClaims{"sub": "ada"}, "", "", "", false, true},
		{"a name of symbols", jwt.MapClaims{"name": "🦊", "given_name": "\u3164\u2800"}, jwt.MapClaims{"sub": "ada"},
			"🦊", "", "", false, true},
		{"long and odd ones", jwt.MapClaims{"name": "A\u202e" + strings.Repeat("d", 300), "email": "ada@example.org",
			"given_name": strings.Repeat("会", 60), "email_verified": false}, nil, "A" + strings.Repeat("d", 199), "", "ada@example.org", false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			p := i.provider()
			flow := begin(t, p)
			claims := i.claims(client)
			claims["nonce"], claims["locale"], claims["zoneinfo"] = flow.Nonce, "fr-FR", "Europe/Paris"
			for name, value := range test.claims {
				claims[name] = value
			}
			idToken := i.key.sign(t, claims)
			i.give(idToken)
			i.set(func() {
				i.userinfo = func(w http.ResponseWriter, r *http.Request) {
					if r.Header.Get("Authorization") != "Bearer access" {
						http.Error(w, "no", http.StatusUnauthorized)
						return
					}
					_ = json.NewEncoder(w).Encode(test.userinfo)
				}
			})
			who, kept, err := p.Finish(t.Context(), redirect, flow, came(flow, "iss", i.URL))
			require.NoError(t, err)
			assert.Equal(t, idToken, kept)
			assert.Equal(t, "ada", who.Subject)
			assert.Equal(t, []string{test.full, test.short, test.email}, []string{who.FullName, who.ShortName, who.Email})
			assert.Equal(t, test.verified, who.EmailVerified)
			assert.Equal(t, []string{"fr-FR"}, who.Languages)
			assert.Equal(t, []string{"Europe/Paris"}, who.TimeZones)
			assert.Equal(t, test.asksUserinfo, i.count("/userinfo") == 1)
			assert.Equal(t, []string{flow.Verifier}, i.verifiers)
		})
	}
}

// Whatever a provider answers, the error is clear, of the right kind, and fast.
func TestHostileAnswersOfAProviderGiveClearErrors(t *testing.T) {
	t.Parallel()
	stranger := newRSA(t, "first")
	changed := func(name string, value any) func(*issuer, jwt.MapClaims) string {
		return func(i *issuer, claims jwt.MapClaims) string {
			claims[name] = value
			if value == nil {
				delete(claims, name)
			}
			return i.key.sign(i.t, claims)
		}
	}
	tokens := map[string]func(*issuer, jwt.MapClaims) string{
		"another audience":     changed("aud", "others"),
		"no audience":          changed("aud", nil),
		"another client's":     changed("azp", "others"),
		"another nonce":        changed("nonce", "others"),
		"no nonce":             changed("nonce", nil),
		"another issuer":       changed("iss", "https://evil.example"),
		"ended":                changed("exp", time.Now().Add(-2*time.Minute).Unix()),
		"no end":               changed("exp", nil),
		"not yet begun":        changed("nbf", time.Now().Add(10*time.Minute).Unix()),
		"issued in the future": changed("iat", time.Now().Add(10*time.Minute).Unix()),
		"no subject":           changed("sub", nil),
		"bad access token":     changed("at_hash", "bm90IGl0"),
		"another key":          func(i *issuer, claims jwt.MapClaims) string { return stranger.sign(i.t, claims) },
		"an unknown key": func(i *issuer, claims jwt.MapClaims) string {
			return signer{"unknown", stranger.key, stranger.method}.sign(i.t, claims)
		},
		"no algorithm": func(i *issuer, claims jwt.MapClaims) string {
			text, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
			require.NoError(i.t, err)
			return text
		},
		"the client's secret as key": func(i *issuer, claims jwt.MapClaims) string {
			text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("hush"))
			require.NoError(i.t, err)
			return text
		},
		"no token": func(*issuer, jwt.MapClaims) string { return "" },
		"garbage":  func(*issuer, jwt.MapClaims) string { return "a.b.c" },
	}
	for name, make := range tokens {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			p := i.provider()
			flow := begin(t, p)
			claims := i.claims(client)
			claims["nonce"] = flow.Nonce
			i.give(make(i, claims))
			who, _, err := p.Finish(t.Context(), redirect, flow, came(flow))
			assert.True(t, fault.Is(err, fault.Invalid), "%v", err)
			assert.Zero(t, who)
		})
	}
}

func TestErrorOfAProviderIsReported(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	p := i.provider()
	flow := begin(t, p)
	for _, test := range []struct {
		params url.Values
		kind   fault.Kind
	}{
		{url.Values{"error": {"access_denied"}}, fault.Forbidden},
		{url.Values{"error": {"access_denied"}, "code": {"code"}}, fault.Forbidden},
		{url.Values{"error": {"login_required"}}, fault.Forbidden},
		{url.Values{"error": {strings.Repeat("x", 1<<20)}}, fault.Forbidden},
		{url.Values{"error": {"temporarily_unavailable"}}, fault.Unavailable},
		{url.Values{"error": {"server_error"}}, fault.Unavailable},
		{url.Values{}, fault.Invalid},
		{url.Values{"code": {"code"}, "iss": {"https://evil.example"}}, fault.Invalid},
	} {
		_, _, err := p.Finish(t.Context(), redirect, flow, test.params)
		assert.True(t, fault.Is(err, test.kind), "%v", err)
		assert.Less(t, len(err.Error()), 500)
		assert.NotContains(t, fault.Of(err).Message, "xxx", "nothing is echoed")
	}
	assert.Zero(t, i.count("/token"), "nothing is exchanged")
}

func TestErrorsOfTheTokenEndpointAreReported(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", 5<<20)
	for name, test := range map[string]struct {
		status int
		body   any
		kind   fault.Kind
	}{
		"a code that was used":   {400, map[string]any{"error": "invalid_grant"}, fault.Invalid},
		"a client it knows not":  {401, map[string]any{"error": "invalid_client"}, fault.Unavailable},
		"a mistake of its own":   {500, "oops", fault.Unavailable},
		"a redirect":             {302, "", fault.Unavailable},
		"a huge refusal":         {400, map[string]any{"error": huge}, fault.Unavailable},
		"a huge answer":          {200, map[string]any{"access_token": "a", "id_token": huge}, fault.Unavailable},
		"no JSON":                {200, "what", fault.Unavailable},
		"no access token":        {200, map[string]any{"id_token": "a.b.c"}, fault.Unavailable},
		"an ID token of numbers": {200, map[string]any{"access_token": "a", "id_token": 7}, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			p := i.provider()
			flow := begin(t, p)
			i.answer(test.status, test.body)
			_, _, err := p.Finish(t.Context(), redirect, flow, came(flow))
			assert.True(t, fault.Is(err, test.kind), "%v", err)
			assert.Less(t, len(err.Error()), 1000)
			assert.Equal(t, 1, i.count("/token"), "a code is shown once")
		})
	}
}

func TestClockOfTheProviderMayDifferALittle(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	p := i.provider()
	flow := begin(t, p)
	for _, off := range []time.Duration{-30 * time.Second, 30 * time.Second} {
		claims := i.claims(client)
		claims["nonce"], claims["name"], claims["email"] = flow.Nonce, "Ada", "ada@example.org"
		claims["iat"] = time.Now().Add(off).Unix()
		claims["exp"] = time.Now().Add(min(off, time.Minute)).Unix()
		i.give(i.key.sign(t, claims))
		_, _, err := p.Finish(t.Context(), redirect, flow, came(flow))
		assert.NoError(t, err)
	}
}

func TestProviderIsRequestedAgainAfterAnOutage(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.set(func() { i.away = true })
	p := i.provider()
	for range 100 {
		_, _, err := p.Begin(t.Context(), redirect, "/")
		require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	}
	assert.Less(t, i.count("/.well-known/openid-configuration"), 10, "but not at once")
	assert.Empty(t, p.EndURL(t.Context(), "", redirect))
	i.set(func() { i.away = false })
	env.Eventually(t, func(c *assert.CollectT) {
		_, _, err := p.Begin(t.Context(), redirect, "/")
		assert.NoError(c, err)
	})
	i.set(func() { i.away = true })
	flow := begin(t, p)
	_, _, err := p.Finish(t.Context(), redirect, flow, came(flow))
	assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	i.set(func() { i.away = false })
	claims := i.claims(client)
	claims["nonce"], claims["name"], claims["email"] = flow.Nonce, "Ada", "ada@example.org"
	i.give(i.key.sign(t, claims))
	_, _, err = p.Finish(t.Context(), redirect, flow, came(flow))
	assert.NoError(t, err, "nothing is lost by that")
}

func TestProviderWithAnotherIssuerIsRefused(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(map[string]any){
		"another issuer": func(about map[string]any) { about["issuer"] = "https://evil.example" },
		"too long":       func(about map[string]any) { about["x"] = strings.Repeat("x", 5<<20) },
		"odd":            func(about map[string]any) { about["jwks_uri"] = 7 },
	} {
		i := newIssuer(t)
		i.set(func() { i.described = lie })
		_, _, err := i.provider().Begin(t.Context(), redirect, "/")
		assert.True(t, fault.Is(err, fault.Unavailable), "%s: %v", name, err)
	}
}

func TestClientAuthenticatesAsTheProviderRequires(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		methods []string
		secret  string
		header  bool
	}{
		"says nothing":       {nil, "hush", true},
		"basic and post":     {[]string{"client_secret_post", "client_secret_basic"}, "hush", true},
		"post alone":         {[]string{"client_secret_post"}, "hush", false},
		"a client in public": {[]string{"none"}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			i.set(func() {
				i.described = func(about map[string]any) {
					if test.methods != nil {
						about["token_endpoint_auth_methods_supported"] = test.methods
					}
				}
			})
			p := i.provider(func(s *auth.ProviderSettings) { s.ClientSecret = test.secret })
			flow := begin(t, p)
			var user, password, formID, formSecret string
			var header bool
			i.set(func() {
				i.tokens = func(w http.ResponseWriter, r *http.Request) {
					user, password, header = r.BasicAuth()
					formID, formSecret = r.FormValue("client_id"), r.FormValue("client_secret")
					http.Error(w, "no", http.StatusServiceUnavailable)
				}
			})
			_, _, err := p.Finish(t.Context(), redirect, flow, came(flow))
			require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
			assert.Equal(t, test.header, header)
			if header {
				assert.Equal(t, []string{client, test.secret}, []string{user, password})
				return
			}
			assert.Equal(t, []string{client, test.secret}, []string{formID, formSecret})
		})
	}
}

func TestSigningOutEndsTheSessionAtTheProvider(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	p := i.provider()
	assert.Equal(t, i.URL+"/end?client_id=foyer&id_token_hint=a.b.c&post_logout_redirect_uri="+
		"https%3A%2F%2Fmeet.example.org%2F&theme=dark", p.EndURL(t.Context(), "a.b.c", "https://meet.example.org/"))
	long := p.EndURL(t.Context(), strings.Repeat("x", 2000), "https://meet.example.org/")
	assert.Equal(t, i.URL+"/end?client_id=foyer&post_logout_redirect_uri=https%3A%2F%2Fmeet.example.org%2F&theme=dark",
		long, "an ID token that is too long for an address is left out")
	without := newIssuer(t)
	without.set(func() { without.described = func(about map[string]any) { delete(about, "end_session_endpoint") } })
	assert.Empty(t, without.provider().EndURL(t.Context(), "a.b.c", "https://meet.example.org/"))
}
