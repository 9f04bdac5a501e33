package notifications

import (
	"context"
	"encoding/json"
	"errors"

	"foyer/ent"
	"foyer/internal/mail"
	"foyer/internal/outbox"
)

// invitationContent is what the templates show.
type invitationContent struct {
	Inviter, Room, Link string
	HasRole             bool
}

func (s *Service) deliverInvitation(ctx context.Context, m *ent.OutboxMessage) error {
	var i invitation
	if err := json.Unmarshal(m.Payload, &i); err != nil {
		return outbox.Permanent(errors.New("the payload is not an invitation"))
	}
	message, err := s.composeInvitation(i)
	if err != nil {
		return outbox.Permanent(err)
	}
	return s.send(ctx, m, message)
}

func (s *Service) composeInvitation(i invitation) (mail.Message, error) {
	message, err := s.templates[invitationKind].Write(i.Language, invitationContent{
		Inviter: mail.Harmless(i.Inviter), Room: mail.Harmless(i.Room), HasRole: i.HasRole, Link: s.link(i.Slug),
	})
	message.To = i.To
	return message, err
}
