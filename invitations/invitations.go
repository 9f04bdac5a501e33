// Package invitations invites people to rooms by e-mail.
package invitations

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"foyer/accounts"
	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/ent/user"
	"foyer/internal/fault"
	"foyer/internal/mail"
	"foyer/internal/outbox"
	"foyer/internal/ratelimit"
	"foyer/rooms"
)

// Kind is that of invitations in the outbox. Deliver delivers them.
const Kind = "invitation"

// perRecipient is how many e-mails one user may have sent to one address within an hour: all that he may
// have sent would bury a mailbox.
const perRecipient = 10

// Settings of a Service.
type Settings struct {
	// PublicURL is where people find the product: a room's address is below it.
	PublicURL string
	// MaxEmails is how many may be invited at once.
	MaxEmails int
	// PerUser and PerRoom are how many e-mails may be asked for within an hour by one user, and for one
	// room; 0 is any number.
	PerUser, PerRoom int
	// KeyPrefix stands before every Redis key.
	KeyPrefix string
	// Send sends an e-mail; nil when this server sends none.
	Send func(context.Context, mail.Message) error
}

// Service invites people.
type Service struct {
	settings Settings
	accounts *accounts.Service
	rooms    *rooms.Service
	outbox   *outbox.Outbox
	limiter  *ratelimit.Limiter
	letter   mail.Template
}

// New returns a Service.
func New(
	rdb redis.UniversalClient, people *accounts.Service, rooms *rooms.Service, outbox *outbox.Outbox, settings Settings,
) (*Service, error) {
	letter, err := mail.ReadTemplate(templates, "templates")
	if err != nil {
		return nil, err
	}
	return &Service{settings, people, rooms, outbox, ratelimit.New(rdb, settings.KeyPrefix), letter}, nil
}

// Input says who is to be invited to what room.
type Input struct {
	RoomID uuid.UUID
	Emails []string
	// Role is what they become there if they are nothing yet; nil for nothing.
	Role *roomaccess.Role
}

// invitation is what the outbox keeps of an invitation. It stands for itself: the room may change
// before it is sent.
type invitation struct {
	To       string `json:"to"`
	Language string `json:"language"` // BCP 47
	Inviter  string `json:"inviter"`
	Room     string `json:"room"`
	Slug     string `json:"slug"`
	HasRole  bool   `json:"hasRole"` // or has to ask
}

// Invite has an e-mail sent to each of some addresses, for a host, and gives those people a role if it
// is to. It returns the addresses in lower case and once each. Either all are invited or, on an error,
// nobody. The e-mails are sent later: that one cannot be delivered is seen in the log alone.
func (s *Service) Invite(ctx context.Context, in Input) ([]string, error) {
	if err := s.rooms.Require(ctx, in.RoomID, rooms.Invite); err != nil {
		return nil, err
	}
	if s.settings.Send == nil {
		return nil, fault.New(fault.Conflict, "this server sends no e-mail")
	}
	emails, err := s.recipients(in.Emails)
	if err != nil {
		return nil, err
	}
	inviter, err := s.accounts.Viewer(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.allow(ctx, inviter.ID, in.RoomID, emails); err != nil {
		return nil, err
	}
	err = s.record(ctx, inviter, rooms.Invitees{RoomID: in.RoomID, Emails: emails, Role: in.Role})
	if err != nil {
		return nil, err
	}
	s.outbox.Wake()
	return emails, nil
}

// recipients returns addresses as accounts have them, once each. The error of bad ones names them.
func (s *Service) recipients(given []string) ([]string, error) {
	if len(given) == 0 || len(given) > s.settings.MaxEmails {
		return nil, fault.Field("emails", "emails needs 1 to %d addresses", s.settings.MaxEmails)
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

// What an error repeats of bad addresses: so many characters of each, and so many of them in its message.
const (
	shownChars = 100
	shownBad   = 5
)

// unwritable says which addresses e-mail cannot go to.
func unwritable(bad []string) string {
	message := fmt.Sprintf("e-mail cannot be sent to “%s”", strings.Join(bad[:min(len(bad), shownBad)], "”, “"))
	if more := len(bad) - shownBad; more > 0 {
		message += fmt.Sprintf(" and %d more", more)
	}
	return message
}

// shown cuts a text to what an error repeats of it.
func shown(text string) string {
	characters := []rune(strings.ToValidUTF8(text[:min(len(text), 4*shownChars)], "\ufffd"))
	if len(characters) > shownChars {
		characters = append(characters[:shownChars], '…')
	}
	return string(characters)
}

// allow counts e-mails against the limits of who asks for them, of a room, and of each address.
func (s *Service) allow(ctx context.Context, userID, roomID uuid.UUID, emails []string) error {
	user := userID.String()
	counted := []ratelimit.Limit{
		ratelimit.PerHour("invite:user", user, s.settings.PerUser).Times(len(emails)),
		ratelimit.PerHour("invite:room", "{"+roomID.String()+"}", s.settings.PerRoom).Times(len(emails)),
	}
	for _, email := range emails {
		to := sha256.Sum256([]byte(email)) // no addresses in Redis
		counted = append(counted, ratelimit.PerHour("invite:to", fmt.Sprintf("%s:%x", user, to), perRecipient))
	}
	return s.limiter.Allow(ctx, "too many invitations; try again later", counted...)
}

func (s *Service) record(ctx context.Context, inviter *ent.User, to rooms.Invitees) error {
	name, err := s.accounts.DisplayName(ctx, nil)
	if err != nil {
		return err
	}
	return s.rooms.WriteInvitations(ctx, to, func(tx *ent.Tx, room *ent.Room) error {
		languages, err := languagesOf(ctx, tx, to.Emails)
		if err != nil {
			return err
		}
		list := make([]invitation, len(to.Emails))
		for i, email := range to.Emails {
			list[i] = invitation{
				To: email, Language: inviter.Language, Inviter: name,
				Room: room.Name, Slug: room.Slug, HasRole: to.Role != nil,
			}
			if language, known := languages[email]; known {
				list[i].Language = language
			}
		}
		return outbox.Add(ctx, tx, Kind, list...)
	})
}

// languagesOf returns the language of each address that an account has, of several the newest one's.
func languagesOf(ctx context.Context, tx *ent.Tx, emails []string) (map[string]string, error) {
	users, err := tx.User.Query().
		Where(user.EmailIn(emails...), user.SubjectNotNil()). // the others have yet to choose one
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
