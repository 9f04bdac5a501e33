package lobby

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"foyer/ent/auditevent"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/rooms"
)

// maxDecisions is how many entries one call may name.
const maxDecisions = 1000

// DecideInput names one guest who waits for a room.
type DecideInput struct {
	RoomID  uuid.UUID
	EntryID uuid.UUID
}

// AdmitAllInput names guests who wait for a room; without ids it is everybody.
type AdmitAllInput struct {
	RoomID   uuid.UUID
	EntryIds []uuid.UUID
}

// Admit lets a waiting guest in, for a host. Of several decisions on one guest the first stands: the
// same again is fine, another is a Conflict that names the decision. While the room is locked it is a
// Conflict too.
func (s *Service) Admit(ctx context.Context, in DecideInput) (*live.Entry, error) {
	if err := s.mayAdmit(ctx, in.RoomID); err != nil {
		return nil, err
	}
	e, err := s.decideOne(ctx, in.RoomID, in.EntryID, s.admission())
	if err == nil {
		s.record(ctx, in.RoomID, auditevent.ActionADMIT, e)
	}
	return e, err
}

// mayAdmit fails unless the viewer may let people into a room at this moment.
func (s *Service) mayAdmit(ctx context.Context, roomID uuid.UUID) error {
	standing, err := s.rooms.RoomFor(ctx, roomID, rooms.DecideEntries)
	if err == nil && standing.Room.LockedAt != nil {
		err = fault.New(fault.Conflict, "this room is locked; unlock it first").With("reason", "LOCKED")
	}
	return err
}

// Deny turns a waiting guest away, for a host. The first decision stands, as with Admit.
func (s *Service) Deny(ctx context.Context, in DecideInput) (*live.Entry, error) {
	if err := s.rooms.Require(ctx, in.RoomID, rooms.DecideEntries); err != nil {
		return nil, err
	}
	e, err := s.decideOne(ctx, in.RoomID, in.EntryID,
		live.Decision{To: live.Denied})
	if err == nil {
		s.record(ctx, in.RoomID, auditevent.ActionDENY, e)
	}
	return e, err
}

// Bannable returns the guest of an entry. Forbidden when the guest is a host by now: through the lobby nobody bans
// a host.
func (s *Service) Bannable(ctx context.Context, in DecideInput) (rooms.Person, error) {
	e, err := s.live.Get(ctx, in.RoomID, in.EntryID, live.Reading{})
	if err == nil && e.Status == live.Gone {
		err = errNobodyWaits()
	}
	if err != nil {
		return rooms.Person{}, err
	}
	role, err := s.rooms.RoleOf(ctx, in.RoomID, e.UserID)
	if err == nil && rooms.IsHost(role) {
		err = fault.New(fault.Forbidden, "a host cannot be banned through the lobby")
	}
	return personOf(e), err
}

// AdmitAll lets several waiting guests in, for a host, and returns those who are admitted by then.
// Those on whom somebody else decided before stay as they are.
func (s *Service) AdmitAll(ctx context.Context, in AdmitAllInput) ([]*live.Entry, error) {
	if err := s.mayAdmit(ctx, in.RoomID); err != nil {
		return nil, err
	}
	_, admitted, err := s.decideAll(ctx, in, s.admission())
	if err != nil {
		return nil, err
	}
	s.record(ctx, in.RoomID, auditevent.ActionADMIT, admitted...)
	return admitted, nil
}

// DenyAll turns several waiting guests away, for a host. It returns those who are denied by then, and the people of all
// entries, whatever was decided on them before, but for hosts: whom a ban is for.
func (s *Service) DenyAll(ctx context.Context, in AdmitAllInput) ([]*live.Entry, []rooms.Person, error) {
	if err := s.rooms.Require(ctx, in.RoomID, rooms.DecideEntries); err != nil {
		return nil, nil, err
	}
	all, denied, err := s.decideAll(ctx, in, live.Decision{To: live.Denied})
	if err != nil {
		return nil, nil, err
	}
	s.record(ctx, in.RoomID, auditevent.ActionDENY, denied...)
	people, err := s.noHosts(ctx, in.RoomID, all)
	return denied, people, err
}

