package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/server/config"
)

func TestConfigShowsEverySettingAndNoSecret(t *testing.T) {
	t.Parallel()
	hidden := strings.Repeat("hidden", 8)
	environ := []string{
		"DATABASE_URL=postgres://foyer:" + hidden + "@db/foyer", "REDIS_URL=rediss://:" + hidden + "@redis",
		"FOYER_SMTP_URL=smtps://foyer:" + hidden + "@mail.example.org", "FOYER_MAIL_FROM=foyer@example.org",
		"LIVEKIT_API_KEY=key", "FOYER_PUBLIC_URL=https://meet.example.org",
		"FOYER_OIDC_ISSUER=https://id.example.org", "FOYER_OIDC_CLIENT_ID=foyer",
		"S3_ENDPOINT=https://s3.example.org", "S3_BUCKET=recordings", "S3_ACCESS_KEY=foyer",
		"S3_SESSION_TOKEN=" + hidden, "FOYER_WEBHOOK_URLS=https://hooks.example.org/" + hidden + "?key=" + hidden,
	}
	for _, name := range config.Names() {
		if name == "FOYER_WEBHOOK_SECRET" {
			environ = append(environ, name+"=whsec_"+hidden)
		} else if strings.Contains(name, "SECRET") {
			environ = append(environ, name+"="+hidden)
		}
	}
	out, errOut, exit := foyer(t, environ, "config")
	require.Zero(t, exit, errOut)
	assert.NotContains(t, out, hidden)
	assert.Contains(t, out, "postgres://foyer:xxxxx@db/foyer")
	assert.Contains(t, out, "https://hooks.example.org/…")
	for _, name := range config.Names() {
		assert.Regexp(t, "(?m)^"+name+" +", out)
	}
	assert.Regexp(t, `(?m)^FOYER_SECRET +\(hidden\)$`, out)
	assert.Regexp(t, `(?m)^FOYER_ADDR +127\.0\.0\.1:8080$`, out)
	assert.Regexp(t, `(?m)^FOYER_DEFAULT_SOURCES +camera,microphone,`, out)
}

func TestHelpPrintsCommandsAndSettings(t *testing.T) {
	t.Parallel()
	out, _, exit := foyer(t, nil, "help")
	assert.Zero(t, exit)
	assert.Equal(t, usage, out)
	out, _, exit = foyer(t, nil, "help", "settings")
	assert.Zero(t, exit)
	assert.Contains(t, out, "FOYER_LOBBY_GRACE  (duration; default: 30s)\n      How long guests")
}

// TestBuildIsStampedWithItsVersion: make and the Dockerfile set the variable that is reported, a string of
// package main.
func TestBuildIsStampedWithItsVersion(t *testing.T) {
	stamp := regexp.MustCompile(`-X (\S+)=\$[({]?VERSION`)
	for _, file := range []string{"../Makefile", "../deploy/Dockerfile"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		found := stamp.FindStringSubmatch(string(text))
		require.NotNil(t, found, file)
		assert.Equal(t, "main.version", found[1], file)
	}
	unstamped := version
	defer func() { version = unstamped }()
	version = "v1.2.3-4-gabcdef"
	out, _, _ := foyer(t, nil, "version")
	assert.Equal(t, "foyer v1.2.3-4-gabcdef\n", out)
}
