package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
	"foyer/web"
)

// TestServerShowsThePageThatWasBuilt with the real server and the real build.
func TestServerShowsThePageThatWasBuilt(t *testing.T) {
	t.Parallel()
	require.NotNil(t, web.Page(), "the page is not built: make test does that, or make web/dist/index.html")
	s := startServer(t)
	b := newBrowser(t)
	for _, path := range []string{"/", "/abc-defg-hij", "/recordings"} {
		assert.Equal(t, http.StatusOK, b.open(s.url+path).status)
		assert.Contains(t, b.text, `<div id="`, path)
		assert.Contains(t, b.header.Get("Content-Security-Policy"), "script-src 'self';", path)
		assert.Equal(t, "no-cache", b.header.Get("Cache-Control"), path)
	}
	assert.Equal(t, http.StatusNotFound, b.open(s.url+"/there/is-nothing").status)
	assert.Equal(t, http.StatusOK, b.open(s.url+"/healthz").status)
	assert.Empty(t, b.text)
	assert.Equal(t, http.StatusMethodNotAllowed, b.open(s.url+"/dev/login").status, "as it was")
	assert.Equal(t, http.StatusMethodNotAllowed, b.open(s.url+"/oauth/token").status, "as it was")
	assert.Contains(t, s.log(), "Page      "+s.url)
}

func TestPageLearnsWhatTheServerOffers(t *testing.T) {
	t.Parallel()
	const query = `{ capabilities { signIn invitations recordings } }`
	s := startServer(t)
	assert.Equal(t, object{"signIn": true, "invitations": true, "recordings": false},
		s.must("", query, nil)["capabilities"])
	environ := append(env.Bucket(t).Environ(), "FOYER_PUBLIC_URL=https://meet.example.org")
	s = startServer(t, append(environ, productionEnv...)...)
	assert.Equal(t, object{"signIn": false, "invitations": false, "recordings": true},
		s.must("", query, nil)["capabilities"])
}

// productionEnv is the smallest environment outside development mode.
var productionEnv = []string{"FOYER_SECRET=" + strings.Repeat("s", minSecret)}
