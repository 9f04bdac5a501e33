// Package auth knows who is asking. A request carries its Viewer in its context; how the viewer
// proved who he is does not matter past this package.
package auth

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Viewer is who is asking: a signed-in user, or nobody.
type Viewer struct {
	// UserID is zero for nobody.
	UserID uuid.UUID
	// Address is the client's network address, for limits.
	Address string
	// ExpiresAt ends what the viewer may do with the credential he showed; zero for nobody.
	ExpiresAt time.Time
	// Application is the one that acts for the user; zero when he asks himself.
	Application uuid.UUID
	// Scopes are what the application may do; what they do not name is closed to it.
	Scopes []Scope
}

// IsApplication reports whether an application is asking for a user.
func (v Viewer) IsApplication() bool { return v.Application != uuid.Nil }

// SignedIn reports whether the viewer is a user.
func (v Viewer) SignedIn() bool { return v.UserID != uuid.Nil }

type viewerKey struct{}

// NewContext returns a context that carries the viewer.
func NewContext(ctx context.Context, v Viewer) context.Context {
	return context.WithValue(ctx, viewerKey{}, v)
}

// FromContext returns who is asking: nobody when the context carries no viewer.
func FromContext(ctx context.Context) Viewer {
	v, _ := ctx.Value(viewerKey{}).(Viewer)
	return v
}
