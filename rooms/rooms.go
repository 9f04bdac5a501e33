// Package rooms decides who may find, enter and run a room.
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
	// DefaultAccessLevel is that of a room whose maker does not say.
	DefaultAccessLevel room.AccessLevel
	// TemporaryRooms lets anybody into a room that nobody has made, by its address.
	TemporaryRooms bool
	// GrantsPerUser and GrantsPerRoom are how many roles may be given to e-mail addresses within an hour by
	// one user, and in one room; 0 is any number. Limiter counts; nil for no limits.
	GrantsPerUser, GrantsPerRoom int
	// RoomsPerUser is how many rooms one user may make within an hour; 0 is any number.
	RoomsPerUser int
	// UnknownSlugs is how many rooms that do not exist may be asked for by slug within a minute, by one user or, of
	// people who are not signed in, from one network address; 0 is any number.
	UnknownSlugs int
	Limiter      *ratelimit.Limiter
}

// Service answers questions about rooms and changes them.
type Service struct {
	db       *ent.Client
	accounts *accounts.Service
	settings Settings

	// What most requests ask for is read for many of them at once, and what they did is stored so.
	rooms *batch.Batcher[uuid.UUID, *ent.Room]
	looks *batch.Batcher[ent.Person, *ent.Look]
	acts  *batch.Batcher[done, struct{}]
}

// New returns a Service on a database that has the tables.
func New(db *ent.Client, people *accounts.Service, settings Settings) *Service {
	s := &Service{db: db, accounts: people, settings: settings}
	s.rooms, s.looks = batch.ByKey(db.Room.ByIDs), batch.ByKey(db.Room.Looks)
	s.acts = batch.New(1, s.store) // two would wait for each other in SQLite
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
	own := *r // it is shared
	return &own, nil
}

// Look finds a room, and what a person is in it; NotFound when there is no such room.
func (s *Service) Look(ctx context.Context, roomID uuid.UUID, p Person) (*ent.Look, error) {
	l, err := s.looks.One(ctx, ent.Person{RoomID: roomID, UserID: p.UserID, ID: p.ID})
	if err != nil {
		return nil, fmt.Errorf("find room: %w", err)
	}
	if l == nil {
		return nil, errNoRoom()
	}
	own, r := *l, *l.Room // they are shared
	own.Room = &r
	return &own, nil
}

// ViewerLook is Look for the viewer.
func (s *Service) ViewerLook(ctx context.Context, roomID uuid.UUID) (*ent.Look, error) {
	userID := auth.FromContext(ctx).UserID
	return s.Look(ctx, roomID, Person{ID: userID, UserID: userID})
}

// ByIDs finds those of many rooms that exist.
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

// BySlug finds a room by its address, in any spelling that normalises to it. Whoever has named too many that do not
// exist is RateLimited, also for one that does: else guesses would go on. Who names rooms that exist meets no limit.
func (s *Service) BySlug(ctx context.Context, slug string) (*ent.Room, error) {
	const refusal = "too many rooms that do not exist; try again in a moment"
	guesses := s.guesses(ctx)
	if err := s.settings.Limiter.Peek(ctx, refusal, guesses); err != nil {
		return nil, err
	}
	r, err := found(s.db.Room.Query().Where(room.Slug(NormalizeSlug(slug))).Only(ctx))
	if fault.Is(err, fault.NotFound) {
		if err := s.settings.Limiter.Allow(ctx, refusal, guesses); err != nil {
			return nil, err
		}
	}
	return r, err
}

// guesses limits the viewer's guesses of slugs. Where there are temporary rooms there are none: every slug leads
// somewhere.
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

func found(r *ent.Room, err error) (*ent.Room, error) {
	if ent.IsNotFound(err) {
		return nil, errNoRoom()
	}
	if err != nil {
		return nil, fmt.Errorf("find room: %w", err)
	}
	return r, nil
}

func errNoRoom() error { return fault.New(fault.NotFound, "there is no such room") }

// Find finds a room by exactly one of its id and its slug.
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

// List returns a page of the rooms in which the viewer has a role, newest first.
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

// PageSize returns how many a page of a list holds, by what was asked for.
func PageSize(first *int) (int, error) {
	if first == nil {
		return maxPage, nil
	}
	if *first < 0 || *first > maxPage {
		return 0, fault.Field("first", "first must be 0 to %d", maxPage)
	}
	return *first, nil
}
