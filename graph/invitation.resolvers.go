package graph

import (
	"context"

	"foyer/graph/generated"
	"foyer/notifications"
)

func (r *mutationResolver) InviteToRoom(ctx context.Context, input notifications.InviteInput) (*generated.InviteToRoomPayload, error) {
	invited, err := r.Notifications.Invite(ctx, input)
	return &generated.InviteToRoomPayload{Invited: invited}, err
}
