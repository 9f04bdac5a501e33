package e2e

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// TestServersHoldAMeetingBehindPgBouncer in transaction mode with few connections. All servers start together on a
// database without tables.
func TestServersHoldAMeetingBehindPgBouncer(t *testing.T) {
	t.Parallel()
	empty := func(context.Context, string) error { return nil }
	database := env.StartPgBouncer(t, env.Postgres(t, empty), 3)
	environ := append(shared(t), "DATABASE_URL="+database)
	servers := make([]*server, 3)
	var starting sync.WaitGroup
	for i := range servers {
		starting.Go(func() { servers[i] = startServer(t, environ...) })
	}
	starting.Wait()
	require.False(t, t.Failed())
	meet(t, servers[0], servers[1])
	meet(t, servers[2], servers[0])
	for _, s := range servers {
		assert.NotContains(t, s.log(), "SQLSTATE")
	}
	out, errOut, _ := foyer(t, append(environ, "FOYER_ADDR="+strings.TrimPrefix(servers[0].url, "http://")), "doctor")
	assert.Regexp(t, `(?m)^ok +database +PostgreSQL .*behind a pooler, tables up to date$`, out, errOut)
}
