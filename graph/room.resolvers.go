package graph

import (
	"context"

	"entgo.io/contrib/entgql"
	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/graph/generated"
	"foyer/meetings"
	"foyer/rooms"
)

func (r *mutationResolver) CreateRoom(ctx context.Context, input rooms.CreateInput) (*generated.CreateRoomPayload, error) {
	room, err := r.Rooms.Create(ctx, input)
	return &generated.CreateRoomPayload{Room: room}, err
}

func (r *mutationResolver) UpdateRoom(ctx context.Context, input rooms.UpdateInput) (*meetings.UpdatedRoom, error) {
	return r.Meetings.UpdateRoom(ctx, input)
}

func (r *mutationResolver) DeleteRoom(ctx context.Context, input generated.DeleteRoomInput) (*generated.DeleteRoomPayload, error) {
	room, err := r.Meetings.DeleteRoom(ctx, input.RoomID)
	return &generated.DeleteRoomPayload{Room: room}, err
}

func (r *queryResolver) Room(ctx context.Context, id *uuid.UUID, slug *string) (*ent.Room, error) {
	return r.Resolver.Rooms.Find(ctx, id, slug)
}

func (r *queryResolver) Rooms(ctx context.Context, first *int, after *entgql.Cursor[uuid.UUID]) (*ent.RoomConnection, error) {
	return r.Resolver.Rooms.List(ctx, first, after)
}

func (r *roomResolver) ViewerRole(ctx context.Context, obj *ent.Room) (*roomaccess.Role, error) {
	role, err := r.Rooms.Role(ctx, obj)
	return orNull(role), err
}

func (r *roomResolver) ViewerCanJoin(ctx context.Context, obj *ent.Room) (bool, error) {
	return r.Rooms.ViewerCanJoin(ctx, obj)
}

func (r *roomResolver) Locked(ctx context.Context, obj *ent.Room) (bool, error) {
	return obj.LockedAt != nil, nil
}

func (r *roomResolver) Configuration(ctx context.Context, obj *ent.Room) (*ent.Room, error) {
	return obj, r.Rooms.Require(ctx, obj.ID, rooms.ReadConfiguration)
}

func (r *Resolver) Room() generated.RoomResolver { return &roomResolver{r} }

type roomResolver struct{ *Resolver }
