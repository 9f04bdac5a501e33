package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestLimitsCountByAnAddressThatAClientCannotChoose: what a client writes into X-Forwarded-For stands
// to the left of what trusted proxies have seen.
func TestLimitsCountByAnAddressThatAClientCannotChoose(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, remote, forwarded string
		proxies                 int
		want                    string
	}{
		{"no proxy is trusted", "192.0.2.1:1000", "203.0.113.9", 0, "192.0.2.1"},
		{"one proxy", "10.0.0.1:1000", "203.0.113.9", 1, "203.0.113.9"},
		{"one proxy, a client who lies", "10.0.0.1:1000", "198.51.100.1, 203.0.113.9", 1, "203.0.113.9"},
		{"two proxies", "10.0.0.1:1000", "198.51.100.1, 203.0.113.9, 10.0.0.2", 2, "203.0.113.9"},
		{"fewer proxies than said", "10.0.0.1:1000", "203.0.113.9", 3, "203.0.113.9"},
		{"no header", "10.0.0.1:1000", "", 1, "unknown"},
		{"rubbish", "10.0.0.1:1000", "<script>", 1, "unknown"},
		{"IPv6 is one network", "10.0.0.1:1000", "2001:db8:1:2:3:4:5:6", 1, "2001:db8:1:2::/64"},
		{"IPv4 in IPv6", "[::ffff:192.0.2.1]:1000", "", 0, "192.0.2.1"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
		r.RemoteAddr = test.remote
		if test.forwarded != "" {
			r.Header.Set("X-Forwarded-For", test.forwarded)
		}
		assert.Equal(t, test.want, clientAddress(r, test.proxies), test.name)
	}
}
