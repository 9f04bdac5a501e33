package config

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDocsHaveTheSettingsAsTheyAre(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	require.NoError(t, Markdown(&want))
	page, err := os.ReadFile("../../docs/settings.md")
	require.NoError(t, err)
	assert.True(t, want.String() == string(page), "docs/settings.md is not what the tags say: run make generate")
}

func TestEverySettingIsDescribedAndChecked(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for s := range new(Config).all() {
		assert.NotEmpty(t, s.name)
		assert.False(t, names[s.name], "%s is there twice", s.name)
		names[s.name] = true
		assert.NotEmpty(t, s.tag.Get("doc"), s.name)
		assert.Regexp(t, `^[^|]+[.)]$`, s.tag.Get("doc"), s.name)
		tag := s.tag.Get("check")
		_, isCheck := checks[tag]
		switch s.value.Interface().(type) {
		case time.Duration, int, int64:
			assert.Contains(t, tag, "..", "%s has no range", s.name)
		case string, []string:
			assert.True(t, tag == "" || isCheck || strings.Contains(tag, "|"), "%s has an unknown check: %s", s.name, tag)
		default:
			assert.Empty(t, tag, s.name)
		}
	}
}

func TestEveryCheckHasASetting(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for s := range new(Config).all() {
		used[s.tag.Get("check")] = true
	}
	for name := range checks {
		assert.True(t, used[name], name)
	}
}

// TestSecretsAreMarked finds secrets by their names.
func TestSecretsAreMarked(t *testing.T) {
	t.Parallel()
	for s := range new(Config).all() {
		if strings.Contains(s.name, "SECRET") || strings.HasSuffix(s.name, "_SESSION_TOKEN") {
			assert.Equal(t, "all", s.tag.Get("secret"), s.name)
		}
	}
}

// aTag matches one part of a field's tag.
var aTag = regexp.MustCompile(`(\w+):"(?:[^"\\]|\\.)*"`)

func TestTagsAreKnownAndInOrder(t *testing.T) {
	t.Parallel()
	order := []string{"env", "envDefault", "unset", "check", "blanks", "secret", "doc"}
	for s := range new(Config).all() {
		at := -1
		for _, part := range aTag.FindAllStringSubmatch(string(s.tag), -1) {
			next := slices.Index(order, part[1])
			assert.Greater(t, next, at, "%s: %s", s.name, part[1])
			at = next
		}
	}
}

func TestHelpHasEverySetting(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, Help(&out))
	for _, name := range Names() {
		assert.Contains(t, out.String(), "\n  "+name+"  (")
	}
}
