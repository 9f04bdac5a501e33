package config

import (
	"net/url"
	"time"
)

// Database is PostgreSQL or SQLite.
type Database struct {
	URL         string        `env:"DATABASE_URL" unset:"'foyer.db' in 'FOYER_DATA'" check:"postgres://… or sqlite:PATH" doc:"The database. A PostgreSQL URL may name several servers."`
	Connections int           `env:"FOYER_DATABASE_CONNECTIONS" envDefault:"20" check:"1.." doc:"Connections that one server may have open. All servers together need fewer than PostgreSQL's 'max_connections'."`
	Lifetime    time.Duration `env:"FOYER_DATABASE_CONNECTION_LIFETIME" envDefault:"30m" check:"1ms..8760h" doc:"How long a connection is used before Foyer replaces it."`
	Patience    time.Duration `env:"FOYER_DATABASE_PATIENCE" envDefault:"5s" check:"0.." doc:"How long Foyer retries reads and 'BEGIN' while PostgreSQL cannot be reached, for instance during a failover, but never longer than 'FOYER_OPERATION_TIMEOUT'. With '0' it does not retry."`
	Migrate     bool          `env:"FOYER_MIGRATE" envDefault:"true" doc:"A start brings the tables up to date. If 'false', 'foyer migrate' does, and a server does not start with tables that are older than itself."`
}

// Redis is where the state of rooms in use is.
type Redis struct {
	URL     string `env:"REDIS_URL" unset:"a Redis inside the process" check:"redis://…, rediss://… or unix://…" doc:"Redis; 'rediss://…' is with TLS. With '?master_name=…' it names the Sentinels of a master. The Redis inside the process serves one server only, and forgets everything when the process ends."`
	Cluster bool   `env:"REDIS_CLUSTER" doc:"'REDIS_URL' names a node of a Redis Cluster. It should name several: 'redis://one:6379?addr=two:6379&addr=three:6379'."`
	CA      string `env:"REDIS_CA_FILE" unset:"the authorities that the system trusts" doc:"A PEM file with the authorities that may sign Redis's certificate, for 'rediss://…'."`
	Cert    string `env:"REDIS_CERT_FILE" doc:"A PEM file with Foyer's own certificate, if Redis requires one ('tls-auth-clients', which is on by default)."`
	Key     string `env:"REDIS_KEY_FILE" doc:"A PEM file with the key of that certificate."`
	Prefix  string `env:"FOYER_REDIS_PREFIX" check:"text without { or }" doc:"The beginning of Foyer's keys, for a Redis that others use too. Keys of rate limits have 'rate:' before it."`
}

func (c *Config) checkRedis(p *problems) {
	r := c.Redis
	p.add(r.URL == "" && r.Cluster, "REDIS_CLUSTER is set without REDIS_URL")
	p.add(r.Cluster && r.SentinelMaster() != "",
		"REDIS_CLUSTER is set, but REDIS_URL has a master_name, which Sentinel knows and a cluster does not")
	p.add(r.readsReplicas(), "REDIS_URL has read_only, replica_only or route_…: "+
		"a replica may not know yet who was sent away")
	secured := hasScheme(r.URL, "rediss")
	p.add(r.CA != "" && !secured, "REDIS_CA_FILE is set, but REDIS_URL is not rediss://…")
	p.add(r.Cert != "" && !secured, "REDIS_CERT_FILE is set, but REDIS_URL is not rediss://…")
	p.add((r.Cert == "") != (r.Key == ""), "REDIS_CERT_FILE is set without REDIS_KEY_FILE, or the other way round")
}

// SentinelMaster is the name of the master in a URL of Sentinels; empty in other URLs.
func (r Redis) SentinelMaster() string {
	u, err := url.Parse(r.URL)
	if err != nil {
		return ""
	}
	return u.Query().Get("master_name")
}

// readsReplicas reports whether the client would read from replicas, which may lack what Foyer has just written.
func (r Redis) readsReplicas() bool {
	u, err := url.Parse(r.URL)
	if err != nil {
		return false
	}
	for _, name := range []string{"read_only", "replica_only", "route_by_latency", "route_randomly"} {
		if value := u.Query().Get(name); value != "" && value != "false" && value != "0" {
			return true
		}
	}
	return false
}
