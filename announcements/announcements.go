// Package announcements tells what has become of recordings: people by e-mail, other services by
// webhooks. What is told is written down in the transaction that ends a recording, so it is told of
// each recording, and once, whoever found out that it has ended.
package announcements

import (
	"context"
	"fmt"

	"foyer/ent"
	"foyer/ent/recording"
	"foyer/internal/mail"
	"foyer/internal/outbox"
	"foyer/internal/webhook"
)

// Settings of a Service.
type Settings struct {
	// PublicURL is where people find the product: the page of a recording is below it.
	PublicURL string
	// Send sends an e-mail; nil when this server sends none.
	Send func(context.Context, mail.Message) error
	// DownloadURL makes an address where whoever knows it gets the file of a recording for some time;
	// nil when other services are given none.
	DownloadURL func(context.Context, *ent.Recording) (string, error)
}

// Service announces.
type Service struct {
	db       *ent.Client
	webhooks *webhook.Sender
	settings Settings
	letters  map[topic]mail.Template
}

// New returns a Service.
func New(db *ent.Client, webhooks *webhook.Sender, settings Settings) (*Service, error) {
	s := &Service{db, webhooks, settings, map[topic]mail.Template{}}
	for _, topic := range []topic{ready, failed} {
		letter, err := mail.ReadTemplate(templates, "templates/"+string(topic))
		if err != nil {
			return nil, fmt.Errorf("of recordings: %w", err)
		}
		s.letters[topic] = letter
	}
	return s, nil
}

// topic is what is told of a recording.
type topic string

const (
	ready  topic = "ready"
	failed topic = "failed"
)

// topics is what is told of a recording that ends so. That one was aborted, before there was anything
// to record, is no news.
var topics = map[recording.Status]topic{
	recording.StatusSAVED: ready, recording.StatusFAILED: failed,
}

// Ended writes down what is to be told of a recording, in the transaction that has moved it to its
// final status. Whoever commits that wakes the outbox.
func (s *Service) Ended(ctx context.Context, tx *ent.Tx, r *ent.Recording) error {
	topic, isNews := topics[r.Status]
	if !isNews {
		return nil
	}
	if err := s.addEmails(ctx, tx, topic, r); err != nil {
		return err
	}
	return s.addEvents(ctx, tx, topic, r)
}

// Deliveries are what the outbox delivers of it here, by kind.
func (s *Service) Deliveries() map[string]outbox.Deliver {
	deliver := map[string]outbox.Deliver{}
	if s.settings.Send != nil {
		deliver[emailKind] = s.deliverEmail
	}
	for _, endpoint := range s.webhooks.Endpoints() {
		deliver[webhookKind+endpoint] = s.deliverEvent
	}
	return deliver
}
