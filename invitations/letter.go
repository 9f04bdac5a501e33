package invitations

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"foyer/ent"
	"foyer/internal/mail"
	"foyer/internal/outbox"
)

//go:embed templates
var templates embed.FS

// content is what the templates show.
type content struct {
	Inviter, Room, Link string
	HasRole             bool
}

// Deliver sends the e-mail of an invitation, as the outbox wants it.
func (s *Service) Deliver(ctx context.Context, m *ent.OutboxMessage) error {
	var i invitation
	if err := json.Unmarshal(m.Payload, &i); err != nil {
		return outbox.Permanent(errors.New("the payload is not an invitation"))
	}
	message, err := s.write(i)
	if err != nil {
		return outbox.Permanent(err)
	}
	message.ID, message.Date = m.ID.String(), m.CreatedAt
	if err = s.settings.Send(ctx, message); errors.Is(err, mail.ErrRefused) {
		return outbox.Permanent(err)
	}
	return err
}

// write words an invitation.
func (s *Service) write(i invitation) (mail.Message, error) {
	message, err := s.letter.Write(i.Language, content{
		Inviter: mail.Harmless(i.Inviter), Room: mail.Harmless(i.Room), HasRole: i.HasRole,
		Link: strings.TrimRight(s.settings.PublicURL, "/") + "/" + url.PathEscape(i.Slug),
	})
	message.To = i.To
	return message, err
}
