package auth_test

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/fault"
)

const (
	secret = "a secret of at least 32 bytes, for tests"
	cookie = "foyer_session"
)

func sessions(t *testing.T, secret string, ttl time.Duration) *auth.Sessions {
	t.Helper()
	s, err := auth.NewSessions(secret, ttl)
	require.NoError(t, err)
	return s
}

func issue(t *testing.T, s *auth.Sessions, userID uuid.UUID) string {
	t.Helper()
	token, err := s.Issue(userID)
	require.NoError(t, err)
	return token
}

// signed returns a token with any claims, signed as Sessions signs.
func signed(t *testing.T, method jwt.SigningMethod, key any, claims jwt.Claims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	require.NoError(t, err)
	return token
}

func TestTokenSignsInWhomItWasIssuedForOnEveryServerWithTheSecret(t *testing.T) {
	t.Parallel()
	userID, before := uuid.New(), time.Now().Truncate(time.Second)
	token := issue(t, sessions(t, secret, time.Hour), userID)
	viewer, err := sessions(t, secret, time.Minute).Read(token)
	require.NoError(t, err)
	assert.Equal(t, userID, viewer.UserID)
	assert.True(t, viewer.SignedIn())
	assert.Empty(t, viewer.Address)
	assert.False(t, viewer.ExpiresAt.Before(before.Add(time.Hour)))
	assert.False(t, viewer.ExpiresAt.After(time.Now().Add(time.Hour)))
}

func TestTokenNamesItsBearerAndNothingElse(t *testing.T) {
	t.Parallel()
	userID := uuid.New()
	token := issue(t, sessions(t, secret, time.Hour), userID)
	claims := jwt.MapClaims{}
	parsed, _, err := jwt.NewParser().ParseUnverified(token, claims)
	require.NoError(t, err)
	assert.Equal(t, "HS256", parsed.Header["alg"])
	assert.Equal(t, time.Hour.Seconds(), claims["exp"].(float64)-claims["iat"].(float64))
	delete(claims, "iat")
	delete(claims, "exp")
	assert.Equal(t, jwt.MapClaims{"sub": userID.String(), "aud": []any{"foyer"}}, claims)
}

// The key is derived, so that what else is signed with the secret, as tickets are, is no session.
func TestSecretItselfSignsNoToken(t *testing.T) {
	t.Parallel()
	token := signed(t, jwt.SigningMethodHS256, []byte(secret), good(uuid.New()))
	_, err := sessions(t, secret, time.Hour).Read(token)
	assert.True(t, fault.Is(err, fault.Unauthenticated), "%v", err)
}

func good(userID uuid.UUID) jwt.RegisteredClaims {
	return jwt.RegisteredClaims{
		Subject: userID.String(), Audience: jwt.ClaimStrings{"foyer"},
		ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour)),
	}
}

func TestTokenThatSaysTheWrongThingIsRefusedThoughItsSignatureIsGood(t *testing.T) {
	t.Parallel()
	// Pinned: servers of two versions, side by side during an update, read each other's tokens.
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "foyer session", 32)
	require.NoError(t, err)
	tests := []struct {
		name   string
		method jwt.SigningMethod
		key    any
		spoil  func(*jwt.RegisteredClaims)
		reads  bool
	}{
		{"nothing wrong", jwt.SigningMethodHS256, key, func(*jwt.RegisteredClaims) {}, true},
		{"no algorithm", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType,
			func(*jwt.RegisteredClaims) {}, false},
		{"another algorithm", jwt.SigningMethodHS512, key, func(*jwt.RegisteredClaims) {}, false},
		{"another audience", jwt.SigningMethodHS256, key,
			func(c *jwt.RegisteredClaims) { c.Audience = jwt.ClaimStrings{"foyer ticket"} }, false},
		{"no audience", jwt.SigningMethodHS256, key,
			func(c *jwt.RegisteredClaims) { c.Audience = nil }, false},
		{"no end", jwt.SigningMethodHS256, key,
			func(c *jwt.RegisteredClaims) { c.ExpiresAt = nil }, false},
		{"ended a minute ago", jwt.SigningMethodHS256, key, func(c *jwt.RegisteredClaims) {
			c.ExpiresAt = jwt.NewNumericDate(time.Now().Add(-time.Minute))
		}, false},
		{"not yet begun", jwt.SigningMethodHS256, key, func(c *jwt.RegisteredClaims) {
			c.NotBefore = jwt.NewNumericDate(time.Now().Add(time.Minute))
		}, false},
		{"no subject", jwt.SigningMethodHS256, key,
			func(c *jwt.RegisteredClaims) { c.Subject = "" }, false},
		{"a subject that is no id", jwt.SigningMethodHS256, key,
			func(c *jwt.RegisteredClaims) { c.Subject = "ada" }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			claims := good(uuid.New())
			test.spoil(&claims)
			token := signed(t, test.method, test.key, claims)
			viewer, err := sessions(t, secret, time.Hour).Read(token)
			if test.reads {
				require.NoError(t, err)
				return
			}
			assert.True(t, fault.Is(err, fault.Unauthenticated), "%v", err)
			assert.Equal(t, "your session has ended; sign in again", fault.Of(err).Message)
			assert.Zero(t, viewer)
		})
	}
}

