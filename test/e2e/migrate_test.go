package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

func TestServerWithoutTheRightToMigrateRequiresTheCommand(t *testing.T) {
	t.Parallel()
	empty := func(context.Context, string) error { return nil }
	for name, environ := range map[string][]string{
		"SQLite":     {"FOYER_DATA=" + t.TempDir() + "/new"},
		"PostgreSQL": {"DATABASE_URL=" + env.Postgres(t, empty)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			environ = append(environ, "FOYER_MIGRATE=false", "FOYER_ADDR=127.0.0.1:0")
			_, errOut, exit := foyer(t, environ)
			assert.Equal(t, exitFailed, exit)
			assert.Contains(t, errOut, "foyer migrate")
			_, errOut, exit = foyer(t, environ, "app", "list")
			assert.Equal(t, exitFailed, exit)
			assert.Contains(t, errOut, "foyer migrate")

			out, _, exit := foyer(t, environ, "migrate")
			require.Zero(t, exit)
			assert.Equal(t, "applied 00001_initial.sql", strings.Split(out, "\n")[0])
			out, _, exit = foyer(t, environ, "migrate")
			require.Zero(t, exit)
			assert.Equal(t, "the tables are up to date\n", out)
			_, _, exit = foyer(t, environ, "app", "list")
			assert.Zero(t, exit)
		})
	}
}
