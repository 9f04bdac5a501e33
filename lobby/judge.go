package lobby

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/rooms"
)

// Override returns a permission in which hosts' restrictions replace what they name.
func Override(p livekit.Permission, r live.Restrictions) livekit.Permission {
	if r.Sources != nil {
		p.Sources = *r.Sources
	}
	if r.Data != nil {
		p.Data = *r.Data
	}
	if r.Subscribe != nil {
		p.Subscribe = *r.Subscribe
	}
	return p
}

// Verdict is what a person in a meeting is, and may do, by the rules of this moment.
type Verdict struct {
	rooms.Person
	// Role is that of the account; the role with which they have joined is in Join.
	Role roomaccess.Role
	// Known: Foyer remembers that it made a token for them.
	Known bool
	// Banned: a ban is in force, whatever else is known.
	Banned bool
	// Restrictions are what hosts have decided on this person.
	Restrictions live.Restrictions
	// Refused says why they may not be in the meeting; nil when they may.
	Refused error
	// LockedOut: they could not join at this moment. People who are inside when a room is locked may stay.
	LockedOut bool
	// Renamed: a host has given them their name.
	Renamed bool
	// Join is how they would join now.
	Join livekit.Join
}

// passHolder returns the person of a pass.
func passHolder(p live.Pass) rooms.Person {
	return rooms.Person{ID: p.ID, UserID: p.UserID, Name: p.Name}
}

// mayEnter is the rule of who may be in a meeting: no banned person; hosts; while the room is locked nobody else;
// guests whom a host has admitted; and people who may walk in, unless a host has returned them to the lobby.
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

// join returns how a person joins, by the rules and their restrictions.
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

// ParticipantRole spells a role as it is in the attributes of LiveKit's participants.
func ParticipantRole(role roomaccess.Role) string { return strings.ToLower(string(role)) }

func (s *Service) sources(room *ent.Room) []string {
	if room.PublishSources == nil {
		return s.livekit.DefaultSources()
	}
	sources := make([]string, len(room.PublishSources))
	for i, source := range room.PublishSources {
		sources[i] = string(source)
	}
	return sources
}

// Judge judges people in a meeting by the rules of this moment, in the order of their identities. A person without a
// pass may not be there.
func (s *Service) Judge(
	ctx context.Context, room *ent.Room, identities ...uuid.UUID,
) ([]Verdict, error) {
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
	verdicts := make([]Verdict, len(passes))
	for i, p := range passes {
		verdicts[i] = s.verdict(room, p, roles[p.UserID], banned[passHolder(p).Key()])
	}
	return verdicts, nil
}

func (s *Service) verdict(
	room *ent.Room, p live.Pass, role roomaccess.Role, banned bool,
) Verdict {
	unlocked := *room
	unlocked.LockedAt = nil
	v := Verdict{
		Person: passHolder(p), Role: role, Known: p.Known, Banned: banned, Restrictions: p.Restrictions,
		Renamed: p.Restrictions.Name != nil, Join: s.join(room, p, proven(p, role)),
		Refused: mayEnter(&unlocked, p, proven(p, role), banned),
	}
	if !p.Valid && !banned {
		v.Refused = errLobbyRequired()
	}
	v.LockedOut = mayEnter(room, p, proven(p, role), banned) != nil
	return v
}

// TicketHolder judges the holder of a ticket as a person in the meeting. Forbidden when they may not be there. Only
// LiveKit knows whether they are connected.
func (s *Service) TicketHolder(ctx context.Context, room *ent.Room, text string) (*Verdict, error) {
	t, err := s.tickets.read(text)
	if err != nil {
		return nil, err
	}
	if t.RoomID != room.ID {
		return nil, fault.Field("ticket", "this ticket is for another room")
	}
	verdicts, err := s.Judge(ctx, room, t.EntryID)
	if err != nil {
		return nil, err
	}
	if holder := verdicts[0]; holder.Refused == nil {
		return &holder, nil
	}
	return nil, ErrOutside()
}

// LimitedTicketHolder is TicketHolder for a request that needs LiveKit. It counts against the ticket's limit.
func (s *Service) LimitedTicketHolder(ctx context.Context, room *ent.Room, text string) (*Verdict, error) {
	t, err := s.tickets.read(text)
	if err == nil {
		err = s.allowTicket(ctx, t)
	}
	if err != nil {
		return nil, err
	}
	return s.TicketHolder(ctx, room, text)
}

// ErrOutside is the error for people who are not in the meeting and ask for what only people in it may know or do.
func ErrOutside() error {
	return fault.New(fault.Forbidden, "this is for people in the meeting")
}
