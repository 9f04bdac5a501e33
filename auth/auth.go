// Package auth knows who is asking. A request carries its Viewer in its context; how the viewer
// proved who he is does not matter past this package.
package auth

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"foyer/internal/fault"
)

// Viewer is who is asking: a signed-in user, or nobody.
type Viewer struct {
	// UserID is zero for nobody.
	UserID uuid.UUID
	// SessionID is the session that he showed; zero when he showed something else.
	SessionID uuid.UUID
	// Address is the client's network address, for limits.
	Address string
	// ExpiresAt ends what the viewer may do with the credential he showed; zero for nobody.
	ExpiresAt time.Time
	// Application is the one that acts for the user; zero when he asks himself.
	Application uuid.UUID
	// Scopes are what the application may do; what they do not name is closed to it.
	Scopes []Scope

	sessionKey string
}

// IsApplication reports whether an application is asking for a user.
func (v Viewer) IsApplication() bool { return v.Application != uuid.Nil }

// SignedIn reports whether the viewer is a user.
func (v Viewer) SignedIn() bool { return v.UserID != uuid.Nil }

type viewerKey struct{}

// nobody is a viewer of whom nothing is known but his address. Thousands of guests who wait carry one, for
// which a Viewer is eight times as large.
type nobody string

// NewContext returns a context that carries the viewer.
func NewContext(ctx context.Context, v Viewer) context.Context {
	if !v.SignedIn() && v.ExpiresAt.IsZero() && !v.IsApplication() {
		return context.WithValue(ctx, viewerKey{}, nobody(v.Address))
	}
	return context.WithValue(ctx, viewerKey{}, v)
}

// FromContext returns who is asking: nobody when the context carries no viewer.
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

// Identity is what an issuer says of a person, once its signature is verified.
type Identity struct {
	// Subject names the person among everybody that any issuer speaks for, and never changes.
	Subject string
	// Email is empty when the issuer names none, or none that is an address.
	Email         string
	EmailVerified bool
	// FullName and ShortName are empty when the issuer names none.
	FullName, ShortName string
	// Languages are what the person reads, the preferred first: BCP 47 tags, or lists of them as in
	// Accept-Language. They are not checked.
	Languages []string
	// TimeZones are where the person may be, the likeliest first: IANA names, which are not checked.
	TimeZones []string
	// ExpiresAt ends the token that said all this.
	ExpiresAt time.Time
}

// Credentials reads what a client shows to prove who it speaks for. The address of a Viewer is left
// to the caller.
type Credentials struct {
	Sessions *Sessions
	// Bearer verifies tokens of issuers; nil accepts none.
	Bearer *Bearer
	// User returns the account of a person that Bearer vouches for.
	User func(context.Context, Identity) (uuid.UUID, error)
	// SessionTokens lets scripts show the token of a session in an Authorization header.
	SessionTokens bool
}

// FromRequest returns the viewer that a request's Authorization header or, without one, its cookie
// signs in. A bad header is Unauthenticated. A cookie of a session that has ended is nobody: the
// browser sends it whether its user wants or not, and a guest with an old one is still a guest. What
// cannot be verified at the moment is Unavailable.
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
