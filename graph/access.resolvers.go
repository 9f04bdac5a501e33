package graph

import (
	"context"

	"entgo.io/contrib/entgql"
	"github.com/google/uuid"

	"foyer/ent"
	"foyer/graph/generated"
	"foyer/rooms"
)

func (r *mutationResolver) GrantRoomAccess(ctx context.Context, input rooms.GrantInput) (*generated.GrantRoomAccessPayload, error) {
	access, err := r.Meetings.Grant(ctx, input)
	return &generated.GrantRoomAccessPayload{RoomAccess: access}, err
}

func (r *mutationResolver) UpdateRoomAccess(ctx context.Context, input generated.UpdateRoomAccessInput) (*generated.UpdateRoomAccessPayload, error) {
	access, err := r.Meetings.UpdateAccess(ctx, input.RoomID, input.UserID, input.Role)
	return &generated.UpdateRoomAccessPayload{RoomAccess: access}, err
}

func (r *mutationResolver) RevokeRoomAccess(ctx context.Context, input generated.RevokeRoomAccessInput) (*generated.RevokeRoomAccessPayload, error) {
	access, err := r.Meetings.Revoke(ctx, input.RoomID, input.UserID)
	return &generated.RevokeRoomAccessPayload{RoomAccess: access}, err
}

func (r *mutationResolver) LeaveRoom(ctx context.Context, input generated.LeaveRoomInput) (*generated.LeaveRoomPayload, error) {
	room, err := r.Meetings.Leave(ctx, input.RoomID)
	return &generated.LeaveRoomPayload{Room: room}, err
}

func (r *mutationResolver) TransferRoomOwnership(ctx context.Context, input generated.TransferRoomOwnershipInput) (*generated.TransferRoomOwnershipPayload, error) {
	room, err := r.Meetings.Transfer(ctx, input.RoomID, input.UserID)
	return &generated.TransferRoomOwnershipPayload{Room: room}, err
}

func (r *roomResolver) Accesses(ctx context.Context, obj *ent.Room, first *int, after *entgql.Cursor[uuid.UUID]) (*ent.RoomAccessConnection, error) {
	return r.Rooms.Accesses(ctx, obj.ID, first, after)
}

func (r *roomAccessResolver) User(ctx context.Context, obj *ent.RoomAccess) (*ent.User, error) {
	return r.Rooms.AccessUser(ctx, obj)
}

func (r *Resolver) RoomAccess() generated.RoomAccessResolver { return &roomAccessResolver{r} }

type roomAccessResolver struct{ *Resolver }
