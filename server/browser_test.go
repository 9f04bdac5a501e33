package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/testenv"
)

// inBrowser runs a test of testenv/node/browser, and does for it what it asks for by name.
//
// Such tests are not parallel: a browser with three people in a call needs the machine for itself.
func inBrowser(t *testing.T, script, foyer, liveKit string, answers map[string]func()) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "node", "browser/"+script, foyer, liveKit)
	command.Dir = "../testenv/node"
	var complaints strings.Builder
	command.Stderr = &complaints
	input, err := command.StdinPipe()
	require.NoError(t, err)
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start(), "the tests need Node: tools/setup.sh")
	for lines := bufio.NewScanner(output); lines.Scan(); {
		var line struct{ Step, Ask string }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line), lines.Text())
		if line.Step != "" {
			t.Log(line.Step)
			continue
		}
		require.Contains(t, answers, line.Ask)
		answers[line.Ask]()
		_, err := io.WriteString(input, "done\n")
		require.NoError(t, err)
	}
	assert.NoError(t, command.Wait(), "%s (pictures are in testenv/node/screenshots)", &complaints)
}

// TestGraphiQLIsAWorkbenchForEveryFlow: examples, their variables and a subscription work there.
func TestGraphiQLIsAWorkbenchForEveryFlow(t *testing.T) {
	s := startServer(t)
	liveKit, _, _ := testenv.LiveKit(t)
	inBrowser(t, "graphiql.mjs", s.url, liveKit, nil)
}
