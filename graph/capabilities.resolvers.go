package graph

import (
	"context"

	"foyer/graph/generated"
)

func (r *queryResolver) Capabilities(ctx context.Context) (*generated.Capabilities, error) {
	return &r.Offers, nil
}
