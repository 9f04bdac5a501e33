package env

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// SentinelMaster is the master's name in the Sentinels of tests.
const SentinelMaster = "foyer"

// sentinelConfig lets one Sentinel decide that the master is down: when the master has not answered for five seconds.
const sentinelConfig = `
bind 127.0.0.1
dir %[1]s
%[4]s
sentinel monitor %[2]s 127.0.0.1 %[3]d 1
sentinel down-after-milliseconds %[2]s 5000
sentinel failover-timeout %[2]s 20000
`

// StartSentinel starts a Sentinel that monitors the master at a port of 127.0.0.1, and its replicas. Settings, one a
// line, name the Sentinel's own port, for example. It ends with the test.
func StartSentinel(t testing.TB, master int, settings string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "sentinel.conf") // the Sentinel rewrites it
	text := fmt.Sprintf(sentinelConfig, dir, SentinelMaster, master, settings)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	process, err := Start(exec.Command("redis-server", file, "--sentinel"), filepath.Join(dir, "sentinel.log"))
	if err != nil {
		t.Fatalf("start a Sentinel: %v: %s", err, hint)
	}
	t.Cleanup(process.End)
}
