package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestLimitsCountByAnAddressThatAClientCannotChoose: what a client writes into the header stands to the left of
// what trusted proxies have seen.
func TestLimitsCountByAnAddressThatAClientCannotChoose(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, forwarded string
		proxies         int
		want            string
	}{
		{"no proxy is trusted", "203.0.113.9", 0, "10.0.0.1"},
		{"one proxy", "203.0.113.9", 1, "203.0.113.9"},
		{"one proxy, a client who lies", "198.51.100.1, 203.0.113.9", 1, "203.0.113.9"},
		{"two proxies", "198.51.100.1, 203.0.113.9, 10.0.0.2", 2, "203.0.113.9"},
		{"fewer proxies than said", "203.0.113.9", 3, "203.0.113.9"},
		{"no header", "", 1, unknownAddress},
		{"rubbish", "<script>", 1, unknownAddress},
		{"IPv6 is one network", "2001:db8:1:2:3:4:5:6", 1, "2001:db8:1:2::/64"},
		{"a port", "203.0.113.7:51234", 1, "203.0.113.7"},
		{"IPv6 with a port", "[2001:db8::1]:443", 1, "2001:db8::/64"},
		{"IPv6 in brackets", "[2001:db8::1]", 1, "2001:db8::/64"},
		{"IPv6 with a zone", "[fe80::1%eth0]:443", 1, "fe80::/64"},
		{"IPv4 in IPv6, with a port", "[::ffff:192.0.2.1]:443", 1, "192.0.2.1"},
		{"ports on the way", "198.51.100.1:1, 203.0.113.9:2, 10.0.0.2:3", 2, "203.0.113.9"},
		{"a comma at the end", "198.51.100.1, 203.0.113.9,", 1, "203.0.113.9"},
		{"commas of a client", ",,, ,203.0.113.9", 1, "203.0.113.9"},
		{"only commas", ", ,", 1, unknownAddress},
		{"a quote of a client", `", 203.0.113.9`, 1, "203.0.113.9"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
		r.RemoteAddr = "10.0.0.1:1000"
		if test.forwarded != "" {
			r.Header.Set("X-Forwarded-For", test.forwarded)
		}
		r.Header.Set("Forwarded", "for=198.51.100.77")
		assert.Equal(t, test.want, (&addresses{proxies: test.proxies, header: headerXForwardedFor}).of(r), test.name)
	}
	r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
	r.RemoteAddr = "[::ffff:192.0.2.1]:1000"
	assert.Equal(t, "192.0.2.1", (&addresses{}).of(r))
}

func TestForwardedIsReadWhereProxiesWriteIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		forwarded []string
		proxies   int
		want      string
	}{
		{"one proxy", []string{"for=203.0.113.9;proto=https;by=10.0.0.1"}, 1, "203.0.113.9"},
		{"whatever the case and order", []string{"Proto=https; FOR=203.0.113.9"}, 1, "203.0.113.9"},
		{"a port", []string{`for="203.0.113.9:51234"`}, 1, "203.0.113.9"},
		{"a port without quotes", []string{`for=203.0.113.9:51234`}, 1, "203.0.113.9"},
		{"a hidden port", []string{`for="203.0.113.9:_gazonk"`}, 1, "203.0.113.9"},
		{"IPv6", []string{`for="[2001:db8:cafe::17]:4711"`}, 1, "2001:db8:cafe::/64"},
		{"two proxies", []string{"for=198.51.100.1, for=203.0.113.9;proto=https, for=10.0.0.2"}, 2, "203.0.113.9"},
		{"two lines", []string{"for=198.51.100.1", "for=203.0.113.9"}, 1, "203.0.113.9"},
		{"a client who lies", []string{`for=198.51.100.1;host="x, for=203.0.113.9`}, 1, "203.0.113.9"},
		{
			"a host that a client chose",
			[]string{`for=203.0.113.9;host="x\",for=198.51.100.1;for=198.51.100.1"`}, 1, "203.0.113.9",
		},
		{"a name that hides", []string{"for=_hidden"}, 1, unknownAddress},
		{"unknown", []string{"for=unknown"}, 1, unknownAddress},
		{"no node", []string{"proto=https"}, 1, unknownAddress},
		{"nothing", nil, 1, unknownAddress},
	} {
		r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
		r.Header["Forwarded"] = test.forwarded
		r.Header.Set("X-Forwarded-For", "198.51.100.77")
		assert.Equal(t, test.want, (&addresses{proxies: test.proxies, header: headerForwarded}).of(r), test.name)
	}
}
