package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jub0bs/cors"

	"foyer/ent/database"
	"foyer/internal/bucket"
	"foyer/internal/webhook"
)

// A check tag is one of these:
//
//	1ms..8760h  a number or a duration in this range; one without an end has no limit there
//	A|B|C       one of these words
//	host:port   a name of the table checks, which is also what people read
//
// Empty text passes every check. Of a list, each value is checked.

// check adds what is wrong with a setting's value by itself.
func (s setting) check(p *problems) {
	tag := s.tag.Get("check")
	switch v := s.value.Interface().(type) {
	case []string:
		for i, text := range v {
			err := wrong(tag, text)
			p.add(err != nil, "%s has what is %v: number %d", s.name, err, i+1)
		}
	case string:
		if v != "" {
			err := wrong(tag, v)
			p.add(err != nil, "%s is %v", s.name, err)
		}
	case time.Duration:
		err := outside(tag, v, time.ParseDuration)
		p.add(err != nil, "%s is %v", s.name, err)
	default:
		if s.value.CanInt() {
			err := outside(tag, s.value.Int(), func(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) })
			p.add(err != nil, "%s is %v", s.name, err)
		}
	}
}

// outside returns what is wrong with a value that is not in a range.
func outside[T int64 | time.Duration](tag string, value T, parse func(string) (T, error)) error {
	from, to, _ := strings.Cut(tag, "..")
	least, _ := parse(from)
	most, err := parse(to)
	limited := err == nil
	switch {
	case value >= least && (!limited || value <= most):
		return nil
	case value < 0 && least == 0:
		return errors.New("negative")
	case least == 0:
		return fmt.Errorf("more than %v", most)
	case limited:
		return fmt.Errorf("not between %v and %v", least, most)
	default:
		return fmt.Errorf("less than %v", least)
	}
}

// wrong returns what is wrong with a text.
func wrong(tag, text string) error {
	if words := strings.Split(tag, "|"); len(words) > 1 {
		if slices.Contains(words, text) {
			return nil
		}
		return fmt.Errorf("not %s: %q", alternatives(words), text)
	}
	if check, ok := checks[tag]; ok && !check.holds(text) {
		if check.shown {
			return fmt.Errorf("not %s: %q", tag, text)
		}
		return fmt.Errorf("not %s", tag)
	}
	return nil
}

func alternatives(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// check says what a text has to be.
type check struct {
	holds func(string) bool
	// shown is whether an error shows the text. It cannot be a secret then, or the value of another setting.
	shown bool
}

// sharedSecret stands in the settings of other programs: no character of it has a meaning to nginx, to a shell or in an
// HTTP header.
const sharedSecret = "32 or more letters, digits or ._~+/=-"

// minSecret is the least length of FOYER_SECRET in bytes.
const minSecret = 32

var checks = map[string]check{
	"host:port":         {func(text string) bool { _, err := LoopbackAddr(text); return err == nil }, true},
	"at least 32 bytes": {func(text string) bool { return len(strings.TrimSpace(text)) >= minSecret }, false},
	sharedSecret:        {regexp.MustCompile(`^[A-Za-z0-9._~+/=-]{32,}$`).MatchString, false},
	"whsec_ and 24 to 64 bytes in base64": {
		func(text string) bool { return webhook.CheckSecret(text) == nil }, false},

	"http://… or https://…":                                        {scheme("http", "https"), false},
	"ws://… or wss://…":                                            {scheme("ws", "wss"), false},
	"ws://…, wss://…, http://… or https://…":                       {scheme("ws", "wss", "http", "https"), false},
	"redis://…, rediss://… or unix://…":                            {scheme("redis", "rediss", "unix"), false},
	"postgres://… or sqlite:PATH":                                  {database.Known, false},
	"http://HOST[:PORT] or https://HOST[:PORT]":                    {func(text string) bool { _, err := bucket.Endpoint(text); return err == nil }, false},
	"https://HOST, or http://HOST on this machine, without a path": {isOrigin, false},
	"https://…, or http://… on this machine":                       {isIssuer, false},
	"https://ISSUER or https://ISSUER https://KEYS":                {isBearerIssuer, false},

	"debug, info, warn or error":           {func(text string) bool { return new(slog.Level).UnmarshalText([]byte(text)) == nil }, true},
	"a name of an operation":               {regexp.MustCompile(`^[_A-Za-z][_0-9A-Za-z]{0,99}$`).MatchString, true},
	"1 to 100 letters, digits, or . _ : -": {regexp.MustCompile(`^[A-Za-z0-9._:-]{1,100}$`).MatchString, false},
	"text without { or }":                  {func(text string) bool { return !strings.ContainsAny(text, "{}") }, false},
	"text of at most 2000 bytes":           {func(text string) bool { return len(text) <= 2000 && utf8.ValidString(text) }, false},
	"at most 200 bytes":                    {func(text string) bool { return len(text) <= 200 }, false},
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
