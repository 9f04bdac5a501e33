package env_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// brokenTest stands in for a test that must fail, and keeps the reason.
type brokenTest struct {
	testing.TB
	reason string
}

func (b *brokenTest) Fatal(args ...any) {
	b.reason = fmt.Sprint(args...)
	runtime.Goexit()
}

func (b *brokenTest) Fatalf(format string, args ...any) {
	b.Fatal(fmt.Sprintf(format, args...))
}

// reasonToFail runs f like a test and returns why it failed.
func reasonToFail(t *testing.T, f func(testing.TB)) string {
	t.Helper()
	broken := &brokenTest{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f(broken)
	}()
	<-ended
	return broken.reason
}

func askForAll(each func(name string, ask func(testing.TB))) {
	each("PostgreSQL", func(t testing.TB) {
		env.Postgres(t, func(context.Context, string) error { return nil })
	})
	each("Redis", func(t testing.TB) { env.Redis(t) })
	each("the Redis Cluster", func(t testing.TB) { env.RedisCluster(t) })
	each("LiveKit", func(t testing.TB) { env.LiveKit(t) })
	each("MinIO", func(t testing.TB) { env.Bucket(t) })
}

func TestMissingServiceFailsTheTestAndSaysHowToStartIt(t *testing.T) {
	for _, name := range []string{
		env.EnvPostgres, env.EnvRedis, env.EnvRedisCluster, env.EnvLiveKitURL,
		env.EnvS3URL,
	} {
		t.Setenv(name, "")
	}
	askForAll(func(name string, ask func(testing.TB)) {
		reason := reasonToFail(t, ask)
		assert.Contains(t, reason, "is not set", name)
		assert.Contains(t, reason, "make test", name)
		assert.Contains(t, reason, "go run ./test/env/up -- go test ./...", name)
	})
}

func TestUnreachableServiceFailsTheTestAndSaysHowToStartIt(t *testing.T) {
	nowhere := fmt.Sprintf("127.0.0.1:%d", env.FreePort(t))
	t.Setenv(env.EnvPostgres, "postgres://postgres@"+nowhere+"/elsewhere")
	t.Setenv(env.EnvRedis, "redis://"+nowhere)
	t.Setenv(env.EnvRedisCluster, nowhere)
	t.Setenv(env.EnvLiveKitURL, "ws://"+nowhere)
	t.Setenv(env.EnvS3URL, "http://"+nowhere)
	askForAll(func(name string, ask func(testing.TB)) {
		reason := reasonToFail(t, ask)
		assert.Contains(t, reason, "does not answer", name)
		assert.Contains(t, reason, "make test", name)
	})
}

func TestFreePortsAreFreeAndDifferent(t *testing.T) {
	t.Parallel()
	ports, err := env.FreePorts(50)
	require.NoError(t, err)
	seen := map[int]bool{}
	for _, port := range ports {
		assert.False(t, seen[port], "port %d twice", port)
		seen[port] = true
	}
	assert.Positive(t, env.FreePort(t))
}

// TestPortIsKeptWhileItsServerIsStopped: no other test and no other process gets it.
func TestPortIsKeptWhileItsServerIsStopped(t *testing.T) {
	t.Parallel()
	port := env.FreePort(t)
	others, err := env.FreePorts(100)
	require.NoError(t, err)
	assert.NotContains(t, others, port)
	_, err = net.Listen("unix", fmt.Sprintf("@foyer-test-ports-%d", (port-12000)/500))
	assert.ErrorIs(t, err, syscall.EADDRINUSE, "its block is this process's")
}
