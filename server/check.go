package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/server/config"
)

const (
	// heardFor is how long it is remembered that LiveKit told of a room.
	heardFor = time.Minute
	// hearsWithin is how long LiveKit may take to tell.
	hearsWithin = 5 * time.Second
	hearsPause  = 100 * time.Millisecond
	// claimed is an address that nobody has (RFC 5737): what doctor claims to be.
	claimed = "192.0.2.1"
)

// check is what a server answers to doctor.
type check struct {
	// Heard says that LiveKit has told of the room.
	Heard bool
	// Trusted and Header are FOYER_TRUSTED_PROXIES and FOYER_PROXY_HEADER.
	Trusted int
	Header  string
	// Added is how many proxies have added to a header.
	Added map[string]int
}

// hearCheck takes an event about a room that doctor has made: of LiveKit's it is remembered that it came, doctor's is
// answered. Whoever sends them knows LiveKit's secret.
func (a *app) hearCheck(w http.ResponseWriter, r *http.Request, event *livekit.Event) error {
	key := a.config.Redis.Prefix + "check:" + event.Room
	if event.Kind != livekit.Check {
		if err := a.redis.Set(r.Context(), key, 1, heardFor).Err(); err != nil {
			return fault.From(err, fault.Unavailable, "try again soon")
		}
		return nil
	}
	heard, err := a.redis.Exists(r.Context(), key).Result()
	if err != nil {
		return fault.From(err, fault.Unavailable, "try again soon")
	}
	added := map[string]int{}
	for _, header := range []string{headerXForwardedFor, headerForwarded} {
		added[header] = addedTo(r.Header.Values(header))
	}
	answer(w, http.StatusOK, check{heard > 0, a.config.Server.TrustedProxies, a.config.Server.ProxyHeader, added})
	return nil
}

// addedTo counts what proxies have written to the right of what doctor claims, or in its place.
func addedTo(lines []string) (n int) {
	for element := range backwards(strings.Join(lines, ","), ',') {
		if strings.TrimPrefix(element, "for=") == claimed {
			break
		}
		n++
	}
	return n
}

// ask asks the server at FOYER_PUBLIC_URL what it sees and has heard of a room.
func ask(ctx context.Context, c *config.Config, client *livekit.Client, room string) (answer check, err error) {
	url := webhookURL(c)
	header := http.Header{headerXForwardedFor: {claimed}, headerForwarded: {"for=" + claimed}}
	if err := client.AskWebhook(ctx, url, room, header, &answer); err != nil {
		return check{}, fmt.Errorf("%s: %w", url, err)
	}
	return answer, nil
}

func webhookURL(c *config.Config) string { return c.LinkBase() + "/webhooks/livekit" }

// examineWebhook sees that what LiveKit tells of a new room arrives at Foyer.
func examineWebhook(ctx context.Context, c *config.Config) (string, error) {
	client := livekit.New(livekitSettings(c))
	if _, err := ask(ctx, c, client, livekit.CheckRooms); err != nil {
		return "", err
	}
	return "LiveKit tells Foyer of its rooms", client.InCheckRoom(ctx, func(room string) error {
		until := time.Now().Add(hearsWithin)
		for {
			switch answer, err := ask(ctx, c, client, room); {
			case err != nil || answer.Heard:
				return err
			case time.Now().After(until):
				return fmt.Errorf("%s takes what LiveKit signs, but LiveKit has not told it of a new room", webhookURL(c))
			}
			time.Sleep(hearsPause)
		}
	})
}

// examineProxies compares the settings with what the proxies do.
func examineProxies(ctx context.Context, c *config.Config) (string, error) {
	answer, err := ask(ctx, c, livekit.New(livekitSettings(c)), livekit.CheckRooms)
	if err != nil {
		return "", err
	}
	added := answer.Added[answer.Header]
	other := headerForwarded
	if answer.Header == headerForwarded {
		other = headerXForwardedFor
	}
	switch {
	case added == answer.Trusted:
		return fmt.Sprintf("%d on the way from here, as FOYER_TRUSTED_PROXIES says", added), nil
	case added == 0 && answer.Added[other] > 0:
		return "", fmt.Errorf("%d add to %s and none to %s, which FOYER_PROXY_HEADER names",
			answer.Added[other], other, answer.Header)
	}
	means := "all clients share the limits of one address"
	if answer.Trusted > added {
		means = "clients choose the addresses that limits count by"
	}
	return "", fmt.Errorf("%d on the way from here add to %s, but FOYER_TRUSTED_PROXIES is %d: %s",
		added, answer.Header, answer.Trusted, means)
}
