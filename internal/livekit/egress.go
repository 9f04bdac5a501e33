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

// startTimeout is the time limit for starting an egress, for which LiveKit has to find a free worker.
const startTimeout = 8 * time.Second

// maxEgressError is the maximum length of a stored error message of LiveKit, in bytes.
const maxEgressError = 500

// EgressStatus is the state of an egress. The values are LiveKit's own.
type EgressStatus string

// Every status of an egress. From EgressComplete on, it has ended.
const (
	EgressStarting     EgressStatus = "STARTING"
	EgressActive       EgressStatus = "ACTIVE"
	EgressEnding       EgressStatus = "ENDING"
	EgressComplete     EgressStatus = "COMPLETE"
	EgressFailed       EgressStatus = "FAILED"
	EgressAborted      EgressStatus = "ABORTED"
	EgressLimitReached EgressStatus = "LIMIT_REACHED"
)

// Egress is LiveKit's recording of a room, as LiveKit reports it.
type Egress struct {
	ID string
	// Room is the name of the LiveKit room.
	Room   string
	Status EgressStatus
	// File is the path in the bucket. It is empty if the egress writes no file, or if LiveKit does not say; then
	// FileKnown is false.
	File      string
	FileKnown bool
	// Error is LiveKit's error message, without URLs and secrets; may be empty.
	Error string
	// StartedAt is when the recording of media began; zero if it has not.
	StartedAt time.Time
	// Size is the size of the file in bytes; 0 if unknown.
	Size int64
	// Duration is the length of the recording; 0 if unknown.
	Duration time.Duration
}

// Ended reports whether the egress has ended.
func (e *Egress) Ended() bool {
	return slices.Contains(
		[]EgressStatus{EgressComplete, EgressFailed, EgressAborted, EgressLimitReached}, e.Status)
}

// Records reports whether the egress records media or finishes its file.
func (e *Egress) Records() bool { return e.Status == EgressActive || e.Status == EgressEnding }

// EgressRequest requests an egress of all participants in a room to one file.
type EgressRequest struct {
	Room string
	// File is the path in the bucket.
	File string
	// AudioOnly records only the sound, to an Ogg file. Otherwise the file is an MP4.
	AudioOnly bool
	// Layout is LiveKit's name of the layout of the picture, for example "speaker".
	Layout string
	// S3 is where the file goes; nil if the egress service has its own settings.
	S3 *S3
}

// S3 is a bucket and the credentials for it.
type S3 struct {
	Endpoint, Region, Bucket           string
	AccessKey, SecretKey, SessionToken string
}

// uncertain is an error after which LiveKit may have done what was requested, or may still do it.
type uncertain struct{ error }

func (u uncertain) Unwrap() error { return u.error }

// MayHaveHappened reports whether a failed request may have taken effect: it was sent, and LiveKit did not answer.
func MayHaveHappened(err error) bool {
	_, is := errors.AsType[uncertain](err)
	return is
}

// StartEgress starts to record a room. The error is Conflict if nobody is in the meeting, and Unavailable if LiveKit or
// an egress service cannot be reached. Then MayHaveHappened says whether the egress may have started.
func (c *Client) StartEgress(ctx context.Context, r EgressRequest) (*Egress, error) {
	ctx, cancel := callFor(ctx, startTimeout)
	defer cancel()
	info, err := c.egress.StartRoomCompositeEgress(ctx, r.request())
	switch {
	case err == nil:
		return c.egressOf(info), nil
	case isNotFound(err):
		return nil, fault.From(err, fault.Conflict, "there is nobody in the meeting to record")
	case notDone(err):
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

// notDone reports whether LiveKit did not do what was requested: it was not reached, or it refused. After any other
// error, it may have done it.
func notDone(err error) bool {
	if network, is := errors.AsType[*net.OpError](err); is {
		return network.Op == "dial"
	}
	said, is := errors.AsType[twirp.Error](err)
	if !is {
		return false
	}
	if _, ours := errors.AsType[net.Error](err); ours { // an error on the way there or back
		return false
	}
	return !slices.Contains([]twirp.ErrorCode{
		twirp.Unavailable, twirp.DeadlineExceeded, twirp.Canceled, twirp.Unknown,
	}, said.Code())
}

// StopEgress asks an egress to stop, and returns its state. It returns the state too if the egress is stopping or has
// ended. NotFound if LiveKit knows no such egress.
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

// FindEgress returns an egress; NotFound if LiveKit knows no such egress, as when it ended more than a day ago.
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

// Egresses returns every egress of a room that LiveKit knows, including those that ended within a day.
func (c *Client) Egresses(ctx context.Context, room string) ([]*Egress, error) {
	list, err := c.listEgress(ctx, &livekitproto.ListEgressRequest{RoomName: room})
	if err != nil {
		return nil, away(err, "list egresses of", room)
	}
	return list, nil
}

// RunningEgresses returns every running egress of all rooms.
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

// Running returns which of the LiveKit rooms run.
func (c *Client) Running(ctx context.Context, rooms []string) (map[string]bool, error) {
	running := map[string]bool{}
	if len(rooms) == 0 {
		return running, nil // for LiveKit, an empty list means all
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
		Status:    EgressStatus(strings.TrimPrefix(info.GetStatus().String(), "EGRESS_")),
		Error:     c.redact(info.GetError()),
		FileKnown: info.GetRequest() != nil, File: fileOf(info),
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

// fileOf returns the requested path; empty if no file was requested.
func fileOf(info *livekitproto.EgressInfo) string {
	if files := info.GetRoomComposite().GetFileOutputs(); len(files) > 0 {
		return files[0].GetFilepath()
	}
	return ""
}

var address = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"']+`)

// redact makes an error message of LiveKit safe for people: short, on one line, without URLs, which may be signed, and
// without Foyer's secrets.
func (c *Client) redact(text string) string {
	text = address.ReplaceAllString(strings.ToValidUTF8(text, ""), "(address)")
	for _, secret := range c.settings.Secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "(secret)")
		}
	}
	text = strings.Join(strings.Fields(strings.ReplaceAll(text, "\x00", "")), " ")
	return strings.ToValidUTF8(text[:min(len(text), maxEgressError)], "")
}
