package auth

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// recheckEvery is how often sessions with open connections are checked, in case a message was lost.
	recheckEvery   = 10 * time.Second
	recheckTimeout = 5 * time.Second
)

// life is something that ends with a session.
type life struct{ end context.CancelFunc }

// Life returns a context that ends with ctx, when the viewer's credential expires, and when the viewer's session is
// revoked on any server. Call the function to free it.
func (s *Sessions) Life(ctx context.Context) (context.Context, context.CancelFunc) {
	viewer := FromContext(ctx)
	if viewer.ExpiresAt.IsZero() {
		return ctx, func() {}
	}
	ctx, cancel := context.WithDeadline(ctx, viewer.ExpiresAt)
	if viewer.sessionKey == "" {
		return ctx, cancel
	}
	l := &life{cancel}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lives[viewer.sessionKey] == nil {
		s.lives[viewer.sessionKey] = map[*life]struct{}{}
	}
	s.lives[viewer.sessionKey][l] = struct{}{}
	return ctx, func() {
		cancel()
		s.free(viewer.sessionKey, l)
	}
}

func (s *Sessions) free(hash string, l *life) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.lives[hash], l)
	if len(s.lives[hash]) == 0 {
		delete(s.lives, hash)
	}
}

// Run ends the lives of sessions that have ended on any server, until ctx ends. Redis publishes a message for each
// ended session. If a message is lost, the next check of Redis finds it.
func (s *Sessions) Run(ctx context.Context) error {
	bell := s.redis.Subscribe(ctx, s.store.endedChannel())
	defer bell.Close()
	ticker := time.NewTicker(recheckEvery)
	defer ticker.Stop()
	heard := bell.ChannelWithSubscriptions()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			s.recheck(ctx)
		case event := <-heard:
			switch event := event.(type) {
			case *redis.Message:
				s.end(event.Payload)
			case *redis.Subscription:
				s.recheck(ctx)
			}
		}
	}
}

// end ends everything that lives with a session.
func (s *Sessions) end(hash string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.lives[hash] {
		l.end()
	}
}

// recheck counts open connections as use of their sessions, and ends those without a session.
func (s *Sessions) recheck(ctx context.Context) {
	s.mu.Lock()
	hashes := make([]string, 0, len(s.lives))
	for hash := range s.lives {
		hashes = append(hashes, hash)
	}
	s.mu.Unlock()
	if len(hashes) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, recheckTimeout)
	defer cancel()
	ended, err := s.store.touch(ctx, hashes)
	if err != nil {
		slog.DebugContext(ctx, "sessions could not be looked at", "err", err)
	}
	for _, hash := range ended {
		s.end(hash)
	}
}
