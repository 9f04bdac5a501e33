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

// maxDecisions is how many entries one decision may name.
const maxDecisions = 1000

// DecideInput names one waiting guest.
type DecideInput struct {
	RoomID  uuid.UUID
	EntryID uuid.UUID
}

// AdmitAllInput names waiting guests; all of them when EntryIds is nil.
type AdmitAllInput struct {
	RoomID   uuid.UUID
	EntryIds []uuid.UUID
}

// Admit admits a waiting guest, for a host. The first decision on a guest wins: the same decision again succeeds,
// another is a Conflict that names the first. While the room is locked it is a Conflict too.
func (s *Service) Admit(ctx context.Context, in DecideInput) (*live.Entry, error) {
	if err := s.mayAdmit(ctx, in.RoomID); err != nil {
		return nil, err
	}
	e, err := s.decideOne(ctx, in.RoomID, in.EntryID, admission)
	if err == nil {
		s.audit(ctx, in.RoomID, auditevent.ActionADMIT, e)
	}
	return e, err
}

// mayAdmit fails unless the viewer may admit people to a room at this moment.
func (s *Service) mayAdmit(ctx context.Context, roomID uuid.UUID) error {
	standing, err := s.rooms.RoomFor(ctx, roomID, rooms.DecideEntries)
	if err == nil && standing.Room.LockedAt != nil {
		err = fault.New(fault.Conflict, "this room is locked; unlock it first").With("reason", "LOCKED")
	}
	return err
}

// Deny denies a waiting guest, for a host. The first decision wins, as with Admit.
func (s *Service) Deny(ctx context.Context, in DecideInput) (*live.Entry, error) {
	if err := s.rooms.Require(ctx, in.RoomID, rooms.DecideEntries); err != nil {
		return nil, err
	}
	e, err := s.decideOne(ctx, in.RoomID, in.EntryID, denial)
	if err == nil {
		s.audit(ctx, in.RoomID, auditevent.ActionDENY, e)
	}
	return e, err
}

// Bannable returns the guest of an entry. Forbidden when the guest is a host by now: nobody bans a host through the
// lobby.
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

// AdmitAll admits several waiting guests, for a host, and returns those who are admitted afterwards. Earlier decisions
// stay.
func (s *Service) AdmitAll(ctx context.Context, in AdmitAllInput) ([]*live.Entry, error) {
	if err := s.mayAdmit(ctx, in.RoomID); err != nil {
		return nil, err
	}
	_, admitted, err := s.decideAll(ctx, in, admission)
	if err != nil {
		return nil, err
	}
	s.audit(ctx, in.RoomID, auditevent.ActionADMIT, admitted...)
	return admitted, nil
}

// DenyAll denies several waiting guests, for a host. It returns those who are denied afterwards, and the people whom a
// ban concerns: those of all the entries, whatever was decided before, except hosts.
func (s *Service) DenyAll(ctx context.Context, in AdmitAllInput) ([]*live.Entry, []rooms.Person, error) {
	if err := s.rooms.Require(ctx, in.RoomID, rooms.DecideEntries); err != nil {
		return nil, nil, err
	}
	all, denied, err := s.decideAll(ctx, in, denial)
	if err != nil {
		return nil, nil, err
	}
	s.audit(ctx, in.RoomID, auditevent.ActionDENY, denied...)
	people, err := s.exceptHosts(ctx, in.RoomID, all)
	return denied, people, err
}

// decideAll makes one decision on several entries. It returns all of them as they are afterwards, and those that the
// decision has won.
func (s *Service) decideAll(
	ctx context.Context, in AdmitAllInput, d live.Decision,
) (all, decided []*live.Entry, err error) {
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

// exceptHosts returns the people of entries, except hosts of the room.
func (s *Service) exceptHosts(ctx context.Context, roomID uuid.UUID, entries []*live.Entry) ([]rooms.Person, error) {
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

// audit stores a host's decision on guests.
func (s *Service) audit(
	ctx context.Context, roomID uuid.UUID, action auditevent.Action, entries ...*live.Entry,
) {
	acts := make([]rooms.Act, len(entries))
	for i, e := range entries {
		acts[i] = rooms.Act{Action: action, Target: personOf(e)}
	}
	s.rooms.WriteAudit(ctx, roomID, acts...)
}

// Cancel removes the holder of a ticket from the waiting list. Conflict when a host has decided before.
func (s *Service) Cancel(ctx context.Context, ticketText string) (*live.Entry, error) {
	t, err := s.tickets.read(ticketText)
	if err != nil {
		return nil, err
	}
	if err := s.allowTicket(ctx, t); err != nil {
		return nil, err
	}
	return s.decideOne(ctx, t.RoomID, t.EntryID, cancellation)
}

// Every decision: three by people, and one by the rules.
var (
	admission       = live.Decision{To: live.Admitted}
	denial          = live.Decision{To: live.Denied}
	cancellation    = live.Decision{To: live.Left}
	admissionByRule = live.Decision{To: live.Admitted, ByRule: true}
)

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
		first := string(entries[0].Status)
		return nil, fault.New(fault.Conflict, "this guest's entry is %s already", first).
			With("decision", first)
	}
	return entries[0], nil
}

// personOf returns the person who asks to enter.
func personOf(e *live.Entry) rooms.Person {
	return rooms.Person{ID: e.ID, UserID: e.UserID, Name: e.DisplayName}
}

func errNobodyWaits() error { return fault.New(fault.NotFound, "nobody waits under this id") }

// TurnAway denies all waiting entries of some people.
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
		if _, err := s.live.Decide(ctx, roomID, denial, ids...); err != nil {
			return err
		}
	}
	return nil
}
