package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"foyer/announcements"
	"foyer/ent"
	"foyer/internal/bucket"
	"foyer/internal/webhook"
	"foyer/recordings"
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
		err := webhook.CheckURL(address, c.WebhookAllowHTTP || c.development())
		wrong(err != nil, "FOYER_WEBHOOK_URLS has what is %v: number %d", err, i+1)
		wrong(slices.Contains(c.WebhookURLs[:i], address), "FOYER_WEBHOOK_URLS has number %d twice", i+1)
	}
	for i, secret := range c.WebhookSecrets {
		err := webhook.CheckSecret(secret)
		wrong(err != nil, "FOYER_WEBHOOK_SECRET has what is %v: number %d", err, i+1)
	}
	wrong(len(c.WebhookURLs) > 0 && len(c.WebhookSecrets) == 0,
		"FOYER_WEBHOOK_SECRET is not set, but FOYER_WEBHOOK_URLS is")
	wrong(c.WebhookDownloads && c.S3Endpoint == "",
		"FOYER_WEBHOOK_DOWNLOAD_URLS is set, but S3_ENDPOINT is not")
	wrong(c.WebhookDownloadTTL >= minDuration && c.WebhookDownloadTTL < time.Second ||
		c.WebhookDownloadTTL > maxDownloadTTL && c.WebhookDownloadTTL <= maxDuration,
		"FOYER_WEBHOOK_DOWNLOAD_TTL is not between 1s and %s", maxDownloadTTL)
	wrong(c.TranscriptSecret != "" && !sharedSecret.MatchString(c.TranscriptSecret),
		"FOYER_TRANSCRIPT_WEBHOOK_SECRET is not 32 or more letters, digits or ._~+/=-")
	return problems
}

func (c *config) webhooks() webhook.Settings {
	return webhook.Settings{URLs: c.WebhookURLs, Secrets: c.WebhookSecrets}
}

// announcements returns settings by which services get files from the bucket, if they are to.
func (c *config) announcements(b *bucket.Bucket) announcements.Settings {
	s := announcements.Settings{PublicURL: c.linkBase(), Send: c.sendMail()}
	if c.WebhookDownloads && b != nil {
		s.DownloadURL = func(ctx context.Context, r *ent.Recording) (string, error) {
			return b.Presign(ctx, recordings.Key(r), recordings.Name(r), recordings.Lifetime(r, c.WebhookDownloadTTL))
		}
	}
	return s
}
