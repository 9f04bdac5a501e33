package rooms

import (
	"context"
	"fmt"
	"net/mail"
	"strings"

	"entgo.io/ent/dialect/sql"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/user"
	"foyer/fault"
)

// anonymous is the name of a guest who gives none.
const anonymous = "Anonymous"

const (
	maxEmail   = 254 // bytes
	maxSubject = 255 // bytes
)

// Profile is what an identity provider says of a person who signs in.
type Profile struct {
	// Subject never changes; it finds the account again.
	Subject  string
	Email    string
	FullName string
}

// SignIn returns the account of a person who has proved who he is: a new one the first time, and
// brought up to date each time.
func (s *Service) SignIn(ctx context.Context, p Profile) (*ent.User, error) {
	name, err := CheckName("name", p.FullName, maxRoomName)
	if err != nil {
		return nil, err
	}
	email, err := checkEmail(p.Email)
	if err != nil {
		return nil, err
	}
	if p.Subject == "" || len(p.Subject) > maxSubject {
		return nil, fault.Field("subject", "subject needs 1 to %d bytes", maxSubject)
	}
	id, err := s.db.User.Create().
		SetSubject(p.Subject).SetEmail(email).SetFullName(name).
		OnConflict(sql.ConflictColumns(user.FieldSubject)).
		Update(func(u *ent.UserUpsert) { u.UpdateEmail().UpdateFullName().UpdateUpdatedAt() }).
		ID(ctx)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	return s.db.User.Get(ctx, id)
}

// checkEmail returns an e-mail address in lower case, or an Invalid error.
func checkEmail(text string) (string, error) {
	if address, err := mail.ParseAddress(text); err == nil && address.Name == "" {
		if email := strings.ToLower(address.Address); len(email) <= maxEmail {
			return email, nil
		}
	}
	return "", fault.Field("email", "email is not an e-mail address")
}

// Viewer returns the account of who is asking: Unauthenticated for nobody, and for somebody whose
// account is gone.
func (s *Service) Viewer(ctx context.Context) (*ent.User, error) {
	viewer := auth.FromContext(ctx)
	if !viewer.SignedIn() {
		return nil, fault.New(fault.Unauthenticated, "sign in first")
	}
	u, err := s.db.User.Get(ctx, viewer.UserID)
	if ent.IsNotFound(err) {
		return nil, fault.New(fault.Unauthenticated, "this account no longer exists; sign in again")
	}
	if err != nil {
		return nil, fmt.Errorf("find viewer: %w", err)
	}
	return u, nil
}

// DisplayName returns the name under which the viewer enters a call: his account's, or the one that
// he gives where he may; a guest's own, or "Anonymous".
func (s *Service) DisplayName(ctx context.Context, given *string) (string, error) {
	signedIn := auth.FromContext(ctx).SignedIn()
	if given != nil {
		name, err := CheckDisplayName(*given)
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
	return accountName(u), nil
}

func accountName(u *ent.User) string {
	local, _, _ := strings.Cut(u.Email, "@")
	for _, name := range []string{fit(u.FullName), fit(local)} {
		if name != "" {
			return name
		}
	}
	return anonymous
}
