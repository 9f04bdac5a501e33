package meetings

import (
	"context"
	"slices"
	"strings"
	"time"

	"entgo.io/contrib/entgql"
	"github.com/google/uuid"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/lobby"
	"foyer/rooms"
)

// Participants is a page of everybody and everything in a meeting, in the order in which they joined.
type Participants struct {
	Edges      []*ParticipantEdge
	PageInfo   *entgql.PageInfo[uuid.UUID]
	TotalCount int
}

// ParticipantEdge is one of them, and their place in the list.
type ParticipantEdge struct {
	Node   *livekit.Participant
	Cursor ent.Cursor
}

// List returns a page of the participants of a room's meeting: for its hosts, and for people in the meeting, who send
// their ticket. Unavailable when LiveKit is.
func (s *Service) List(
	ctx context.Context, room *ent.Room, ticket *string, first *int, after *ent.Cursor,
) (*Participants, error) {
	size, err := rooms.PageSize(first)
	if err != nil {
		return nil, err
	}
	holder, err := s.maySee(ctx, room, ticket)
	if err != nil {
		return nil, err
	}
	people, err := s.livekit.Participants(ctx, room.ID.String())
	if err != nil {
		return nil, err
	}
	there := func(p *livekit.Participant) bool { return p.ID() == holder.ID }
	if holder != nil && !slices.ContainsFunc(people, there) {
		return nil, lobby.ErrOutside()
	}
	return page(people, size, after), nil
}

// maySee fails unless the viewer is a host, or holds a ticket with which they may be in the meeting. It returns the
// ticket's holder, if any; the caller has to check with LiveKit that they are inside.
func (s *Service) maySee(ctx context.Context, room *ent.Room, ticket *string) (*lobby.Verdict, error) {
	if ticket != nil {
		return s.lobby.LimitedTicketHolder(ctx, room, *ticket)
	}
	if err := s.rooms.Require(ctx, room.ID, rooms.Moderate); err != nil {
		return nil, err
	}
	return nil, s.lobby.AllowList(ctx)
}

// page returns the part of a list after a cursor. A cursor is a time and an identity, not a number, so that people who
// have left since do not disturb it.
func page(people []*livekit.Participant, size int, after *ent.Cursor) *Participants {
	all := &Participants{PageInfo: &entgql.PageInfo[uuid.UUID]{}, TotalCount: len(people)}
	start := 0
	for after != nil && start < len(people) && !isAfter(people[start], *after) {
		start++
	}
	end := min(start+size, len(people))
	for _, p := range people[start:end] {
		all.Edges = append(all.Edges, &ParticipantEdge{p, cursor(p)})
	}
	all.PageInfo.HasPreviousPage = start > 0
	all.PageInfo.HasNextPage = end < len(people)
	if n := len(all.Edges); n > 0 {
		all.PageInfo.StartCursor, all.PageInfo.EndCursor = &all.Edges[0].Cursor, &all.Edges[n-1].Cursor
	}
	return all
}

func cursor(p *livekit.Participant) ent.Cursor {
	return ent.Cursor{ID: p.ID(), Value: p.JoinedAt}
}

// isAfter reports whether a participant comes after a place in the list.
func isAfter(p *livekit.Participant, place ent.Cursor) bool {
	at, _ := place.Value.(time.Time)
	return p.Compare(at, place.ID) > 0
}

// actor is a person who moderates: a host or, where everybody may mute, a person in the meeting.
type actor struct {
	room *ent.Room
	role roomaccess.Role
	// person is zero for a host, who is the viewer.
	person rooms.Person
}

// host returns the viewer as a host of a room; an error when they are not one.
func (s *Service) host(ctx context.Context, roomID uuid.UUID) (*actor, error) {
	standing, err := s.rooms.RoomFor(ctx, roomID, rooms.Moderate)
	if err != nil {
		return nil, err
	}
	return &actor{room: standing.Room, role: standing.Role}, nil
}

// rank orders roles by their power.
func rank(role roomaccess.Role) int {
	return slices.Index([]roomaccess.Role{
		"", roomaccess.RoleMEMBER, roomaccess.RoleADMINISTRATOR, roomaccess.RoleOWNER,
	}, role)
}

// mayActOn is the rule for removing, changing and demoting a participant: a host may do so to people below their own
// rank, and not to themselves.
func (a *actor) mayActOn(ctx context.Context, target lobby.Verdict) error {
	if target.UserID != uuid.Nil && target.UserID == auth.FromContext(ctx).UserID {
		return fault.New(fault.Forbidden, "you cannot do this to yourself")
	}
	if rank(target.Role) >= rank(a.role) {
		return fault.New(fault.Forbidden, "you cannot do this to a host of your rank or above")
	}
	return nil
}

// target is a participant on whom a host acts.
type target struct {
	lobby.Verdict

	identity livekit.Identity
	// kind is Person for every participant with a pass.
	kind livekit.ParticipantKind
}

// target returns the participant on whom a host acts. NotFound when this identity has neither a pass nor a participant
// in LiveKit. So hosts can also act on participants without a token of Foyer's, and on people whose pass Redis has
// lost.
func (s *Service) target(ctx context.Context, a *actor, identity livekit.Identity) (*target, error) {
	verdicts, err := s.lobby.Judge(ctx, a.room, identity.ID())
	if err != nil {
		return nil, err
	}
	t := &target{verdicts[0], identity, livekit.Person}
	if !t.Known {
		p, err := s.livekit.Participant(ctx, a.room.ID.String(), identity)
		if err != nil {
			return nil, err
		}
		t.Verdict, t.kind = complete(t.Verdict, p), p.Kind
	}
	if err := s.notOurRecorder(ctx, a.room.ID, t); err != nil {
		return nil, err
	}
	if err := a.mayActOn(ctx, t.Verdict); err != nil {
		return nil, err
	}
	return t, nil
}

// complete adds LiveKit's name and role of a participant to the verdict on one without a pass. Only Foyer writes the
// attributes of a person, so they have the role with which the person joined.
func complete(v lobby.Verdict, p *livekit.Participant) lobby.Verdict {
	if !v.Known {
		v.Name, v.Role = p.Name, roomaccess.Role(strings.ToUpper(p.Role()))
	}
	return v
}

// notOurRecorder fails when a host acts on the recorder of the room's own recording: a recorder's identity is the id of
// its egress.
func (s *Service) notOurRecorder(ctx context.Context, roomID uuid.UUID, t *target) error {
	if t.kind != livekit.Recorder {
		return nil
	}
	ours, err := s.recordings.IsRecorder(ctx, roomID, string(t.identity))
	if err != nil {
		return err
	}
	if ours {
		return fault.New(fault.Conflict, "this participant records the meeting: stop the recording instead")
	}
	return nil
}
