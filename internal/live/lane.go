package live

import (
	"context"
	"errors"
	"sync"

	"github.com/redis/go-redis/v9"
)

// lane is one subscription at one node.
type lane struct {
	sub     *redis.PubSub
	sharded bool
	// broken is closed when the subscription has broken.
	broken chan struct{}

	mu sync.Mutex
	// unsubscribing counts, by bell, the ends of a subscription that Redis has not confirmed yet.
	unsubscribing map[string]int
}

// newLane subscribes at a node of a cluster, or (nil) at the one Redis.
func newLane(ctx context.Context, rdb redis.UniversalClient, node *redis.Client) *lane {
	l := &lane{broken: make(chan struct{}), unsubscribing: map[string]int{}}
	if node != nil {
		l.sub, l.sharded = node.SSubscribe(ctx), true
	} else {
		l.sub = rdb.Subscribe(ctx)
	}
	return l
}

// subscribe subscribes to bells. Redis confirms each, which listener.read receives.
func (l *lane) subscribe(ctx context.Context, bells []string) error {
	if !l.sharded {
		return l.sub.Subscribe(ctx, bells...)
	}
	var failed []error
	for _, bell := range bells { // one command takes only bells of one slot
		failed = append(failed, l.sub.SSubscribe(ctx, bell))
	}
	return errors.Join(failed...)
}

func (l *lane) unsubscribe(ctx context.Context, bells []string) error {
	if !l.sharded {
		return l.sub.Unsubscribe(ctx, bells...)
	}
	var failed []error
	for _, bell := range bells {
		l.expectEnd(bell)
		failed = append(failed, l.sub.SUnsubscribe(ctx, bell))
	}
	return errors.Join(failed...)
}

func (l *lane) expectEnd(bell string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unsubscribing[bell]++
}

// expectedEnd reports whether this process has unsubscribed from a bell whose end Redis reports.
func (l *lane) expectedEnd(bell string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	expected := l.unsubscribing[bell]
	if expected > 1 {
		l.unsubscribing[bell]--
	} else {
		delete(l.unsubscribing, bell)
	}
	return expected > 0
}
