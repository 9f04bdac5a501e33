package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"foyer/testenv"
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
room:
  empty_timeout: 60
  departure_timeout: 2
keys: {%s: %s}
logging: {level: info}
`

func liveKitURL(port int) string {
	return "ws://" + address(port)
}

func (s *services) startLiveKit(ctx context.Context, signal, media int) error {
	config := fmt.Sprintf(liveKitConfig, signal, media, liveKitKey, liveKitSecret)
	file := s.path("livekit.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(s.livekit, "--config", file)
	cmd.Env = []string{"HOME=" + s.dir} // none of our LIVEKIT_ variables: it would take them
	server, err := s.process("livekit", cmd)
	if err != nil {
		return err
	}
	return server.Ready(ctx, testenv.GetLiveKit(liveKitURL(signal)))
}
