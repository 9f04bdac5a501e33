package auth

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"foyer/fault"
)

const (
	// cookieName holds a session token in a browser.
	cookieName = "foyer_session"
	audience   = "foyer"
	leeway     = 5 * time.Second
)

// Sessions issues and reads session tokens: JWTs (RFC 7519, HS256) that name a user and an end.
type Sessions struct {
	key []byte
	ttl time.Duration
}

// NewSessions returns Sessions whose tokens are signed with a key derived from secret and live for
// ttl. Every server that shares the secret accepts them.
func NewSessions(secret string, ttl time.Duration) (*Sessions, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "foyer session", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive session key: %w", err)
	}
	return &Sessions{key, ttl}, nil
}

// Issue returns a token that signs its bearer in as a user.
func (s *Sessions) Issue(userID uuid.UUID) (string, error) {
	now := time.Now()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Subject:   userID.String(),
		Audience:  jwt.ClaimStrings{audience},
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(s.ttl)),
	}).SignedString(s.key)
}

// Cookie returns the cookie that keeps a token in a browser.
func (s *Sessions) Cookie(token string) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: token, Path: "/", MaxAge: int(s.ttl.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// Read returns the viewer that a token signs in, or Unauthenticated. The address is left to the
// caller.
func (s *Sessions) Read(token string) (Viewer, error) {
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(token, &claims,
		func(*jwt.Token) (any, error) { return s.key, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithLeeway(leeway))
	if err != nil {
		return Viewer{}, refused(err)
	}
	id, err := uuid.Parse(claims.Subject)
	if err != nil {
		return Viewer{}, refused(err)
	}
	return Viewer{UserID: id, ExpiresAt: claims.ExpiresAt.Time}, nil
}

// FromRequest returns the viewer that a request's Authorization header or, without one, its cookie
// signs in. A bad header is Unauthenticated. A bad cookie is nobody: the browser sends it whether its
// user wants or not, and a guest with an old one is still a guest.
func (s *Sessions) FromRequest(r *http.Request) (Viewer, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		return s.FromHeader(header)
	}
	if cookie, err := r.Cookie(cookieName); err == nil {
		viewer, _ := s.Read(cookie.Value)
		return viewer, nil
	}
	return Viewer{}, nil
}

// FromHeader reads the value of an Authorization header: "Bearer" and a token (RFC 6750).
func (s *Sessions) FromHeader(header string) (Viewer, error) {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return Viewer{}, fault.New(fault.Unauthenticated, "want Authorization: Bearer TOKEN")
	}
	return s.Read(strings.TrimSpace(token))
}

func refused(err error) error {
	return fault.From(err, fault.Unauthenticated, "your session has ended; sign in again")
}
