package lobby

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"foyer/auth"
	"foyer/ent"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/rooms"
)

// RequestEntryInput asks to enter a room, named by exactly one of its id and its slug.
type RequestEntryInput struct {
	RoomID      *uuid.UUID
	Slug        *string
	DisplayName *string
	// Ticket of an earlier request, to come back to it.
	Ticket *string
}

// Request is what a guest gets when they ask to enter: the entry, and the ticket that proves it theirs.
type Request struct {
	Entry  *live.Entry
	Ticket string
}

// RequestEntry asks to enter a room. People who may walk in are admitted immediately; others wait, and keep their place
// by asking again with their ticket. A request never changes a decision.
func (s *Service) RequestEntry(ctx context.Context, in RequestEntryInput) (*Request, error) {
	room, err := s.rooms.Find(ctx, in.RoomID, in.Slug)
	if err != nil {
		return nil, err
	}
	v, err := s.visitor(ctx, room.ID, in.DisplayName, in.Ticket)
	if err != nil {
		return nil, err
	}
	canJoin, err := s.canJoin(ctx, room, v)
	if err != nil {
		return nil, err
	}
	stored, err := s.stored(ctx, v)
	if err != nil {
		return nil, err
	}
	mine := stored.UserID == v.userID
	switch {
	case canJoin && mine && stored.Status == live.Waiting:
		return s.letInOne(ctx, v, stored)
	case stored.Status == live.Admitted && stored.ByRule && !canJoin:
		v.id = uuid.New() // the rules that admitted them have changed; they ask like everybody else
		return s.knock(ctx, v)
	case canJoin && stored.Status != live.Admitted:
		e := v.walksIn()
		e.Removal = stored.Removal
		return s.request(v, e), nil
	case stored.Status == live.Waiting, stored.Decided() && !stored.Askable():
		return s.request(v, stored), nil
	default:
		return s.knock(ctx, v)
	}
}

// visitor is a person who asks to enter.
type visitor struct {
	roomID uuid.UUID
	// id will be their entry's id and their identity: that of the ticket if it was given to this account.
	id     uuid.UUID
	userID uuid.UUID
	name   string
	// ticket is the one that they sent, if any.
	ticket *ticket
}

func (s *Service) visitor(
	ctx context.Context, roomID uuid.UUID, name, ticketText *string,
) (visitor, error) {
	v := visitor{roomID: roomID, id: uuid.New(), userID: auth.FromContext(ctx).UserID}
	if ticketText != nil {
		t, err := s.tickets.read(*ticketText)
		if err != nil {
			return v, err
		}
		if t.RoomID != roomID {
			return v, fault.Field("ticket", "this ticket is for another room")
		}
		if err := s.allowTicket(ctx, t); err != nil {
			return v, err
		}
		v.ticket = &t
		if t.UserID == v.userID {
			v.id = t.EntryID
		}
	}
	var err error
	v.name, err = s.accounts.DisplayName(ctx, name)
	return v, err
}

// entry returns a new entry of the visitor, which is not stored.
func (v visitor) entry(status live.Status) *live.Entry {
	return &live.Entry{
		ID: v.id, RoomID: v.roomID, DisplayName: v.name, Color: livekit.Color(v.userID, v.id),
		Status: status, Since: time.Now(), UserID: v.userID, Version: int(time.Now().UnixMilli()),
	}
}

// walksIn returns the entry of a visitor whom the rules admit.
func (v visitor) walksIn() *live.Entry {
	e := v.entry(live.Admitted)
	e.ByRule = true
	return e
}

// people are the two people whose bans concern the visitor: the person who asks, and the one of the ticket.
func (v visitor) people() []rooms.Person {
	people := []rooms.Person{{ID: v.id, UserID: v.userID}}
	if v.ticket != nil {
		people = append(people, rooms.Person{ID: v.ticket.EntryID, UserID: v.ticket.UserID})
	}
	return people
}

// heldAs are the ids under which a host may have returned the visitor to the lobby.
func (v visitor) heldAs() []uuid.UUID {
	var ids []uuid.UUID
	for _, p := range v.people() {
		ids = append(ids, p.Key(), p.ID)
	}
	return ids
}

// canJoin reports whether a visitor may walk in. Forbidden for banned people, who may not ask either. A person whom a
// host has returned to the lobby waits there.
func (s *Service) canJoin(ctx context.Context, room *ent.Room, v visitor) (bool, error) {
	banned, err := s.rooms.Banned(ctx, room.ID, v.people()...)
	if err != nil {
		return false, err
	}
	if len(banned) > 0 {
		return false, rooms.ErrBanned()
	}
	may, err := s.rooms.ViewerMayWalkIn(ctx, room)
	if err != nil || !may {
		return false, err
	}
	held, err := s.live.AnyHeld(ctx, room.ID, v.heldAs())
	return !held, err
}

