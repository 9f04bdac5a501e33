package main

import (
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"foyer/server/config"
)

// What FOYER_PROXY_HEADER may be.
const (
	headerXForwardedFor = "X-Forwarded-For"
	headerForwarded     = "Forwarded" // RFC 7239
)

// unknownAddress stands for all clients whose address Foyer cannot read. They share their limits.
const unknownAddress = "unknown"

// addresses reads the client addresses of requests, and counts requests without one.
type addresses struct {
	proxies int
	header  string

	unknown atomic.Uint64
	warn    sync.Once
}

func newAddresses(c *config.Config) *addresses {
	return &addresses{proxies: c.Server.TrustedProxies, header: c.Server.ProxyHeader}
}

// of returns the client address that limits count by; unknownAddress if there is none.
func (a *addresses) of(r *http.Request) string {
	ip, err := clientIP(r, a.proxies, a.header)
	if err != nil {
		a.unknown.Add(1)
		a.warn.Do(func() {
			slog.WarnContext(r.Context(), "a client's address cannot be read: such clients share one limit; "+
				"see FOYER_TRUSTED_PROXIES and FOYER_PROXY_HEADER, and run foyer doctor", "err", err)
		})
		return unknownAddress
	}
	return limitedBy(ip)
}

// limitedBy is the text of an address. An IPv6 address counts as its /64, which one client commonly has.
func limitedBy(ip netip.Addr) string {
	if ip.Is6() {
		return netip.PrefixFrom(ip, 64).Masked().String()
	}
	return ip.String()
}

// clientIP returns the client address that the outermost trusted proxy saw. The proxies write addresses to one header.
// Foyer does not read the other header: the proxies may pass on what the client sent.
func clientIP(r *http.Request, proxies int, header string) (netip.Addr, error) {
	if proxies == 0 {
		return parseNode(r.RemoteAddr)
	}
	list := strings.Join(r.Header.Values(header), ",")
	if strings.Trim(list, ", ") == "" {
		return netip.Addr{}, fmt.Errorf("there is no %s", header)
	}
	node := fromRight(list, proxies)
	if header == headerForwarded {
		node = forwardedFor(node)
	}
	ip, err := parseNode(node)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%s has no address there", header) // its text may be personal data
	}
	return ip, nil
}

// parseNode reads an address, which may have a port or brackets.
func parseNode(text string) (netip.Addr, error) {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return ip.Unmap().WithZone(""), err
}

// fromRight returns the nth element of a list, counted from the right, where the nearest proxy writes; the
// leftmost when there are fewer.
func fromRight(list string, n int) string {
	last := ""
	for element := range backwards(list, ',') {
		last = element
		if n--; n == 0 {
			break
		}
	}
	return last
}

// forwardedFor returns the node that an element of Forwarded names.
func forwardedFor(element string) string {
	for pair := range backwards(element, ';') {
		if name, value, _ := strings.Cut(pair, "="); strings.EqualFold(strings.TrimSpace(name), "for") {
			return strings.Trim(value, `" `)
		}
	}
	return ""
}

// backwards yields the parts between separators from right to left, without empty ones. A separator in quotes does not
// count. Because it reads from the right, a quote that a client left open cannot hide what a proxy added.
func backwards(text string, separator byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		end, quoted := len(text), false
		for i := len(text) - 1; i >= -1; i-- {
			if i >= 0 && text[i] == '"' && !(quoted && escaped(text[:i])) {
				quoted = !quoted
			}
			if i >= 0 && (quoted || text[i] != separator) {
				continue
			}
			part := strings.TrimSpace(text[i+1 : end])
			if end = i; part != "" && !yield(part) {
				return
			}
		}
	}
}

// escaped reports whether a text ends with an odd number of backslashes, which escape the next character.
func escaped(text string) bool {
	return (len(text)-len(strings.TrimRight(text, `\`)))%2 == 1
}
