package auth_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/internal/fault"
)

func TestSettingsCanDeclareAllAddressesVerified(t *testing.T) {
	t.Parallel()
	for name, said := range map[string]jwt.MapClaims{
		"missing": {}, "false": {"email_verified": false}, "no address": {"email": ""},
	} {
		for _, all := range []bool{false, true} {
			i := newIssuer(t)
			i.set(func() {
				i.userinfo = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"sub": "ada"}`)) }
			})
			p := i.provider(func(s *auth.ProviderSettings) { s.EmailsVerified = all })
			flow := begin(t, p)
			claims := i.claims(client)
			claims["nonce"], claims["name"], claims["email"] = flow.Nonce, "Ada", "ada@example.org"
			maps.Copy(claims, said)
			i.give(i.key.sign(t, claims))
			who, _, err := p.Finish(t.Context(), redirect, flow, came(flow))
			require.NoError(t, err)
			assert.Equal(t, all && name != "no address", who.EmailVerified, "%s, %t", name, all)
		}
	}
}

func TestEmailVerifiedIsReadFromUserinfo(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.set(func() {
		i.userinfo = func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"sub": "ada", "email": "ada@example.org", "email_verified": true}`))
		}
	})
	p := i.provider()
	flow := begin(t, p)
	claims := i.claims(client)
	claims["nonce"], claims["name"], claims["email"] = flow.Nonce, "Ada", "ada@example.org"
	i.give(i.key.sign(t, claims))
	who, _, err := p.Finish(t.Context(), redirect, flow, came(flow))
	require.NoError(t, err)
	assert.True(t, who.EmailVerified)
}

func TestListedClaimsShowWhetherAddressesAreVerified(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		listed any
		all    bool
		want   bool
	}{
		{nil, false, true}, {[]string{}, false, true}, {[]string{"sub", "email_verified"}, false, true},
		{[]string{"sub", "email"}, false, false}, {[]string{"sub", "email"}, true, true},
	} {
		i := newIssuer(t)
		i.set(func() {
			i.described = func(about map[string]any) { about["claims_supported"] = test.listed }
		})
		p := i.provider(func(s *auth.ProviderSettings) { s.EmailsVerified = test.all })
		says, err := p.SaysVerified(t.Context())
		require.NoError(t, err)
		assert.Equal(t, test.want, says, "%v", test)
	}
}

func TestUserinfoOfAnotherPersonIsRefused(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	p := i.provider()
	flow := begin(t, p)
	claims := i.claims(client)
	claims["nonce"] = flow.Nonce
	i.give(i.key.sign(t, claims))
	say := func(status int, text string) {
		i.set(func() {
			i.userinfo = func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = w.Write([]byte(text))
			}
		})
	}
	for text, kind := range map[string]fault.Kind{
		`{"sub": "eve", "email": "ada@example.org"}`: fault.Invalid,
		`{"email": "ada@example.org"}`:               fault.Invalid,
		`oops`:                                       fault.Unavailable,
		strings.Repeat(" ", 5<<20) + `{"sub":"ada"}`: fault.Unavailable,
	} {
		say(http.StatusOK, text)
		_, _, err := p.Finish(t.Context(), redirect, flow, came(flow))
		assert.True(t, fault.Is(err, kind), "%.50s: %v", text, err)
	}
}
