package livekit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"

	"foyer/internal/fault"
)

// startTimeout bounds the start of an egress, for which LiveKit has to find a free worker.
const startTimeout = 8 * time.Second

// maxEgressError is how much is kept of what LiveKit says of a failure, in bytes.
const maxEgressError = 500

// EgressStatus is how far an egress is, in LiveKit's words.
type EgressStatus string

// Every status of an egress. From EgressComplete on it has ended.
const (
	EgressStarting     EgressStatus = "STARTING"
	EgressActive       EgressStatus = "ACTIVE"
	EgressEnding       EgressStatus = "ENDING"
	EgressComplete     EgressStatus = "COMPLETE"
	EgressFailed       EgressStatus = "FAILED"
	EgressAborted      EgressStatus = "ABORTED"
	EgressLimitReached EgressStatus = "LIMIT_REACHED"
)

// Egress is LiveKit's recording of a room, as it tells of it.
type Egress struct {
	ID string
	// Room is the LiveKit room's name.
	Room   string
	Status EgressStatus
	// File is where it writes, of which the bucket is another's business. Empty when it writes no file, or
	// when LiveKit does not say: Told is false then.
	File string
	Told bool
	// Error is what LiveKit says of a failure, without addresses and secrets; may be empty.
	Error string
	// StartedAt is when it began to record, zero for not yet.
	StartedAt time.Time
	// Size is the file's, in bytes; 0 while unknown.
	Size int64
	// Duration is that of what was recorded; 0 while unknown.
	Duration time.Duration
}

// Ended reports whether the egress does nothing more.
func (e *Egress) Ended() bool {
	return slices.Contains(
		[]EgressStatus{EgressComplete, EgressFailed, EgressAborted, EgressLimitReached}, e.Status)
}

// Records reports whether the egress takes in media, or is finishing what it has.
func (e *Egress) Records() bool { return e.Status == EgressActive || e.Status == EgressEnding }

// EgressRequest asks for an egress of everybody in a room to one file.
type EgressRequest struct {
	Room string
	// File is the path in the bucket.
	File string
	// AudioOnly leaves the picture out: the file is Ogg, otherwise MP4.
	AudioOnly bool
	// Layout is how the picture is laid out, in LiveKit's words; for instance "speaker".
	Layout string
	// S3 is where the file goes; nil where the egress service knows that itself.
	S3 *S3
}

// S3 is a bucket, and what opens it.
type S3 struct {
	Endpoint, Region, Bucket           string
	AccessKey, SecretKey, SessionToken string
}

// uncertain is an error after which LiveKit may have done what was asked, or may do it yet.
type uncertain struct{ error }

func (u uncertain) Unwrap() error { return u.error }

// MayHaveHappened reports whether what failed may have been done all the same: LiveKit was asked, and
// did not answer.
func MayHaveHappened(err error) bool {
	_, is := errors.AsType[uncertain](err)
	return is
}

// StartEgress begins to record a room. Conflict when nobody is in the call; Unavailable when LiveKit is
// away or nobody there can record, and then MayHaveHappened says whether it may have begun.
func (c *Client) StartEgress(ctx context.Context, r EgressRequest) (*Egress, error) {
	ctx, cancel := callFor(ctx, startTimeout)
	defer cancel()
	info, err := c.egress.StartRoomCompositeEgress(ctx, r.request())
	switch {
	case err == nil:
		return c.egressOf(info), nil
	case isNotFound(err):
		return nil, fault.From(err, fault.Conflict, "there is nobody in the call to record")
	case answered(err):
		return nil, notRecorded(err, r.Room)
	default:
		return nil, notRecorded(uncertain{err}, r.Room)
	}
}

func notRecorded(err error, room string) error {
	return fault.From(fmt.Errorf("record LiveKit room %s: %w", room, err), fault.Unavailable,
		"the media server does not record at the moment; try again later")
}

func (r EgressRequest) request() *livekitproto.RoomCompositeEgressRequest {
	file := &livekitproto.EncodedFileOutput{
		FileType: livekitproto.EncodedFileType_MP4, Filepath: r.File, DisableManifest: true,
	}
	request := &livekitproto.RoomCompositeEgressRequest{
		RoomName: r.Room, Layout: r.Layout, FileOutputs: []*livekitproto.EncodedFileOutput{file},
	}
	if r.AudioOnly {
		request.AudioOnly, request.Layout = true, ""
		file.FileType = livekitproto.EncodedFileType_OGG
	}
	if s := r.S3; s != nil {
		file.Output = &livekitproto.EncodedFileOutput_S3{S3: &livekitproto.S3Upload{
			Endpoint: s.Endpoint, Region: s.Region, Bucket: s.Bucket, ForcePathStyle: true,
			AccessKey: s.AccessKey, Secret: s.SecretKey, SessionToken: s.SessionToken,
		}}
	}
	return request
}

