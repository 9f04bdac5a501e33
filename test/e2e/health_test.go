package e2e

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"foyer/test/env"
)

func TestHealthyCommandReportsWhetherTheServerIsReady(t *testing.T) {
	t.Parallel()
	store := env.StartRedis(t)
	environ := []string{
		"FOYER_ADDR=0.0.0.0:" + strconv.Itoa(env.FreePort(t)), "FOYER_SECRET=" + production["FOYER_SECRET"],
		"REDIS_URL=" + store.URL(), "HTTP_PROXY=http://127.0.0.1:1",
		"LIVEKIT_API_KEY=key", "LIVEKIT_API_SECRET=" + production["LIVEKIT_API_SECRET"],
	}
	_, errOut, exit := foyer(t, environ, "healthy")
	assert.Equal(t, exitFailed, exit)
	assert.Contains(t, errOut, "no server answers at FOYER_ADDR")
	s := startServer(t, environ...)
	out, errOut, exit := foyer(t, environ, "healthy")
	assert.Zero(t, exit, errOut)
	assert.JSONEq(t, `{"database": "ok", "redis": "ok", "server": "ok"}`, out)
	store.Stop(t)
	_, errOut, exit = foyer(t, environ, "healthy")
	assert.Equal(t, exitFailed, exit)
	assert.Contains(t, errOut, `"redis":"away"`)
	s.kill()
}
