package graph

import (
	"context"

	"entgo.io/contrib/entgql"
	"github.com/google/uuid"

	"foyer/ent"
)

func (r *roomResolver) Audit(ctx context.Context, obj *ent.Room, first *int, after *entgql.Cursor[uuid.UUID]) (*ent.AuditEventConnection, error) {
	return r.Rooms.Audit(ctx, obj.ID, first, after)
}
