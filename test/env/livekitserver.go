package env

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"foyer/internal/livekit"
)

const (
	liveKitKey    = "devkey"
	liveKitSecret = "secretsecretsecretsecretsecretsecret"
)

// liveKitConfig keeps everything on 127.0.0.1: signalling on the first port, media on the second.
// Media over TCP is off, because LiveKit would listen for it on every address.
const liveKitConfig = `
port: %d
bind_addresses: [127.0.0.1]
rtc:
  udp_port: %d
  tcp_port: 0
  node_ip: 127.0.0.1
  use_external_ip: false
  enable_loopback_candidate: true
  ips: {includes: [127.0.0.0/8]}
  stun_servers: ["127.0.0.1:%d"] # nobody: by default clients would ask the internet
room:
  empty_timeout: 60
  departure_timeout: 2
  auto_create: %t
keys: {%s: %s}
logging: {level: info}
`

// LiveKitServer is a LiveKit server on 127.0.0.1.
type LiveKitServer struct {
	// File is the program, Dir the folder of its configuration and log.
	File, Dir string
	// Signal is its port for signalling and the API, Media the one for media.
	Signal, Media int
	// Webhook is the URL that LiveKit sends its events to; empty for none.
	Webhook string
	// RoomsMade: nobody can join before the room was made (auto_create is off).
	RoomsMade bool
	// Redis is the host:port of a Redis that only this server uses, for egress; empty for none.
	Redis string

	process *Process
}

// URL is the server's address; Key and Secret open its API.
func (s *LiveKitServer) URL() string    { return "ws://127.0.0.1:" + strconv.Itoa(s.Signal) }
func (s *LiveKitServer) Key() string    { return liveKitKey }
func (s *LiveKitServer) Secret() string { return liveKitSecret }

// Launch starts the server's process. It is up when GetLiveKit of its URL succeeds.
func (s *LiveKitServer) Launch() (*Process, error) {
	config := fmt.Sprintf(liveKitConfig, s.Signal, s.Media, s.Signal, !s.RoomsMade, liveKitKey, liveKitSecret)
	if s.Webhook != "" {
		config += fmt.Sprintf("webhook: {api_key: %s, urls: [%q]}\n", liveKitKey, s.Webhook)
	}
	if s.Redis != "" {
		config += fmt.Sprintf("redis: {address: %q}\n", s.Redis)
	}
	file := filepath.Join(s.Dir, "livekit.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(s.File, "--config", file)
	cmd.Env = []string{"HOME=" + s.Dir} // without our LIVEKIT_ variables: the server would read them
	return Start(cmd, filepath.Join(s.Dir, "livekit.log"))
}

// StartLiveKit starts a LiveKit server of the test's own, which sends its events to a URL. It ends with the test.
func StartLiveKit(t testing.TB, webhook string) *LiveKitServer {
	t.Helper()
	return StartLiveKitWith(t, webhook, func(*LiveKitServer) {})
}

// StartLiveKitWith is StartLiveKit with a change to the server before it starts.
func StartLiveKitWith(t testing.TB, webhook string, change func(*LiveKitServer)) *LiveKitServer {
	t.Helper()
	ports, err := FreePorts(2)
	if err != nil {
		t.Fatal(err)
	}
	s := &LiveKitServer{
		File: setting(t, EnvLiveKitFile), Dir: t.TempDir(),
		Signal: ports[0], Media: ports[1], Webhook: webhook,
	}
	change(s)
	t.Cleanup(s.Stop)
	s.Start(t)
	return s
}

// Start starts a stopped server again on the same ports, and waits until it answers. The server has forgotten its
// rooms.
func (s *LiveKitServer) Start(t testing.TB) {
	t.Helper()
	process, err := s.Launch()
	if err != nil {
		t.Fatalf("start a LiveKit server: %v: %s", err, hint)
	}
	s.process = process
	if err := process.Ready(t.Context(), GetLiveKit(s.URL())); err != nil {
		t.Fatal(err)
	}
}

// Stop kills the server (kill -9) and waits until it has ended.
func (s *LiveKitServer) Stop() {
	if s.process != nil {
		s.process.End()
	}
}

// Settings are those of a client of the server.
func (s *LiveKitServer) Settings() livekit.Settings {
	return livekit.Settings{
		URL: s.URL(), PublicURL: s.URL(), APIKey: s.Key(), APISecret: s.Secret(), TokenTTL: time.Minute,
		DefaultSources: []string{"camera", "microphone", "screen_share", "screen_share_audio"},
	}
}
