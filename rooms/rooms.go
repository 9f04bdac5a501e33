// Package rooms decides who may find, enter and run a room.
//
// Roles belong to accounts. A role that a host gives to an e-mail address creates a provisional account in the same
// transaction, so rooms imports accounts, and never the reverse.
package rooms

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"foyer/accounts"
	"foyer/auth"
	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/ent/roomban"
	"foyer/internal/batch"
	"foyer/internal/fault"
	"foyer/internal/ratelimit"
)

// maxPage bounds what one page of a list holds.
const maxPage = 100

// Settings of a Service.
type Settings struct {
	// DefaultAccessLevel is the access level of a room whose creator names none.
	DefaultAccessLevel room.AccessLevel
	// TemporaryRooms lets everybody enter a room that nobody has created, by its slug.
	TemporaryRooms bool
	// GrantsPerUser and GrantsPerRoom are how many roles and shares one user may give in an hour, and how many may
	// be given in one room; 0 is any number.
	GrantsPerUser, GrantsPerRoom int
	// RoomsPerUser is how many rooms one user may create in an hour; 0 is any number.
	RoomsPerUser int
	// UnknownSlugs is how many slugs of no room one user may try in a minute; guests are counted by their network
	// address. 0 is any number.
	UnknownSlugs int
}

// Service finds rooms, and says what people may do in them.
type Service struct {
	db       *ent.Client
	accounts *accounts.Service
	limiter  *ratelimit.Limiter
	settings Settings

	// The reads of most requests, and the acts that they store in the audit, run in batches.
	rooms     *batch.Batcher[uuid.UUID, *ent.Room]
	standings *batch.Batcher[ent.PersonInRoom, *ent.RoomStanding]
	acts      *batch.Batcher[roomAct, struct{}]
}

// New returns a Service on a database that has the tables. The limiter may be nil: then nothing is limited.
func New(db *ent.Client, people *accounts.Service, limiter *ratelimit.Limiter, settings Settings) *Service {
	s := &Service{db: db, accounts: people, limiter: limiter, settings: settings}
	s.rooms, s.standings = batch.ByKey(db.Room.ByIDs), batch.ByKey(db.Room.Standings)
	s.acts = batch.New(1, s.store) // in SQLite a second batch would only wait
	return s
}

// ByID finds a room; NotFound when there is none.
func (s *Service) ByID(ctx context.Context, id uuid.UUID) (*ent.Room, error) {
	r, err := s.rooms.One(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("find room: %w", err)
	}
	if r == nil {
		return nil, errNoRoom()
	}
	own := *r // concurrent requests share r
	return &own, nil
}

// Standing returns a room and a person's standing in it; NotFound if the room does not exist.
func (s *Service) Standing(ctx context.Context, roomID uuid.UUID, p Person) (*ent.RoomStanding, error) {
	l, err := s.standings.One(ctx, ent.PersonInRoom{RoomID: roomID, UserID: p.UserID, ID: p.ID})
	if err != nil {
		return nil, fmt.Errorf("find room: %w", err)
	}
	if l == nil {
		return nil, errNoRoom()
	}
	own, r := *l, *l.Room // concurrent requests share both
	own.Room = &r
	return &own, nil
}

// ViewerStanding is Standing for the viewer.
func (s *Service) ViewerStanding(ctx context.Context, roomID uuid.UUID) (*ent.RoomStanding, error) {
	userID := auth.FromContext(ctx).UserID
	return s.Standing(ctx, roomID, Person{ID: userID, UserID: userID})
}

// ByIDs finds rooms by their ids. Rooms that do not exist are left out.
func (s *Service) ByIDs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*ent.Room, error) {
	list, err := s.db.Room.Query().Where(room.IDIn(ids...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("find rooms: %w", err)
	}
	byID := make(map[uuid.UUID]*ent.Room, len(list))
	for _, r := range list {
		byID[r.ID] = r
	}
	return byID, nil
}

// BySlug finds a room by its slug, in any spelling that normalises to it. A viewer who has tried too many unknown slugs
// is RateLimited, also for a slug that exists: otherwise the viewer could go on guessing. Only unknown slugs count.
func (s *Service) BySlug(ctx context.Context, slug string) (*ent.Room, error) {
	const refusal = "too many rooms that do not exist; try again in a moment"
	guesses := s.guesses(ctx)
	if err := s.limiter.Peek(ctx, refusal, guesses); err != nil {
		return nil, err
	}
	r, err := orNotFound(s.db.Room.Query().Where(room.Slug(NormalizeSlug(slug))).Only(ctx))
	if fault.Is(err, fault.NotFound) {
		if err := s.limiter.Allow(ctx, refusal, guesses); err != nil {
			return nil, err
		}
	}
	return r, err
}

// guesses is the viewer's limit of unknown slugs. With temporary rooms there is no limit: every slug leads to a room.
func (s *Service) guesses(ctx context.Context) ratelimit.Limit {
	n, viewer := s.settings.UnknownSlugs, auth.FromContext(ctx)
	switch {
	case s.settings.TemporaryRooms:
		return ratelimit.Limit{}
	case viewer.SignedIn():
		return ratelimit.PerMinute("slug:user", viewer.UserID.String(), n)
	default:
		return ratelimit.PerMinute("slug:address", viewer.Address, n)
	}
}

// orNotFound translates ent's errors about a room.
func orNotFound(r *ent.Room, err error) (*ent.Room, error) {
	if ent.IsNotFound(err) {
		return nil, errNoRoom()
	}
	if err != nil {
		return nil, fmt.Errorf("find room: %w", err)
	}
	return r, nil
}

func errNoRoom() error { return fault.New(fault.NotFound, "there is no such room") }

// Find finds a room by either its id or its slug.
func (s *Service) Find(ctx context.Context, id *uuid.UUID, slug *string) (*ent.Room, error) {
	switch {
	case id != nil && slug == nil:
		return s.ByID(ctx, *id)
	case slug != nil && id == nil:
		return s.BySlug(ctx, *slug)
	default:
		return nil, fault.New(fault.Invalid, "name the room by its id or by its slug: exactly one of them")
	}
}

// List returns a page of the rooms in which the viewer has a role, the newest first.
func (s *Service) List(
	ctx context.Context, first *int, after *ent.Cursor,
) (*ent.RoomConnection, error) {
	viewer := auth.FromContext(ctx)
	if !viewer.SignedIn() {
		return nil, auth.ErrNobody()
	}
	size, err := PageSize(first)
	if err != nil {
		return nil, err
	}
	mine := roomaccess.UserID(viewer.UserID)
	page, err := s.db.Room.Query().
		Where(room.HasAccessesWith(mine)).
		WithAccesses(func(q *ent.RoomAccessQuery) { q.Where(mine) }).
		WithBans(func(q *ent.RoomBanQuery) { q.Where(roomban.PersonID(viewer.UserID)) }).
		Paginate(ctx, after, &size, nil, nil, ent.WithRoomOrder(newestFirst))
	if err != nil {
		return nil, fmt.Errorf("list rooms: %w", err)
	}
	return page, nil
}

// PageSize returns the size of a page of a list, for the first argument of a field.
func PageSize(first *int) (int, error) {
	if first == nil {
		return maxPage, nil
	}
	if *first < 0 || *first > maxPage {
		return 0, fault.Field("first", "first must be 0 to %d", maxPage)
	}
	return *first, nil
}
