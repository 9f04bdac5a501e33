package lobby

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/internal/telemetry"
	"foyer/rooms"
)

const (
	// detailsTimeout bounds what is done to render an admission: a guest is told of it in any case.
	detailsTimeout = 3 * time.Second
	// passLeeway is how much longer a pass is kept than LiveKit may take its token.
	passLeeway = 5 * time.Minute
)

// Override returns a permission with what hosts have decided instead.
func Override(d live.Restrictions, p livekit.Permission) livekit.Permission {
	if d.Sources != nil {
		p.Sources = *d.Sources
	}
	if d.Data != nil {
		p.Data = *d.Data
	}
	if d.Subscribe != nil {
		p.Subscribe = *d.Subscribe
	}
	return p
}

// Standing is what somebody in a call is, and may do, by the rules of this moment.
type Standing struct {
	rooms.Person
	// Role is his account's; that with which he has entered is in Join.
	Role roomaccess.Role
	// Known: we remember to have made a token for him.
	Known bool
	// Banned: a ban holds, whatever else is known.
	Banned bool
	// Restrictions are what hosts have decided on this person.
	Restrictions live.Restrictions
	// Refused says why he may not be in the call; nil when he may.
	Refused error
	// LockedOut: he could not enter at this moment. Who is inside when a room is locked may stay.
	LockedOut bool
	// Renamed: a host has given him his name.
	Renamed bool
	// Join is how he would enter now.
	Join livekit.Join
}

// passHolder is whose a pass is.
func passHolder(p live.Pass) rooms.Person {
	return rooms.Person{ID: p.ID, UserID: p.UserID, Name: p.Name}
}

// mayEnter is the rule of who may be in a call: nobody banned; hosts; while the room is locked nobody
// else; guests whom a host has admitted; and whoever may walk in, unless a host has sent him back.
func mayEnter(room *ent.Room, p live.Pass, role roomaccess.Role, banned bool) error {
	switch {
	case banned:
		return rooms.ErrBanned()
	case rooms.IsHost(role):
		return nil
	case room.LockedAt != nil:
		return errLocked()
	case p.Admitted:
		return nil
	case p.ByRule && !p.Held && rooms.MayWalkIn(room, p.UserID != uuid.Nil, role):
		return nil
	default:
		return errLobbyRequired()
	}
}

func errLobbyRequired() error {
	return fault.New(fault.LobbyRequired, "ask to enter this room")
}

func errLocked() error {
	return fault.New(fault.Forbidden, "this room is locked: nobody enters but its hosts").
		With("reason", "LOCKED")
}

// proven is the role that counts: that of the account, if the person has proved it theirs.
func proven(p live.Pass, role roomaccess.Role) roomaccess.Role {
	if !p.Proved {
		return ""
	}
	return role
}

// ConnectionDetails returns what an admitted guest needs to enter the call, by what he may do at this
// moment; nil for anybody else. Only the holder of the entry's ticket may be given them.
func (s *Service) ConnectionDetails(ctx context.Context, e *live.Entry) (*livekit.Details, error) {
	if e.Status != live.Admitted {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, detailsTimeout)
	defer cancel()
	if e.Push != nil { // this is part of what has to be done until the guest is told
		var span trace.Span
		ctx, span = telemetry.Begin(trace.ContextWithSpan(ctx, e.Push), "connection details")
		defer span.End()
	}
	if err := s.allowToken(ctx); err != nil {
		return nil, err
	}
	return s.details(ctx, e)
}

// details makes the token of an admitted entry, and remembers whose it is. Every token for a room is
// made here, and counted for the room unless it is for somebody with a role there; the caller has counted it for the
// viewer.
func (s *Service) details(ctx context.Context, e *live.Entry) (*livekit.Details, error) {
	standing, err := s.rooms.Standing(ctx, e.RoomID, personOf(e))
	if err != nil {
		return nil, err
	}
	p := live.Pass{
		ID: e.ID, UserID: e.UserID, Name: e.DisplayName, ByRule: e.ByRule, Admitted: !e.ByRule,
		Proved: auth.FromContext(ctx).UserID == e.UserID,
	}
	role := proven(p, standing.Role)
	if err := mayEnter(standing.Room, p, role, standing.Banned); err != nil {
		return nil, err
	}
	if role == "" {
		if err := s.allowRoomToken(ctx, e.RoomID); err != nil {
			return nil, err
		}
	}
	if p.Restrictions, err = s.issue(ctx, e, p); err != nil {
		return nil, err
	}
	return s.rtc.Details(ctx, s.join(standing.Room, p, role))
}

