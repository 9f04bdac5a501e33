package e2e

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const walkthroughPage = "../../docs/walkthrough.md"

// walkthroughScript is every command of docs/walkthrough.md that needs only `make run`, for other addresses and another
// folder. The npm packages come from test/env/node, so that the test needs no network.
func walkthroughScript(t *testing.T, foyer, liveKitPort string) string {
	t.Helper()
	page, err := os.ReadFile(walkthroughPage)
	require.NoError(t, err)
	commands, _, found := strings.Cut(string(page), "\n## GraphiQL\n")
	require.True(t, found)
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```\n").FindAllStringSubmatch(commands, -1)
	require.Len(t, blocks, 8)
	modules, err := filepath.Abs(nodeModules)
	require.NoError(t, err)
	script := "set -e\n"
	for _, block := range blocks {
		script += block[1]
	}
	const install = "npm --prefix /tmp/foyer-try install --silent graphql-ws ws\n"
	require.Contains(t, script, install)
	return strings.NewReplacer(
		install, "ln -s "+modules+" /tmp/foyer-try/node_modules\n",
		"127.0.0.1:8080", strings.TrimPrefix(foyer, "http://"), "127.0.0.1:7880", "127.0.0.1:"+liveKitPort,
	).Replace(script) + "wait\n"
}

// TestDocsWalkthroughWorks: a reader who pastes the commands of docs/walkthrough.md sees what the page promises.
func TestDocsWalkthroughWorks(t *testing.T) {
	t.Parallel()
	s, liveKitPort := makeRun(t)
	script := walkthroughScript(t, s.url, liveKitPort)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	command := exec.CommandContext(ctx, "bash", "-c", strings.ReplaceAll(script, "/tmp/foyer-try", t.TempDir()))
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) } // subscriptions too
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	command.Stderr = complaints{t}
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		cancel()
		_ = command.Wait() // it was killed
	})
	missing := []string{
		`"totalCount":0`, `"displayName":"Grace"`, `"status":"WAITING"`,
		`"status":"ADMITTED","connectionDetails":{"serverUrl":"ws://127.0.0.1:` + liveKitPort, "success",
		`host {"lobby":{"entries":[{"displayName":"Alan"},{"displayName":"Mary"}]}}`,
		`guest {"entry":{"displayName":"Mary","status":"WAITING"`, `guest {"entry":{"displayName":"Mary","status":"ADMITTED"`,
	}
	for lines := bufio.NewScanner(output); len(missing) > 0 && lines.Scan(); {
		t.Log(lines.Text())
		kept := missing[:0]
		for _, text := range missing {
			if !strings.Contains(lines.Text(), text) {
				kept = append(kept, text)
			}
		}
		missing = kept
	}
	assert.Empty(t, missing, "what the commands did not print")
}
