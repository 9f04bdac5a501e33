package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"foyer/server/config"
)

// object is a JSON object.
type object = map[string]any

// openApp opens a server inside this process, which listens nowhere. It is closed when the test ends.
func openApp(t testing.TB, addr string, environ ...string) *app {
	t.Helper()
	c, err := config.Load(append([]string{"FOYER_DATA=" + t.TempDir()}, environ...))
	require.NoError(t, err)
	a, err := newApp(t.Context(), c, addr)
	require.NoError(t, err)
	t.Cleanup(a.close)
	return a
}

// foyer runs a command in this process and returns what it prints, and its exit code.
func foyer(t testing.TB, environ []string, args ...string) (out, errOut string, exit int) {
	t.Helper()
	var o, e bytes.Buffer
	exit = execute(t.Context(), args, environ, &o, &e)
	return o.String(), e.String(), exit
}
