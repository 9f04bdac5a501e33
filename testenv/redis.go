package testenv

import (
	"context"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// RedisURL returns the URL of the single Redis that all tests share. Who uses it sees to it that
// his keys are his own: the prefix that Redis returns makes them so.
func RedisURL(t testing.TB) string {
	t.Helper()
	return setting(t, EnvRedis)
}

// Redis returns a client of the single Redis, and a prefix for the test's keys that no other test
// has. When the test ends, keys with that prefix are deleted and the client is closed.
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

// eachNode calls clean with every node that holds keys.
type eachNode func(ctx context.Context, clean func(context.Context, *redis.Client) error) error

// ownKeys returns a key prefix of the test's own, and sees to it that its keys and the client go.
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

// deleteKeys deletes one key at a time, because in a cluster each may belong to another slot.
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
