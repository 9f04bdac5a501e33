package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/server/config"
	"foyer/test/env"
)

// speaksTLS is in front of a Redis without TLS: it speaks TLS up to a version, and returns its address.
func speaksTLS(t testing.TB, authority *env.Authority, newest uint16, redisAddr string) string {
	t.Helper()
	certificate, err := tls.LoadX509KeyPair(authority.Issue(t, "127.0.0.1"))
	require.NoError(t, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS10, MaxVersion: newest,
	})
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				store, err := net.Dial("tcp", redisAddr)
				if err != nil {
					return
				}
				defer store.Close()
				go func() { _, _ = io.Copy(store, client); store.Close() }()
				_, _ = io.Copy(client, store)
			}()
		}
	}()
	return listener.Addr().String()
}

func TestRedisThatSpeaksOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	authority := env.NewAuthority(t)
	store, err := redis.ParseURL(env.RedisURL(t))
	require.NoError(t, err)
	ping := func(newest uint16) error {
		c, err := config.Load([]string{
			"REDIS_URL=rediss://" + speaksTLS(t, authority, newest, store.Addr), "REDIS_CA_FILE=" + authority.CA,
		})
		require.NoError(t, err)
		client, err := newRedis(c)
		require.NoError(t, err)
		defer client.Close()
		return client.Ping(t.Context()).Err()
	}
	require.NoError(t, ping(tls.VersionTLS12))
	assert.ErrorContains(t, ping(tls.VersionTLS11), "protocol version")
}

// TestEveryConnectionToRedisIsCounted: those of pipelines, too, which the client would keep apart.
func TestEveryConnectionToRedisIsCounted(t *testing.T) {
	t.Parallel()
	cluster, _ := env.RedisCluster(t)
	nodes := cluster.(*redis.ClusterClient).Options().Addrs
	single := env.StartRedis(t)
	for name, kind := range map[string]struct {
		url, more string
		nodes     []string
	}{
		"single":  {single.URL() + "?client_name=", "", []string{single.Client(t).Options().Addr}},
		"cluster": {"redis://" + nodes[0] + "?client_name=", "REDIS_CLUSTER=true", nodes},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := "counted-" + uuid.NewString()
			c, err := config.Load([]string{"REDIS_URL=" + kind.url + id, kind.more})
			require.NoError(t, err)
			client, err := newRedis(c)
			require.NoError(t, err)
			defer client.Close()
			for i := range 20 {
				require.NoError(t, client.Set(t.Context(), fmt.Sprint(id, i), 1, time.Minute).Err())
				_, err = client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
					return p.Get(t.Context(), fmt.Sprint(id, i)).Err()
				})
				require.NoError(t, err)
			}
			open := 0
			for _, address := range kind.nodes {
				node := redis.NewClient(&redis.Options{Addr: address})
				defer node.Close()
				clients, err := node.ClientList(t.Context()).Result()
				require.NoError(t, err)
				open += strings.Count(clients, "name="+id+" ")
			}
			assert.NotZero(t, open)
			assert.EqualValues(t, open, client.PoolStats().TotalConns)
		})
	}
}

// TestRedisIsReachedByTLSAlone: a Redis of another authority, or under another name, is none of ours.
func TestRedisIsReachedByTLSAlone(t *testing.T) {
	t.Parallel()
	authority := env.NewAuthority(t)
	_, port := env.StartRedisTLS(t, authority)
	trusting := authority.Settings(t)
	at := func(host string) string { return fmt.Sprintf("REDIS_URL=rediss://%s:%d/0", host, port) }
	ping := func(environ ...string) error {
		c, err := config.Load(environ)
		require.NoError(t, err)
		client, err := newRedis(c)
		if err != nil {
			return err
		}
		defer client.Close()
		return client.Ping(t.Context()).Err()
	}
	require.NoError(t, ping(append(trusting, at("127.0.0.1"))...))
	assert.ErrorContains(t, ping(append(trusting, at("localhost"))...), "wanted to match localhost")
	assert.ErrorContains(t, ping(at("127.0.0.1")), "unknown authority")
	stranger := env.NewAuthority(t).Settings(t)
	assert.ErrorContains(t, ping(append(stranger, at("127.0.0.1"))...), "unknown authority")
	assert.ErrorContains(t, ping(append(stranger[1:], trusting[0], at("127.0.0.1"))...), "tls: ")
	assert.ErrorContains(t, ping(trusting[0], at("127.0.0.1")), "tls: ", "Redis requires a certificate")
	assert.ErrorContains(t, ping("REDIS_CA_FILE=/nowhere", at("127.0.0.1")), "REDIS_CA_FILE")
	assert.ErrorContains(t, ping("REDIS_CA_FILE="+strings.TrimPrefix(trusting[2], "REDIS_KEY_FILE="), at("127.0.0.1")),
		"REDIS_CA_FILE")
}
