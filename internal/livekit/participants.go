package livekit

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	livekitproto "github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"foyer/internal/fault"
)

// Identity is the name of a participant within a LiveKit room. For a person who entered with a token from Foyer, it is
// a UUID in canonical form. For a phone, agent, stream or recorder, it is any text that their service chose, such as
// sip_+33123456789.
type Identity string

// identitySpace is the namespace of ids for identities that are not UUIDs (UUID v5).
var identitySpace = uuid.MustParse("2a8f3f0e-5f0b-4c38-8a55-6f1f5d0d7c42")

// IdentityOf returns the identity of a person.
func IdentityOf(id uuid.UUID) Identity { return Identity(id.String()) }

// ID is the UUID under which Foyer stores facts about an identity: the identity itself if it is a UUID, otherwise a
// UUID derived from it. The same identity always has the same ID.
func (i Identity) ID() uuid.UUID {
	if id, ok := i.person(); ok {
		return id
	}
	return uuid.NewSHA1(identitySpace, []byte(i))
}

// person returns the id of a person, and false for every other identity.
func (i Identity) person() (uuid.UUID, bool) {
	id, err := uuid.Parse(string(i))
	return id, err == nil && id.String() == string(i)
}

// second reports whether an identity is that of a second connection. LiveKit lets the holder of any token open more
// connections that only send. Their identity is that of the token, # and a text of the holder's choice
// (/rtc?publish=text).
func (i Identity) second() bool {
	first, _, second := strings.Cut(string(i), "#")
	_, person := Identity(first).person()
	return second && person
}

// ParticipantKind is the kind of a participant.
type ParticipantKind string

// Every kind of participant.
const (
	// Person entered with a token that has the form of Foyer's tokens. Only persons have a pass.
	Person ParticipantKind = "PERSON"
	// Phone is a telephone, connected through SIP.
	Phone ParticipantKind = "PHONE"
	// Agent is a program that takes part in the meeting.
	Agent ParticipantKind = "AGENT"
	// Stream is a broadcast that is sent into the room (ingress).
	Stream ParticipantKind = "STREAM"
	// Recorder records the room or sends it elsewhere (egress). It sends nothing into the room.
	Recorder ParticipantKind = "RECORDER"
	// Other is everything else, for example a hidden participant.
	Other ParticipantKind = "OTHER"
)

var kinds = map[livekitproto.ParticipantInfo_Kind]ParticipantKind{
	livekitproto.ParticipantInfo_SIP: Phone, livekitproto.ParticipantInfo_AGENT: Agent,
	livekitproto.ParticipantInfo_INGRESS: Stream, livekitproto.ParticipantInfo_EGRESS: Recorder,
}

func kindOf(info *livekitproto.ParticipantInfo) ParticipantKind {
	_, person := Identity(info.GetIdentity()).person()
	if person && info.GetKind() == livekitproto.ParticipantInfo_STANDARD && !info.GetPermission().GetHidden() {
		return Person
	}
	return cmp.Or(kinds[info.GetKind()], Other)
}

// Participant is a person or program in a LiveKit room, as LiveKit describes it.
type Participant struct {
	// Identity is the identity in this session of the room.
	Identity Identity
	Kind     ParticipantKind
	// SID is LiveKit's id of this connection.
	SID        string
	Name       string
	Attributes map[string]string
	Tracks     []Track
	JoinedAt   time.Time
	Permission Permission
	// Active is true while the participant is connected.
	Active bool
	// Joined is true once the participant can receive. LiveKit reports that as ParticipantJoined. Before that, a
	// participant can already send, for a minute at most.
	Joined bool

	granted *livekitproto.ParticipantPermission
}

// ID returns the id of the participant's identity.
func (p *Participant) ID() uuid.UUID { return p.Identity.ID() }

// Second reports whether this is a person's second connection with the same token. Its identity has no pass and no ban,
// so it may never be in a meeting.
func (p *Participant) Second() bool { return p.Kind == Other && p.Identity.second() }

// Compare returns whether the participant comes before (negative) or after (positive) one with a joining time and an
// ID. Participants who joined at the same time are ordered by the bytes of their IDs.
func (p *Participant) Compare(joinedAt time.Time, id uuid.UUID) int {
	if order := p.JoinedAt.Compare(joinedAt); order != 0 {
		return order
	}
	own := p.ID()
	return bytes.Compare(own[:], id[:])
}