// issue remembers the pass of an admitted entry, if that was not done as it was read.
func (s *Service) issue(ctx context.Context, e *live.Entry, p live.Pass) (live.Restrictions, error) {
	issued := e.Issued
	if issued == nil {
		now, err := s.live.IssuePass(ctx, e.RoomID, p, s.passTTL())
		if err != nil {
			return live.Restrictions{}, err
		}
		issued = &now
	}
	if issued.Held {
		return live.Restrictions{}, errLobbyRequired()
	}
	return issued.Restrictions, nil
}

func (s *Service) passTTL() time.Duration { return s.rtc.TokenTTL() + passLeeway }

// join is how somebody enters, by the rules and by what hosts have decided on him.
func (s *Service) join(room *ent.Room, p live.Pass, role roomaccess.Role) livekit.Join {
	j := livekit.Join{
		Room: room.ID.String(), Identity: p.ID, Name: p.Name, UserID: p.UserID,
		Role: ParticipantRole(role), Sources: s.sources(room), Data: room.DataAllowed,
		OnlySources: p.Restrictions.Sources,
	}
	if p.Restrictions.Name != nil {
		j.Name = *p.Restrictions.Name
	}
	if p.Restrictions.Data != nil {
		j.Data = *p.Restrictions.Data
	}
	if p.Restrictions.Subscribe != nil {
		j.Deaf = !*p.Restrictions.Subscribe
	}
	return j
}

// ParticipantRole spells a role as LiveKit's participants carry it.
func ParticipantRole(role roomaccess.Role) string { return strings.ToLower(string(role)) }

func (s *Service) sources(room *ent.Room) []string {
	if room.PublishSources == nil {
		return s.rtc.DefaultSources()
	}
	sources := make([]string, len(room.PublishSources))
	for i, source := range room.PublishSources {
		sources[i] = string(source)
	}
	return sources
}

// Standings judges people in a call by the rules of this moment, in the order of their identities.
// Whom we have made no token for may not be there.
func (s *Service) Standings(
	ctx context.Context, room *ent.Room, identities ...uuid.UUID,
) ([]Standing, error) {
	passes, err := s.live.Passes(ctx, room.ID, identities)
	if err != nil {
		return nil, err
	}
	people, users := make([]rooms.Person, len(passes)), []uuid.UUID{}
	for i, p := range passes {
		people[i] = passHolder(p)
		if p.UserID != uuid.Nil {
			users = append(users, p.UserID)
		}
	}
	banned, err := s.rooms.Banned(ctx, room.ID, people...)
	if err != nil {
		return nil, err
	}
	roles, err := s.rooms.RolesOf(ctx, room.ID, users)
	if err != nil {
		return nil, err
	}
	standings := make([]Standing, len(passes))
	for i, p := range passes {
		standings[i] = s.standing(room, p, roles[p.UserID], banned[passHolder(p).Key()])
	}
	return standings, nil
}

func (s *Service) standing(
	room *ent.Room, p live.Pass, role roomaccess.Role, banned bool,
) Standing {
	unlocked := *room
	unlocked.LockedAt = nil
	standing := Standing{
		Person: passHolder(p), Role: role, Known: p.Known, Banned: banned, Restrictions: p.Restrictions,
		Renamed: p.Restrictions.Name != nil, Join: s.join(room, p, proven(p, role)),
		Refused: mayEnter(&unlocked, p, proven(p, role), banned),
	}
	if !p.Valid && !banned {
		standing.Refused = errLobbyRequired()
	}
	standing.LockedOut = mayEnter(room, p, proven(p, role), banned) != nil
	return standing
}

// Caller judges the holder of a ticket as somebody in a room's call: Forbidden when he may not be
// there. Whether he is connected only LiveKit knows.
func (s *Service) Caller(ctx context.Context, room *ent.Room, text string) (*Standing, error) {
	t, err := s.tickets.read(text)
	if err != nil {
		return nil, err
	}
	if t.RoomID != room.ID {
		return nil, fault.Field("ticket", "this ticket is for another room")
	}
	standings, err := s.Standings(ctx, room, t.EntryID)
	if err != nil {
		return nil, err
	}
	if caller := standings[0]; caller.Refused == nil {
		return &caller, nil
	}
	return nil, ErrOutside()
}

// Asks is Caller for a request that costs LiveKit something, which counts for the ticket.
func (s *Service) Asks(ctx context.Context, room *ent.Room, text string) (*Standing, error) {
	t, err := s.tickets.read(text)
	if err == nil {
		err = s.allowTicket(ctx, t)
	}
	if err != nil {
		return nil, err
	}
	return s.Caller(ctx, room, text)
}

// ErrOutside is what somebody is told who asks for what people in the call may know or do.
func ErrOutside() error {
	return fault.New(fault.Forbidden, "this is for people in the call")
}
