package rooms

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"entgo.io/contrib/entgql"
	"github.com/google/uuid"

	"foyer/accounts"
	"foyer/auth"
	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/internal/text"
)

// maxActs is how many acts one statement stores.
const maxActs = 500

// Act is an act of moderation.
type Act struct {
	Action auditevent.Action
	// Actor is the person who did it, if they are not the viewer.
	Actor Person
	// Target is the person it was done to; zero for an act on the room.
	Target Person
	// Detail describes the act in at most 2000 bytes.
	Detail string
}

// onAccounts are the acts on an account. Hosts see the account's id with the role or the share anyway.
var onAccounts = []auditevent.Action{
	auditevent.ActionSET_ROLE, auditevent.ActionSHARE_RECORDING, auditevent.ActionUNSHARE_RECORDING,
}

// targetID is the id that the audit shows of an act's target: that of an entry or a participant. Only acts on accounts
// show the id of an account: a user who merely asks to enter does not reveal theirs.
func (a Act) targetID() *uuid.UUID {
	account := a.Target.UserID != uuid.Nil && a.Target.ID == a.Target.UserID
	if a.Target.ID == uuid.Nil || account && !slices.Contains(onAccounts, a.Action) {
		return nil
	}
	return &a.Target.ID
}

// auditTimeout is how long a request waits until its acts are stored.
const auditTimeout = 5 * time.Second

// WriteAudit stores acts of the viewer in the audit of a room. The acts have happened already: a failure to store them
// is logged, and undoes nothing.
func (s *Service) WriteAudit(ctx context.Context, roomID uuid.UUID, acts ...Act) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
	defer cancel()
	for len(acts) > 0 {
		n := min(len(acts), maxActs)
		if err := s.writeAudit(ctx, roomID, acts[:n]); err != nil {
			slog.ErrorContext(ctx, "acts of moderation are missing in the audit",
				"room", roomID, "action", acts[0].Action, "acts", n, "err", err)
		}
		acts = acts[n:]
	}
}

func (s *Service) writeAudit(ctx context.Context, roomID uuid.UUID, acts []Act) error {
	viewer := auth.FromContext(ctx).UserID
	all := make([]roomAct, len(acts))
	for i, act := range acts {
		if act.Actor.ID == uuid.Nil {
			act.Actor = Person{ID: viewer, UserID: viewer}
		}
		all[i] = roomAct{act, roomID}
	}
	_, err := s.acts.All(ctx, all...)
	if ent.IsConstraintError(err) || ent.IsValidationError(err) {
		// The batch was refused as a whole, perhaps for another request's act in a deleted room. Retry these alone.
		_, err = s.store(ctx, all)
	}
	return err
}

// roomAct is an act in a room.
type roomAct struct {
	Act

	roomID uuid.UUID
}

// store stores acts, all or none.
func (s *Service) store(ctx context.Context, all []roomAct) ([]struct{}, error) {
	names, err := s.actors(ctx, all)
	if err != nil {
		return nil, err
	}
	events := make([]*ent.AuditEvent, len(all))
	for i, act := range all {
		events[i] = &ent.AuditEvent{
			RoomID: act.roomID, Action: act.Action, ActorID: act.Actor.ID,
			// Nobody has checked the names of phones and streams: they may have any length and any characters.
			ActorName:  cmp.Or(text.Fit(act.Actor.Name), names[act.Actor.UserID]),
			TargetName: text.Fit(act.Target.Name), Detail: act.Detail,
		}
		events[i].TargetID = act.targetID()
	}
	return make([]struct{}, len(all)), s.db.AuditEvent.InsertAll(ctx, events)
}

// actors returns the names of the accounts of the actors.
func (s *Service) actors(ctx context.Context, all []roomAct) (map[uuid.UUID]string, error) {
	names, ids := map[uuid.UUID]string{}, []uuid.UUID{}
	for _, act := range all {
		id := act.Actor.UserID
		if _, known := names[id]; !known && id != uuid.Nil && act.Actor.Name == "" {
			names[id], ids = "", append(ids, id)
		}
	}
	users, err := s.db.User.ByIDs(ctx, ids)
	for _, u := range users {
		if u != nil {
			names[u.ID] = accounts.Name(u)
		}
	}
	return names, err
}

// Audit returns a page of the audit of a room for its owners, the latest act first.
func (s *Service) Audit(
	ctx context.Context, roomID uuid.UUID, first *int, after *ent.Cursor,
) (*ent.AuditEventConnection, error) {
	if err := s.Require(ctx, roomID, ReadAudit); err != nil {
		return nil, err
	}
	size, err := PageSize(first)
	if err != nil {
		return nil, err
	}
	latestFirst := &ent.AuditEventOrder{
		Direction: entgql.OrderDirectionDesc, Field: ent.AuditEventOrderFieldCreatedAt,
	}
	page, err := s.db.AuditEvent.Query().Where(auditevent.RoomID(roomID)).
		Paginate(ctx, after, &size, nil, nil, ent.WithAuditEventOrder(latestFirst))
	if err != nil {
		return nil, fmt.Errorf("list audit of room %s: %w", roomID, err)
	}
	return page, nil
}

// endings are the acts that end an admission by a host.
var endings = []auditevent.Action{
	auditevent.ActionDENY, auditevent.ActionREMOVE, auditevent.ActionBAN, auditevent.ActionRETURN_TO_LOBBY,
	auditevent.ActionEND_MEETING,
}

// Admission is a host's decision to admit a guest.
type Admission struct {
	// Name is the guest's name as the host saw it.
	Name string
	At   time.Time
}

// Admissions returns the latest admission of each entry since a time, from the audit. It leaves out admissions that a
// host has ended.
func (s *Service) Admissions(
	ctx context.Context, roomID uuid.UUID, since time.Time, entryIDs ...uuid.UUID,
) (map[uuid.UUID]Admission, error) {
	acts, err := s.db.AuditEvent.Query().Where(
		auditevent.RoomID(roomID), auditevent.CreatedAtGTE(since),
		auditevent.ActionIn(append(endings, auditevent.ActionADMIT)...),
		auditevent.Or(auditevent.TargetIDIn(entryIDs...), auditevent.ActionEQ(auditevent.ActionEND_MEETING)),
	).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("find admissions to room %s: %w", roomID, err)
	}
	admissions := map[uuid.UUID]Admission{}
	ended := map[uuid.UUID]time.Time{} // the zero id stands for everybody
	for _, act := range acts {
		var target uuid.UUID
		if act.TargetID != nil {
			target = *act.TargetID
		}
		switch {
		case act.Action != auditevent.ActionADMIT:
			ended[target] = later(ended[target], act.CreatedAt)
		case act.CreatedAt.After(admissions[target].At):
			admissions[target] = Admission{act.TargetName, act.CreatedAt}
		}
	}
	maps.DeleteFunc(admissions, func(id uuid.UUID, a Admission) bool {
		return !a.At.After(later(ended[id], ended[uuid.Nil]))
	})
	return admissions, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
