// Package config has every setting of Foyer. A setting is a field of a group, with all that there is to say about it in
// its tags:
//
//	env         the environment variable
//	envDefault  its value when the variable is not set
//	unset       what holds when the variable is not set and there is no default
//	check       what a value has to be (check.go)
//	blanks      "refused" if empty values of a list are errors; Foyer drops them otherwise
//	secret      "all" if nobody may see the value, "path" if nobody may see the path of the URL
//	doc         what the setting is for; 'quotes' mark code
//
// The check at start, "foyer config", "foyer help settings" and docs/settings.md are made from these tags. What two
// settings must have in common is checked by the group's check method.
package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/caarlos0/env/v11"

	"foyer/ent/database"
)

//go:generate go run ./docs ../../docs/settings.md

// Config is everything that differs between one deployment and another.
type Config struct {
	Server       Server       `title:"The server"`
	Telemetry    Telemetry    `title:"Logs, metrics and traces" doc:"See [observability.md](observability.md)."`
	SignIn       SignIn       `title:"Signing in" doc:"See [the identity provider](deploying.md#the-identity-provider)."`
	Applications Applications `title:"Applications that act for users" doc:"See [applications](api.md#applications-that-act-for-users)."`
	Database     Database     `title:"The database" doc:"See [PostgreSQL](deploying.md#postgresql)."`
	Redis        Redis        `title:"Redis" doc:"See [Redis](deploying.md#redis)."`
	LiveKit      LiveKit      `title:"LiveKit"`
	Rooms        Rooms        `title:"Rooms"`
	Lobby        Lobby        `title:"The lobby" doc:"See [lobby.md](lobby.md)."`
	Rates        Rates        `title:"Rate limits" doc:"'0' is no limit. An IPv6 address counts as its /64. See [rate limits](deploying.md#rate-limits)."`
	Operation    Operation    `title:"Limits of one GraphQL operation"`
	Recordings   Recordings   `title:"Recordings" doc:"See [recordings.md](recordings.md)."`
	Storage      Storage      `title:"The storage of recordings" doc:"A bucket of MinIO, AWS S3 or another S3 storage. See [storage.md](storage.md)."`
	Mail         Mail         `title:"E-mail"`
	Outbox       Outbox       `title:"Deliveries" doc:"E-mail, webhooks and the deletion of files are delivered, and retried, by the same rules."`
	Webhooks     Webhooks     `title:"Webhooks of other services" doc:"See [webhooks](api.md#webhooks)."`
}

// DevelopmentSecret signs tickets and sessions in development mode. Everybody knows it.
const DevelopmentSecret = "development only: signs nothing that matters"

// The LiveKit key pair of development mode is the one of `livekit-server --dev`.
const (
	developmentKey  = "devkey"
	developmentPair = "secret"
)

// Load reads the environment. Its error names every setting that is wrong, and never shows a secret: what is wrong with
// a setting may be that it has the value of another one.
func Load(environ []string) (*Config, error) {
	c := &Config{}
	p := c.read(env.ToMap(environ))
	c.check(&p)
	if err := errors.Join(p...); err != nil {
		return nil, fmt.Errorf("configuration:\n%w", err)
	}
	c.fill()
	return c, nil
}

// problems are what is wrong with the settings.
type problems []error

// add adds a problem if it is there.
func (p *problems) add(isThere bool, format string, args ...any) {
	if isThere {
		*p = append(*p, fmt.Errorf(format, args...))
	}
}

// check adds every problem with the settings.
func (c *Config) check(p *problems) {
	for s := range c.all() {
		s.tidy()
	}
	c.Server.PublicURL = strings.TrimSuffix(c.Server.PublicURL, "/")
	for s := range c.all() {
		s.check(p)
	}
	c.checkServer(p)
	c.checkTelemetry(p)
	c.checkSignIn(p)
	c.checkRedis(p)
	c.checkLiveKit(p)
	c.checkStorage(p)
	c.checkMail(p)
	c.checkWebhooks(p)
}

// fill sets what follows from other settings.
func (c *Config) fill() {
	if c.Development() && len(c.LiveKit.Keys) == 0 {
		c.LiveKit.Keys, c.LiveKit.Secrets = []string{developmentKey}, []string{developmentPair}
	}
	if c.LiveKit.Deployment == "" {
		c.LiveKit.Deployment = hostOf(c.LinkBase())
	}
	if c.LiveKit.PublicURL == "" {
		c.LiveKit.PublicURL = c.LiveKit.URL
	}
	if c.Storage.PublicEndpoint == "" {
		c.Storage.PublicEndpoint = c.Storage.Endpoint
	}
	if c.Database.URL == "" {
		c.Database.URL = database.SQLite(filepath.Join(c.Server.Data, "foyer.db"))
	}
	development := c.Development()
	if c.Server.Introspection == nil {
		c.Server.Introspection = &development
	}
	if c.Server.GraphiQL == nil {
		c.Server.GraphiQL = &development
	}
}

// Development reports whether Foyer runs in development mode, with keys that everybody knows.
func (c *Config) Development() bool { return c.Server.Secret == "" }

// SigningSecret signs tickets and sessions.
func (c *Config) SigningSecret() string {
	if c.Development() {
		return DevelopmentSecret
	}
	return c.Server.Secret
}

// LinkBase is the beginning of every link to Foyer.
func (c *Config) LinkBase() string {
	if c.Server.PublicURL == "" {
		return "http://" + c.Server.Addr // in development mode
	}
	return c.Server.PublicURL
}

// SecureCookies reports whether browsers reach Foyer by https: always, except on this machine.
func (c *Config) SecureCookies() bool {
	return !c.Development() && !strings.HasPrefix(c.Server.PublicURL, "http:")
}

// hostOf returns the host and port of a URL.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}
