package graph

import (
	"context"

	"github.com/google/uuid"

	"foyer/auth"
	"foyer/ent"
	"foyer/internal/fault"
)

// node finds what has an id, if the viewer may see it: the viewer's own account, a room, an access to a room of
// which the viewer is a host, or a recording. An application sees no recordings.
func (r *Resolver) node(ctx context.Context, id uuid.UUID) (ent.Noder, error) {
	viewer := auth.FromContext(ctx)
	if viewer.SignedIn() && viewer.UserID == id {
		return r.Accounts.Viewer(ctx)
	}
	if room, err := r.Rooms.ByID(ctx, id); !fault.Is(err, fault.NotFound) {
		return room, err
	}
	if access, err := r.Rooms.Access(ctx, id); !fault.Is(err, fault.NotFound) {
		return access, err
	}
	if viewer.SignedIn() && !viewer.IsApplication() {
		if recording, err := r.Recordings.Get(ctx, id); !fault.Is(err, fault.NotFound) {
			return recording, err
		}
	}
	return nil, fault.New(fault.NotFound, "there is nothing with this id that you may see")
}