// Role is one of the Role constants, or empty. Only persons have roles, because other services than Foyer write the
// attributes of all other kinds.
func (p *Participant) Role() string {
	if p.Kind != Person {
		return ""
	}
	return p.Attributes[AttributeRole]
}

// IsAuthenticated reports whether the person entered with an account.
func (p *Participant) IsAuthenticated() bool {
	return p.Kind == Person && p.Attributes[AttributeIsAuthenticated] == "true"
}

// Track is one audio or video track that a participant sends.
type Track struct {
	SID  string
	Name string
	// Source is LiveKit's name of the source: camera, microphone, screen_share, screen_share_audio or unknown.
	Source string
	Muted  bool
}

// Permission is what a participant may do.
type Permission struct {
	Subscribe bool
	Data      bool
	// Sources are the media that the participant can send; none if empty.
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

// ParticipantOf returns the participant that LiveKit describes.
func ParticipantOf(info *livekitproto.ParticipantInfo) *Participant {
	p := &Participant{
		Identity: Identity(info.GetIdentity()), Kind: kindOf(info), SID: info.GetSid(), Name: info.GetName(),
		Attributes: maps.Clone(info.GetAttributes()), JoinedAt: joinedAt(info),
		Permission: permission(info.GetPermission()), granted: info.GetPermission(),
		Active: info.GetState() != livekitproto.ParticipantInfo_DISCONNECTED,
		Joined: info.GetState() == livekitproto.ParticipantInfo_ACTIVE,
	}
	for _, t := range info.GetTracks() {
		p.Tracks = append(p.Tracks, Track{
			SID: t.GetSid(), Name: t.GetName(), Source: sourceName(t.GetSource()), Muted: t.GetMuted(),
		})
	}
	return p
}

func joinedAt(info *livekitproto.ParticipantInfo) time.Time {
	if ms := info.GetJoinedAtMs(); ms > 0 {
		return time.UnixMilli(ms)
	}
	return time.Unix(info.GetJoinedAt(), 0)
}

func permission(granted *livekitproto.ParticipantPermission) Permission {
	p := Permission{Subscribe: granted.GetCanSubscribe(), Data: granted.GetCanPublishData()}
	switch {
	case !granted.GetCanPublish():
	case len(granted.GetCanPublishSources()) == 0: // for LiveKit, an empty list means all
		p.Sources = slices.Clone(everySource)
	default:
		for _, source := range granted.GetCanPublishSources() {
			p.Sources = append(p.Sources, sourceName(source))
		}
	}
	return p
}

var everySource = []string{"camera", "microphone", "screen_share", "screen_share_audio"}

// sourceName returns a source as LiveKit's tokens write it.
func sourceName(source livekitproto.TrackSource) string { return strings.ToLower(source.String()) }

func sourceOf(name string) livekitproto.TrackSource {
	return livekitproto.TrackSource(livekitproto.TrackSource_value[strings.ToUpper(name)])
}

// Participants lists the participants in a LiveKit room, in the order of Compare; none if the room does not run.
// Unavailable if LiveKit is.
func (c *Client) Participants(ctx context.Context, room string) ([]*Participant, error) {
	ctx, cancel := call(ctx)
	defer cancel()
	list, err := c.rooms.ListParticipants(ctx, &livekitproto.ListParticipantsRequest{Room: room})
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, away(err, "list participants of", room)
	}
	var people []*Participant
	for _, info := range list.GetParticipants() {
		if p := ParticipantOf(info); p.Active {
			people = append(people, p)
		}
	}
	slices.SortFunc(people, func(a, b *Participant) int { return a.Compare(b.JoinedAt, b.ID()) })
	return people, nil
}

// Participant returns one participant in a LiveKit room; NotFound if they are not there.
func (c *Client) Participant(
	ctx context.Context, room string, identity Identity,
) (*Participant, error) {
	ctx, cancel := call(ctx)
	defer cancel()
	info, err := c.rooms.GetParticipant(ctx, &livekitproto.RoomParticipantIdentity{
		Room: room, Identity: string(identity),
	})
	if err != nil && !isNotFound(err) {
		return nil, away(err, "find a participant of", room)
	}
	if err != nil || info.GetState() == livekitproto.ParticipantInfo_DISCONNECTED {
		return nil, errNotInMeeting()
	}
	return ParticipantOf(info), nil
}

