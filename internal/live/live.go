// Package live keeps what Redis knows of a room in use: who waits, who is in the meeting, what hosts have decided on
// people until it ends, and which tokens were made. No other package knows these keys and scripts.
//
// All servers share this state. A change is one script, which writes the state and rings the room's bell. A watcher
// learns only that something changed, and reads the state again. So lost, doubled and late messages do no harm, and no
// buffer can overflow. Three things make sure that no change is missed: a watcher adds its bell before it first reads;
// every bell rings when the subscription at Redis is made again; and every heartbeat asks Redis which rooms have
// changed, and which guests do not wait who are believed to.
package live

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

const (
	// keyTTL is how long the keys of a room outlive its last change.
	keyTTL = 24 * time.Hour
	// outcomeTTL is how long a guest can still learn that they gave up, or that the meeting ended.
	outcomeTTL = 10 * time.Minute
)

// Settings of a Service.
type Settings struct {
	// KeyPrefix stands before every Redis key.
	KeyPrefix string
	// Grace is how long a guest who stopped watching keeps their place.
	Grace time.Duration
	// Heartbeat is how often a server says who is still there.
	Heartbeat time.Duration
	// DeniedFor is how long a denied guest has to wait before they may ask again.
	DeniedFor time.Duration
	// AdmittedFor is how long an admission is valid, unless the meeting ends before.
	AdmittedFor time.Duration
	// MeetingGrace is how long a meeting goes on in which nobody is; less than a day.
	MeetingGrace time.Duration
	// ShowPosition tells guests their place among those who wait.
	ShowPosition bool
	// Observe is called with each decision of this server's (admitted, admitted_by_rule, denied or left) and
	// how long the guest had waited, by Redis's clock; it may be nil.
	Observe func(decision string, waited time.Duration)
}

// Service is the state of all rooms in use. A method is one round trip, unless it says otherwise, and its cost depends
// on that room's entries alone.
type Service struct {
	settings Settings
	rdb      redis.UniversalClient
	keys
	publish  string
	hub      *hub
	listener *listener

	// lists caches the last lists.
	lists *lru.Cache[uuid.UUID, readList]
	// logged are the last errors of damaged data.
	logged *lru.Cache[string, struct{}]

	// dueAt are the rooms to sweep once more, though nobody may watch them then.
	dueMu sync.Mutex
	dueAt map[uuid.UUID]time.Time
}

// New returns a Service. Its watchers learn of changes while Run runs.
func New(rdb redis.UniversalClient, settings Settings) *Service {
	if settings.Observe == nil {
		settings.Observe = func(string, time.Duration) {}
	}
	s := &Service{
		settings: settings, rdb: rdb, keys: keys{settings.KeyPrefix}, publish: "PUBLISH",
		dueAt: map[uuid.UUID]time.Time{},
	}
	s.lists, _ = lru.New[uuid.UUID, readList](cachedLists) // fails for no size but 0
	s.logged, _ = lru.New[string, struct{}](cachedLists)
	if isCluster(rdb) {
		s.publish = "SPUBLISH"
	}
	s.hub, s.listener = newHub(settings.ShowPosition), newListener(rdb, s.keys)
	s.hub.listener, s.listener.hub = s.listener, s.hub
	return s
}

// Run receives bells and keeps watching guests present, until ctx ends. It runs once.
func (s *Service) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.listener.run(ctx) })
	group.Go(func() error { return s.keepPresent(ctx) })
	return group.Wait()
}

// Stats are numbers of this one server.
type Stats struct {
	// Waiting is how many guests watch here and are believed to wait.
	Waiting int
	// Received are the bells that came from Redis, Rung the times that a watcher was woken; both only rise.
	Received, Rung uint64
	// Broken: the subscription at Redis is broken at the moment.
	Broken bool
}

// Stats returns how many wait here, and how busy the bells are.
func (s *Service) Stats() Stats {
	return Stats{
		Waiting: s.hub.waiting(), Rung: s.hub.rung.Load(),
		Received: s.listener.bells.Load(), Broken: s.listener.broken.Load(),
	}
}

// Lease is how long a guest counts as present after one heartbeat: until the next is due, and the
// grace time.
func (s *Service) Lease() time.Duration { return s.settings.Heartbeat + s.settings.Grace }

// Grace is how long a guest who stopped watching keeps their place.
func (s *Service) Grace() time.Duration { return s.settings.Grace }
