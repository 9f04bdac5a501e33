package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// errRedisURL does not say what is wrong: the client's own words would show the URL and its password.
var errRedisURL = errors.New("REDIS_URL cannot be read: want redis://[user:password@]host:port/number," +
	" and for Sentinel ?master_name=NAME after it")

// onePool has pipelines use the connections that everything uses. They would have ten more of their own for each
// Redis, which neither pool_size nor the pool's statistics count.
const onePool = -1

// newRedis returns a client of a single Redis, of the one that Sentinel calls the master, or of a
// cluster. A deadline of ours is a deadline of Redis's. It asks for nothing that an ACL user of ours does
// not need.
func newRedis(c *config) (redis.UniversalClient, error) {
	switch {
	case c.RedisCluster:
		return newRedisCluster(c)
	case sentinelMaster(c.RedisURL) != "":
		return newRedisSentinel(c)
	}
	options, err := redis.ParseURL(c.RedisURL)
	if err != nil {
		return nil, errRedisURL
	}
	options.ContextTimeoutEnabled, options.DisableIdentity, options.PipelinePoolSize = true, true, onePool
	options.MaintNotificationsConfig = noMaintenance()
	options.TLSConfig, err = c.redisTLS(options.TLSConfig)
	if err != nil {
		return nil, err
	}
	return redis.NewClient(options), nil
}

func newRedisCluster(c *config) (redis.UniversalClient, error) {
	options, err := redis.ParseClusterURL(c.RedisURL)
	if err != nil {
		return nil, errRedisURL
	}
	options.ContextTimeoutEnabled, options.DisableIdentity, options.PipelinePoolSize = true, true, onePool
	options.MaintNotificationsConfig = noMaintenance()
	options.TLSConfig, err = c.redisTLS(options.TLSConfig)
	if err != nil {
		return nil, err
	}
	return redis.NewClusterClient(options), nil
}

func newRedisSentinel(c *config) (redis.UniversalClient, error) {
	options, err := redis.ParseFailoverURL(c.RedisURL)
	if err != nil {
		return nil, errRedisURL
	}
	options.ContextTimeoutEnabled, options.DisableIdentity, options.PipelinePoolSize = true, true, onePool
	options.TLSConfig, err = c.redisTLS(options.TLSConfig)
	if err != nil {
		return nil, err
	}
	return redis.NewFailoverClient(options), nil
}

// sentinelMaster is the name that a URL has for the master; empty when it is none of Sentinel's.
func sentinelMaster(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Query().Get("master_name")
}

// readsReplicas reports whether a URL has any of the clients read of replicas, which may not know yet what we have
// written.
func readsReplicas(text string) bool {
	u, err := url.Parse(text)
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

// noMaintenance has the client not ask for messages that only Redis Enterprise has.
func noMaintenance() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// redisTLS is how a connection to Redis is secured, if the URL says that it is. Each node of a cluster,
// each Sentinel and each master is verified under the name that leads to it.
func (c *config) redisTLS(asked *tls.Config) (*tls.Config, error) {
	if asked == nil {
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: asked.InsecureSkipVerify}
	if c.RedisCA != "" {
		pem, err := os.ReadFile(c.RedisCA)
		if err != nil {
			return nil, fmt.Errorf("REDIS_CA_FILE: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("REDIS_CA_FILE has no certificate in PEM")
		}
	}
	if c.RedisCert != "" {
		own, err := tls.LoadX509KeyPair(c.RedisCert, c.RedisKey)
		if err != nil {
			return nil, fmt.Errorf("REDIS_CERT_FILE and REDIS_KEY_FILE: %w", err)
		}
		t.Certificates = []tls.Certificate{own}
	}
	return t, nil
}

// checkRedis returns what is wrong with how Redis is reached.
func (c *config) checkRedis() []error {
	var problems []error
	wrong := func(bad bool, text string) {
		if bad {
			problems = append(problems, errors.New(text))
		}
	}
	wrong(c.RedisURL != "" && !hasScheme(c.RedisURL, "redis", "rediss", "unix"),
		"REDIS_URL is neither redis://… nor rediss://… nor unix://…")
	wrong(c.RedisURL == "" && c.RedisCluster, "REDIS_CLUSTER is set without REDIS_URL")
	wrong(c.RedisCluster && sentinelMaster(c.RedisURL) != "",
		"REDIS_CLUSTER is set, but REDIS_URL has a master_name, which Sentinel knows and a cluster does not")
	wrong(readsReplicas(c.RedisURL), "REDIS_URL has read_only, replica_only or route_…: "+
		"a replica may not know yet who was sent away")
	secured := hasScheme(c.RedisURL, "rediss")
	wrong(c.RedisCA != "" && !secured, "REDIS_CA_FILE is set, but REDIS_URL is not rediss://…")
	wrong(c.RedisCert != "" && !secured, "REDIS_CERT_FILE is set, but REDIS_URL is not rediss://…")
	wrong((c.RedisCert == "") != (c.RedisKey == ""), "REDIS_CERT_FILE is set without REDIS_KEY_FILE, or the other way round")
	return problems
}
