package auth_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/internal/fault"
	"foyer/test/env"
)

const audience = "foyer-api"

// accounts gives each subject a user.
type accounts struct {
	mu   sync.Mutex
	ids  map[string]uuid.UUID
	asks atomic.Int64
}

func (a *accounts) user(_ context.Context, who auth.Identity) (uuid.UUID, error) {
	a.asks.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ids == nil {
		a.ids = map[string]uuid.UUID{}
	}
	if a.ids[who.Subject] == uuid.Nil {
		a.ids[who.Subject] = uuid.New()
	}
	return a.ids[who.Subject], nil
}

func bearer(issuers ...auth.BearerIssuer) *auth.Bearer {
	return auth.NewBearer(auth.BearerSettings{
		Issuers: issuers, Audience: audience, Leeway: time.Minute, HomeIssuer: issuers[0].Issuer,
		Names: auth.NameClaims{Full: []string{"name"}},
	})
}

func TestSettingsCanDeclareTheHomeIssuersAddressesVerified(t *testing.T) {
	t.Parallel()
	home, other := newIssuer(t), newIssuer(t)
	b := auth.NewBearer(auth.BearerSettings{
		Issuers:  []auth.BearerIssuer{{Issuer: home.URL}, {Issuer: other.URL}},
		Audience: audience, HomeIssuer: home.URL, HomeEmailsVerified: true, Leeway: time.Minute,
	})
	for i, want := range map[*issuer]bool{home: true, other: false} {
		claims := i.claims(audience)
		claims["email"] = "ada@example.org"
		_, err := b.Read(t.Context(), i.key.sign(t, claims), func(_ context.Context, who auth.Identity) (uuid.UUID, error) {
			assert.Equal(t, want, who.EmailVerified)
			return uuid.New(), nil
		})
		require.NoError(t, err)
	}
}

func TestTokenOfAnIssuerSignsIn(t *testing.T) {
	t.Parallel()
	for _, key := range []signer{newRSA(t, "1"), newECDSA(t, "2"), newEdDSA(t, "3"), newRSA(t, "")} {
		t.Run(key.method.Alg()+key.id, func(t *testing.T) {
			t.Parallel()
			i, people := newIssuer(t), &accounts{}
			i.set(func() { i.key = key })
			b := bearer(auth.BearerIssuer{Issuer: i.URL})
			claims := i.claims(audience)
			token := key.sign(t, claims)
			for range 3 {
				viewer, err := b.Read(t.Context(), token, people.user)
				require.NoError(t, err)
				assert.Equal(t, people.ids["ada"], viewer.UserID)
				assert.Equal(t, uuid.Nil, viewer.SessionID)
				assert.WithinDuration(t, time.Unix(claims["exp"].(int64), 0).Add(time.Minute), viewer.ExpiresAt, 0)
			}
			assert.EqualValues(t, 1, people.asks.Load(), "it is remembered for a while")
			assert.Equal(t, 1, i.count("/keys"))
		})
	}
}

func TestSubjectsOfSeveralIssuersDoNotCollide(t *testing.T) {
	t.Parallel()
	home, other, people := newIssuer(t), newIssuer(t), &accounts{}
	b := bearer(auth.BearerIssuer{Issuer: home.URL}, auth.BearerIssuer{Issuer: other.URL, KeysURL: other.URL + "/keys"})
	here, err := b.Read(t.Context(), home.key.sign(t, home.claims(audience)), people.user)
	require.NoError(t, err)
	there, err := b.Read(t.Context(), other.key.sign(t, other.claims(audience)), people.user)
	require.NoError(t, err)
	assert.NotEqual(t, here.UserID, there.UserID)
	assert.Contains(t, people.ids, "ada")
	assert.Contains(t, people.ids, other.URL+"#ada")
	assert.Zero(t, other.count("/.well-known/openid-configuration"), "it was said where its keys are")

	forged := home.claims(audience)
	forged["iss"] = other.URL
	_, err = b.Read(t.Context(), home.key.sign(t, forged), people.user)
	assert.True(t, fault.Is(err, fault.Unauthenticated), "one issuer does not speak for the other: %v", err)
}

