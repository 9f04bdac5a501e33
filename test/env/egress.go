package env

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/auth"
	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/rpc"
	"github.com/livekit/psrpc"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"
)

// What every egress writes: two seconds of a test picture and of a tone.
var (
	//go:embed testdata/screen.mp4
	ScreenFile []byte
	//go:embed testdata/audio.ogg
	AudioFile []byte
)

// inTime gives LiveKit the time for an answer that it may take on a busy machine.
var inTime = psrpc.WithRequestTimeout(patience)

// length is how long they last.
const length = 2 * time.Second

// Behavior is what an egress does otherwise than record until it is asked to stop, and store its file.
type Behavior struct {
	// Refuse is why it does not begin at all.
	Refuse string
	// Hang is waited for before a start is answered; what is to be recorded is recorded meanwhile, unless
	// Mute.
	Hang <-chan struct{}
	// Mute: it does not begin, and is not answered.
	Mute bool
	// Starting: it never becomes active by itself.
	Starting bool
	// Then is how it ends as soon as it is active; it goes on when that is nothing.
	Then livekitproto.EgressStatus
	// Error is what it says when it fails.
	Error string
	// Deaf: it answers that it ends, and does not.
	Deaf bool
	// NoUpload: it says that it has stored its file, and has not.
	NoUpload bool
}

// Egress stands in for LiveKit's egress service, which needs a browser and GStreamer. It is a worker to
// a real LiveKit server: asked, and reporting, over the same Redis in LiveKit's own protocol. It joins
// the room as a recorder does, and stores a small real file.
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

// egress is one of a worker's.
type egress struct {
	worker   *Egress
	behavior Behavior
	file     string
	handler  rpc.EgressHandlerServer
	room     *lksdk.Room

	mu   sync.Mutex
	info *livekitproto.EgressInfo
	// gone: the process that ran it is.
	gone bool
}

// StartEgress starts a LiveKit server of the test's own with Redis, which tells a URL of its rooms, and
// an egress worker for it, which stores files in a bucket (nil: it stores none). They end with the test.
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

// Start has the worker take requests, after a Crash too.
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

// hears waits until the worker's subscription to what is meant by a part of its name is live: it is made
// in passing, and what is said before is lost.
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

// Crash ends the worker and all its egresses at once, without a word to anybody.
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

// Behave says what egresses do that are asked for from now on.
func (e *Egress) Behave(b Behavior) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.behavior = b
}

// Asked returns what the worker was asked to record, in order.
func (e *Egress) Asked() []*rpc.StartEgressRequest {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]*rpc.StartEgressRequest(nil), e.asked...)
}

// Running returns the ids of what the worker records at the moment.
func (e *Egress) Running() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var ids []string
	for id := range e.running {
		ids = append(ids, id)
	}
	return ids
}

// End ends an egress as it would end by itself.
func (e *Egress) End(id string, as livekitproto.EgressStatus) {
	if one := e.find(id); one != nil {
		one.end(as)
	}
}

// Activate has an egress begin that is Starting.
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

// Forget has LiveKit know of no egress any more, as when its Redis is lost.
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

// egressWorker is how LiveKit sees an Egress.
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

// begin starts to record, and returns what it is so far.
func (e *Egress) begin(
	request *rpc.StartEgressRequest, behavior Behavior,
) (*livekitproto.EgressInfo, error) {
	composite := request.GetRoomComposite()
	if composite == nil || len(composite.GetFileOutputs()) != 1 {
		return nil, psrpc.NewErrorf(psrpc.InvalidArgument, "the stand-in records rooms to one file")
	}
	one := &egress{worker: e, behavior: behavior, file: composite.GetFileOutputs()[0].GetFilepath()}
	one.info = &livekitproto.EgressInfo{
		EgressId: request.GetEgressId(), RoomId: request.GetRoomId(), RoomName: composite.GetRoomName(),
		Status: livekitproto.EgressStatus_EGRESS_STARTING, UpdatedAt: time.Now().UnixNano(),
		Request: &livekitproto.EgressInfo_RoomComposite{RoomComposite: composite},
	}
	var err error
	if one.handler, err = rpc.NewEgressHandlerServer(one, e.bus); err == nil {
		err = one.handler.RegisterStopEgressTopic(request.GetEgressId())
	}
	if err == nil {
		err = e.hears("StopEgress*" + request.GetEgressId())
	}
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	e.running[request.GetEgressId()] = one
	e.mu.Unlock()
	starting := one.copy()
	if _, err := e.io.CreateEgress(context.Background(), starting, inTime); err != nil {
		return nil, err
	}
	go one.record()
	return starting, nil
}

// record joins the room and records.
func (o *egress) record() {
	if err := o.join(); err != nil {
		o.mu.Lock()
		o.info.Error = fmt.Sprintf("join the room: %v", err)
		o.mu.Unlock()
		o.end(livekitproto.EgressStatus_EGRESS_FAILED)
		return
	}
	if o.behavior.Starting {
		return
	}
	o.report(livekitproto.EgressStatus_EGRESS_ACTIVE)
	if o.behavior.Then != livekitproto.EgressStatus_EGRESS_STARTING {
		o.end(o.behavior.Then)
	}
}

