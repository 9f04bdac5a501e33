package auth

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/fault"
)

// keysOf serves keys that a test can change, without a network, so that a fake clock works.
type keysOf struct{ keys []jose.JSONWebKey }

func (k *keysOf) RoundTrip(*http.Request) (*http.Response, error) {
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: k.keys})
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(text))}, err
}

// TestWithdrawnKeyWorksForAtMostTenMinutes covers earlier uses of its tokens at several times, and cached tokens.
func TestWithdrawnKeyWorksForAtMostTenMinutes(t *testing.T) {
	const issuer, audience = "https://id.example.org", "foyer"
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for _, shown := range []time.Duration{
		0, time.Minute, 5 * time.Minute, 8*time.Minute + 59*time.Second, 9*time.Minute + 59*time.Second,
	} {
		b := NewBearer(BearerSettings{
			Audience: audience, Issuers: []BearerIssuer{{Issuer: issuer, KeysURL: issuer + "/keys"}},
		})
		synctest.Test(t, func(t *testing.T) {
			published := &keysOf{[]jose.JSONWebKey{{Key: public, KeyID: "k", Algorithm: "EdDSA", Use: "sig"}}}
			b.verifiers[issuer].keys.client.Transport = published
			now := time.Now()
			token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
				"iss": issuer, "aud": audience, "sub": "ada", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
			})
			token.Header["kid"] = "k"
			text, err := token.SignedString(private)
			require.NoError(t, err)
			read := func() error {
				_, err := b.Read(t.Context(), text, func(context.Context, Identity) (uuid.UUID, error) {
					return uuid.New(), nil
				})
				return err
			}
			require.NoError(t, read())
			published.keys = nil
			time.Sleep(shown)
			_ = read() // it may still work
			time.Sleep(10*time.Minute - shown)
			assert.True(t, fault.Is(read(), fault.Unauthenticated), "shown after %s", shown)
		})
	}
}

// slow makes a fetch take half a second.
func slow(fetch func(context.Context) (string, error)) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		time.Sleep(500 * time.Millisecond)
		return fetch(ctx)
	}
}

// TestHangingIssuerDelaysCallersBriefly also covers callers that need a newer value: their own context limits the wait.
func TestHangingIssuerDelaysCallersBriefly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hangs, asked := false, 0
		c := &cached[string]{life: 10 * time.Minute, pause: 5 * time.Second}
		c.fetch = func(ctx context.Context) (string, error) {
			asked++
			if !hangs {
				return "known", nil
			}
			time.Sleep(issuerTimeout)
			return "", errAway
		}
		get := func(want time.Duration) {
			t.Helper()
			began := time.Now()
			value, err := c.get(t.Context(), false)
			require.NoError(t, err)
			assert.Equal(t, "known", value)
			assert.Equal(t, want, time.Since(began))
		}
		get(0)
		hangs = true
		time.Sleep(6 * time.Minute)
		get(0) // it is requested before it is old
		synctest.Wait()
		assert.Equal(t, 2, asked)

		time.Sleep(issuerTimeout)
		hangs = false
		time.Sleep(20 * time.Minute) // idle: the earlier failure no longer matters
		c.fetch, asked = slow(c.fetch), 0
		get(500 * time.Millisecond)
		assert.Equal(t, 1, asked)
		hangs = true
		time.Sleep(20 * time.Minute)
		get(staleWait)                      // the value may be old
		get(0)                              // no other caller waits while the issuer hangs
		time.Sleep(issuerTimeout + c.pause) // nor while its requests fail
		get(0)                              // nor when it is requested again

		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := c.get(ctx, true)
		assert.ErrorIs(t, err, errAway)
		assert.Equal(t, 100*time.Millisecond, time.Since(began))
		time.Sleep(time.Minute)
		assert.True(t, errors.Is(c.current().failure, errAway))
	})
}
