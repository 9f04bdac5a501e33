package rooms

import (
	"context"

	"github.com/google/uuid"

	"foyer/accounts"
)

// Person is somebody in a lobby or a meeting.
type Person struct {
	// ID is the id of the person's entry, and their identity in the meeting.
	ID uuid.UUID
	// UserID is zero for a person without an account.
	UserID uuid.UUID
	Name   string
}

// Key is the id under which a host's decision on a person is stored: that of the account, on every device, or else
// that of the entry.
func (p Person) Key() uuid.UUID {
	if p.UserID != uuid.Nil {
		return p.UserID
	}
	return p.ID
}

// PersonOf returns a user as a person, for the audit; without a name if the user does not exist.
func (s *Service) PersonOf(ctx context.Context, userID uuid.UUID) Person {
	p := Person{ID: userID, UserID: userID}
	if u, err := s.db.User.Get(ctx, userID); err == nil {
		p.Name = accounts.Name(u)
	}
	return p
}
