package graph

import (
	"context"

	"foyer/graph/generated"
)

func (r *queryResolver) Capabilities(_ context.Context) (*generated.Capabilities, error) {
	return &r.Offers, nil
}