func TestInvalidTokenIsRefused(t *testing.T) {
	t.Parallel()
	i, people := newIssuer(t), &accounts{}
	b := bearer(auth.BearerIssuer{Issuer: i.URL})
	with := func(name string, value any) string {
		claims := i.claims(audience)
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
		return i.key.sign(t, claims)
	}
	by := func(method jwt.SigningMethod, key any) string {
		token := jwt.NewWithClaims(method, i.claims(audience))
		token.Header["kid"] = i.key.id
		text, err := token.SignedString(key)
		require.NoError(t, err)
		return text
	}
	public := base64.RawURLEncoding.EncodeToString([]byte("the public key"))
	good := with("name", "Ada")
	parts := strings.Split(good, ".")
	stranger := newRSA(t, i.key.id)
	tests := map[string]string{
		"another audience":   with("aud", "others"),
		"the login's client": with("aud", client),
		"no audience":        with("aud", nil),
		"unknown issuer":     with("iss", "https://evil.example"),
		"no issuer":          with("iss", nil),
		"issuer with slash":  with("iss", i.URL+"/"),
		"ended":              with("exp", time.Now().Add(-2*time.Minute).Unix()),
		"no end":             with("exp", nil),
		"not yet begun":      with("nbf", time.Now().Add(time.Hour).Unix()),
		"from the future":    with("iat", time.Now().Add(time.Hour).Unix()),
		"no subject":         with("sub", nil),
		"none":               by(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType),
		"HS256":              by(jwt.SigningMethodHS256, []byte(public)),
		"RS512":              by(jwt.SigningMethodRS512, i.key.key),
		"PS256":              by(jwt.SigningMethodPS256, i.key.key),
		"another key":        stranger.sign(t, i.claims(audience)),
		"no signature":       parts[0] + "." + parts[1] + ".",
		"two parts":          parts[0] + "." + parts[1],
		"a letter more":      good + "x",
		"nothing":            "",
		"garbage":            "garbage",
		"dots":               "..",
		"huge":               with("x", strings.Repeat("x", 1<<20)),
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			viewer, err := b.Read(t.Context(), token, people.user)
			assert.True(t, fault.Is(err, fault.Unauthenticated), "%v", err)
			assert.Zero(t, viewer)
			assert.Zero(t, people.asks.Load(), "nobody was looked up")
		})
	}
}

func TestNewKeyIsAcceptedAndStrangersCauseNoFetches(t *testing.T) {
	t.Parallel()
	i, people := newIssuer(t), &accounts{}
	b := bearer(auth.BearerIssuer{Issuer: i.URL})
	_, err := b.Read(t.Context(), i.key.sign(t, i.claims(audience)), people.user)
	require.NoError(t, err)

	stranger := newRSA(t, "nobody's")
	var all sync.WaitGroup
	for n := range 200 {
		claims := i.claims(audience)
		claims["n"] = n
		token := stranger.sign(t, claims)
		all.Go(func() {
			_, err := b.Read(t.Context(), token, people.user)
			assert.True(t, fault.Is(err, fault.Unauthenticated), "%v", err)
		})
	}
	all.Wait()
	assert.LessOrEqual(t, i.count("/keys"), 2)

	second := newECDSA(t, "second")
	i.set(func() { i.key = second })
	token := second.sign(t, i.claims(audience))
	env.Eventually(t, func(c *assert.CollectT) {
		_, err := b.Read(t.Context(), token, people.user)
		assert.NoError(c, err)
	})
	assert.LessOrEqual(t, i.count("/keys"), 4)
}

