package env

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
)

// RedisURL returns the URL of the single Redis that all tests share. A test must use keys of its own there, with the
// prefix that Redis returns.
func RedisURL(t testing.TB) string {
	t.Helper()
	return setting(t, EnvRedis)
}

// Redis returns a client of the single Redis, and a key prefix that no other test has. When the test ends, keys with
// that prefix are deleted and the client is closed.
func Redis(t testing.TB) (redis.UniversalClient, string) {
	t.Helper()
	options, err := redis.ParseURL(RedisURL(t))
	answered(t, "Redis", err)
	client := redis.NewClient(options)
	only := func(ctx context.Context, clean func(context.Context, *redis.Client) error) error {
		return clean(ctx, client)
	}
	return client, ownKeys(t, client, only)
}

// RedisCluster is Redis, on a real cluster of three nodes.
func RedisCluster(t testing.TB) (redis.UniversalClient, string) {
	t.Helper()
	nodes := strings.Split(setting(t, EnvRedisCluster), ",")
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: nodes})
	return client, ownKeys(t, client, client.ForEachMaster)
}

// eachNode calls clean for every node that holds keys.
type eachNode func(ctx context.Context, clean func(context.Context, *redis.Client) error) error

// ownKeys returns a key prefix of the test's own. When the test ends, it deletes these keys and closes the client.
func ownKeys(t testing.TB, client redis.UniversalClient, each eachNode) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	prefix := ownName() + ":"
	err := client.Ping(ctx).Err()
	t.Cleanup(func() {
		defer client.Close()
		if err != nil {
			return
		}
		if err := deleteKeys(each, prefix); err != nil {
			t.Errorf("delete the test's keys: %v", err)
		}
	})
	answered(t, "Redis", err)
	return prefix
}

// deleteKeys deletes one key at a time, because in a cluster each key may belong to another slot.
func deleteKeys(each eachNode, prefix string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return each(ctx, func(ctx context.Context, node *redis.Client) error {
		keys := node.Scan(ctx, 0, prefix+"*", 1000).Iterator()
		for keys.Next(ctx) {
			if err := node.Del(ctx, keys.Val()).Err(); err != nil {
				return err
			}
		}
		return keys.Err()
	})
}

// RememberRedis returns a function that restores the test's keys as they are now, as after a failover to a replica that
// lacks the last changes.
func RememberRedis(t testing.TB, client redis.UniversalClient, prefix string) (goBack func()) {
	t.Helper()
	each := eachNode(func(ctx context.Context, f func(context.Context, *redis.Client) error) error {
		return f(ctx, client.(*redis.Client))
	})
	if cluster, is := client.(*redis.ClusterClient); is {
		each = cluster.ForEachMaster
	}
	var mu sync.Mutex
	var writes []func(redis.Pipeliner)
	must(t, each(t.Context(), func(ctx context.Context, node *redis.Client) error {
		keys := node.Scan(ctx, 0, prefix+"*", 1000).Iterator()
		for keys.Next(ctx) {
			write, err := valueOf(ctx, node, keys.Val())
			if err != nil {
				return err
			}
			mu.Lock()
			writes = append(writes, write)
			mu.Unlock()
		}
		return keys.Err()
	}))
	return func() {
		t.Helper()
		must(t, deleteKeys(each, prefix))
		_, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
			for _, write := range writes {
				write(p)
			}
			return nil
		})
		must(t, err)
	}
}

// valueOf returns a command that writes the value of a key again, without its expiry. The Redis inside the process has
// no DUMP.
func valueOf(ctx context.Context, node *redis.Client, key string) (func(redis.Pipeliner), error) {
	switch kind, err := node.Type(ctx, key).Result(); kind {
	case "hash":
		fields, err := node.HGetAll(ctx, key).Result()
		return func(p redis.Pipeliner) { p.HSet(ctx, key, fields) }, err
	case "zset":
		members, err := node.ZRangeWithScores(ctx, key, 0, -1).Result()
		return func(p redis.Pipeliner) { p.ZAdd(ctx, key, members...) }, err
	case "string":
		text, err := node.Get(ctx, key).Result()
		return func(p redis.Pipeliner) { p.Set(ctx, key, text, 0) }, err
	default:
		return nil, cmp.Or(err, fmt.Errorf("%s is a %s", key, kind))
	}
}
