package graph

import (
	"context"

	"foyer/ent"
	"foyer/graph/generated"
	"foyer/internal/fault"
	"foyer/rooms"
)

func (r *mutationResolver) UpdateViewer(ctx context.Context, input rooms.Preferences) (*generated.UpdateViewerPayload, error) {
	viewer, err := r.Rooms.Prefer(ctx, input)
	return &generated.UpdateViewerPayload{Viewer: viewer}, err
}

func (r *queryResolver) Viewer(ctx context.Context) (*ent.User, error) {
	user, err := r.Resolver.Rooms.Viewer(ctx)
	if fault.Is(err, fault.Unauthenticated) {
		return nil, nil // nobody is an answer here
	}
	return user, err
}

func (r *userResolver) DefaultConfiguration(ctx context.Context, obj *ent.User) (*ent.Room, error) {
	return r.Rooms.DefaultConfiguration(obj), nil
}

func (r *Resolver) User() generated.UserResolver { return &userResolver{r} }

type userResolver struct{ *Resolver }