// Otherwise a slow issuer and a stranger with an unknown key could delay everybody who has a good token.
func TestTokensOfKnownKeysDoNotWaitForNewerKeys(t *testing.T) {
	t.Parallel()
	key, people := newRSA(t, "good"), &accounts{}
	known, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.public()}})
	require.NoError(t, err)
	var fetches atomic.Int32
	asked, answer := make(chan struct{}), make(chan struct{})
	var fetching context.Context // until the request that fetches the newer keys has them or gives up
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fetches.Add(1) == 2 {
			fetching = r.Context()
			close(asked)
			<-answer
		}
		_, _ = w.Write(known)
	}))
	t.Cleanup(server.Close)
	i := &issuer{Server: server}
	b := bearer(auth.BearerIssuer{Issuer: server.URL, KeysURL: server.URL + "/keys"})
	_, err = b.Read(t.Context(), key.sign(t, i.claims(audience)), people.user)
	require.NoError(t, err)
	strangers := newRSA(t, "nobody's").sign(t, i.claims(audience))
	var stranger sync.WaitGroup
	defer stranger.Wait()
	defer close(answer)
	stranger.Go(func() {
		assert.Eventually(t, func() bool { // newer keys are fetched at most every few seconds
			_, err := b.Read(context.Background(), strangers, people.user)
			return fault.Is(err, fault.Unauthenticated) && fetches.Load() == 2
		}, env.Soon, 20*time.Millisecond)
	})
	select {
	case <-asked:
	case <-time.After(env.Soon):
		require.Fail(t, "newer keys are not fetched")
	}
	claims := i.claims(audience)
	claims["jti"] = "another"
	done := make(chan error, 1)
	go func() {
		_, err := b.Read(context.Background(), key.sign(t, claims), people.user)
		done <- err
	}()
	select {
	case err := <-done:
		assert.NoError(t, err)
	case <-fetching.Done(): // after five seconds
		assert.Fail(t, "it waits")
	}
}

func TestOutageOfAnIssuerIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, discovers := range map[string]bool{"its keys": false, "its discovery": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i, people := newIssuer(t), &accounts{}
			i.set(func() { i.away = true })
			from := auth.BearerIssuer{Issuer: i.URL}
			if !discovers {
				from.KeysURL = i.URL + "/keys"
			}
			b := bearer(from)
			token := i.key.sign(t, i.claims(audience))
			for range 50 {
				_, err := b.Read(t.Context(), token, people.user)
				require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
			}
			assert.LessOrEqual(t, i.count("/keys")+i.count("/.well-known/openid-configuration"), 2)
			_, err := b.Read(t.Context(), "a.b.c", people.user)
			assert.True(t, fault.Is(err, fault.Unauthenticated), "nonsense is nonsense: %v", err)
			i.set(func() { i.away = false })
			env.Eventually(t, func(c *assert.CollectT) {
				_, err := b.Read(t.Context(), token, people.user)
				assert.NoError(c, err)
			})
			i.set(func() { i.away = true })
			other := i.claims(audience)
			other["jti"] = "another"
			_, err = b.Read(t.Context(), i.key.sign(t, other), people.user)
			assert.NoError(t, err, "keys that are known serve on")
		})
	}
}

func TestFailureToFindTheAccountFailsTheRequest(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	b := bearer(auth.BearerIssuer{Issuer: i.URL})
	token, wrong := i.key.sign(t, i.claims(audience)), errors.New("no database")
	_, err := b.Read(t.Context(), token, func(context.Context, auth.Identity) (uuid.UUID, error) {
		return uuid.Nil, wrong
	})
	require.ErrorIs(t, err, wrong)
	_, err = b.Read(t.Context(), token, (&accounts{}).user)
	assert.NoError(t, err, "that is not remembered")
}

func TestUnusableKeysAreIgnored(t *testing.T) {
	t.Parallel()
	key, people := newRSA(t, "good"), &accounts{}
	good, err := key.public().MarshalJSON()
	require.NoError(t, err)
	for name, keys := range map[string]string{
		"of an unknown kind": `{"kty": "quantum", "kid": "x"}`, "a secret": `{"kty": "oct", "k": "AAAA", "kid": "good"}`,
		"broken": `{"kty": "RSA", "n": "!", "e": "AQAB"}`, "a number": `7`, "null": `null`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(`{"keys": [` + keys + `,` + string(good) + `]}`))
			}))
			t.Cleanup(server.Close)
			i := &issuer{Server: server}
			b := bearer(auth.BearerIssuer{Issuer: server.URL, KeysURL: server.URL + "/keys"})
			_, err := b.Read(t.Context(), key.sign(t, i.claims(audience)), people.user)
			assert.NoError(t, err)
		})
	}
}