// join enters the room as a recorder does: hidden. When the room ends, so does the egress.
func (o *egress) join() error {
	server := o.worker.livekit
	yes := true
	token, err := auth.NewAccessToken(server.Key(), server.Secret()).
		SetIdentity(o.info.GetEgressId()).SetKind(livekitproto.ParticipantInfo_EGRESS).
		SetVideoGrant(&auth.VideoGrant{
			RoomJoin: true, Room: o.info.GetRoomName(), CanSubscribe: &yes, Hidden: true, Recorder: true,
		}).ToJWT()
	if err != nil {
		return err
	}
	callback := lksdk.NewRoomCallback()
	callback.OnDisconnected = func() { go o.end(livekitproto.EgressStatus_EGRESS_COMPLETE) }
	room, err := lksdk.ConnectToRoomWithToken(server.URL(), token, callback, lksdk.WithAutoSubscribe(false), Patient())
	if err != nil {
		return err
	}
	o.mu.Lock()
	o.room = room
	gone := o.gone
	o.mu.Unlock()
	if gone {
		room.Disconnect()
	}
	return nil
}

// StopEgress ends the egress, as LiveKit asks.
func (o *egress) StopEgress(
	context.Context, *livekitproto.StopEgressRequest,
) (*livekitproto.EgressInfo, error) {
	o.mu.Lock()
	ending := o.info.GetStatus() == livekitproto.EgressStatus_EGRESS_ENDING
	began := o.info.GetStatus() != livekitproto.EgressStatus_EGRESS_STARTING
	o.mu.Unlock()
	switch {
	case o.behavior.Deaf:
		o.report(livekitproto.EgressStatus_EGRESS_ENDING)
	case !ending && !began:
		go o.end(livekitproto.EgressStatus_EGRESS_ABORTED)
	case !ending:
		o.report(livekitproto.EgressStatus_EGRESS_ENDING)
		go o.end(livekitproto.EgressStatus_EGRESS_COMPLETE)
	}
	return o.copy(), nil
}

// UpdateStream and UpdateEgress change what this stand-in does not do.
func (o *egress) UpdateStream(
	context.Context, *livekitproto.UpdateStreamRequest,
) (*livekitproto.EgressInfo, error) {
	return nil, psrpc.NewErrorf(psrpc.InvalidArgument, "there is no stream")
}

func (o *egress) UpdateEgress(
	context.Context, *livekitproto.UpdateEgressRequest,
) (*livekitproto.EgressInfo, error) {
	return nil, psrpc.NewErrorf(psrpc.InvalidArgument, "there is nothing to update")
}

func (o *egress) copy() *livekitproto.EgressInfo {
	o.mu.Lock()
	defer o.mu.Unlock()
	return proto.CloneOf(o.info)
}

// report tells LiveKit how far the egress is.
func (o *egress) report(status livekitproto.EgressStatus) {
	o.mu.Lock()
	if o.gone || o.info.GetStatus() >= status {
		o.mu.Unlock()
		return
	}
	now := time.Now().UnixNano()
	o.info.Status, o.info.UpdatedAt = status, now
	if status == livekitproto.EgressStatus_EGRESS_ACTIVE {
		o.info.StartedAt = now
	}
	told := proto.CloneOf(o.info)
	o.mu.Unlock()
	_, _ = o.worker.io.UpdateEgress(context.Background(), told, inTime) // LiveKit may be away: such news are lost
}

// end stores the file, if there is to be one, reports the end, and leaves.
func (o *egress) end(as livekitproto.EgressStatus) {
	o.mu.Lock()
	over := o.gone || o.info.GetStatus() >= livekitproto.EgressStatus_EGRESS_COMPLETE ||
		o.behavior.Deaf && as == livekitproto.EgressStatus_EGRESS_COMPLETE
	if over {
		o.mu.Unlock()
		return
	}
	o.mu.Unlock()
	if as == livekitproto.EgressStatus_EGRESS_COMPLETE || as == livekitproto.EgressStatus_EGRESS_LIMIT_REACHED {
		o.report(livekitproto.EgressStatus_EGRESS_ENDING)
		if err := o.store(); err != nil {
			as = livekitproto.EgressStatus_EGRESS_FAILED
			o.mu.Lock()
			o.info.Error = err.Error()
			o.mu.Unlock()
		}
	}
	o.mu.Lock()
	o.info.EndedAt = time.Now().UnixNano()
	if as == livekitproto.EgressStatus_EGRESS_FAILED && o.info.Error == "" {
		o.info.Error = o.behavior.Error
	}
	o.mu.Unlock()
	o.report(as)
	o.leave()
}

// store puts the file into the bucket, and notes what it is.
func (o *egress) store() error {
	content := ScreenFile
	if strings.HasSuffix(o.file, ".ogg") {
		content = AudioFile
	}
	o.mu.Lock()
	started := o.info.GetStartedAt()
	o.info.FileResults = []*livekitproto.FileInfo{{
		Filename: o.file, Location: o.file, Size: int64(len(content)), Duration: int64(length),
		StartedAt: started, EndedAt: started + int64(length),
	}}
	o.mu.Unlock()
	if o.worker.bucket == nil || o.behavior.NoUpload {
		return nil
	}
	return o.worker.bucket.put(o.file, string(content))
}

// leave ends what runs it.
func (o *egress) leave() {
	o.mu.Lock()
	gone, room := o.gone, o.room
	o.gone = true
	o.mu.Unlock()
	if gone {
		return
	}
	o.worker.mu.Lock()
	delete(o.worker.running, o.info.GetEgressId())
	o.worker.mu.Unlock()
	o.handler.Kill()
	if room != nil {
		room.Disconnect()
	}
}
