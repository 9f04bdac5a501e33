package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"foyer/auth"
	"foyer/test/env"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(env.RunTests(m, func() error {
		// The clock of a cache runs as long as the process.
		return goleak.Find(goleak.IgnoreAnyFunction("github.com/hashicorp/golang-lru/v2/expirable.NewLRU[...].func1"))
	}))
}

const (
	secret = "a secret of at least 32 bytes, for tests"
	client = "foyer"
)

// signer is a key of an issuer.
type signer struct {
	id     string
	key    crypto.Signer
	method jwt.SigningMethod
}

func newRSA(t testing.TB, id string) signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return signer{id, key, jwt.SigningMethodRS256}
}

func newECDSA(t testing.TB, id string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return signer{id, key, jwt.SigningMethodES256}
}

func newEdDSA(t testing.TB, id string) signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return signer{id, key, jwt.SigningMethodEdDSA}
}

func (k signer) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.key.Public(), KeyID: k.id, Algorithm: k.method.Alg(), Use: "sig"}
}

// sign returns a token with the given claims.
func (k signer) sign(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(k.method, claims)
	if k.id != "" {
		token.Header["kid"] = k.id
	}
	text, err := token.SignedString(k.key)
	require.NoError(t, err)
	return text
}

// issuer is an OpenID provider that does what a test tells it to.
type issuer struct {
	*httptest.Server

	t   testing.TB
	mu  sync.Mutex
	key signer
	// published are its keys; nil for the one that it signs with.
	published []signer
	// away makes it answer 503 to everything.
	away bool
	// asked counts the requests by path.
	asked map[string]int
	// tokens handles the token endpoint, userinfo the userinfo endpoint.
	tokens, userinfo func(http.ResponseWriter, *http.Request)
	// described changes its discovery document.
	described func(map[string]any)
	// verifiers are the PKCE verifiers that it received.
	verifiers []string
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	i := &issuer{t: t, key: newRSA(t, "first"), asked: map[string]int{}}
	i.Server = httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked[r.URL.Path]++
	if i.away {
		http.Error(w, "away", http.StatusServiceUnavailable)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		about := map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
			"jwks_uri": i.URL + "/keys", "userinfo_endpoint": i.URL + "/userinfo",
			"end_session_endpoint": i.URL + "/end?theme=dark",
		}
		if i.described != nil {
			i.described(about)
		}
		_ = json.NewEncoder(w).Encode(about)
	case "/keys":
		var set jose.JSONWebKeySet
		keys := i.published
		if keys == nil {
			keys = []signer{i.key}
		}
		for _, key := range keys {
			set.Keys = append(set.Keys, key.public())
		}
		_ = json.NewEncoder(w).Encode(set)
	case "/token":
		i.verifiers = append(i.verifiers, r.FormValue("code_verifier"))
		i.tokens(w, r)
	case "/userinfo":
		i.userinfo(w, r)
	default:
		http.NotFound(w, r)
	}
}

// set changes the issuer while it serves.
func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *issuer) count(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked[path]
}

// claims are the claims of a valid token for an audience.
func (i *issuer) claims(audience string) jwt.MapClaims {
	now := time.Now()
	return jwt.MapClaims{
		"iss": i.URL, "sub": "ada", "aud": audience,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

func (i *issuer) provider(change ...func(*auth.ProviderSettings)) *auth.Provider {
	settings := auth.ProviderSettings{
		Issuer: i.URL, ClientID: client, ClientSecret: "hush", Scopes: []string{"openid"}, Leeway: time.Minute,
		Names: auth.NameClaims{Full: []string{"name", "given_name family_name"}, Short: "given_name"},
	}
	for _, c := range change {
		c(&settings)
	}
	return auth.NewProvider(settings)
}

// answer sets the answer of the token endpoint.
func (i *issuer) answer(status int, body any) {
	i.set(func() {
		i.tokens = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(body)
		}
	})
}

// give makes the token endpoint return an ID token.
func (i *issuer) give(idToken string) {
	i.answer(http.StatusOK, map[string]any{
		"access_token": "access", "token_type": "Bearer", "expires_in": 60, "id_token": idToken,
	})
}

const redirect = "https://meet.example.org/callback"

// begin starts a sign-in and returns its flow.
func begin(t testing.TB, p *auth.Provider) auth.Flow {
	t.Helper()
	flow, address, err := p.Begin(t.Context(), redirect, "/")
	require.NoError(t, err)
	require.True(t, strings.Contains(address, "/authorize?"), address)
	return flow
}

func came(flow auth.Flow, more ...string) url.Values {
	values := url.Values{"code": {"code"}, "state": {flow.State}}
	for i := 0; i < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	return values
}
