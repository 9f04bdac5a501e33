package main

import (
	"fmt"
	"slices"
	"strings"

	"foyer/announcements"
	"foyer/webhooks"
)

// checkWebhooks returns what is wrong with what is told to other services, and heard from them.
func (c *config) checkWebhooks() []error {
	var problems []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	trim(&c.WebhookURLs)
	trim(&c.WebhookSecrets)
	for i, address := range c.WebhookURLs {
		err := webhooks.CheckURL(address, c.WebhookAllowHTTP || c.development())
		wrong(err != nil, "FOYER_WEBHOOK_URLS has what is %v: number %d", err, i+1)
		wrong(slices.Contains(c.WebhookURLs[:i], address), "FOYER_WEBHOOK_URLS has number %d twice", i+1)
	}
	for i, secret := range c.WebhookSecrets {
		err := webhooks.CheckSecret(secret)
		wrong(err != nil, "FOYER_WEBHOOK_SECRET has what is %v: number %d", err, i+1)
	}
	wrong(len(c.WebhookURLs) > 0 && len(c.WebhookSecrets) == 0,
		"FOYER_WEBHOOK_SECRET is not set, but FOYER_WEBHOOK_URLS is")
	wrong(c.TranscriptSecret != "" && len(strings.TrimSpace(c.TranscriptSecret)) < minSecret,
		"FOYER_TRANSCRIPT_WEBHOOK_SECRET is shorter than %d bytes", minSecret)
	return problems
}

func (c *config) webhooks() webhooks.Settings {
	return webhooks.Settings{URLs: c.WebhookURLs, Secrets: c.WebhookSecrets}
}

func (c *config) announcements() announcements.Settings {
	return announcements.Settings{PublicURL: c.linkBase(), Send: c.sendMail()}
}
