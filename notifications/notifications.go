// Package notifications sends notifications about what has happened: e-mail to people, webhooks to services.
// Each notification is a row of the outbox, written in the same transaction as the change it reports, so it is
// sent if and only if the change was committed.
package notifications

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"foyer/accounts"
	"foyer/ent"
	"foyer/internal/mail"
	"foyer/internal/outbox"
	"foyer/internal/ratelimit"
	"foyer/internal/webhook"
	"foyer/rooms"
)

//go:embed templates
var templates embed.FS

// Dependencies of a Service.
type Dependencies struct {
	DB       *ent.Client
	Accounts *accounts.Service
	Rooms    *rooms.Service
	Outbox   *outbox.Outbox
	Limiter  *ratelimit.Limiter
	Webhooks *webhook.Sender
	// Send sends an e-mail; nil if this server sends none.
	Send func(context.Context, mail.Message) error
	// DownloadURL returns a URL that opens the file of a recording for some time without authentication;
	// nil if webhooks carry no such URL.
	DownloadURL func(context.Context, *ent.Recording) (string, error)
}

// Settings of a Service.
type Settings struct {
	// PublicURL is the address of the product. The pages of rooms and recordings are below it.
	PublicURL string
	// MaxInvited is how many people one invitation may be for.
	MaxInvited int
	// InvitationsPerUser and InvitationsPerRoom limit the invited people within an hour; 0 is no limit.
	InvitationsPerUser, InvitationsPerRoom int
}

// Service notifies people and services.
type Service struct {
	db          *ent.Client
	accounts    *accounts.Service
	rooms       *rooms.Service
	outbox      *outbox.Outbox
	limiter     *ratelimit.Limiter
	webhooks    *webhook.Sender
	sendEmail   func(context.Context, mail.Message) error
	downloadURL func(context.Context, *ent.Recording) (string, error)
	settings    Settings
	templates   map[string]mail.Template // by the name of their folder
}

// New returns a Service.
func New(d Dependencies, settings Settings) (*Service, error) {
	s := &Service{
		db: d.DB, accounts: d.Accounts, rooms: d.Rooms, outbox: d.Outbox, limiter: d.Limiter, webhooks: d.Webhooks,
		sendEmail: d.Send, downloadURL: d.DownloadURL, settings: settings, templates: map[string]mail.Template{},
	}
	for _, name := range []string{invitationKind, string(ready), string(failed)} {
		template, err := mail.ReadTemplate(templates, "templates/"+name)
		if err != nil {
			return nil, fmt.Errorf("read e-mail templates %q: %w", name, err)
		}
		s.templates[name] = template
	}
	return s, nil
}

// Deliveries returns what the outbox runs here to deliver notifications, by kind.
func (s *Service) Deliveries() map[string]outbox.Deliver {
	deliver := map[string]outbox.Deliver{}
	if s.sendEmail != nil {
		deliver[invitationKind] = s.deliverInvitation
		deliver[recordingEmailKind] = s.deliverRecordingEmail
	}
	for _, endpoint := range s.webhooks.Endpoints() {
		deliver[webhookKind+endpoint] = s.deliverRecordingEvent
	}
	return deliver
}

// send sends the e-mail that an outbox message stands for. The message's id becomes the e-mail's, so mail
// programs recognise one that is sent twice.
func (s *Service) send(ctx context.Context, m *ent.OutboxMessage, email mail.Message) error {
	email.ID, email.Date = m.ID.String(), m.CreatedAt
	err := s.sendEmail(ctx, email)
	if errors.Is(err, mail.ErrRefused) {
		return outbox.Permanent(err)
	}
	return err
}

// link returns the address of a page of the product.
func (s *Service) link(path ...string) string {
	for i, name := range path {
		path[i] = url.PathEscape(name)
	}
	return strings.TrimRight(s.settings.PublicURL, "/") + "/" + strings.Join(path, "/")
}
