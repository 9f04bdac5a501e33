package rooms

import (
	"context"
	"net/mail"
	"strings"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/fault"
)

// CheckRecipient returns an e-mail address in lower case, or an Invalid error. It is narrower than
// what an account may have: whatever would need quotes, and so has fooled mail servers before, is
// refused, and so are addresses of machines by number.
func CheckRecipient(text string) (string, error) {
	email, err := checkEmail(text)
	if err != nil {
		return "", err
	}
	plain, err := mail.ParseAddress(email)
	if err != nil || plain.Address != email || strings.Contains(email, "@[") ||
		strings.ContainsFunc(email, deceptive) {
		return "", fault.Field("email", "email is not an address that we write to")
	}
	return email, nil
}

// WriteInvitations runs write, which writes the invitations to a room down, in one transaction, for a
// host.
func (s *Service) WriteInvitations(
	ctx context.Context, roomID uuid.UUID, write func(*ent.Tx, *ent.Room) error,
) error {
	if err := s.Require(ctx, roomID, Invite); err != nil {
		return err
	}
	return s.inTx(ctx, func(tx *ent.Tx) error {
		r, err := found(tx.Room.Get(ctx, roomID))
		if err != nil {
			return err
		}
		return write(tx, r)
	})
}