func TestTokenThatWeDidNotIssueOrThatHasEndedIsRefused(t *testing.T) {
	t.Parallel()
	s := sessions(t, secret, time.Hour)
	mine, other := issue(t, s, uuid.New()), issue(t, s, uuid.New())
	parts, others := strings.Split(mine, "."), strings.Split(other, ".")
	tests := map[string]string{
		"another secret":           issue(t, sessions(t, secret+".", time.Hour), uuid.New()),
		"ended":                    issue(t, sessions(t, secret, -time.Minute), uuid.New()),
		"another token's payload":  parts[0] + "." + others[1] + "." + parts[2],
		"no signature":             parts[0] + "." + parts[1] + ".",
		"two parts":                parts[0] + "." + parts[1],
		"nothing":                  "",
		"garbage":                  "garbage",
		"dots":                     "..",
		"not base64":               "!.!.!",
		"NUL":                      "\x00",
		"a hundred thousand bytes": strings.Repeat(rand.Text(), 4000),
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			viewer, err := s.Read(token)
			assert.True(t, fault.Is(err, fault.Unauthenticated), "%v", err)
			assert.Zero(t, viewer)
		})
	}
}

func TestHeaderIsBearerAndAToken(t *testing.T) {
	t.Parallel()
	s, userID := sessions(t, secret, time.Hour), uuid.New()
	token := issue(t, s, userID)
	tests := []struct {
		name, header string
		reads        bool
	}{
		{"as it is meant", "Bearer " + token, true},
		{"in lower case", "bearer " + token, true},
		{"in upper case, with more spaces", "BEARER   " + token + " ", true},
		{"nothing", "", false},
		{"no token", "Bearer", false},
		{"an empty token", "Bearer ", false},
		{"no scheme", token, false},
		{"another scheme", "Basic " + token, false},
		{"no space", "Bearer" + token, false},
		{"something after the token", "Bearer " + token + " more", false},
		{"a letter too many", "Bearer " + token + "x", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			viewer, err := s.FromHeader(test.header)
			if test.reads {
				require.NoError(t, err)
				assert.Equal(t, userID, viewer.UserID)
				return
			}
			assert.True(t, fault.Is(err, fault.Unauthenticated), "%v", err)
			assert.Zero(t, viewer)
		})
	}
}

func TestRequestIsByWhomItsHeaderOrElseItsCookieSignsIn(t *testing.T) {
	t.Parallel()
	s := sessions(t, secret, time.Hour)
	ada, bob := uuid.New(), uuid.New()
	adas, bobs := issue(t, s, ada), issue(t, s, bob)
	ended := issue(t, sessions(t, secret, -time.Hour), bob)
	tests := []struct {
		name, header, cookie string
		by                   uuid.UUID
		refused              bool
	}{
		{"neither", "", "", uuid.Nil, false},
		{"a header", "Bearer " + adas, "", ada, false},
		{"a cookie", "", bobs, bob, false},
		{"both: the header", "Bearer " + adas, bobs, ada, false},
		{"a good header and a bad cookie", "Bearer " + adas, ended, ada, false},
		{"a cookie that has ended is nobody", "", ended, uuid.Nil, false},
		{"a cookie of garbage is nobody", "", "garbage", uuid.Nil, false},
		{"a header that has ended", "Bearer " + ended, "", uuid.Nil, true},
		{"a bad header is not made good by a cookie", "Bearer garbage", bobs, uuid.Nil, true},
		{"a header of another scheme", "Basic YTpi", bobs, uuid.Nil, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
			if test.header != "" {
				r.Header.Set("Authorization", test.header)
			}
			if test.cookie != "" {
				r.AddCookie(&http.Cookie{Name: cookie, Value: test.cookie})
			}
			viewer, err := s.FromRequest(r)
			assert.Equal(t, test.refused, fault.Is(err, fault.Unauthenticated), "%v", err)
			assert.Equal(t, test.refused, err != nil, "%v", err)
			assert.Equal(t, test.by, viewer.UserID)
			assert.Equal(t, test.by != uuid.Nil, viewer.SignedIn())
			assert.Equal(t, viewer.SignedIn(), !viewer.ExpiresAt.IsZero())
		})
	}
}

func TestCookieIsKeptFromScriptsAndFromOtherSites(t *testing.T) {
	t.Parallel()
	s, userID := sessions(t, secret, time.Hour), uuid.New()
	w := httptest.NewRecorder()
	http.SetCookie(w, s.Cookie(issue(t, s, userID)))
	set := w.Result().Cookies()
	require.Len(t, set, 1)
	assert.Equal(t, cookie, set[0].Name)
	assert.True(t, set[0].HttpOnly)
	assert.Equal(t, http.SameSiteLaxMode, set[0].SameSite)
	assert.Equal(t, "/", set[0].Path)
	assert.Empty(t, set[0].Domain, "no other host gets it")
	assert.Equal(t, 3600, set[0].MaxAge)

	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(set[0])
	viewer, err := s.FromRequest(r)
	require.NoError(t, err)
	assert.Equal(t, userID, viewer.UserID)
}

func TestContextCarriesItsViewerAndOtherwiseNobody(t *testing.T) {
	t.Parallel()
	assert.Zero(t, auth.FromContext(context.Background()))
	assert.False(t, auth.FromContext(context.Background()).SignedIn())
	ada := auth.Viewer{UserID: uuid.New(), Address: "192.0.2.1", ExpiresAt: time.Now()}
	assert.Equal(t, ada, auth.FromContext(auth.NewContext(context.Background(), ada)))
}
