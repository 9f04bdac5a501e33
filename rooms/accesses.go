package rooms

import (
	"context"
	"fmt"

	"entgo.io/contrib/entgql"
	"github.com/google/uuid"

	"foyer/accounts"
	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
)

var oldestFirst = &ent.RoomAccessOrder{
	Direction: entgql.OrderDirectionAsc, Field: ent.RoomAccessOrderFieldCreatedAt,
}

// Accesses returns a page of the accesses to a room for a host, in the order of their grants.
func (s *Service) Accesses(
	ctx context.Context, roomID uuid.UUID, first *int, after *ent.Cursor,
) (*ent.RoomAccessConnection, error) {
	if err := s.Require(ctx, roomID, ReadAccesses); err != nil {
		return nil, err
	}
	size, err := PageSize(first)
	if err != nil {
		return nil, err
	}
	page, err := s.db.RoomAccess.Query().Where(roomaccess.RoomID(roomID)).WithUser().
		Paginate(ctx, after, &size, nil, nil, ent.WithRoomAccessOrder(oldestFirst))
	if err != nil {
		return nil, fmt.Errorf("list accesses: %w", err)
	}
	return page, nil
}

// Access finds an access by its id, for a host of its room. For everybody else it is NotFound.
func (s *Service) Access(ctx context.Context, id uuid.UUID) (*ent.RoomAccess, error) {
	access, err := s.db.RoomAccess.Query().Where(roomaccess.ID(id)).WithUser().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, errNoAccess()
	}
	if err != nil {
		return nil, fmt.Errorf("find access: %w", err)
	}
	err = s.Require(ctx, access.RoomID, ReadAccesses)
	if fault.Is(err, fault.Forbidden) || fault.Is(err, fault.Unauthenticated) {
		return nil, errNoAccess()
	}
	return access, err
}

func errNoAccess() error {
	return fault.New(fault.NotFound, "there is no such access that you may see")
}

// AccessUser returns the user of an access, as the viewer may see them.
func (s *Service) AccessUser(ctx context.Context, access *ent.RoomAccess) (*ent.User, error) {
	u, err := access.Edges.UserOrErr()
	if err != nil {
		u, err = s.db.User.Get(ctx, access.UserID)
	}
	if err != nil {
		return nil, fmt.Errorf("find user of access: %w", err)
	}
	return accounts.Shown(ctx, u, access.Email), nil
}
