package config

import (
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jub0bs/cors"

	"foyer/ent/database"
	"foyer/internal/bucket"
	"foyer/internal/webhook"
)

// check is what a text has to be.
type check struct {
	holds func(string) bool
	// shown is whether an error shows the text. It cannot be a secret then, or the value of another setting.
	shown bool
}

// sharedSecret stands in the settings of other programs: no character of it has a meaning to nginx, to a shell or in an
// HTTP header.
const sharedSecret = "32 or more letters, digits or ._~+/=-"

// checks are the checks that a tag may name. The names are part of errors and of docs/settings.md.
var checks = map[string]check{
	"host:port":                  {isHostPort, true},
	"debug, info, warn or error": {isLogLevel, true},
	"the name of an operation":   {regexp.MustCompile(`^[_A-Za-z][_0-9A-Za-z]{0,99}$`).MatchString, true},

	"at least 32 bytes":                    {isSecret, false},
	sharedSecret:                           {regexp.MustCompile(`^[A-Za-z0-9._~+/=-]{32,}$`).MatchString, false},
	"whsec_ and 24 to 64 bytes in base64":  {isWebhookSecret, false},
	"1 to 100 letters, digits, or . _ : -": {regexp.MustCompile(`^[A-Za-z0-9._:-]{1,100}$`).MatchString, false},
	"text without { or }":                  {hasNoBraces, false},
	"text of at most 2000 bytes":           {isNotice, false},
	"at most 200 bytes":                    {isLayout, false},

	"http://… or https://…":                  {scheme("http", "https"), false},
	"ws://… or wss://…":                      {scheme("ws", "wss"), false},
	"ws://…, wss://…, http://… or https://…": {scheme("ws", "wss", "http", "https"), false},
	"redis://…, rediss://… or unix://…":      {scheme("redis", "rediss", "unix"), false},
	"postgres://… or sqlite:PATH":            {database.Known, false},

	"http://HOST[:PORT] or https://HOST[:PORT]":                    {isEndpoint, false},
	"https://HOST, or http://HOST on this machine, without a path": {isOrigin, false},
	"https://…, or http://… on this machine":                       {isIssuer, false},
	"https://ISSUER or https://ISSUER https://KEYS":                {isBearerIssuer, false},
}

func isHostPort(text string) bool {
	_, err := LoopbackAddr(text)
	return err == nil
}

func isLogLevel(text string) bool { return new(slog.Level).UnmarshalText([]byte(text)) == nil }

func isSecret(text string) bool { return len(strings.TrimSpace(text)) >= 32 }

func isWebhookSecret(text string) bool { return webhook.CheckSecret(text) == nil }

func hasNoBraces(text string) bool { return !strings.ContainsAny(text, "{}") }

func isNotice(text string) bool { return len(text) <= 2000 && utf8.ValidString(text) }

func isLayout(text string) bool { return len(text) <= 200 }

func isEndpoint(text string) bool {
	_, err := bucket.Endpoint(text)
	return err == nil
}

func scheme(schemes ...string) func(string) bool {
	return func(text string) bool { return hasScheme(text, schemes...) }
}

func hasScheme(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains(schemes, u.Scheme) && (u.Host != "" || u.Path != "")
}

// isOrigin reports whether a text is an exact origin, with https or on this machine.
func isOrigin(text string) bool {
	at, err := url.Parse(text)
	if err != nil || at.Host == "" || strings.Contains(text, "*") || text != at.Scheme+"://"+at.Host {
		return false
	}
	_, err = cors.NewMiddleware(cors.Config{Origins: []string{text}, Credentialed: true})
	return err == nil
}

// isIssuer reports whether a text is the URL of an issuer, with https or on this machine.
func isIssuer(text string) bool {
	at, err := url.Parse(text)
	return err == nil && at.Host != "" && at.User == nil && at.RawQuery == "" && at.Fragment == "" &&
		(at.Scheme == "https" || at.Scheme == "http" && LoopbackHost(at.Hostname()))
}

// isBearerIssuer reports whether a text is an issuer, or an issuer and the URL of its keys.
func isBearerIssuer(text string) bool {
	words := strings.Fields(text)
	return len(words) > 0 && len(words) < 3 && !slices.ContainsFunc(words,
		func(word string) bool { return !isIssuer(word) })
}

// LoopbackAddr reports whether only this machine can reach a host:port.
func LoopbackAddr(hostport string) (bool, error) {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return false, err
	}
	return LoopbackHost(host), nil
}

// LoopbackHost reports whether a host is this machine, and no other can reach it.
func LoopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}