func errNotInMeeting() error {
	return fault.New(fault.NotFound, "there is no such participant in the meeting")
}

// RemoveParticipant disconnects a participant from a LiveKit room. One who is not there is not an error.
func (c *Client) RemoveParticipant(ctx context.Context, room string, identity Identity) error {
	ctx, cancel := call(ctx)
	defer cancel()
	_, err := c.rooms.RemoveParticipant(ctx, &livekitproto.RoomParticipantIdentity{
		Room: room, Identity: string(identity),
	})
	if err != nil && !isNotFound(err) {
		return away(err, "remove a participant from", room)
	}
	return nil
}

// Mute mutes one track of a participant. Only participants themselves can unmute. NotFound if the participant or the
// track is not there.
func (c *Client) Mute(ctx context.Context, room string, identity Identity, trackSID string) error {
	ctx, cancel := call(ctx)
	defer cancel()
	_, err := c.rooms.MutePublishedTrack(ctx, &livekitproto.MuteRoomTrackRequest{
		Room: room, Identity: string(identity), TrackSid: trackSID, Muted: true,
	})
	if isNotFound(err) {
		return fault.From(err, fault.NotFound, "the participant sends no such track")
	}
	if err != nil {
		return away(err, "mute a participant of", room)
	}
	return nil
}

// Change is a change of a participant. Fields that are empty or nil change nothing.
type Change struct {
	Name string
	// Attributes are set one by one; an empty value deletes one.
	Attributes map[string]string
	// Permission replaces the participant's whole permission.
	Permission *Permission
}

// Update changes a participant; NotFound if they are not there. It keeps what LiveKit allows beyond a Permission.
func (c *Client) Update(ctx context.Context, room string, p *Participant, change Change) error {
	ctx, cancel := call(ctx)
	defer cancel()
	request := &livekitproto.UpdateParticipantRequest{
		Room: room, Identity: string(p.Identity), Name: change.Name, Attributes: change.Attributes,
	}
	if change.Permission != nil {
		request.Permission = p.grant(*change.Permission)
	}
	_, err := c.rooms.UpdateParticipant(ctx, request)
	switch {
	case isNotFound(err):
		return errNotInMeeting()
	case isInvalid(err):
		return fault.From(err, fault.Invalid, "LiveKit does not take this; it may be too long")
	case err != nil:
		return away(err, "update a participant of", room)
	}
	return nil
}

// grant returns a permission in LiveKit's terms, which replaces all earlier grants. A person keeps nothing else; other
// kinds keep what their service needs, such as being hidden.
func (p *Participant) grant(to Permission) *livekitproto.ParticipantPermission {
	grant := &livekitproto.ParticipantPermission{CanSubscribeMetrics: p.granted.GetCanSubscribeMetrics()}
	if p.Kind != Person && p.granted != nil {
		grant = proto.Clone(p.granted).(*livekitproto.ParticipantPermission)
	}
	grant.CanSubscribe, grant.CanPublish, grant.CanPublishData = to.Subscribe, len(to.Sources) > 0, to.Data
	grant.CanPublishSources = nil
	for _, source := range sorted(to.Sources) {
		grant.CanPublishSources = append(grant.CanPublishSources, sourceOf(source))
	}
	return grant
}

// SetMetadata sets the metadata of a LiveKit room, which all participants can read. A room that does not run is not an
// error.
func (c *Client) SetMetadata(ctx context.Context, room, metadata string) error {
	ctx, cancel := call(ctx)
	defer cancel()
	_, err := c.rooms.UpdateRoomMetadata(ctx, &livekitproto.UpdateRoomMetadataRequest{
		Room: room, Metadata: metadata,
	})
	if err != nil && !isNotFound(err) {
		return away(err, "set the metadata of", room)
	}
	return nil
}

// HandRaisedAt is when the participant raised their hand; nil if it is down.
func (p *Participant) HandRaisedAt() *time.Time {
	at, err := time.Parse(time.RFC3339Nano, p.Attributes[AttributeHand])
	if err != nil {
		return nil
	}
	return &at
}
