// Package accounts knows people: how they sign in, what they are called, and what they prefer.
package accounts

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"foyer/auth"
	"foyer/ent"
	"foyer/internal/batch"
	"foyer/internal/fault"
	"foyer/internal/ratelimit"
	"foyer/internal/text"
)

// anonymous is the name of a guest who gives none.
const anonymous = "Anonymous"

// Settings of a Service.
type Settings struct {
	// UsersChooseNames lets a signed-in person enter under another name than their account's.
	UsersChooseNames bool
	// EmailFallback signs a person whose subject is unknown in to the account that has the same
	// e-mail address, if the provider has verified it. For providers whose subjects have changed.
	EmailFallback bool
	// MutationsPerUser is how many mutations a user may ask for within a minute; 0 is any number. Limiter counts;
	// nil for no limits.
	MutationsPerUser int
	Limiter          *ratelimit.Limiter
}

// Service finds accounts and changes them.
type Service struct {
	db       *ent.Client
	settings Settings
	users    *batch.Batcher[uuid.UUID, *ent.User]
}

// New returns a Service on a database that has the tables.
func New(db *ent.Client, settings Settings) *Service {
	return &Service{db: db, settings: settings, users: batch.ByKey(db.User.ByIDs)}
}

// Viewer returns the account of who is asking: Unauthenticated for nobody, and for somebody whose
// account is gone.
func (s *Service) Viewer(ctx context.Context) (*ent.User, error) {
	viewer := auth.FromContext(ctx)
	if !viewer.SignedIn() {
		return nil, auth.ErrNobody()
	}
	u, err := s.users.One(ctx, viewer.UserID)
	if err != nil {
		return nil, fmt.Errorf("find viewer: %w", err)
	}
	if u == nil {
		return nil, fault.New(fault.Unauthenticated, "this account no longer exists; sign in again")
	}
	own := *u // it is shared
	return &own, nil
}

// DisplayName returns the name under which the viewer enters a call: his account's, or where he may
// the one that he gives, or else has chosen once for all; a guest's own, or "Anonymous".
func (s *Service) DisplayName(ctx context.Context, given *string) (string, error) {
	signedIn := auth.FromContext(ctx).SignedIn()
	if given != nil {
		name, err := text.CheckDisplayName("displayName", *given)
		if err != nil || !signedIn || s.settings.UsersChooseNames {
			return name, err
		}
	}
	if !signedIn {
		return anonymous, nil
	}
	u, err := s.Viewer(ctx)
	if err != nil {
		return "", err
	}
	if u.DisplayName != nil && s.settings.UsersChooseNames {
		return *u.DisplayName, nil
	}
	return Name(u), nil
}

// Name returns the name of an account: the full name or, without one, the e-mail address up to the @.
func Name(u *ent.User) string {
	local, _, _ := strings.Cut(u.Email, "@")
	for _, name := range []string{text.Fit(u.FullName), text.Fit(local)} {
		if name != "" {
			return name
		}
	}
	return anonymous
}

// Shown returns a person as somebody else may see them: with the e-mail address by which a host has named them, empty
// for none, and never with that of their account. To themself the person is shown as they are. Nobody's account may
// reach anybody but by this.
func Shown(ctx context.Context, u *ent.User, email string) *ent.User {
	if u.ID == auth.FromContext(ctx).UserID {
		return u
	}
	shown := *u
	shown.Email = email
	return &shown
}

// AllowMutations counts mutations that the viewer asks for, n in one request. What people who are not signed in may
// ask for has limits of its own: that of an address would be shared by everybody behind it.
func (s *Service) AllowMutations(ctx context.Context, n int) error {
	viewer := auth.FromContext(ctx)
	if !viewer.SignedIn() {
		return nil
	}
	return s.settings.Limiter.Allow(ctx, "too many changes; try again in a moment",
		ratelimit.PerMinute("mutation:user", viewer.UserID.String(), s.settings.MutationsPerUser).Times(n))
}
