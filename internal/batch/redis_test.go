package batch_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/batch"
	"foyer/test/env"
)

// batching returns a Redis, and a client of it that sends commands in batches.
func batching(t testing.TB) (*env.RedisServer, *redis.Client) {
	server := env.StartRedis(t)
	client := server.Client(t)
	client.AddHook(batch.Redis(client.WithTimeout(client.Options().ReadTimeout)))
	return server, client
}

var (
	echo   = redis.NewScript(`return {ARGV[1], tonumber(ARGV[2]), false}`)
	refuse = redis.NewScript(`return redis.error_reply('READONLY ' .. ARGV[1])`)
	nobody = redis.NewScript(`return false`)
)

// TestCommandsInAPipelineHaveTheirOwnResults, also the first one, when Redis does not have the script yet.
func TestCommandsInAPipelineHaveTheirOwnResults(t *testing.T) {
	t.Parallel()
	_, client := batching(t)
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			ctx, key := t.Context(), fmt.Sprint("key ", i)
			assert.NoError(t, client.Set(ctx, key, key, 0).Err())
			for j := range 50 {
				switch (i + j) % 5 {
				case 0:
					found, err := client.GetEx(ctx, key, time.Hour).Bytes()
					assert.NoError(t, err)
					assert.Equal(t, key, string(found))
				case 1:
					assert.ErrorIs(t, client.GetEx(ctx, "no "+key, time.Hour).Err(), redis.Nil)
				case 2:
					reply, err := echo.Run(ctx, client, []string{key}, key, j).Slice()
					assert.NoError(t, err)
					assert.Equal(t, []any{key, int64(j), nil}, reply)
				case 3:
					assert.ErrorIs(t, nobody.Run(ctx, client, []string{key}).Err(), redis.Nil)
				case 4:
					err := refuse.Run(ctx, client, []string{key}, key).Err()
					assert.ErrorContains(t, err, "READONLY "+key)
				}
			}
		})
	}
	group.Wait()
	left, err := client.TTL(t.Context(), "key 7").Result()
	require.NoError(t, err)
	assert.Greater(t, left, 30*time.Minute)
}

// TestCallerThatLeavesAPipelineDisturbsNoOther: nothing writes to its command any more, and the others get their
// results once Redis results.
func TestCallerThatLeavesAPipelineDisturbsNoOther(t *testing.T) {
	t.Parallel()
	server, client := batching(t)
	require.NoError(t, echo.Load(t.Context(), client).Err())
	server.Freeze()
	hurried, hurry := context.WithCancel(t.Context())
	var leaving, staying sync.WaitGroup
	for i := range 30 {
		leaving.Go(func() {
			cmd := echo.EvalSha(hurried, client, []string{"a"}, "a", i)
			if cmd.Err() != nil { // it may have a result, if it started the batch
				assert.ErrorIs(t, cmd.Err(), context.Canceled)
			}
			cmd.SetVal(nil)
		})
		staying.Go(func() {
			reply, err := echo.Run(t.Context(), client, []string{"a"}, "a", i).Slice()
			assert.NoError(t, err)
			assert.Equal(t, []any{"a", int64(i), nil}, reply)
		})
	}
	time.AfterFunc(100*time.Millisecond, hurry)
	<-hurried.Done()
	server.Thaw()
	leaving.Wait()
	staying.Wait()
}
