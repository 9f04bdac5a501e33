package graph

import (
	"context"

	"foyer/lobby"
)

func (r *mutationResolver) CreateRoomToken(ctx context.Context, input lobby.CreateRoomTokenInput) (*lobby.RoomToken, error) {
	return r.Lobby.CreateRoomToken(ctx, input)
}
