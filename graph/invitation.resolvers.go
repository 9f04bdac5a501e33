package graph

import (
	"context"

	"foyer/graph/generated"
	"foyer/invitations"
)

func (r *mutationResolver) InviteToRoom(ctx context.Context, input invitations.Input) (*generated.InviteToRoomPayload, error) {
	invited, err := r.Invitations.Invite(ctx, input)
	return &generated.InviteToRoomPayload{Invited: invited}, err
}
