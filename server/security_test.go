package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryThreatHasItsTest: every test that SECURITY.md or another page names exists.
func TestEveryThreatHasItsTest(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	found, err := exec.Command("grep", "-rhoE", "--include=*_test.go", `^func Test\w+`, "..").Output()
	require.NoError(t, err)
	named := 0
	for _, page := range append(pages, "../SECURITY.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1) {
			named++
			there := strings.Contains(string(found), "func "+name[1]+"\n")
			assert.True(t, there, "%s names %s, which is no test", page, name[1])
		}
	}
	require.Greater(t, named, 40)
}
