package meetings

import (
	"context"
	"maps"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"foyer/ent/auditevent"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/internal/text"
	"foyer/rooms"
)

const (
	maxAttributes     = 16
	maxAttributeValue = 1024 // bytes
)

// attributeName is what an attribute of a participant may be called.
var attributeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// UpdateInput is a change of a participant: what is nil stays as it is.
type UpdateInput struct {
	RoomID        uuid.UUID
	ParticipantID livekit.Identity
	Name          *string
	Attributes    []AttributeInput
	Permission    *PermissionInput
}

// AttributeInput sets one attribute; an empty value deletes it.
type AttributeInput struct {
	Name, Value string
}

// PermissionInput is a change of what one participant may do.
type PermissionInput struct {
	// PublishSources is what he may send, whatever the room says of others; nothing when empty.
	PublishSources []schema.PublishSource
	// DataAllowed is about data messages, CanSubscribe about what others send.
	DataAllowed, CanSubscribe *bool
}

// Update changes a participant, for a host, and returns him as he is then. What is not mentioned
// stays. The name and the permission hold until the meeting ends, also when the person comes back, and
// also when LiveKit was Unavailable.
func (s *Service) Update(ctx context.Context, in UpdateInput) (*livekit.Participant, error) {
	change, decided, err := in.read()
	if err != nil {
		return nil, err
	}
	a, err := s.host(ctx, in.RoomID)
	if err != nil {
		return nil, err
	}
	whom, err := s.target(ctx, a, in.ParticipantID)
	if err != nil {
		return nil, err
	}
	p, away := s.rtc.Participant(ctx, in.RoomID.String(), in.ParticipantID)
	if fault.Is(away, fault.NotFound) {
		return nil, away
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.live.Restrict(ctx, in.RoomID, whom.Person.Key(), decided); err != nil {
		return nil, err
	}
	s.rooms.WriteAudit(ctx, in.RoomID, rooms.Act{
		Action: auditevent.ActionUPDATE_PARTICIPANT, Target: whom.Person, Detail: in.mentioned(),
	})
	if away != nil {
		return nil, away
	}
	if len(change.Attributes) > 0 {
		if err := s.rtc.Update(ctx, in.RoomID.String(), p, change); err != nil {
			return nil, err
		}
		p = changed(p, change)
	}
	if err := s.settleOne(ctx, in.RoomID, p); err != nil || whom.UserID == uuid.Nil {
		return p, err
	}
	_, err = s.follow(ctx, a.room, whom.UserID) // on his other devices
	return p, err
}

// settleOne makes somebody in a call what is decided on him by now. NotFound when he is not there.
func (s *Service) settleOne(ctx context.Context, roomID uuid.UUID, p *livekit.Participant) error {
	people := []*livekit.Participant{p}
	standings, err := s.standings(ctx, roomID, people)
	if err != nil {
		return err
	}
	switch result := s.settle(ctx, roomID, people, standings)[0]; result.Outcome {
	case Failed:
		return result.err
	case Gone, Removed:
		return fault.New(fault.NotFound, "there is no such participant in the call")
	default:
		return nil
	}
}

// read checks the input, and says what of it is a change of LiveKit's participant, and what a decision
// that holds for the meeting.
func (in UpdateInput) read() (change livekit.Change, decided live.Restrictions, err error) {
	if in.Name == nil && in.Permission == nil && len(in.Attributes) == 0 {
		return change, decided, fault.New(fault.Invalid, "say what to change")
	}
	if in.Name != nil {
		name, err := text.CheckDisplayName("name", *in.Name)
		if err != nil {
			return change, decided, err
		}
		decided.Name = &name
	}
	if p := in.Permission; p != nil {
		decided.Data, decided.Subscribe = p.DataAllowed, p.CanSubscribe
		if p.PublishSources != nil {
			sources := p.sources()
			decided.Sources = &sources
		}
	}
	change.Attributes, err = attributes(in.Attributes)
	return change, decided, err
}

// attributes returns attributes that a host may write. The reserved ones only Foyer writes: clients
// trust them.
func attributes(in []AttributeInput) (map[string]string, error) {
	if len(in) > maxAttributes {
		return nil, fault.Field("attributes", "set at most %d attributes at once", maxAttributes)
	}
	out := map[string]string{}
	for _, a := range in {
		switch {
		case !attributeName.MatchString(a.Name):
			return nil, fault.Field("attributes", "an attribute's name is 1 to 64 letters, digits, _ . or -")
		case livekit.Reserved(a.Name) && (a.Name != livekit.AttributeHand || a.Value != ""):
			return nil, fault.Field("attributes", "the attribute %s is not yours to set", a.Name)
		case len(a.Value) > maxAttributeValue:
			return nil, fault.Field("attributes", "an attribute is longer than %d bytes", maxAttributeValue)
		}
		out[a.Name] = a.Value
	}
	return out, nil
}

func (in PermissionInput) sources() []string {
	sources := make([]string, len(in.PublishSources))
	for i, source := range in.PublishSources {
		sources[i] = string(source)
	}
	return sources
}

// changed returns a participant as a change has left him.
func changed(p *livekit.Participant, change livekit.Change) *livekit.Participant {
	after := *p
	if change.Name != "" {
		after.Name = change.Name
	}
	if change.Permission != nil {
		after.Permission = *change.Permission
	}
	after.Attributes = maps.Clone(p.Attributes)
	if after.Attributes == nil {
		after.Attributes = map[string]string{}
	}
	maps.Copy(after.Attributes, change.Attributes)
	maps.DeleteFunc(after.Attributes, func(_, value string) bool { return value == "" })
	return &after
}

// mentioned names what an update is about, for the audit.
func (in UpdateInput) mentioned() string {
	var about []string
	if in.Name != nil {
		about = append(about, "name")
	}
	if in.Permission != nil {
		about = append(about, "permission")
	}
	for _, a := range in.Attributes {
		about = append(about, a.Name)
	}
	text := strings.Join(about, ", ")
	return text[:min(len(text), 1000)]
}
