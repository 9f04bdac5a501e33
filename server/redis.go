package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"foyer/server/config"
)

// errRedisURL does not have the client's own words: they would show the URL and its password.
var errRedisURL = errors.New("REDIS_URL cannot be read: want redis://[user:password@]host:port/number," +
	" and for Sentinel ?master_name=NAME after it")

// onePool lets pipelines use the common connection pool. They would otherwise have ten more connections to each Redis,
// which neither pool_size nor the statistics of the pool count.
const onePool = -1

// newRedis returns a client of a single Redis, of the master that Sentinels name, or of a cluster. Deadlines of a
// context are deadlines of its commands. It sends no command that Foyer's ACL user does not need.
func newRedis(c *config.Config) (redis.UniversalClient, error) {
	switch {
	case c.Redis.Cluster:
		return newRedisCluster(c)
	case c.Redis.SentinelMaster() != "":
		return newRedisSentinel(c)
	}
	options, err := redis.ParseURL(c.Redis.URL)
	if err != nil {
		return nil, errRedisURL
	}
	options.ContextTimeoutEnabled, options.DisableIdentity, options.PipelinePoolSize = true, true, onePool
	options.MaintNotificationsConfig = noMaintenance()
	options.TLSConfig, err = redisTLS(c, options.TLSConfig)
	if err != nil {
		return nil, err
	}
	return redis.NewClient(options), nil
}

func newRedisCluster(c *config.Config) (redis.UniversalClient, error) {
	options, err := redis.ParseClusterURL(c.Redis.URL)
	if err != nil {
		return nil, errRedisURL
	}
	options.ContextTimeoutEnabled, options.DisableIdentity, options.PipelinePoolSize = true, true, onePool
	options.MaintNotificationsConfig = noMaintenance()
	options.TLSConfig, err = redisTLS(c, options.TLSConfig)
	if err != nil {
		return nil, err
	}
	return redis.NewClusterClient(options), nil
}

func newRedisSentinel(c *config.Config) (redis.UniversalClient, error) {
	options, err := redis.ParseFailoverURL(c.Redis.URL)
	if err != nil {
		return nil, errRedisURL
	}
	options.ContextTimeoutEnabled, options.DisableIdentity, options.PipelinePoolSize = true, true, onePool
	options.TLSConfig, err = redisTLS(c, options.TLSConfig)
	if err != nil {
		return nil, err
	}
	return redis.NewFailoverClient(options), nil
}

// noMaintenance turns off notifications that only Redis Enterprise has.
func noMaintenance() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// redisTLS secures connections if the URL requires it. Foyer verifies each node of a cluster, each Sentinel and each
// master under the name by which it reaches them.
func redisTLS(c *config.Config, fromURL *tls.Config) (*tls.Config, error) {
	if fromURL == nil {
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: fromURL.InsecureSkipVerify}
	if c.Redis.CA != "" {
		pem, err := os.ReadFile(c.Redis.CA)
		if err != nil {
			return nil, fmt.Errorf("REDIS_CA_FILE: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("REDIS_CA_FILE has no certificate in PEM")
		}
	}
	if c.Redis.Cert != "" {
		own, err := tls.LoadX509KeyPair(c.Redis.Cert, c.Redis.Key)
		if err != nil {
			return nil, fmt.Errorf("REDIS_CERT_FILE and REDIS_KEY_FILE: %w", err)
		}
		t.Certificates = []tls.Certificate{own}
	}
	return t, nil
}

// redisLogger logs what the Redis client does about failing connections, for debugging: its callers get errors.
type redisLogger struct{}

func (redisLogger) Printf(ctx context.Context, format string, args ...any) {
	slog.DebugContext(ctx, "redis: "+fmt.Sprintf(format, args...))
}
