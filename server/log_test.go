package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/server/config"
)

// TestTheGreetingsStepsWork runs what the server prints for a newcomer to paste.
func TestTheGreetingsStepsWork(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := listener.Addr().String()
	s := httptest.Server{Listener: listener, Config: &http.Server{Handler: openApp(t, addr).routes()}}
	s.Start()
	defer s.Close()
	steps := firstSteps(s.URL)
	var out strings.Builder
	greet(&out, &config.Config{}, addr, "", false)
	for _, step := range steps {
		assert.Contains(t, out.String(), step)
	}
	said, err := exec.Command("bash", "-ec", strings.Join(steps, "\n")).CombinedOutput()
	require.NoError(t, err, "%s", said)
	assert.Contains(t, string(said), `"status":"WAITING"`)
}
