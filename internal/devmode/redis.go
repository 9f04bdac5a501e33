// Package devmode runs Foyer's dependencies inside its own process, so that one command is enough to try it. All data
// ends with the process.
package devmode

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// tick is how often the server's clock advances. A key may expire that much earlier.
const tick = 50 * time.Millisecond

// Redis starts a Redis in this process. It returns a client of it, and a function that stops both. The Redis listens on
// a free loopback port, with a random password.
func Redis() (*redis.Client, func(), error) {
	password := rand.Text()
	server := miniredis.NewMiniRedis()
	server.RequireAuth(password)
	if err := server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, nil, fmt.Errorf("start embedded Redis: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var clock sync.WaitGroup
	clock.Go(func() { drive(ctx, server) })
	client := redis.NewClient(&redis.Options{
		Addr: server.Addr(), Password: password, ContextTimeoutEnabled: true,
	})
	return client, func() {
		cancel()
		clock.Wait()
		_ = client.Close()
		server.Close()
	}, nil
}

// drive advances the server's clock, which the server does not do itself, so that keys expire.
func drive(ctx context.Context, server *miniredis.Miniredis) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			now := time.Now() // the tick may be late
			server.FastForward(now.Sub(last))
			last = now
		}
	}
}
