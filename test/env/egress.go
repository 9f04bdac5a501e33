package env

import (
	"context"
	_ "embed"
	"fmt"
	"sync"
	"testing"
	"time"

	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/rpc"
	"github.com/livekit/psrpc"
	"github.com/redis/go-redis/v9"
)

// The files that every egress writes: two seconds of a test picture and of a tone.
var (
	//go:embed testdata/screen.mp4
	ScreenFile []byte
	//go:embed testdata/audio.ogg
	AudioFile []byte
)

// inTime gives LiveKit enough time for an answer on a busy machine.
var inTime = psrpc.WithRequestTimeout(patience)

// Behavior is how an egress differs from one that records until LiveKit stops it, and then stores its file.
type Behavior struct {
	// Refuse is the reason why it does not start at all.
	Refuse string
	// Hang delays the answer to a start; the recording runs meanwhile, unless Mute.
	Hang <-chan struct{}
	// Mute: it does not start, and does not answer.
	Mute bool
	// Starting: it becomes active only by Activate.
	Starting bool
	// Then is the status that it ends with as soon as it is active; without one it goes on.
	Then livekitproto.EgressStatus
	// Error is its message when it fails.
	Error string
	// Deaf: it answers that it ends, but does not.
	Deaf bool
	// NoUpload: it reports a stored file, but stores none.
	NoUpload bool
}

// Egress stands in for LiveKit's egress service, which needs a browser and GStreamer. It is a worker of a real LiveKit
// server: both speak LiveKit's own protocol over the same Redis. It joins the room as a recorder does, and stores a
// small real file.
type Egress struct {
	t       testing.TB
	livekit *LiveKitServer
	bucket  *S3Bucket
	redis   *redis.Client
	bus     psrpc.MessageBus
	io      rpc.IOInfoClient

	mu       sync.Mutex
	worker   rpc.EgressInternalServer
	behavior Behavior
	asked    []*rpc.StartEgressRequest
	running  map[string]*egress
}

// StartEgress starts a LiveKit server of the test's own with Redis, which sends its events to a URL, and an egress
// worker for it, which stores files in a bucket (nil: none). They end with the test.
func StartEgress(t testing.TB, webhook string, bucket *S3Bucket) (*LiveKitServer, *Egress) {
	t.Helper()
	store := StartRedis(t)
	ports, err := FreePorts(2)
	if err != nil {
		t.Fatal(err)
	}
	server := &LiveKitServer{
		File: setting(t, EnvLiveKitFile), Dir: t.TempDir(),
		Signal: ports[0], Media: ports[1], Webhook: webhook, Redis: store.addr,
	}
	t.Cleanup(server.Stop)
	server.Start(t)
	client := store.Client(t)
	e := &Egress{
		t: t, livekit: server, bucket: bucket, redis: client,
		bus: psrpc.NewRedisMessageBus(client), running: map[string]*egress{},
	}
	if e.io, err = rpc.NewIOInfoClient(e.bus); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.io.Close)
	t.Cleanup(e.Crash)
	e.Start()
	return server, e
}

// Start makes the worker take requests, also after a Crash.
func (e *Egress) Start() {
	e.t.Helper()
	worker, err := rpc.NewEgressInternalServer((*egressWorker)(e), e.bus)
	if err == nil {
		err = worker.RegisterStartEgressTopic("")
	}
	if err != nil {
		e.t.Fatal(err)
	}
	e.mu.Lock()
	e.worker = worker
	e.mu.Unlock()
	if err := e.hears("StartEgress"); err != nil {
		e.t.Fatal(err)
	}
}

// hears waits until the worker's subscription to a channel is live. The name is a part of the channel's name. A message
// before that is lost.
func (e *Egress) hears(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		channels, err := e.redis.PubSubChannels(ctx, "*"+name+"*").Result()
		if err != nil {
			return fmt.Errorf("wait for the subscription to %s: %w", name, err)
		}
		if len(channels) > 0 {
			return nil
		}
		time.Sleep(pollTime)
	}
}

// Crash ends the worker and all its egresses immediately and reports nothing.
func (e *Egress) Crash() {
	e.mu.Lock()
	worker, running := e.worker, e.running
	e.worker, e.running = nil, map[string]*egress{}
	e.mu.Unlock()
	if worker != nil {
		worker.Kill()
	}
	for _, one := range running {
		one.leave()
	}
}

// Behave sets the behavior of egresses that LiveKit starts from now on.
func (e *Egress) Behave(b Behavior) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.behavior = b
}

// Asked returns the requests to the worker, in order.
func (e *Egress) Asked() []*rpc.StartEgressRequest {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]*rpc.StartEgressRequest(nil), e.asked...)
}

// Running returns the ids of the running egresses.
func (e *Egress) Running() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var ids []string
	for id := range e.running {
		ids = append(ids, id)
	}
	return ids
}

// End makes an egress end by itself.
func (e *Egress) End(id string, as livekitproto.EgressStatus) {
	if one := e.find(id); one != nil {
		one.end(as)
	}
}

// Activate makes a Starting egress record.
func (e *Egress) Activate(id string) {
	if one := e.find(id); one != nil {
		one.report(livekitproto.EgressStatus_EGRESS_ACTIVE)
	}
}

func (e *Egress) find(id string) *egress {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.running[id]
}

// Forget makes LiveKit forget all egresses, as when it loses its Redis.
func (e *Egress) Forget() {
	e.t.Helper()
	keys, err := e.redis.Keys(context.Background(), "*egress*").Result()
	if err == nil && len(keys) > 0 {
		err = e.redis.Del(context.Background(), keys...).Err()
	}
	if err != nil {
		e.t.Fatal(err)
	}
}

// egressWorker is LiveKit's side of an Egress.
type egressWorker Egress

func (w *egressWorker) StartEgressAffinity(context.Context, *rpc.StartEgressRequest) float32 {
	return 1
}

func (w *egressWorker) ListActiveEgress(
	context.Context, *rpc.ListActiveEgressRequest,
) (*rpc.ListActiveEgressResponse, error) {
	return &rpc.ListActiveEgressResponse{EgressIds: (*Egress)(w).Running()}, nil
}

func (w *egressWorker) StartEgress(
	ctx context.Context, request *rpc.StartEgressRequest,
) (*livekitproto.EgressInfo, error) {
	e := (*Egress)(w)
	e.mu.Lock()
	behavior := e.behavior
	e.asked = append(e.asked, request)
	e.mu.Unlock()
	if behavior.Refuse != "" {
		return nil, psrpc.NewErrorf(psrpc.FailedPrecondition, "%s", behavior.Refuse)
	}
	if behavior.Mute {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	info, err := e.begin(request, behavior)
	if err == nil && behavior.Hang != nil {
		select {
		case <-behavior.Hang:
		case <-ctx.Done():
		}
	}
	return info, err
}
