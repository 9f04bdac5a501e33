package rooms

import (
	"context"
	"fmt"
	"time"

	"entgo.io/contrib/entgql"
	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/ent/roomban"
	"foyer/internal/fault"
	"foyer/internal/text"
)

// BanScope is how long a ban lasts.
type BanScope string

// Every scope of a ban.
const (
	NoBan      BanScope = "NONE"
	ForMeeting BanScope = "MEETING"
	Forever    BanScope = "FOREVER"
)

// Ban keeps a person out of a room until the meeting ends, or for good. A longer ban replaces a shorter one, never the
// reverse. The caller has checked that the viewer may ban.
func (e *Editor) Ban(
	ctx context.Context, roomID uuid.UUID, p Person, scope BanScope,
) error {
	err := e.db.RoomBan.Create().
		SetRoomID(roomID).SetPersonID(p.Key()).SetIsAuthenticated(p.UserID != uuid.Nil).
		SetDisplayName(text.Fit(p.Name)).SetScope(roomban.Scope(scope)).
		OnConflict(sql.ConflictColumns(roomban.FieldRoomID, roomban.FieldPersonID)).
		Update(func(u *ent.RoomBanUpsert) {
			if scope == Forever {
				u.UpdateScope()
			}
			u.UpdateUpdatedAt()
		}).
		Exec(ctx)
	if ent.IsConstraintError(err) {
		return errNoRoom()
	}
	if err != nil {
		return fmt.Errorf("ban from room %s: %w", roomID, err)
	}
	e.WriteAudit(ctx, roomID, Act{Action: auditevent.ActionBAN, Target: p, Detail: string(scope)})
	return nil
}

// Banned returns the keys of the given people who are banned from a room.
func (s *Service) Banned(
	ctx context.Context, roomID uuid.UUID, people ...Person,
) (map[uuid.UUID]bool, error) {
	keys := make([]uuid.UUID, 0, 2*len(people))
	for _, p := range people {
		keys = append(keys, p.Key())
		if p.Key() != p.ID { // a person who has signed in may have been banned by their entry
			keys = append(keys, p.ID)
		}
	}
	bans, err := s.db.RoomBan.Query().
		Where(roomban.PersonIDIn(keys...), roomban.RoomID(roomID)).
		All(ctx)
	if err != nil {
		return nil, fmt.Errorf("find bans from room %s: %w", roomID, err)
	}
	stored := make(map[uuid.UUID]bool, len(bans))
	for _, b := range bans {
		stored[b.PersonID] = true
	}
	banned := map[uuid.UUID]bool{}
	for _, p := range people {
		if stored[p.Key()] || stored[p.ID] {
			banned[p.Key()] = true
		}
	}
	return banned, nil
}

// ErrBanned is the error for a banned person.
func ErrBanned() error {
	return fault.New(fault.Forbidden, "you have been banned from this room").With("reason", "BANNED")
}

// Bans returns a page of the bans from a room for its hosts, the latest first.
func (s *Service) Bans(
	ctx context.Context, roomID uuid.UUID, first *int, after *ent.Cursor,
) (*ent.RoomBanConnection, error) {
	if err := s.Require(ctx, roomID, Moderate); err != nil {
		return nil, err
	}
	size, err := PageSize(first)
	if err != nil {
		return nil, err
	}
	latestFirst := &ent.RoomBanOrder{
		Direction: entgql.OrderDirectionDesc, Field: ent.RoomBanOrderFieldCreatedAt,
	}
	page, err := s.db.RoomBan.Query().Where(roomban.RoomID(roomID)).
		Paginate(ctx, after, &size, nil, nil, ent.WithRoomBanOrder(latestFirst))
	if err != nil {
		return nil, fmt.Errorf("list bans from room %s: %w", roomID, err)
	}
	return page, nil
}

// LiftBan ends a ban for a host, and returns it. Only an owner may lift their own ban: a host of a higher rank has
// decided it. Where the viewer is not a host, every ban is NotFound.
func (s *Service) LiftBan(ctx context.Context, banID uuid.UUID) (*ent.RoomBan, error) {
	ban, err := s.ban(ctx, banID)
	if err != nil {
		return nil, err
	}
	if err := s.db.RoomBan.DeleteOne(ban).Exec(ctx); ent.IsNotFound(err) {
		return nil, errNoBan()
	} else if err != nil {
		return nil, fmt.Errorf("lift ban %s: %w", banID, err)
	}
	banned := Person{ID: ban.PersonID, Name: ban.DisplayName}
	if ban.IsAuthenticated {
		banned.UserID = ban.PersonID
	}
	s.WriteAudit(ctx, ban.RoomID, Act{Action: auditevent.ActionLIFT_BAN, Target: banned})
	return ban, nil
}

// ban finds a ban for a host of its room.
func (s *Service) ban(ctx context.Context, banID uuid.UUID) (*ent.RoomBan, error) {
	ban, err := s.db.RoomBan.Get(ctx, banID)
	if ent.IsNotFound(err) {
		return nil, errNoBan()
	}
	if err != nil {
		return nil, fmt.Errorf("find ban %s: %w", banID, err)
	}
	viewer := auth.FromContext(ctx)
	role, err := s.RoleOf(ctx, ban.RoomID, viewer.UserID)
	switch {
	case err != nil:
		return nil, err
	case !IsHost(role):
		return nil, errNoBan()
	case ban.PersonID == viewer.UserID && role != roomaccess.RoleOWNER:
		return nil, fault.New(fault.Forbidden, "you cannot lift your own ban")
	}
	return ban, nil
}

func errNoBan() error { return fault.New(fault.NotFound, "there is no such ban") }

// EndMeeting ends the lock of a room and its bans for one meeting. A lock or ban that was made after at belongs to the
// next meeting.
func (e *Editor) EndMeeting(ctx context.Context, roomID uuid.UUID, at time.Time) error {
	_, err := e.db.RoomBan.Delete().
		Where(roomban.RoomID(roomID), roomban.ScopeEQ(roomban.ScopeMEETING), roomban.UpdatedAtLTE(at)).
		Exec(ctx)
	if err != nil {
		return fmt.Errorf("end bans of a meeting in room %s: %w", roomID, err)
	}
	err = e.db.Room.Update().Where(room.ID(roomID), room.LockedAtLTE(at)).ClearLockedAt().Exec(ctx)
	if err != nil {
		return fmt.Errorf("unlock room %s: %w", roomID, err)
	}
	return nil
}