// answered reports whether LiveKit has refused: it was not reached, or it said no. Whatever else went
// wrong, it may have done what it was asked.
func answered(err error) bool {
	if network, is := errors.AsType[*net.OpError](err); is {
		return network.Op == "dial"
	}
	said, is := errors.AsType[twirp.Error](err)
	if !is {
		return false
	}
	if _, ours := errors.AsType[net.Error](err); ours { // of the way there and back
		return false
	}
	return !slices.Contains([]twirp.ErrorCode{
		twirp.Unavailable, twirp.DeadlineExceeded, twirp.Canceled, twirp.Unknown,
	}, said.Code())
}

// StopEgress asks an egress to end, and returns what it is then. Of one that has ended already or is
// ending it returns what it is. NotFound when LiveKit knows none.
func (c *Client) StopEgress(ctx context.Context, id string) (*Egress, error) {
	asked, cancel := call(ctx)
	defer cancel()
	info, err := c.egress.StopEgress(asked, &livekitproto.StopEgressRequest{EgressId: id})
	switch {
	case err == nil:
		return c.egressOf(info), nil
	case hasCode(err, twirp.FailedPrecondition):
		return c.FindEgress(ctx, id)
	case isNotFound(err):
		return nil, errNoEgress()
	default:
		return nil, unreached(fmt.Errorf("stop egress %s: %w", id, err))
	}
}

func errNoEgress() error { return fault.New(fault.NotFound, "LiveKit knows no such egress") }

// FindEgress returns an egress; NotFound when LiveKit knows none, as of one that ended a day ago.
func (c *Client) FindEgress(ctx context.Context, id string) (*Egress, error) {
	list, err := c.listEgress(ctx, &livekitproto.ListEgressRequest{EgressId: id})
	switch {
	case isNotFound(err):
		return nil, errNoEgress()
	case err != nil:
		return nil, unreached(fmt.Errorf("find egress %s: %w", id, err))
	case len(list) == 0:
		return nil, errNoEgress()
	}
	return list[0], nil
}

// Egresses returns every egress of a room that LiveKit knows, also those that have ended within a day.
func (c *Client) Egresses(ctx context.Context, room string) ([]*Egress, error) {
	list, err := c.listEgress(ctx, &livekitproto.ListEgressRequest{RoomName: room})
	if err != nil {
		return nil, away(err, "list egresses of", room)
	}
	return list, nil
}

// RunningEgresses returns every egress, of any room, that LiveKit believes to run.
func (c *Client) RunningEgresses(ctx context.Context) ([]*Egress, error) {
	list, err := c.listEgress(ctx, &livekitproto.ListEgressRequest{Active: true})
	if err != nil {
		return nil, unreached(fmt.Errorf("list egresses: %w", err))
	}
	return list, nil
}

func (c *Client) listEgress(
	ctx context.Context, request *livekitproto.ListEgressRequest,
) ([]*Egress, error) {
	ctx, cancel := call(ctx)
	defer cancel()
	list, err := c.egress.ListEgress(ctx, request)
	if err != nil {
		return nil, err
	}
	var egresses []*Egress
	for _, info := range list.GetItems() {
		egresses = append(egresses, c.egressOf(info))
	}
	return egresses, nil
}

// Running returns which of some LiveKit rooms run.
func (c *Client) Running(ctx context.Context, rooms []string) (map[string]bool, error) {
	running := map[string]bool{}
	if len(rooms) == 0 {
		return running, nil // to LiveKit none is all
	}
	ctx, cancel := call(ctx)
	defer cancel()
	list, err := c.rooms.ListRooms(ctx, &livekitproto.ListRoomsRequest{Names: rooms})
	if err != nil {
		return nil, unreached(fmt.Errorf("list LiveKit rooms: %w", err))
	}
	for _, room := range list.GetRooms() {
		running[room.GetName()] = true
	}
	return running, nil
}

func (c *Client) egressOf(info *livekitproto.EgressInfo) *Egress {
	e := &Egress{
		ID: info.GetEgressId(), Room: info.GetRoomName(),
		Status: EgressStatus(strings.TrimPrefix(info.GetStatus().String(), "EGRESS_")),
		Error:  c.harmless(info.GetError()),
		Told:   info.GetRequest() != nil, File: fileOf(info),
	}
	if at := info.GetStartedAt(); at > 0 {
		e.StartedAt = time.Unix(0, at)
	}
	for _, file := range info.GetFileResults() {
		e.Size += file.GetSize()
		e.Duration = max(e.Duration, time.Duration(file.GetDuration()))
	}
	return e
}

// fileOf is the path that was asked for; empty when a file was not.
func fileOf(info *livekitproto.EgressInfo) string {
	if files := info.GetRoomComposite().GetFileOutputs(); len(files) > 0 {
		return files[0].GetFilepath()
	}
	return ""
}

var address = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"']+`)

// harmless returns what LiveKit says of a failure, for people to read: of limited length, on one line,
// and without addresses, which may be signed, and secrets of ours.
func (c *Client) harmless(text string) string {
	text = address.ReplaceAllString(strings.ToValidUTF8(text, ""), "(address)")
	for _, secret := range c.settings.Secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "(secret)")
		}
	}
	text = strings.Join(strings.Fields(strings.ReplaceAll(text, "\x00", "")), " ")
	return strings.ToValidUTF8(text[:min(len(text), maxEgressError)], "")
}
