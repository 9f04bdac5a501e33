// Package auth identifies the viewer: who makes a request. A request carries its Viewer in its context. How the viewer
// proved their identity does not matter outside this package.
package auth

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"foyer/internal/fault"
)

// Viewer is who makes a request: a signed-in user, or nobody.
type Viewer struct {
	// UserID is zero for nobody.
	UserID uuid.UUID
	// SessionID is the session that the request belongs to; zero if the viewer used another credential.
	SessionID uuid.UUID
	// Address is the network address of the client, for rate limits.
	Address string
	// ExpiresAt is when the viewer's credential expires; zero for nobody.
	ExpiresAt time.Time
	// Application is the application that acts for the user; zero if the user acts themselves.
	Application uuid.UUID
	// Scopes are what the application may do. It may do nothing else.
	Scopes []Scope

	sessionKey string
}

// IsApplication reports whether an application acts for the user.
func (v Viewer) IsApplication() bool { return v.Application != uuid.Nil }

// SignedIn reports whether the viewer is a user.
func (v Viewer) SignedIn() bool { return v.UserID != uuid.Nil }

// ErrNobody is the error for a viewer who has to sign in first.
func ErrNobody() error { return fault.New(fault.Unauthenticated, "sign in first") }

type viewerKey struct{}

// nobody is a viewer who is known only by their address. Thousands of waiting guests carry one. A Viewer is eight times
// as large.
type nobody string

// NewContext returns a context that carries the viewer.
func NewContext(ctx context.Context, v Viewer) context.Context {
	if !v.SignedIn() && v.ExpiresAt.IsZero() && !v.IsApplication() {
		return context.WithValue(ctx, viewerKey{}, nobody(v.Address))
	}
	return context.WithValue(ctx, viewerKey{}, v)
}

// FromContext returns the viewer: nobody if the context carries none.
func FromContext(ctx context.Context) Viewer {
	switch v := ctx.Value(viewerKey{}).(type) {
	case Viewer:
		return v
	case nobody:
		return Viewer{Address: string(v)}
	default:
		return Viewer{}
	}
}

// Identity is what an issuer says about a person, once its signature is verified.
type Identity struct {
	// Subject identifies the person among all people of all issuers. It never changes.
	Subject string
	// Email is empty if the issuer gives none, or none that is an address.
	Email         string
	EmailVerified bool
	// FullName and ShortName are empty if the issuer gives none.
	FullName, ShortName string
	// Languages are what the person reads, the preferred first: BCP 47 tags, or lists of them as in Accept-Language.
	// They are not checked.
	Languages []string
	// TimeZones are the possible time zones of the person, the most likely first: IANA names that are not checked.
	TimeZones []string
	// ExpiresAt is when the token expires.
	ExpiresAt time.Time
}

// Credentials reads what a client sends to prove its identity. The caller sets the Address of the Viewer.
type Credentials struct {
	Sessions *Sessions
	// Bearer verifies the tokens of issuers; nil accepts none.
	Bearer *Bearer
	// User returns the account of a person that Bearer has identified.
	User func(context.Context, Identity) (uuid.UUID, error)
	// SessionTokens lets scripts send the token of a session in an Authorization header.
	SessionTokens bool
}

// FromRequest returns the viewer that the Authorization header of a request identifies or, without a header, its
// cookie. A bad header is Unauthenticated. A cookie of a session that has ended means nobody: browsers send it whether
// the user wants to or not, and a guest with an old cookie is still a guest. If the credential cannot be verified at
// the moment, the error is Unavailable.
func (c *Credentials) FromRequest(r *http.Request) (Viewer, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		return c.FromHeader(r.Context(), header)
	}
	token := c.Sessions.cookieOf(r)
	if token == "" {
		return Viewer{}, nil
	}
	viewer, err := c.Sessions.Read(r.Context(), token)
	if fault.Is(err, fault.Unauthenticated) {
		return Viewer{}, nil
	}
	return viewer, err
}

// FromHeader reads the value of an Authorization header: "Bearer" and a token (RFC 6750).
func (c *Credentials) FromHeader(ctx context.Context, header string) (Viewer, error) {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return Viewer{}, fault.New(fault.Unauthenticated, "want Authorization: Bearer TOKEN")
	}
	token = strings.TrimSpace(token)
	if c.SessionTokens && isSessionToken(token) {
		return c.Sessions.Read(ctx, token)
	}
	if c.Bearer == nil {
		return Viewer{}, fault.New(fault.Unauthenticated, "this token is not accepted here")
	}
	return c.Bearer.Read(ctx, token, c.User)
}
