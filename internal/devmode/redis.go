// Package devmode runs what Foyer leans on inside its own process, so that one command is enough to
// try it. Nothing of it survives the process.
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

// tick is how often the clock that ends keys is driven. A key may end earlier by so much.
const tick = 50 * time.Millisecond

// Redis starts a Redis in this process and returns a client of it, and a function that ends both. It
// listens on a free loopback port, behind a random password.
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

// drive lets time pass for keys with an end, which the server does not do by itself.
func drive(ctx context.Context, server *miniredis.Miniredis) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			now := time.Now() // the tick may be an old one
			server.FastForward(now.Sub(last))
			last = now
		}
	}
}
