package main

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// arrows says which of our packages each one imports. It is the architecture: keep it acyclic and
// short. Packages that ent generates count as ent.
var arrows = map[string]string{
	"server":             "accounts accounts/apps auth ent ent/database graph graph/query graph/transport internal/batch internal/bucket internal/devmode internal/fault internal/live internal/livekit internal/mail internal/outbox internal/ratelimit internal/telemetry internal/webhook lobby meetings notifications recordings rooms server/config web",
	"server/config":      "ent/database internal/bucket internal/mail internal/webhook",
	"graph":              "accounts auth ent ent/database graph/generated graph/query graph/scalar graph/transport internal/fault internal/live internal/livekit internal/telemetry lobby meetings notifications recordings rooms",
	"graph/generated":    "accounts auth ent graph/scalar internal/live internal/livekit lobby meetings notifications recordings rooms", // types only
	"graph/scalar":       "ent internal/fault internal/livekit",
	"graph/query":        "auth",
	"graph/transport":    "internal/telemetry",
	"meetings":           "auth ent internal/fault internal/live internal/livekit internal/text lobby recordings rooms",
	"lobby":              "accounts auth ent internal/fault internal/live internal/livekit internal/ratelimit internal/telemetry internal/text rooms",
	"recordings":         "accounts auth ent ent/database internal/bucket internal/fault internal/lease internal/live internal/livekit internal/outbox internal/ratelimit rooms",
	"notifications":      "accounts ent internal/fault internal/mail internal/outbox internal/ratelimit internal/webhook recordings rooms",
	"rooms":              "accounts auth ent ent/database internal/batch internal/fault internal/ratelimit internal/text",
	"accounts":           "auth ent ent/database internal/batch internal/fault internal/mailbox internal/ratelimit internal/text",
	"auth":               "internal/fault internal/mailbox",
	"ent":                "",
	"ent/database":       "ent",
	"ent/database/draft": "ent/database",
	"web":                "",
	"accounts/apps":      "accounts auth ent internal/fault internal/mailbox internal/ratelimit",
	"internal/batch":     "",
	"internal/bucket":    "internal/fault",
	"internal/devmode":   "",
	"internal/fault":     "",
	"internal/lease":     "",
	"internal/live":      "internal/fault internal/lease internal/telemetry",
	"internal/livekit":   "internal/fault",
	"internal/mail":      "internal/mailbox",
	"internal/mailbox":   "",
	"internal/outbox":    "ent",
	"internal/ratelimit": "internal/fault",
	"internal/telemetry": "",
	"internal/text":      "internal/fault",
	"internal/webhook":   "",
	"server/config/docs": "server/config",
	"test/e2e":           "",
	"test/env":           "accounts auth ent ent/database internal/devmode internal/fault internal/live internal/livekit internal/ratelimit lobby rooms",
	"test/env/up":        "test/env",
	"test/soak":          "",
}

func TestPackagesImportWhatTheArrowsSay(t *testing.T) {
	list, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./../...").Output()
	require.NoError(t, err)
	found := map[string]map[string]bool{}
	for line := range strings.Lines(string(list)) {
		words := strings.Fields(line)
		from := ours(words[0])
		if found[from] == nil {
			found[from] = map[string]bool{}
		}
		for _, word := range words[1:] {
			if to := ours(word); to != "" && to != from {
				found[from][to] = true
			}
		}
	}
	for from, to := range found {
		want, known := arrows[from]
		assert.True(t, known, "package %s is not in the table", from)
		assert.Equal(t, want, strings.Join(slices.Sorted(maps.Keys(to)), " "), "what %s imports", from)
	}
	assert.Len(t, found, len(arrows), "the table names a package that is not there")
}

// ours names a package of this module in the table's words; empty for any other.
func ours(path string) string {
	name, ok := strings.CutPrefix(path, "foyer/")
	switch {
	case !ok:
		return ""
	case strings.HasPrefix(name, "ent/") && !strings.HasPrefix(name, "ent/database"):
		return "ent"
	default:
		return name
	}
}

// TestOnlyMeetingsChangeRooms: a change that did not pass through package meetings would not reach the people in
// the running meeting.
func TestOnlyMeetingsChangeRooms(t *testing.T) {
	var makers []string
	require.NoError(t, fs.WalkDir(os.DirFS(".."), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(filepath.Join("..", path))
		if strings.Contains(string(text), "rooms.NewEditor(") || strings.Contains(string(text), "rooms.Editor{") {
			makers = append(makers, path)
		}
		return err
	}))
	assert.Equal(t, []string{"meetings/meetings.go", "test/env/world.go"}, makers)
}
