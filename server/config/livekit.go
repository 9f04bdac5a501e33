package config

import (
	"slices"
	"time"
)

// LiveKit is the media server, and what people may do there.
type LiveKit struct {
	URL        string        `env:"LIVEKIT_URL" envDefault:"ws://127.0.0.1:7880" check:"ws://…, wss://…, http://… or https://…" doc:"Where Foyer reaches LiveKit."`
	PublicURL  string        `env:"LIVEKIT_PUBLIC_URL" unset:"'LIVEKIT_URL'" check:"ws://… or wss://…" doc:"Where clients reach LiveKit."`
	Keys       []string      `env:"LIVEKIT_API_KEY" unset:"'devkey' in development mode" doc:"The key that Foyer and LiveKit share. Required outside development mode. To change it, add the new pair to LiveKit's 'keys'; put the new key and a comma before the old one here, and the same with the secret; let LiveKit sign its webhook with the new key; then remove the old pair everywhere. Foyer signs with the first pair, and accepts events that any of them signed."`
	Secrets    []string      `env:"LIVEKIT_API_SECRET" unset:"'secret' in development mode" secret:"all" doc:"The secret of that key, or one secret for each key, in the same order. Required outside development mode, and never 'secret' there."`
	Deployment string        `env:"FOYER_DEPLOYMENT" unset:"host and port of 'FOYER_PUBLIC_URL', or else 'FOYER_ADDR'" check:"1 to 100 letters, digits, or . _ : -" doc:"The name of this installation in its tokens (the attribute 'deployment', which everybody in the meeting can read). All its servers have the same. Set it where several installations share a LiveKit and a public address. Each installation needs a database of its own."`
	Insecure   bool          `env:"LIVEKIT_INSECURE_SKIP_VERIFY" doc:"Accept any certificate from LiveKit's API. For test installations."`
	TokenTTL   time.Duration `env:"FOYER_TOKEN_TTL" envDefault:"5m" check:"1ms..8760h" doc:"How long a join token opens the room. LiveKit refreshes the tokens of connected people."`
	Sources    []string      `env:"FOYER_DEFAULT_SOURCES" envDefault:"camera,microphone,screen_share,screen_share_audio" check:"camera|microphone|screen_share|screen_share_audio" blanks:"refused" doc:"What people may send in rooms without a configuration of their own, and what hosts may always send."`
	HostAdmins bool          `env:"FOYER_HOSTS_ARE_ROOM_ADMINS" doc:"Hosts' tokens have LiveKit's grant 'roomAdmin', for frontends that call LiveKit's API themselves. LiveKit cannot revoke such a token: Foyer disconnects a demoted host, but the grant stays valid until the token ends, up to ten minutes later. Foyer's own mutations do not need the grant."`
}

func (c *Config) checkLiveKit(p *problems) {
	l, development := c.LiveKit, c.Development()
	keys, secrets := len(l.Keys), len(l.Secrets)
	p.add(!development && (keys == 0 || secrets == 0), "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not both set")
	p.add(!development && slices.Contains(l.Secrets, developmentPair),
		"LIVEKIT_API_SECRET is the development one, which everybody knows")
	p.add(development && (keys == 0) != (secrets == 0), "of LIVEKIT_API_KEY and LIVEKIT_API_SECRET only one is set")
	p.add(keys > 0 && secrets > 0 && keys != secrets,
		"LIVEKIT_API_KEY has %d keys, but LIVEKIT_API_SECRET has %d secrets", keys, secrets)
	for i, key := range l.Keys {
		p.add(slices.Contains(l.Keys[:i], key), "LIVEKIT_API_KEY has number %d twice", i+1)
	}
}
