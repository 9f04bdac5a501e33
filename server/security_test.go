package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryThreatHasItsTest: a threat is guarded by a test that is there.
func TestEveryThreatHasItsTest(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../SECURITY.md")
	require.NoError(t, err)
	found, err := exec.Command("grep", "-rhoE", "--include=*_test.go", `^func Test\w+`, "..").Output()
	require.NoError(t, err)
	named := regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(named), 40)
	for _, name := range named {
		there := strings.Contains(string(found), "func "+name[1]+"\n")
		assert.True(t, there, "SECURITY.md names %s, which is no test", name[1])
	}
}
