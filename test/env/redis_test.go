package env_test

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// both are the two kinds of shared Redis.
var both = map[string]func(testing.TB) (redis.UniversalClient, string){
	"single":  env.Redis,
	"cluster": env.RedisCluster,
}

func TestOnlyTheKeysOfATestAreDeletedWhenItEnds(t *testing.T) {
	t.Parallel()
	for name, open := range both {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mine, prefix := open(t)
			require.NoError(t, mine.Set(t.Context(), prefix+"stays", 1, 0).Err())
			var gone []string
			t.Run("another test", func(t *testing.T) {
				theirs, prefix := open(t)
				for i := range 100 {
					gone = append(gone, fmt.Sprintf("%s{room %d}:entries", prefix, i))
					require.NoError(t, theirs.Set(t.Context(), gone[i], 1, 0).Err())
				}
			})
			for _, key := range gone {
				assert.Zero(t, mine.Exists(t.Context(), key).Val(), key)
			}
			assert.EqualValues(t, 1, mine.Exists(t.Context(), prefix+"stays").Val())
		})
	}
}

func TestClientIsClosedWhenTheTestEnds(t *testing.T) {
	t.Parallel()
	for name, open := range both {
		var client redis.UniversalClient
		t.Run(name, func(t *testing.T) { client, _ = open(t) })
		assert.ErrorIs(t, client.Ping(t.Context()).Err(), redis.ErrClosed, name)
	}
}

func TestClusterSpreadsKeysOverThreeNodes(t *testing.T) {
	t.Parallel()
	client, _ := env.RedisCluster(t)
	slots, err := client.ClusterSlots(t.Context()).Result()
	require.NoError(t, err)
	nodes := map[string]bool{}
	for _, slot := range slots {
		nodes[slot.Nodes[0].Addr] = true
	}
	assert.Len(t, nodes, 3)
}

func TestClusterRefusesScriptOverTwoSlotsAndCarriesShardedMessages(t *testing.T) {
	t.Parallel()
	client, prefix := env.RedisCluster(t)
	err := client.Eval(t.Context(), "return 1", []string{prefix + "a", prefix + "b"}).Err()
	assert.ErrorContains(t, err, "hash to the same slot")

	bell := client.SSubscribe(t.Context(), prefix+"bell")
	defer bell.Close()
	_, err = bell.Receive(t.Context())
	require.NoError(t, err)
	require.NoError(t, client.SPublish(t.Context(), prefix+"bell", "rings").Err())
	message, err := bell.ReceiveMessage(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "rings", message.Payload)
}

func TestRedisServerKeepsItsPortAndDataOverARestart(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	before, client := server.URL(), server.Client(t)
	require.NoError(t, client.Set(t.Context(), "entry", "WAITING", 0).Err())
	server.Restart(t)
	assert.Equal(t, before, server.URL())
	assert.Equal(t, "WAITING", server.Client(t).Get(t.Context(), "entry").Val())
}

func TestStoppedRedisServerAnswersOnlyAfterItIsStarted(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	client := server.Client(t)
	server.Stop(t)
	server.Stop(t)
	assert.Error(t, client.Ping(t.Context()).Err())
	server.Start(t)
	server.Start(t)
	assert.NoError(t, client.Ping(t.Context()).Err())
}

func TestRedisServerEndsWithItsTest(t *testing.T) {
	t.Parallel()
	var url string
	t.Run("a test", func(t *testing.T) { url = env.StartRedis(t).URL() })
	options, err := redis.ParseURL(url)
	require.NoError(t, err)
	assert.Error(t, env.PingRedis(options.Addr)(t.Context()))
}