// stored returns the entry of the visitor's ticket; its status is Gone when there is no ticket. Reading it keeps the
// visitor's place, and brings back an admission that Redis has lost.
func (s *Service) stored(ctx context.Context, v visitor) (*live.Entry, error) {
	if v.ticket == nil {
		return &live.Entry{Status: live.Gone}, nil
	}
	e, err := s.live.Get(ctx, v.roomID, v.ticket.EntryID, live.Reading{Lease: s.live.Lease()})
	if err == nil && (e.Status == live.Waiting || e.Status == live.Gone) {
		e, err = s.readmitted(ctx, v, e)
	}
	if err == nil && e.Status == live.Waiting {
		s.live.SweepLater(v.roomID)
	}
	return e, err
}

// readmitted returns a visitor's entry as it is after Readmit.
func (s *Service) readmitted(ctx context.Context, v visitor, e *live.Entry) (*live.Entry, error) {
	back, err := s.Readmit(ctx, v.roomID, Claimant{v.ticket.EntryID, &v.ticket.UserID})
	if err != nil || !back {
		return e, err
	}
	return s.live.Get(ctx, v.roomID, v.ticket.EntryID, live.Reading{})
}

func (s *Service) request(v visitor, e *live.Entry) *Request {
	return &Request{Entry: e, Ticket: s.tickets.issue(v.roomID, e.ID, e.UserID)}
}

// letInOne admits a waiting guest who may walk in by now.
func (s *Service) letInOne(ctx context.Context, v visitor, e *live.Entry) (*Request, error) {
	e, err := s.decideOne(ctx, v.roomID, e.ID, admissionByRule)
	if err != nil {
		return nil, err
	}
	return s.request(v, e), nil
}

// knock puts a new entry on the waiting list.
func (s *Service) knock(ctx context.Context, v visitor) (*Request, error) {
	if err := s.allowKnock(ctx, v.roomID); err != nil {
		return nil, err
	}
	e, err := s.live.Enqueue(ctx, v.entry(live.Waiting), s.placesOf(ctx, v.userID))
	if err != nil {
		return nil, err
	}
	s.live.SweepLater(v.roomID)
	if s.settings.NotifyHosts {
		s.nudges.nudge(v.roomID)
	}
	return s.request(v, e), nil
}

// LetIn admits the waiting guests of a room who may walk in by now.
func (s *Service) LetIn(ctx context.Context, roomID uuid.UUID) error {
	lobby, err := s.live.List(ctx, roomID)
	if err != nil || len(lobby.Entries) == 0 {
		return err
	}
	room, err := s.rooms.ByID(ctx, roomID) // as it is now, whatever the caller has read
	if err != nil {
		return err
	}
	free, err := s.mayWalkIn(ctx, room, lobby.Entries)
	if err != nil {
		return err
	}
	for ids := range slices.Chunk(free, maxDecisions) {
		if _, err := s.live.Decide(ctx, roomID, admissionByRule, ids...); err != nil {
			return err
		}
	}
	return nil
}

// mayWalkIn returns the ids of the waiting guests who may walk in.
func (s *Service) mayWalkIn(
	ctx context.Context, room *ent.Room, entries []*live.Entry,
) ([]uuid.UUID, error) {
	people, users := make([]rooms.Person, len(entries)), []uuid.UUID{}
	for i, e := range entries {
		people[i] = personOf(e)
		if e.IsAuthenticated() {
			users = append(users, e.UserID)
		}
	}
	roles, err := s.rooms.RolesOf(ctx, room.ID, users)
	if err != nil {
		return nil, err
	}
	banned, err := s.rooms.Banned(ctx, room.ID, people...)
	if err != nil {
		return nil, err
	}
	var free []uuid.UUID
	for i, e := range entries {
		may := rooms.MayWalkIn(room, e.IsAuthenticated(), roles[e.UserID])
		if may && !banned[people[i].Key()] {
			free = append(free, e.ID)
		}
	}
	return free, nil
}

// placesPerUser is how many entries of one user may wait for one room: on several devices, and in browsers that have
// lost their tickets.
const placesPerUser = 20

// placesOf returns the limits of the places that a new entry may take. A user has places of their own, and takes none
// of the share of their address.
func (s *Service) placesOf(ctx context.Context, userID uuid.UUID) live.Places {
	places := live.Places{Capacity: s.settings.Capacity}
	switch perAddress := s.settings.perAddress(); {
	case perAddress == 0:
	case userID != uuid.Nil:
		places.Whom, places.PerWhom = userID.String(), min(perAddress, placesPerUser)
	default:
		places.Whom, places.PerWhom = auth.FromContext(ctx).Address, perAddress
	}
	return places
}
