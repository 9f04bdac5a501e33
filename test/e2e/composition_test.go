package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// operator are the variables that docker-compose.yml requires, with the test's values.
var operator = map[string]string{
	"POSTGRES_PASSWORD": "postgresPassword", "REDIS_PASSWORD": "redisPassword", "FOYER_SECRET": production["FOYER_SECRET"],
	"FOYER_OIDC_CLIENT_ID": "foyer", "FOYER_OIDC_CLIENT_SECRET": "hush",
	"FOYER_MEDIA_SECRET": mediaSecret, "FOYER_TRUSTED_PROXIES": "1",
	"FOYER_INNER_ADDR": "0.0.0.0:9090",
}

// composition is docker-compose.yml, before variables are replaced.
type composition struct {
	Services map[string]struct {
		Environment map[string]any
		Deploy      struct{ Replicas int }
		Volumes     []struct{ Source, Target string }
		Image, User string
		Networks    map[string]any
		CapDrop     []string `json:"cap_drop"`
		SecurityOpt []string `json:"security_opt"`
		ReadOnly    bool     `json:"read_only"`
	}
}

// readComposition reads the file with the Compose library.
func readComposition(t testing.TB) (c composition) {
	t.Helper()
	command := exec.Command("go", "-C", "../../tools", "tool", "github.com/compose-spec/compose-go/v2/cmd",
		"-no-interpolation", "-no-path-resolution", "-format", "json", "../docker-compose.yml")
	output, err := command.Output()
	require.NoError(t, err, "%s", output)
	require.NoError(t, json.Unmarshal(output, &c))
	return c
}

// environment is the environment that compose gives a service, with the operator's variables.
func (c composition) environment(t testing.TB, service string, said map[string]string) map[string]string {
	t.Helper()
	environment := map[string]string{}
	for name, value := range c.Services[service].Environment {
		environment[name] = os.Expand(fmt.Sprint(value), func(reference string) string {
			return interpolated(t, reference, said)
		})
	}
	require.NotEmpty(t, environment, service)
	return environment
}

// interpolated is the value of NAME, NAME:-DEFAULT, NAME:+INSTEAD or NAME:?MESSAGE. $$ is a dollar.
func interpolated(t testing.TB, reference string, said map[string]string) string {
	t.Helper()
	name, operator, _ := strings.Cut(reference, ":")
	value := said[name]
	switch {
	case reference == "$":
		return reference
	case strings.HasPrefix(operator, "+"):
		if value != "" {
			value = operator[1:]
		}
	case value == "" && strings.HasPrefix(operator, "-"):
		value = operator[1:]
	default:
		require.NotEmpty(t, value, "docker-compose.yml requires %s", reference)
	}
	return value
}

// TestContainersAreConfined: no container runs as root, gains rights or writes more than it needs. The egress service
// is the exception: its browser has a sandbox, and it reaches neither Foyer's Redis nor its database.
func TestContainersAreConfined(t *testing.T) {
	t.Parallel()
	c := readComposition(t)
	require.Len(t, c.Services, 9)
	ownUser := []string{"foyer", "foyer-minio"} // as their Dockerfiles say
	nobody := regexp.MustCompile(`^[1-9]\d*:`)
	for name, service := range c.Services {
		if name == "egress" {
			continue
		}
		assert.Equal(t, []string{"ALL"}, service.CapDrop, name)
		assert.Equal(t, []string{"no-new-privileges:true"}, service.SecurityOpt, name)
		assert.True(t, service.ReadOnly, name)
		assert.True(t, slices.Contains(ownUser, service.Image) || nobody.MatchString(service.User), name)
	}
	for _, store := range []string{"postgres", "redis"} {
		assert.Equal(t, []string{"stores"}, slices.Collect(maps.Keys(c.Services[store].Networks)))
	}
	assert.NotContains(t, c.Services["egress"].Networks, "stores")
	assert.Regexp(t, `^redis://:\$\{REDIS_PASSWORD\}@`, c.Services["foyer"].Environment["REDIS_URL"])
}

// TestNginxSettingsListTheirVariables: all variables of the settings, and none of nginx's own.
func TestNginxSettingsListTheirVariables(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(nginxFile)
	require.NoError(t, err)
	var want []string
	for _, found := range regexp.MustCompile(`\$\{([A-Z0-9_]+)\}`).FindAllStringSubmatch(string(text), -1) {
		want = append(want, "$"+found[1])
	}
	slices.Sort(want)
	want = slices.Compact(want)
	for _, file := range []string{nginxFile, "../../docs/deploying.md"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		command := regexp.MustCompile(`envsubst '([^']*)'`).FindStringSubmatch(string(text))
		require.NotNil(t, command, file)
		assert.ElementsMatch(t, want, strings.Fields(command[1]), file)
	}
}

// TestImageHasNeitherAShellNorRoot: its last stage is distroless's nonroot image, and runs no command.
func TestImageHasNeitherAShellNorRoot(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../deploy/Dockerfile")
	require.NoError(t, err)
	stages := strings.Split(string(text), "\nFROM ")
	last := stages[len(stages)-1]
	from, _, _ := strings.Cut(last, "\n")
	assert.Regexp(t, `^gcr\.io/distroless/static-debian\d+:nonroot(@sha256:[0-9a-f]{64})?$`, from)
	for line := range strings.Lines(last) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		assert.NotContains(t, []string{"RUN", "SHELL", "USER", "ADD"}, instruction)
		switch instruction {
		case "COPY":
			assert.Regexp(t, `^--from=build /foyer /foyer$`, rest, "one program")
		case "ENTRYPOINT", "CMD":
			assert.Regexp(t, `^\["/foyer"`, rest, "without a shell")
		}
	}
	assert.Contains(t, string(text), "CGO_ENABLED=0", "there are no libraries")
}
