package config

import "time"

// Server is how Foyer is reached, and what it bears.
type Server struct {
	Addr                string        `env:"FOYER_ADDR" envDefault:"127.0.0.1:8080" check:"host:port" doc:"Where to listen. In development mode, a loopback address."`
	PublicURL           string        `env:"FOYER_PUBLIC_URL" unset:"in development mode, as the browser asks" check:"https://HOST, or http://HOST on this machine, without a path" doc:"Foyer's origin as browsers see it, for instance 'https://meet.example.org'. Outside development mode, sign-in, e-mail and recordings require it: their links begin with it."`
	AllowedOrigins      []string      `env:"FOYER_ALLOWED_ORIGINS" check:"https://HOST, or http://HOST on this machine, without a path" doc:"Other origins whose pages may use '/graphql', with cookies or with a bearer token."`
	Secret              string        `env:"FOYER_SECRET" unset:"development mode" check:"at least 32 bytes" secret:"all" doc:"Signs tickets and protects sign-ins that have begun. Make one with 'openssl rand -hex 32'. All servers need the same one. A new one makes all tickets void."`
	Data                string        `env:"FOYER_DATA" envDefault:"./data" doc:"The folder of the SQLite file. Foyer creates it if it does not exist."`
	TrustedProxies      int           `env:"FOYER_TRUSTED_PROXIES" envDefault:"0" check:"0.." doc:"How many proxies in front of Foyer add to the header 'FOYER_PROXY_HEADER'. Rate limits count by the address that the outermost of them saw. With '0' Foyer ignores the header."`
	ProxyHeader         string        `env:"FOYER_PROXY_HEADER" envDefault:"X-Forwarded-For" check:"X-Forwarded-For|Forwarded" doc:"The header to which these proxies add ('Forwarded' is RFC 7239). Foyer does not read the other one, because clients may send it themselves."`
	Introspection       *bool         `env:"FOYER_INTROSPECTION" unset:"'true' in development mode, else 'false'" doc:"Anybody may ask for the schema."`
	GraphiQL            *bool         `env:"FOYER_GRAPHIQL" unset:"'true' in development mode, else 'false'" doc:"Serve GraphiQL at '/graphiql'. It reads the schema by introspection: see 'FOYER_INTROSPECTION'."`
	MaxSockets          int           `env:"FOYER_MAX_SOCKETS" envDefault:"50000" check:"0.." doc:"WebSockets and event streams that may be open on one server; '0' is no limit."`
	SocketsPerAddress   int           `env:"FOYER_SOCKETS_PER_ADDRESS" envDefault:"1000" check:"0.." doc:"How many of them may come from one network address (of IPv6, one /64); '0' is no limit. Without trusted proxies, one address may have 256 more connections for other requests."`
	OperationsPerSocket int           `env:"FOYER_OPERATIONS_PER_SOCKET" envDefault:"100" check:"1.." doc:"Operations that may run on one WebSocket. People who are not signed in may run 10 at most."`
	OperationTimeout    time.Duration `env:"FOYER_OPERATION_TIMEOUT" envDefault:"15s" check:"1ms..8760h" doc:"How long a query or a mutation may take."`
	DrainSpread         time.Duration `env:"FOYER_DRAIN_SPREAD" envDefault:"2s" check:"0.." doc:"When the server stops, it closes its WebSockets one by one over this time, so that the clients do not all reconnect together."`
	DrainTimeout        time.Duration `env:"FOYER_DRAIN_TIMEOUT" envDefault:"10s" check:"1ms..8760h" doc:"How long the whole stop may take."`
}

func (c *Config) checkServer(p *problems) {
	loopback, err := LoopbackAddr(c.Server.Addr)
	p.add(err == nil && !loopback && c.Development(),
		"FOYER_SECRET is not set: development mode is for loopback addresses, and FOYER_ADDR is %q", c.Server.Addr)
	p.add(c.Server.Secret == DevelopmentSecret, "FOYER_SECRET is the development one, which everybody knows")
	if c.Server.PublicURL != "" || c.Development() {
		return
	}
	switch {
	case c.SignIn.Issuer != "":
		p.add(true, "FOYER_PUBLIC_URL is not set: the identity provider has to send people back")
	case c.Mail.SMTPURL != "":
		p.add(true, "FOYER_PUBLIC_URL is not set: e-mail would have no links")
	case c.Storage.Endpoint != "":
		p.add(true, "FOYER_PUBLIC_URL is not set: recordings would have no addresses")
	}
}
