package graph

import (
	"context"

	"foyer/accounts"
	"foyer/ent"
	"foyer/graph/generated"
	"foyer/internal/fault"
	"foyer/rooms"
)

func (r *mutationResolver) UpdateViewer(ctx context.Context, input accounts.Preferences) (*generated.UpdateViewerPayload, error) {
	viewer, err := r.Accounts.Prefer(ctx, input)
	return &generated.UpdateViewerPayload{Viewer: viewer}, err
}

func (r *queryResolver) Viewer(ctx context.Context) (*ent.User, error) {
	user, err := r.Accounts.Viewer(ctx)
	if fault.Is(err, fault.Unauthenticated) {
		return nil, nil // nobody is an answer here
	}
	return user, err
}

func (r *userResolver) DefaultConfiguration(ctx context.Context, obj *ent.User) (*ent.Room, error) {
	return rooms.DefaultConfiguration(obj), nil
}

func (r *Resolver) User() generated.UserResolver { return &userResolver{r} }

type userResolver struct{ *Resolver }
