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

// Participants is a page of everybody and everything in a call, in the order in which they joined.
type Participants struct {
	Edges      []*ParticipantEdge
	PageInfo   *entgql.PageInfo[uuid.UUID]
	TotalCount int
}

// ParticipantEdge is one of them, and his place in the list.
type ParticipantEdge struct {
	Node   *livekit.Participant
	Cursor ent.Cursor
}

// List returns a page of the people in a room's call: for its hosts, and for people in the call, who
// show their ticket. Unavailable when LiveKit is.
func (s *Service) List(
	ctx context.Context, room *ent.Room, ticket *string, first *int, after *ent.Cursor,
) (*Participants, error) {
	size, err := rooms.PageSize(first)
	if err != nil {
		return nil, err
	}
	caller, err := s.maySee(ctx, room, ticket)
	if err != nil {
		return nil, err
	}
	people, err := s.rtc.Participants(ctx, room.ID.String())
	if err != nil {
		return nil, err
	}
	there := func(p *livekit.Participant) bool { return p.ID() == caller.ID }
	if caller != nil && !slices.ContainsFunc(people, there) {
		return nil, lobby.ErrOutside()
	}
	return page(people, size, after), nil
}

// maySee fails unless the viewer moderates a room, or may be in its call. Of the latter, whom it returns, LiveKit has to
// say whether they are: it is not asked for anybody else.
func (s *Service) maySee(ctx context.Context, room *ent.Room, ticket *string) (*lobby.Standing, error) {
	if ticket != nil {
		return s.lobby.Asks(ctx, room, *ticket)
	}
	if err := s.rooms.Require(ctx, room.ID, rooms.Moderate); err != nil {
		return nil, err
	}
	return nil, s.lobby.AllowList(ctx)
}

// page cuts the people after a cursor out of a list. Who has left since does not disturb it: a cursor
// is a time and an identity, not a number.
func page(people []*livekit.Participant, size int, after *ent.Cursor) *Participants {
	all := &Participants{PageInfo: &entgql.PageInfo[uuid.UUID]{}, TotalCount: len(people)}
	start := 0
	for after != nil && start < len(people) && !follows(people[start], *after) {
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

// follows reports whether somebody comes after a place in the list.
func follows(p *livekit.Participant, place ent.Cursor) bool {
	at, _ := place.Value.(time.Time)
	return p.Compare(at, place.ID) > 0
}

// actor is who moderates: a host or, where everybody may mute, somebody in the call.
type actor struct {
	room *ent.Room
	role roomaccess.Role
	// person is zero for a host, who is the viewer.
	person rooms.Person
}

// host returns the viewer as a host of a room; an error when he is none.
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

// mayActOn is the rule of whom a host may remove, change or demote: nobody of his own rank or above,
// and not himself.
func (a *actor) mayActOn(ctx context.Context, target lobby.Standing) error {
	if target.UserID != uuid.Nil && target.UserID == auth.FromContext(ctx).UserID {
		return fault.New(fault.Forbidden, "you cannot do this to yourself")
	}
	if rank(target.Role) >= rank(a.role) {
		return fault.New(fault.Forbidden, "you cannot do this to a host of your rank or above")
	}
	return nil
}

// target is somebody or something in a call on whom a host acts.
type target struct {
	lobby.Standing

	identity livekit.Identity
	// kind is Person for everybody who has a pass.
	kind livekit.ParticipantKind
}

// target returns the participant on whom a host acts. NotFound when there is neither a pass nor, in LiveKit's
// list, a participant of that identity. So hosts can also act on those whom no token of Foyer's let in, and on
// those whose passes Redis has lost.
func (s *Service) target(ctx context.Context, a *actor, identity livekit.Identity) (*target, error) {
	standings, err := s.lobby.Standings(ctx, a.room, identity.ID())
	if err != nil {
		return nil, err
	}
	t := &target{standings[0], identity, livekit.Person}
	if !t.Known {
		p, err := s.rtc.Participant(ctx, a.room.ID.String(), identity)
		if err != nil {
			return nil, err
		}
		t.Standing, t.kind = complete(t.Standing, p), p.Kind
	}
	if err := s.notOurRecorder(ctx, a.room.ID, t); err != nil {
		return nil, err
	}
	if err := a.mayActOn(ctx, t.Standing); err != nil {
		return nil, err
	}
	return t, nil
}

// complete adds what LiveKit says of a participant to the standing of one without a pass. Only Foyer writes the
// attributes of a person, so they say which role the person entered with.
func complete(is lobby.Standing, p *livekit.Participant) lobby.Standing {
	if !is.Known {
		is.Name, is.Role = p.Name, roomaccess.Role(strings.ToUpper(p.Role()))
	}
	return is
}

// notOurRecorder fails when a host would act on the recorder of the room's own recording: LiveKit's egress is
// known there by its id.
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
