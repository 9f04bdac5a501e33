package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// vulnerabilityDatabase is a folder that says of a function of Go's own library that it is vulnerable
// (https://go.dev/security/vuln/database).
func vulnerabilityDatabase(t *testing.T, function string) string {
	t.Helper()
	dir := t.TempDir()
	const id, at = "GO-2026-9999", `"modified": "2026-01-01T00:00:00Z"`
	for name, content := range map[string]string{
		"index/db.json":      `{` + at + `}`,
		"index/modules.json": `[{"path": "stdlib", "vulns": [{"id": "` + id + `", ` + at + `}]}]`,
		"ID/" + id + ".json": `{"schema_version": "1.3.1", "id": "` + id + `", ` + at + `,
			"summary": "Made for a test", "details": "Made for a test",
			"affected": [{"package": {"name": "stdlib", "ecosystem": "Go"},
				"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
				"ecosystem_specific": {"imports": [{"path": "fmt", "symbols": ["` + function + `"]}]}}],
			"database_specific": {"url": "https://pkg.go.dev/vuln/` + id + `"}}`,
	} {
		file := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	}
	return dir
}

// TestKnownVulnerabilityIsFoundWhereItIsCalled, and what cannot be looked up is not passed over.
func TestKnownVulnerabilityIsFoundWhereItIsCalled(t *testing.T) {
	t.Parallel()
	audit := func(database string) (said string, code int) {
		t.Helper()
		command := exec.CommandContext(t.Context(), "../tools/vulnerabilities.sh", "./internal/fault")
		command.Env = append(os.Environ(), "GOVULNDB=file://"+database)
		output, _ := command.CombinedOutput()
		return string(output), command.ProcessState.ExitCode()
	}
	said, code := audit(vulnerabilityDatabase(t, "Sprintf"))
	assert.Equal(t, 3, code, said)
	assert.Contains(t, said, "GO-2026-9999")
	assert.Contains(t, said, "fault.New")
	said, code = audit(vulnerabilityDatabase(t, "Sscanf"))
	assert.Equal(t, 0, code, said)
	said, code = audit(t.TempDir() + "/nowhere")
	assert.Equal(t, 75, code, said)
	assert.Contains(t, said, "cannot be reached")
}