// decideAll makes one decision on several entries, and returns them as they are then, and those of them for whom it
// stands.
func (s *Service) decideAll(ctx context.Context, in AdmitAllInput, d live.Decision) (all, decided []*live.Entry, err error) {
	if len(in.EntryIds) > maxDecisions {
		return nil, nil, fault.Field("entryIds", "name at most %d entries", maxDecisions)
	}
	if in.EntryIds != nil && len(in.EntryIds) == 0 {
		return nil, nil, nil
	}
	if err := s.AllowList(ctx); err != nil {
		return nil, nil, err
	}
	if all, err = s.live.Decide(ctx, in.RoomID, d, in.EntryIds...); err != nil {
		return nil, nil, err
	}
	for _, e := range all {
		if e.Status == d.To {
			decided = append(decided, e)
		}
	}
	return all, decided, nil
}

// noHosts returns the people of some entries but for hosts of the room.
func (s *Service) noHosts(ctx context.Context, roomID uuid.UUID, entries []*live.Entry) ([]rooms.Person, error) {
	var users []uuid.UUID
	for _, e := range entries {
		if e.IsAuthenticated() {
			users = append(users, e.UserID)
		}
	}
	roles, err := s.rooms.RolesOf(ctx, roomID, users)
	if err != nil {
		return nil, err
	}
	var people []rooms.Person
	for _, e := range entries {
		if !rooms.IsHost(roles[e.UserID]) {
			people = append(people, personOf(e))
		}
	}
	return people, nil
}

// record stores what a host has decided on guests.
func (s *Service) record(
	ctx context.Context, roomID uuid.UUID, action auditevent.Action, entries ...*live.Entry,
) {
	acts := make([]rooms.Act, len(entries))
	for i, e := range entries {
		acts[i] = rooms.Act{Action: action, Target: personOf(e)}
	}
	s.rooms.WriteAudit(ctx, roomID, acts...)
}

// Cancel takes the holder of a ticket off the waiting list. A guest on whom a host has decided
// already is told so: Conflict.
func (s *Service) Cancel(ctx context.Context, ticketText string) (*live.Entry, error) {
	t, err := s.tickets.read(ticketText)
	if err != nil {
		return nil, err
	}
	if err := s.allowTicket(ctx, t); err != nil {
		return nil, err
	}
	return s.decideOne(ctx, t.RoomID, t.EntryID, live.Decision{To: live.Left})
}

// admission is what a host decides; admittedByRule what the rules do.
func (s *Service) admission() live.Decision {
	return live.Decision{To: live.Admitted}
}

func (s *Service) admittedByRule() live.Decision {
	return live.Decision{To: live.Admitted, ByRule: true}
}

// decideOne moves one entry out of WAITING; NotFound when there is no such entry in the room.
func (s *Service) decideOne(
	ctx context.Context, roomID, entryID uuid.UUID, d live.Decision,
) (*live.Entry, error) {
	entries, err := s.live.Decide(ctx, roomID, d, entryID)
	switch {
	case err != nil:
		return nil, err
	case len(entries) == 0:
		return nil, errNobodyWaits()
	case entries[0].Status != d.To:
		stands := string(entries[0].Status)
		return nil, fault.New(fault.Conflict, "this guest's entry is %s already", stands).
			With("decision", stands)
	}
	return entries[0], nil
}

// personOf is who asks to enter with an entry.
func personOf(e *live.Entry) rooms.Person {
	return rooms.Person{ID: e.ID, UserID: e.UserID, Name: e.DisplayName}
}

func errNobodyWaits() error { return fault.New(fault.NotFound, "nobody waits under this id") }

// TurnAway denies whatever people ask in a room's lobby.
func (s *Service) TurnAway(ctx context.Context, roomID uuid.UUID, people ...rooms.Person) error {
	lobby, err := s.live.List(ctx, roomID)
	if err != nil {
		return err
	}
	keys := map[uuid.UUID]bool{}
	for _, p := range people {
		keys[p.Key()] = true
	}
	var theirs []uuid.UUID
	for _, e := range lobby.Entries {
		if keys[personOf(e).Key()] {
			theirs = append(theirs, e.ID)
		}
	}
	for ids := range slices.Chunk(theirs, maxDecisions) {
		denial := live.Decision{To: live.Denied}
		if _, err := s.live.Decide(ctx, roomID, denial, ids...); err != nil {
			return err
		}
	}
	return nil
}
