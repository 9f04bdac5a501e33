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

// attributeName is the pattern of a participant's attribute name.
var attributeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// UpdateInput is a change of a participant. A field that is nil stays as it is.
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
	// PublishSources is what they may send, whatever the room says; nothing when empty.
	PublishSources []schema.PublishSource
	// DataAllowed is about data messages, CanSubscribe about the tracks of others.
	DataAllowed, CanSubscribe *bool
}

// Update changes a participant, for a host, and returns them as they are afterwards. The name and the permission are in
// force until the meeting ends, also when the person comes back, and also when LiveKit was Unavailable.
func (s *Service) Update(ctx context.Context, in UpdateInput) (*livekit.Participant, error) {
	change, restrictions, err := in.read()
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
	p, away := s.livekit.Participant(ctx, in.RoomID.String(), in.ParticipantID)
	if fault.Is(away, fault.NotFound) {
		return nil, away
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.live.Restrict(ctx, in.RoomID, whom.Person.Key(), restrictions); err != nil {
		return nil, err
	}
	s.rooms.WriteAudit(ctx, in.RoomID, rooms.Act{
		Action: auditevent.ActionUPDATE_PARTICIPANT, Target: whom.Person, Detail: in.mentioned(),
	})
	if away != nil {
		return nil, away
	}
	if len(change.Attributes) > 0 {
		if err := s.livekit.Update(ctx, in.RoomID.String(), p, change); err != nil {
			return nil, err
		}
		p = after(p, change)
	}
	if err := s.enforceOne(ctx, in.RoomID, p); err != nil || whom.UserID == uuid.Nil {
		return p, err
	}
	_, err = s.enforceUser(ctx, a.room, whom.UserID) // on their other devices
	return p, err
}

// enforceOne makes one participant follow the rules. NotFound when they are not there.
func (s *Service) enforceOne(ctx context.Context, roomID uuid.UUID, p *livekit.Participant) error {
	people := []*livekit.Participant{p}
	verdicts, err := s.currentVerdicts(ctx, roomID, people)
	if err != nil {
		return err
	}
	switch result := s.enforceAll(ctx, roomID, people, verdicts)[0]; result.Outcome {
	case Failed:
		return result.err
	case Gone, Removed:
		return fault.New(fault.NotFound, "there is no such participant in the meeting")
	default:
		return nil
	}
}

// read checks the input, and splits it into a change of LiveKit's participant, and restrictions until the meeting ends.
func (in UpdateInput) read() (change livekit.Change, restrictions live.Restrictions, err error) {
	if in.Name == nil && in.Permission == nil && len(in.Attributes) == 0 {
		return change, restrictions, fault.New(fault.Invalid, "say what to change")
	}
	if in.Name != nil {
		name, err := text.CheckDisplayName("name", *in.Name)
		if err != nil {
			return change, restrictions, err
		}
		restrictions.Name = &name
	}
	if p := in.Permission; p != nil {
		restrictions.Data, restrictions.Subscribe = p.DataAllowed, p.CanSubscribe
		if p.PublishSources != nil {
			sources := p.sources()
			restrictions.Sources = &sources
		}
	}
	change.Attributes, err = attributes(in.Attributes)
	return change, restrictions, err
}

// attributes returns attributes that a host may write. Only Foyer writes the reserved ones, since clients trust them.
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

// after returns a participant as they are after a change.
func after(p *livekit.Participant, change livekit.Change) *livekit.Participant {
	next := *p
	if change.Name != "" {
		next.Name = change.Name
	}
	if change.Permission != nil {
		next.Permission = *change.Permission
	}
	next.Attributes = maps.Clone(p.Attributes)
	if next.Attributes == nil {
		next.Attributes = map[string]string{}
	}
	maps.Copy(next.Attributes, change.Attributes)
	maps.DeleteFunc(next.Attributes, func(_, value string) bool { return value == "" })
	return &next
}

// mentioned names what an update changes, for the audit.
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
