package rtc

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/livekit/protocol/livekit"

	"foyer/fault"
)

// Participant is somebody in a call, as LiveKit tells of him.
type Participant struct {
	// Identity is the person's for this session of the room.
	Identity uuid.UUID
	// SID is LiveKit's name of this one connection.
	SID        string
	Name       string
	Attributes map[string]string
	Tracks     []Track
	JoinedAt   time.Time
	Permission Permission
	// Active is true from when he is connected until he leaves.
	Active bool

	granted *livekit.ParticipantPermission
}

// Role is one of the Role constants, or empty.
func (p *Participant) Role() string { return p.Attributes[AttributeRole] }

// IsAuthenticated reports whether the person entered with an account.
func (p *Participant) IsAuthenticated() bool { return p.Attributes[AttributeIsAuthenticated] == "true" }

// Track is a medium that a participant sends.
type Track struct {
	SID  string
	Name string
	// Source is in LiveKit's words: camera, microphone, screen_share, screen_share_audio or unknown.
	Source string
	Muted  bool
}

// Permission is what a participant may do.
type Permission struct {
	Subscribe bool
	Data      bool
	// Sources are the media he may send; none means no media at all.
	Sources []string
}

// Equal reports whether two permissions allow the same.
func (p Permission) Equal(other Permission) bool {
	return p.Subscribe == other.Subscribe && p.Data == other.Data &&
		slices.Equal(sorted(p.Sources), sorted(other.Sources))
}

func sorted(sources []string) []string {
	sources = slices.Clone(sources)
	slices.Sort(sources)
	return slices.Compact(sources)
}

// ParticipantOf returns what LiveKit says of somebody; nil for whoever is no person who entered with
// a token of ours: recorders, agents, phones, and whoever is hidden.
func ParticipantOf(info *livekit.ParticipantInfo) *Participant {
	identity, err := uuid.Parse(info.GetIdentity())
	person := info.GetKind() == livekit.ParticipantInfo_STANDARD && !info.GetPermission().GetHidden()
	if err != nil || !person || identity.String() != info.GetIdentity() {
		return nil
	}
	p := &Participant{
		Identity: identity, SID: info.GetSid(), Name: info.GetName(),
		Attributes: maps.Clone(info.GetAttributes()), JoinedAt: joinedAt(info),
		Permission: permission(info.GetPermission()), granted: info.GetPermission(),
		Active: info.GetState() != livekit.ParticipantInfo_DISCONNECTED,
	}
	for _, t := range info.GetTracks() {
		p.Tracks = append(p.Tracks, Track{
			SID: t.GetSid(), Name: t.GetName(), Source: sourceName(t.GetSource()), Muted: t.GetMuted(),
		})
	}
	return p
}

func joinedAt(info *livekit.ParticipantInfo) time.Time {
	if ms := info.GetJoinedAtMs(); ms > 0 {
		return time.UnixMilli(ms)
	}
	return time.Unix(info.GetJoinedAt(), 0)
}

func permission(granted *livekit.ParticipantPermission) Permission {
	p := Permission{Subscribe: granted.GetCanSubscribe(), Data: granted.GetCanPublishData()}
	switch {
	case !granted.GetCanPublish():
	case len(granted.GetCanPublishSources()) == 0: // to LiveKit that is all of them
		p.Sources = slices.Clone(everySource)
	default:
		for _, source := range granted.GetCanPublishSources() {
			p.Sources = append(p.Sources, sourceName(source))
		}
	}
	return p
}

var everySource = []string{"camera", "microphone", "screen_share", "screen_share_audio"}

// sourceName spells a source as LiveKit's tokens do.
func sourceName(source livekit.TrackSource) string { return strings.ToLower(source.String()) }

func sourceOf(name string) livekit.TrackSource {
	return livekit.TrackSource(livekit.TrackSource_value[strings.ToUpper(name)])
}

// Participants lists the people in a LiveKit room by the time they joined; nobody when the room does
// not run. Unavailable when LiveKit is.
func (c *Client) Participants(ctx context.Context, room string) ([]*Participant, error) {
	ctx, cancel := call(ctx)
	defer cancel()
	list, err := c.rooms.ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: room})
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, away(err, "list participants of", room)
	}
	var people []*Participant
	for _, info := range list.GetParticipants() {
		if p := ParticipantOf(info); p != nil && p.Active {
			people = append(people, p)
		}
	}
	slices.SortFunc(people, func(a, b *Participant) int {
		return cmp.Or(a.JoinedAt.Compare(b.JoinedAt), strings.Compare(a.SID, b.SID))
	})
	return people, nil
}

