package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestUnreadableAddressesAreLoggedOnceAndCounted: the proxies write another header than the settings name.
func TestUnreadableAddressesAreLoggedOnceAndCounted(t *testing.T) {
	t.Parallel()
	s := startServer(t, "FOYER_TRUSTED_PROXIES=1", "FOYER_PROXY_HEADER=Forwarded", inner)
	for range 3 {
		s.from("192.0.2.1", "/login")
	}
	assert.EqualValues(t, 3, s.metrics().value("foyer_client_address_unknown_total"))
	assert.Equal(t, 1, strings.Count(s.log(), "a client's address cannot be read"))
	assert.Contains(t, s.log(), "there is no Forwarded")
}
