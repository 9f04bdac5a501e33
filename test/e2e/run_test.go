package e2e

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// makeRun does what `make run` does, on free ports and in its own folders, and also returns LiveKit's port.
func makeRun(t *testing.T, environ ...string) (s *server, liveKitPort string) {
	t.Helper()
	root := t.TempDir()
	script, err := os.ReadFile("../../tools/run.sh")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "bin"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "tools"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(root, "tools/run.sh"), script, 0o700))
	file, err := program()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(file, filepath.Join(root, "bin/foyer")))
	liveKit, err := filepath.Abs(os.Getenv(env.EnvLiveKitFile))
	require.NoError(t, err)
	require.NoError(t, os.Symlink(liveKit, filepath.Join(root, "bin/livekit-server")))

	liveKitPort = strconv.Itoa(env.FreePort(t))
	s = &server{t: t, exited: make(chan error, 1), process: exec.Command("bash", filepath.Join(root, "tools/run.sh"))}
	s.process.Env = append([]string{
		"FOYER_ADDR=127.0.0.1:" + strconv.Itoa(env.FreePort(t)),
		"LIVEKIT_PORT=" + liveKitPort, "FOYER_DATA=" + t.TempDir(),
		"PATH=" + os.Getenv("PATH"), "HOME=" + root,
	}, environ...)
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // it ends what it has started
	t.Cleanup(func() { assert.NoError(t, s.stop()) })
	s.start()
	return s, liveKitPort
}

// TestMakeRunAcceptsOnlyMediaFromTheNetwork: its keys are public.
func TestMakeRunAcceptsOnlyMediaFromTheNetwork(t *testing.T) {
	t.Parallel()
	s, liveKitPort := makeRun(t)
	at, err := url.Parse(s.url)
	require.NoError(t, err)
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, port := range []string{at.Port(), liveKitPort} {
		connection, err := net.Dial("tcp", "127.0.0.1:"+port)
		require.NoError(t, err)
		require.NoError(t, connection.Close())
		for _, address := range addresses {
			ip := address.(*net.IPNet).IP
			if ip.IsLoopback() || ip.IsLinkLocalUnicast() {
				continue
			}
			_, err := net.Dial("tcp", net.JoinHostPort(ip.String(), port))
			assert.ErrorIs(t, err, syscall.ECONNREFUSED, "%s", ip)
		}
	}
}

// TestFirefoxJoinsAMeetingAfterMakeRun at the machine's private addresses. Without such addresses, or with a setting that
// excludes them, the page says what to do.
func TestFirefoxJoinsAMeetingAfterMakeRun(t *testing.T) {
	for name, environ := range map[string][]string{"private addresses": nil, "loopback alone": {"MEDIA_ADDRESS=none"}} {
		t.Run(name, func(t *testing.T) {
			s, _ := makeRun(t, environ...)
			made := s.must(s.login("Ada"), createRoom, object{"input": object{"name": "Open", "accessLevel": "PUBLIC"}})
			room := s.url + "/" + text(made, "createRoom.room.slug")
			command := exec.CommandContext(t.Context(), "node", "browser/firefox.mjs", room)
			command.Dir = "../env/node"
			command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
			outcome, err := command.Output()
			require.NoError(t, err, "the tests need Node and Firefox: tools/setup.sh")
			if strings.Contains(s.log(), "where Firefox cannot join") {
				assert.Contains(t, string(outcome), "Firefox cannot join meetings over 127.0.0.1")
				return
			}
			require.Empty(t, environ, s.log())
			assert.Equal(t, "in the meeting\n", string(outcome))
		})
	}
}
