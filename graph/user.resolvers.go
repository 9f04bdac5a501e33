package graph

import (
	"context"

	"foyer/ent"
	"foyer/fault"
)

func (r *queryResolver) Viewer(ctx context.Context) (*ent.User, error) {
	user, err := r.Resolver.Rooms.Viewer(ctx)
	if fault.Is(err, fault.Unauthenticated) {
		return nil, nil // nobody is an answer here
	}
	return user, err
}
