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
	// heardFor is how long a server remembers LiveKit's event of one of doctor's rooms.
	heardFor = time.Minute
	// eventWithin is how long LiveKit may take to send such an event.
	eventWithin   = 5 * time.Second
	probeInterval = 100 * time.Millisecond
	// probeAddress is the client address that doctor pretends to have. Nobody has it (RFC 5737).
	probeAddress = "192.0.2.1"
)

// probe is a running server's answer to doctor.
type probe struct {
	// Heard says that the server got LiveKit's event of the room.
	Heard bool
	// Trusted and Header are FOYER_TRUSTED_PROXIES and FOYER_PROXY_HEADER.
	Trusted int
	Header  string
	// Added is how many proxies added to each header.
	Added map[string]int
}

// answerProbe takes an event of a room that doctor made. It remembers LiveKit's events, and answers doctor's own. Both
// senders know LiveKit's secret.
func (a *app) answerProbe(w http.ResponseWriter, r *http.Request, event *livekit.Event) error {
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
	answer(w, http.StatusOK, probe{heard > 0, a.config.Server.TrustedProxies, a.config.Server.ProxyHeader, added})
	return nil
}

// addedTo counts what proxies wrote to the right of doctor's address, or instead of it.
func addedTo(lines []string) (n int) {
	for element := range backwards(strings.Join(lines, ","), ',') {
		if strings.TrimPrefix(element, "for=") == probeAddress {
			break
		}
		n++
	}
	return n
}

// sendProbe asks the server at FOYER_PUBLIC_URL about a room of doctor's.
func sendProbe(ctx context.Context, c *config.Config, client *livekit.Client, room string) (answer probe, err error) {
	url := webhookURL(c)
	header := http.Header{headerXForwardedFor: {probeAddress}, headerForwarded: {"for=" + probeAddress}}
	if err := client.CheckWebhook(ctx, url, room, header, &answer); err != nil {
		return probe{}, fmt.Errorf("%s: %w", url, err)
	}
	return answer, nil
}

func webhookURL(c *config.Config) string { return c.LinkBase() + "/webhooks/livekit" }

// checkWebhook checks that LiveKit's event of a new room arrives at Foyer.
func checkWebhook(ctx context.Context, c *config.Config) (string, error) {
	client := livekit.New(livekitSettings(c))
	if _, err := sendProbe(ctx, c, client, livekit.CheckRooms); err != nil {
		return "", err
	}
	return "LiveKit's events reach Foyer", client.InCheckRoom(ctx, func(room string) error {
		until := time.Now().Add(eventWithin)
		for {
			switch answer, err := sendProbe(ctx, c, client, room); {
			case err != nil || answer.Heard:
				return err
			case time.Now().After(until):
				return fmt.Errorf("%s accepts what LiveKit signs, but no event of a new room has come from LiveKit",
					webhookURL(c))
			}
			time.Sleep(probeInterval)
		}
	})
}

// checkProxies compares the settings with what the proxies do.
func checkProxies(ctx context.Context, c *config.Config) (string, error) {
	answer, err := sendProbe(ctx, c, livekit.New(livekitSettings(c)), livekit.CheckRooms)
	if err != nil {
		return "", fixError{err, "see webhook: Foyer's answer to this request shows what the proxies add"}
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
