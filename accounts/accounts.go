// Package accounts holds the accounts of people: their sign-in, their names and their preferences.
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
	// UsersChooseNames lets users enter with another name than their account's.
	UsersChooseNames bool
	// EmailFallback signs a person with an unknown subject in to the account with the same e-mail address, if the
	// provider has verified the address. It is for providers whose subjects have changed.
	EmailFallback bool
	// MutationsPerUser is how many mutations a user may run in a minute; 0 is any number.
	MutationsPerUser int
}

// Service finds accounts and changes them.
type Service struct {
	db       *ent.Client
	limiter  *ratelimit.Limiter
	settings Settings
	users    *batch.Batcher[uuid.UUID, *ent.User]
}

// New returns a Service on a database that has the tables. The limiter may be nil: then nothing is limited.
func New(db *ent.Client, limiter *ratelimit.Limiter, settings Settings) *Service {
	return &Service{db: db, limiter: limiter, settings: settings, users: batch.ByKey(db.User.ByIDs)}
}

// Viewer returns the viewer's account. It fails with Unauthenticated for nobody, and for a viewer whose account has
// been deleted.
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
	own := *u // concurrent requests share u
	return &own, nil
}

// DisplayName returns the name with which the viewer enters a meeting. A guest has the given name, or "Anonymous". A
// user has the name of their account; where users choose their names, the given name comes first and the display
// name of the preferences second.
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

// Shown returns a user as the viewer may see them. To other people, it replaces the e-mail address of the account with
// the given one, which a host has written; empty for none. Every user who is sent to somebody else passes through here.
func Shown(ctx context.Context, u *ent.User, email string) *ent.User {
	if u.ID == auth.FromContext(ctx).UserID {
		return u
	}
	shown := *u
	shown.Email = email
	return &shown
}

// AllowMutations counts n mutations of one request against the viewer's limit. Guests are not counted: one limit for a
// network address would be shared by everybody behind it, and the mutations open to guests have limits of their own.
func (s *Service) AllowMutations(ctx context.Context, n int) error {
	viewer := auth.FromContext(ctx)
	if !viewer.SignedIn() {
		return nil
	}
	return s.limiter.Allow(ctx, "too many changes; try again in a moment",
		ratelimit.PerMinute("mutation:user", viewer.UserID.String(), s.settings.MutationsPerUser).Times(n))
}
