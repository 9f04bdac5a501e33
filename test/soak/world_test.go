package soak

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// Settings of the servers. heartbeat and grace keep a place for a while, so that faults sometimes last longer; a denial
// lasts longer than a guest's absence.
const (
	replicas     = 3
	heartbeat    = 2 * time.Second
	grace        = 6 * time.Second
	deniedFor    = 10 * time.Minute
	databasePool = 10
)

// world is everything in a soak.
type world struct {
	scale
	t       *testing.T
	servers []*server
	links   []links
	redis   *env.RedisServer
	store   *redis.Client // direct, through no link
	liveKit *env.LiveKitServer
	http    *http.Client
	rooms   []*room
	log     *decisions
	counts  *counts
	// closing is closed when no more guests come and no host decides.
	closing chan struct{}
	// silentUntil is until when guests may vanish without a word: what they leave behind is gone at the end.
	silentUntil time.Time
	findings    findings

	mu     sync.Mutex
	silent []*stream // open connections that nobody reads
}

// room is a room with a token of its owner.
type room struct {
	id, owner string
}

func newWorld(t *testing.T, s scale) *world {
	t.Helper()
	w := &world{
		scale: s, t: t, log: newDecisions(), counts: newCounts(), closing: make(chan struct{}),
		http: &http.Client{
			Transport: &http.Transport{MaxIdleConnsPerHost: 100, IdleConnTimeout: 10 * time.Second},
			Timeout:   30 * time.Second,
		},
	}
	t.Cleanup(w.http.CloseIdleConnections)
	t.Logf("%v, %d guests, %d rooms; %s=%d begins with the same chance", s.length, s.guests, s.rooms, seedEnv, s.seed)
	w.redis = env.StartRedis(t)
	w.store = w.redis.Client(t)
	news := httptest.NewServer(http.HandlerFunc(w.pass))
	t.Cleanup(news.Close)
	w.liveKit = env.StartLiveKit(t, news.URL+"/webhooks/livekit")
	linker, database := newLinker(t), env.PostgresURL(t)
	file, err := env.BuildFoyer(t.TempDir())
	require.NoError(t, err)
	for i := range replicas {
		w.links = append(w.links, linker.links(w.redis.URL(), database, w.liveKit.URL()))
		w.servers = append(w.servers, newServer(t, i, file, w.links[i],
			"LIVEKIT_API_KEY="+w.liveKit.Key(), "LIVEKIT_API_SECRET="+w.liveKit.Secret()))
	}
	return w
}

// chance is a source of randomness, which is the same in every run with the same seed.
func (w *world) chance(whose string) *rand.Rand {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(whose))
	return rand.New(rand.NewPCG(w.seed, sum.Sum64()))
}

// anyServer is the address of one of the servers, whether it is up or not.
func (w *world) anyServer() string { return w.servers[rand.IntN(len(w.servers))].addr }

// warmUp makes each server do everything once, so that it opens what it keeps open for good.
func (w *world) warmUp() {
	for _, s := range w.servers {
		only := &world{
			scale: scale{rooms: 1}, t: w.t, servers: []*server{s}, log: newDecisions(),
			counts: newCounts(), http: w.http, closing: make(chan struct{}), liveKit: w.liveKit,
		}
		only.openRooms()
		ctx, cancel := context.WithTimeout(w.t.Context(), patience)
		h := only.newHost(only.rooms[0], "warm")
		var watching sync.WaitGroup
		hosting, stop := context.WithCancel(ctx)
		watching.Go(func() { h.watch(hosting) })
		v := &visit{room: only.rooms[0], plan: []step{}, stays: true}
		watching.Go(func() { only.newGuest(0).come(ctx, v) })
		require.Eventually(w.t, func() bool { return len(h.shown()) == 1 }, patience, 20*time.Millisecond)
		h.admit(ctx, h.shown()[0])
		require.Eventually(w.t, func() bool { return len(h.shown()) == 0 }, patience, 20*time.Millisecond)
		stop()
		watching.Wait()
		cancel()
		require.NotEmpty(w.t, v.tokens, "a guest is admitted where nothing is broken")
		only.endMeetings()
	}
}

// openRooms makes the rooms, each with an owner.
func (w *world) openRooms() {
	w.t.Helper()
	for i := range w.scale.rooms {
		owner := w.signIn(fmt.Sprintf("Owner %d", i))
		var made struct {
			CreateRoom struct{ Room struct{ ID string } }
		}
		err := w.ask(w.t.Context(), owner, createRoom, object{"input": object{
			"name": fmt.Sprintf("Room %d", i), "accessLevel": "RESTRICTED",
		}}, &made)
		require.NoError(w.t, err)
		w.rooms = append(w.rooms, &room{id: made.CreateRoom.Room.ID, owner: owner})
	}
}

// endMeetings ends the meeting in every room, with everything that belongs to it.
func (w *world) endMeetings() {
	for _, r := range w.rooms {
		ctx, cancel := context.WithTimeout(w.t.Context(), patience)
		err := w.patiently(ctx, func() error {
			return w.ask(ctx, r.owner, endMeeting, object{"input": object{"roomId": r.id}}, nil)
		})
		cancel()
		require.NoError(w.t, err)
	}
}