// Participant returns somebody in a LiveKit room; NotFound when he is not there.
func (c *Client) Participant(
	ctx context.Context, room string, identity uuid.UUID,
) (*Participant, error) {
	ctx, cancel := call(ctx)
	defer cancel()
	info, err := c.rooms.GetParticipant(ctx, &livekit.RoomParticipantIdentity{
		Room: room, Identity: identity.String(),
	})
	if err != nil && !isNotFound(err) {
		return nil, away(err, "find a participant of", room)
	}
	if p := ParticipantOf(info); err == nil && p != nil && p.Active {
		return p, nil
	}
	return nil, errNotInCall()
}

func errNotInCall() error {
	return fault.New(fault.NotFound, "there is no such participant in the call")
}

// RemoveParticipant disconnects somebody from a LiveKit room. Whoever is not there is fine.
func (c *Client) RemoveParticipant(ctx context.Context, room string, identity uuid.UUID) error {
	ctx, cancel := call(ctx)
	defer cancel()
	_, err := c.rooms.RemoveParticipant(ctx, &livekit.RoomParticipantIdentity{
		Room: room, Identity: identity.String(),
	})
	if err != nil && !isNotFound(err) {
		return away(err, "remove a participant from", room)
	}
	return nil
}

// Mute silences one track of a participant. Nobody can be unmuted but by himself. NotFound when the
// participant or the track is not there.
func (c *Client) Mute(ctx context.Context, room string, identity uuid.UUID, trackSID string) error {
	ctx, cancel := call(ctx)
	defer cancel()
	_, err := c.rooms.MutePublishedTrack(ctx, &livekit.MuteRoomTrackRequest{
		Room: room, Identity: identity.String(), TrackSid: trackSID, Muted: true,
	})
	if isNotFound(err) {
		return fault.From(err, fault.NotFound, "the participant sends no such track")
	}
	if err != nil {
		return away(err, "mute a participant of", room)
	}
	return nil
}

// Change is a change of a participant: what is empty or nil stays as it is.
type Change struct {
	Name string
	// Attributes are set one by one; an empty value deletes one.
	Attributes map[string]string
	// Permission is the whole of what he may do from now on.
	Permission *Permission
}

// Update changes a participant; NotFound when he is not there. What LiveKit allows beyond a
// Permission stays as it is.
func (c *Client) Update(ctx context.Context, room string, p *Participant, change Change) error {
	ctx, cancel := call(ctx)
	defer cancel()
	request := &livekit.UpdateParticipantRequest{
		Room: room, Identity: p.Identity.String(), Name: change.Name, Attributes: change.Attributes,
	}
	if change.Permission != nil {
		request.Permission = p.grant(*change.Permission)
	}
	_, err := c.rooms.UpdateParticipant(ctx, request)
	switch {
	case isNotFound(err):
		return errNotInCall()
	case isInvalid(err):
		return fault.From(err, fault.Invalid, "LiveKit does not take this; it may be too long")
	case err != nil:
		return away(err, "update a participant of", room)
	}
	return nil
}

// grant is a permission in LiveKit's terms, which replaces all that it had granted.
func (p *Participant) grant(to Permission) *livekit.ParticipantPermission {
	grant := &livekit.ParticipantPermission{
		CanSubscribe: to.Subscribe, CanPublish: len(to.Sources) > 0, CanPublishData: to.Data,
		CanSubscribeMetrics: p.granted.GetCanSubscribeMetrics(),
	}
	for _, source := range sorted(to.Sources) {
		grant.CanPublishSources = append(grant.CanPublishSources, sourceOf(source))
	}
	return grant
}

// SetMetadata sets what all participants of a LiveKit room can read of it. A room that does not run
// is fine.
func (c *Client) SetMetadata(ctx context.Context, room, metadata string) error {
	ctx, cancel := call(ctx)
	defer cancel()
	_, err := c.rooms.UpdateRoomMetadata(ctx, &livekit.UpdateRoomMetadataRequest{
		Room: room, Metadata: metadata,
	})
	if err != nil && !isNotFound(err) {
		return away(err, "set the metadata of", room)
	}
	return nil
}

// HandRaisedAt is since when the participant's hand is up; nil when it is down.
func (p *Participant) HandRaisedAt() *time.Time {
	at, err := time.Parse(time.RFC3339Nano, p.Attributes[AttributeHand])
	if err != nil {
		return nil
	}
	return &at
}
