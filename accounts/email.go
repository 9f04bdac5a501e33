package accounts

import (
	"context"
	"fmt"
	"net/mail"
	"strings"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/database"
	"foyer/ent/user"
	"foyer/internal/fault"
	"foyer/internal/mailbox"
	"foyer/internal/text"
)

// ByEmail returns the account of an e-mail address: the account that has verified the address, or else a provisional
// account, which ByEmail creates if necessary. An address that several accounts have verified is a Conflict.
func (s *Service) ByEmail(ctx context.Context, email string) (uuid.UUID, error) {
	var id uuid.UUID
	err := database.RetryTx(ctx, s.db, func(tx *ent.Tx) (err error) {
		id, err = ByEmailIn(ctx, tx, email)
		return err
	})
	return id, err
}

// ByEmailIn is ByEmail within a transaction.
func ByEmailIn(ctx context.Context, tx *ent.Tx, written string) (uuid.UUID, error) {
	email, err := WrittenEmail(written)
	if err != nil {
		return uuid.Nil, err
	}
	known, err := tx.User.Query().
		Where(user.Email(email), user.EmailVerified(true), user.SubjectNotNil()).Limit(2).IDs(ctx)
	if err != nil {
		return uuid.Nil, fmt.Errorf("find user by e-mail: %w", err)
	}
	switch len(known) {
	case 1:
		return known[0], nil
	case 2:
		return uuid.Nil, fault.New(fault.Conflict,
			"several people have this e-mail address; name the person by userId").With("field", "email")
	}
	id, err := tx.User.Create().SetEmail(email).
		OnConflict(sql.ConflictColumns(user.FieldEmail),
			sql.ConflictWhere(sql.IsNull(user.FieldSubject))).
		Update(func(u *ent.UserUpsert) { u.UpdateUpdatedAt() }).
		ID(ctx)
	if err != nil {
		return uuid.Nil, fmt.Errorf("make provisional account: %w", err)
	}
	return id, nil
}

// checkEmail returns an e-mail address in the form in which accounts store it, or an Invalid error.
func checkEmail(written string) (string, error) {
	email, err := mailbox.Parse(written)
	if err != nil {
		return "", errNoEmail()
	}
	return email, nil
}

// WrittenEmail is checkEmail for a text that a person wrote. A name may stand before the address.
func WrittenEmail(written string) (string, error) {
	email, err := mailbox.ParseWritten(written)
	if err != nil {
		return "", errNoEmail()
	}
	return email, nil
}

func errNoEmail() error { return fault.Field("email", "email is not an e-mail address") }

// CheckRecipient is WrittenEmail for an address that Foyer sends e-mail to. It refuses some addresses that accounts
// may have: those that require quotes, which have misled mail servers before, and those with an IP address.
func CheckRecipient(written string) (string, error) {
	email, err := WrittenEmail(written)
	if err != nil {
		return "", err
	}
	plain, err := mail.ParseAddress(email)
	if err != nil || plain.Address != email || strings.Contains(email, "@[") ||
		strings.ContainsFunc(email, text.Deceptive) {
		return "", fault.Field("email", "email is not an address that we write to")
	}
	return email, nil
}
