package notifications

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"foyer/accounts"
	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/ent/user"
	"foyer/internal/fault"
	"foyer/internal/ratelimit"
	"foyer/rooms"
)

// invitationKind is the outbox kind of invitations.
const invitationKind = "invitation"

// perRecipient is how many e-mails one user may send to one address within an hour: without this limit one
// user could flood a mailbox.
const perRecipient = 10

// InviteInput names a room and the people to invite.
type InviteInput struct {
	RoomID uuid.UUID
	Emails []string
	// Role is the role that people without one get in the room; nil for none.
	Role *roomaccess.Role
}

// invitation is the outbox payload of an invitation. It is complete in itself, because the room may change
// before it is sent.
type invitation struct {
	To       string `json:"to"`
	Language string `json:"language"` // BCP 47
	Inviter  string `json:"inviter"`
	Room     string `json:"room"`
	Slug     string `json:"slug"`
	HasRole  bool   `json:"hasRole"` // or has to ask
}

// Invite sends an e-mail to each address, for a host of the room, and gives the people behind the addresses
// the role of the input. It returns the addresses in lower case without duplicates. On an error nobody is
// invited. Delivery happens later: an e-mail that cannot be delivered appears in the log only.
//
// Errors: Forbidden for anyone but hosts, Conflict if this server sends no e-mail, Invalid for bad addresses,
// RateLimited.
func (s *Service) Invite(ctx context.Context, in InviteInput) ([]string, error) {
	if err := s.rooms.Require(ctx, in.RoomID, rooms.Invite); err != nil {
		return nil, err
	}
	if s.sendEmail == nil {
		return nil, fault.New(fault.Conflict, "this server sends no e-mail")
	}
	emails, err := s.addresses(in.Emails)
	if err != nil {
		return nil, err
	}
	inviter, err := s.accounts.Viewer(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.allowInvitations(ctx, inviter.ID, in.RoomID, emails); err != nil {
		return nil, err
	}
	err = s.addInvitations(ctx, inviter, rooms.Invitees{RoomID: in.RoomID, Emails: emails, Role: in.Role})
	if err != nil {
		return nil, err
	}
	return emails, nil
}

// addresses returns e-mail addresses in the form that accounts store, without duplicates. The error names the
// bad ones.
func (s *Service) addresses(given []string) ([]string, error) {
	if len(given) == 0 || len(given) > s.settings.MaxInvited {
		return nil, fault.Field("emails", "emails needs 1 to %d addresses", s.settings.MaxInvited)
	}
	var emails, bad []string
	var indexes []int
	for i, text := range given {
		email, err := accounts.CheckRecipient(text)
		switch {
		case err != nil:
			bad, indexes = append(bad, shown(text)), append(indexes, i)
		case !slices.Contains(emails, email):
			emails = append(emails, email)
		}
	}
	if bad != nil {
		return nil, fault.Field("emails", "%s", unwritable(bad)).With("indexes", indexes).With("emails", bad)
	}
	return emails, nil
}

// An error repeats this many characters of a bad address, and its message this many bad addresses.
const (
	shownChars = 100
	shownBad   = 5
)

// unwritable returns the message that names bad addresses.
func unwritable(bad []string) string {
	message := fmt.Sprintf("e-mail cannot be sent to “%s”", strings.Join(bad[:min(len(bad), shownBad)], "”, “"))
	if more := len(bad) - shownBad; more > 0 {
		message += fmt.Sprintf(" and %d more", more)
	}
	return message
}

// shown cuts a text to the length that an error repeats.
func shown(text string) string {
	characters := []rune(strings.ToValidUTF8(text[:min(len(text), 4*shownChars)], "\ufffd"))
	if len(characters) > shownChars {
		characters = append(characters[:shownChars], '…')
	}
	return string(characters)
}

// allowInvitations counts e-mails against the limits of the inviting user, of the room and of each address.
func (s *Service) allowInvitations(ctx context.Context, userID, roomID uuid.UUID, emails []string) error {
	user := userID.String()
	counted := []ratelimit.Limit{
		ratelimit.PerHour("invite:user", user, s.settings.InvitationsPerUser).Times(len(emails)),
		ratelimit.PerHour("invite:room", "{"+roomID.String()+"}", s.settings.InvitationsPerRoom).Times(len(emails)),
	}
	for _, email := range emails {
		to := sha256.Sum256([]byte(email)) // no addresses in Redis
		counted = append(counted, ratelimit.PerHour("invite:to", fmt.Sprintf("%s:%x", user, to), perRecipient))
	}
	return s.limiter.Allow(ctx, "too many invitations; try again later", counted...)
}

// addInvitations adds the invitations to the outbox.
func (s *Service) addInvitations(ctx context.Context, inviter *ent.User, to rooms.Invitees) error {
	name, err := s.accounts.DisplayName(ctx, nil)
	if err != nil {
		return err
	}
	return s.rooms.WriteInvitations(ctx, to, func(tx *ent.Tx, room *ent.Room) error {
		languages, err := languagesOf(ctx, tx, to.Emails)
		if err != nil {
			return err
		}
		list := make([]any, len(to.Emails))
		for i, email := range to.Emails {
			invited := invitation{
				To: email, Language: inviter.Language, Inviter: name,
				Room: room.Name, Slug: room.Slug, HasRole: to.Role != nil,
			}
			if language, known := languages[email]; known {
				invited.Language = language
			}
			list[i] = invited
		}
		return s.outbox.Add(ctx, tx, invitationKind, list...)
	})
}

// languagesOf returns the language of each address that has an account. The newest account wins.
func languagesOf(ctx context.Context, tx *ent.Tx, emails []string) (map[string]string, error) {
	users, err := tx.User.Query().
		Where(user.EmailIn(emails...), user.SubjectNotNil()). // others have not chosen a language yet
		Order(user.ByCreatedAt(sql.OrderAsc())).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("find languages: %w", err)
	}
	languages := map[string]string{}
	for _, u := range users {
		languages[u.Email] = u.Language
	}
	return languages, nil
}
