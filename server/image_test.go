package main

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/server/config"
)

// TestHealthcheckOfTheImageIsACommand that is there, and has time for its answer.
func TestHealthcheckOfTheImageIsACommand(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../deploy/Dockerfile")
	require.NoError(t, err)
	check := regexp.MustCompile(`(?m)^HEALTHCHECK .*--timeout=(\S+) .*CMD \["(.+)", "(.+)"\]$`).FindStringSubmatch(string(text))
	require.NotNil(t, check)
	assert.Contains(t, string(text), `ENTRYPOINT ["`+check[2]+`"]`)
	assert.Contains(t, commands, check[3])
	assert.Greater(t, check[1], healthyTimeout.String())
}

// TestNginxOfTheCompositionHoldsALobby of the default capacity on one worker, each guest by two connections.
func TestNginxOfTheCompositionHoldsALobby(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../deploy/nginx.main.conf")
	require.NoError(t, err)
	found := regexp.MustCompile(`worker_connections (\d+);`).FindStringSubmatch(string(text))
	require.NotNil(t, found)
	connections, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	c, err := config.Load(nil)
	require.NoError(t, err)
	assert.Greater(t, connections, 2*c.Lobby.Capacity)
}
