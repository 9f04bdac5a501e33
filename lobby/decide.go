package lobby

import (
	"context"
	"time"

	"github.com/google/uuid"

	"foyer/ent/auditevent"
	"foyer/internal/fault"
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
func (s *Service) Admit(ctx context.Context, in DecideInput) (*Entry, error) {
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
	look, err := s.rooms.RoomFor(ctx, roomID, rooms.DecideEntries)
	if err == nil && look.Room.LockedAt != nil {
		err = fault.New(fault.Conflict, "this room is locked; unlock it first").With("reason", "LOCKED")
	}
	return err
}

// Deny turns a waiting guest away, for a host. The first decision stands, as with Admit.
func (s *Service) Deny(ctx context.Context, in DecideInput) (*Entry, error) {
	if err := s.rooms.Require(ctx, in.RoomID, rooms.DecideEntries); err != nil {
		return nil, err
	}
	e, err := s.decideOne(ctx, in.RoomID, in.EntryID,
		decision{to: Denied, holds: s.settings.DeniedFor})
	if err == nil {
		s.record(ctx, in.RoomID, auditevent.ActionDENY, e)
	}
	return e, err
}

// Bannable returns the guest of an entry. Forbidden when the guest is a host by now: through the lobby nobody bans
// a host.
func (s *Service) Bannable(ctx context.Context, in DecideInput) (rooms.Person, error) {
	e, err := s.store.get(ctx, in.RoomID, in.EntryID, reading{})
	if err == nil && e.Status == gone {
		err = errNobodyWaits()
	}
	if err != nil {
		return rooms.Person{}, err
	}
	role, err := s.rooms.RoleOf(ctx, in.RoomID, e.UserID)
	if err == nil && rooms.IsHost(role) {
		err = fault.New(fault.Forbidden, "a host cannot be banned through the lobby")
	}
	return e.person(), err
}

// AdmitAll lets several waiting guests in, for a host, and returns those who are admitted by then.
// Those on whom somebody else decided before stay as they are.
func (s *Service) AdmitAll(ctx context.Context, in AdmitAllInput) ([]*Entry, error) {
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
func (s *Service) DenyAll(ctx context.Context, in AdmitAllInput) ([]*Entry, []rooms.Person, error) {
	if err := s.rooms.Require(ctx, in.RoomID, rooms.DecideEntries); err != nil {
		return nil, nil, err
	}
	all, denied, err := s.decideAll(ctx, in, decision{to: Denied, holds: s.settings.DeniedFor})
	if err != nil {
		return nil, nil, err
	}
	s.record(ctx, in.RoomID, auditevent.ActionDENY, denied...)
	people, err := s.noHosts(ctx, in.RoomID, all)
	return denied, people, err
}

// decideAll makes one decision on several entries, and returns them as they are then, and those of them for whom it
// stands.
func (s *Service) decideAll(ctx context.Context, in AdmitAllInput, d decision) (all, decided []*Entry, err error) {
	if len(in.EntryIds) > maxDecisions {
		return nil, nil, fault.Field("entryIds", "name at most %d entries", maxDecisions)
	}
	if in.EntryIds != nil && len(in.EntryIds) == 0 {
		return nil, nil, nil
	}
	if err := s.AllowList(ctx); err != nil {
		return nil, nil, err
	}
	if all, err = s.store.decide(ctx, in.RoomID, d, in.EntryIds...); err != nil {
		return nil, nil, err
	}
	for _, e := range all {
		if e.Status == d.to {
			decided = append(decided, e)
		}
	}
	return all, decided, nil
}

// noHosts returns the people of some entries but for hosts of the room.
func (s *Service) noHosts(ctx context.Context, roomID uuid.UUID, entries []*Entry) ([]rooms.Person, error) {
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
			people = append(people, e.person())
		}
	}
	return people, nil
}

// record stores what a host has decided on guests.
func (s *Service) record(
	ctx context.Context, roomID uuid.UUID, action auditevent.Action, entries ...*Entry,
) {
	acts := make([]rooms.Act, len(entries))
	for i, e := range entries {
		acts[i] = rooms.Act{Action: action, Target: e.person()}
	}
	s.rooms.Record(ctx, roomID, acts...)
}

// Cancel takes the holder of a ticket off the waiting list. A guest on whom a host has decided
// already is told so: Conflict.
func (s *Service) Cancel(ctx context.Context, ticketText string) (*Entry, error) {
	t, err := s.tickets.read(ticketText)
	if err != nil {
		return nil, err
	}
	if err := s.allowTicket(ctx, t); err != nil {
		return nil, err
	}
	return s.decideOne(ctx, t.RoomID, t.EntryID, decision{to: Left, holds: newsTTL})
}

// End ends the meeting of a room, now, for a host: its admissions end, those who wait are told, and what was
// given out before to enter the call opens it no longer. It returns when that was, for Followed.
func (s *Service) End(ctx context.Context, roomID uuid.UUID) (time.Time, error) {
	at, err := s.store.close(ctx, roomID)
	if err != nil {
		return at, err
	}
	return at, s.store.noteMeeting(ctx, roomID) // until the database has followed
}

// Lapse ends the meeting of a room if nobody has been in the call for Settings.MeetingGrace, as of when the
// last person left. Guests who asked or were admitted later are not concerned.
func (s *Service) Lapse(ctx context.Context, roomID uuid.UUID) error {
	return s.store.lapse(ctx, roomID, s.settings.MeetingGrace)
}

// admission is what a host decides; admittedByRule what the rules do.
func (s *Service) admission() decision {
	return decision{to: Admitted, holds: s.settings.AdmittedFor}
}

func (s *Service) admittedByRule() decision {
	return decision{to: Admitted, holds: s.settings.AdmittedFor, byRule: true}
}

// decideOne moves one entry out of WAITING; NotFound when there is no such entry in the room.
func (s *Service) decideOne(
	ctx context.Context, roomID, entryID uuid.UUID, d decision,
) (*Entry, error) {
	entries, err := s.store.decide(ctx, roomID, d, entryID)
	switch {
	case err != nil:
		return nil, err
	case len(entries) == 0:
		return nil, errNobodyWaits()
	case entries[0].Status != d.to:
		stands := string(entries[0].Status)
		return nil, fault.New(fault.Conflict, "this guest's entry is %s already", stands).
			With("decision", stands)
	}
	return entries[0], nil
}

func errNobodyWaits() error { return fault.New(fault.NotFound, "nobody waits under this id") }
