package env

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/livekit/protocol/auth"
	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/rpc"
	"github.com/livekit/psrpc"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"google.golang.org/protobuf/proto"
)

// length is the duration of the files.
const length = 2 * time.Second

// egress is one egress of a worker.
type egress struct {
	worker   *Egress
	behavior Behavior
	file     string
	handler  rpc.EgressHandlerServer
	room     *lksdk.Room

	mu   sync.Mutex
	info *livekitproto.EgressInfo
	// gone: its process has ended.
	gone bool
}

// begin starts an egress and returns its state.
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

// join enters the room hidden, as a recorder does. The egress ends with the room.
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

// StopEgress ends the egress at LiveKit's request.
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

// UpdateStream and UpdateEgress change what this stand-in lacks.
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

// report sends LiveKit a new status.
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
	_, _ = o.worker.io.UpdateEgress(context.Background(), told, inTime) // lost while LiveKit is away
}

// end stores the file, if the egress has one, reports the end, and leaves.
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

// store puts the file into the bucket and adds it to the state.
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

// leave releases everything of the egress.
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
