package apps_test

import (
	"crypto/hkdf"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/accounts/apps"
	"foyer/internal/fault"
	"foyer/test/env"
)

const prefix = "foyer_token_"

// appKey must not change: during an update, servers of two versions read each other's tokens.
func appKey(t *testing.T) []byte {
	t.Helper()
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "foyer application token", 32)
	require.NoError(t, err)
	return key
}

func TestForgedOrInvalidTokenIsRefused(t *testing.T) {
	t.Parallel()
	rdb, _ := env.Embedded(t)
	w := newWorld(t, env.SQLite(t), rdb, nil)
	app, _ := w.app(t)
	key, none := appKey(t), jwt.UnsafeAllowNoneSignatureType
	hs := jwt.SigningMethodHS256
	tests := []struct {
		name   string
		method jwt.SigningMethod
		key    any
		spoil  func(jwt.MapClaims)
		reads  bool
	}{
		{"nothing wrong", hs, key, func(jwt.MapClaims) {}, true},
		{"no algorithm", jwt.SigningMethodNone, none, func(jwt.MapClaims) {}, false},
		{"another algorithm", jwt.SigningMethodHS512, key, func(jwt.MapClaims) {}, false},
		{"the secret itself", hs, []byte(secret), func(jwt.MapClaims) {}, false},
		{"another audience", hs, key, func(c jwt.MapClaims) { c["aud"] = "foyer" }, false},
		{"no audience", hs, key, func(c jwt.MapClaims) { delete(c, "aud") }, false},
		{"no end", hs, key, func(c jwt.MapClaims) { delete(c, "exp") }, false},
		{"ended", hs, key, func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Minute).Unix() }, false},
		{"no user", hs, key, func(c jwt.MapClaims) { delete(c, "sub") }, false},
		{"no application", hs, key, func(c jwt.MapClaims) { delete(c, "client_id") }, false},
		{"an application that is not there", hs, key,
			func(c jwt.MapClaims) { c["client_id"] = uuid.NewString() }, false},
		{"an application that is no id", hs, key, func(c jwt.MapClaims) { c["client_id"] = "x" }, false},
		{"a secret to come", hs, key, func(c jwt.MapClaims) { c["generation"] = 2 }, false},
		{"a secret of before the first", hs, key, func(c jwt.MapClaims) { c["generation"] = 0 }, false},
		{"no secret", hs, key, func(c jwt.MapClaims) { delete(c, "generation") }, false},
	}
	for _, test := range tests {
		said := jwt.MapClaims{
			"sub": uuid.NewString(), "aud": "foyer application", "client_id": app.ID.String(),
			"generation": 1, "scope": "rooms:list", "exp": time.Now().Add(time.Minute).Unix(),
		}
		test.spoil(said)
		signed, err := jwt.NewWithClaims(test.method, said).SignedString(test.key)
		require.NoError(t, err)
		viewer, err := w.tokens.Read(t.Context(), prefix+signed)
		if test.reads {
			require.NoError(t, err, test.name)
			continue
		}
		assert.True(t, fault.Is(err, fault.Unauthenticated), "%s: %v", test.name, err)
		assert.Zero(t, viewer, test.name)
	}
	for _, text := range []string{"", prefix, prefix + "..", prefix + strings.Repeat("a", 1<<20), "\x00"} {
		_, err := w.tokens.Read(t.Context(), text)
		env.AssertFault(t, fault.Unauthenticated, err)
	}
}

func TestOnlyAnApplicationsHeaderIsRead(t *testing.T) {
	t.Parallel()
	rdb, _ := env.Embedded(t)
	w := newWorld(t, env.SQLite(t), rdb, nil)
	_, request := w.app(t)
	token := w.issue(t, request)
	for header, want := range map[string]struct{ mine, reads bool }{
		"Bearer " + token:                             {true, true},
		"bearer   " + token + " ":                     {true, true},
		"Bearer " + prefix + "x":                      {true, false},
		"Bearer " + token + "x":                       {true, false},
		"Bearer " + strings.TrimPrefix(token, prefix): {false, false},
		"Basic " + token:                              {false, false},
		"Bearer":                                      {false, false},
		token:                                         {false, false},
		"":                                            {false, false},
	} {
		viewer, mine, err := w.tokens.FromHeader(t.Context(), header)
		assert.Equal(t, want.mine, mine, header)
		assert.Equal(t, want.mine && !want.reads, err != nil, header)
		assert.Equal(t, want.reads, viewer.SignedIn(), header)
	}
}

func TestOnlyServersWithTheSameSecretReadAToken(t *testing.T) {
	t.Parallel()
	rdb, _ := env.Embedded(t)
	w := newWorld(t, env.SQLite(t), rdb, nil)
	_, request := w.app(t)
	token := w.issue(t, request)
	_, err := newWorld(t, w.DB, rdb, nil).tokens.Read(t.Context(), token)
	require.NoError(t, err)
	other := newWorld(t, w.DB, rdb, func(s *apps.Settings) { s.Secret = secret + "!" })
	_, err = other.tokens.Read(t.Context(), token)
	env.AssertFault(t, fault.Unauthenticated, err)
}
