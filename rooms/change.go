package rooms

import (
	"context"
	"fmt"
	"time"

	"entgo.io/contrib/entgql"
	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/database"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/ratelimit"
	"foyer/internal/text"
)

// maxName is how many characters the name of a room may have.
const maxName = 200

// slugTries is how many random slugs are tried. With a billion rooms, one in 140,000 is taken.
const slugTries = 5

var newestFirst = &ent.RoomOrder{Direction: entgql.OrderDirectionDesc, Field: ent.RoomOrderFieldCreatedAt}

// CreateInput describes a new room.
type CreateInput struct {
	Name          string
	Slug          *string
	AccessLevel   *room.AccessLevel
	Configuration *ent.ConfigurationInput
}

// UpdateInput describes a change of a room. A field that is nil stays as it is.
type UpdateInput struct {
	RoomID        uuid.UUID
	Name          *string
	AccessLevel   *room.AccessLevel
	Configuration *ent.ConfigurationInput
}

// Create creates a room and makes its creator the owner: both or neither. A chosen slug that is taken is a Conflict.
// Attempts with taken slugs count against the limit of rooms.
func (s *Service) Create(ctx context.Context, in CreateInput) (*ent.Room, error) {
	viewer, err := s.accounts.Viewer(ctx)
	if err != nil {
		return nil, err
	}
	if in.Name, err = text.CheckName("name", in.Name, maxName); err != nil {
		return nil, err
	}
	slug := ""
	if in.Slug != nil {
		if slug, err = chosenSlug(*in.Slug); err != nil {
			return nil, err
		}
	}
	err = s.limiter.Allow(ctx, "too many new rooms; try again later",
		ratelimit.PerHour("room:user", viewer.ID.String(), s.settings.RoomsPerUser))
	if err != nil {
		return nil, err
	}
	if in.Slug != nil {
		return s.create(ctx, viewer, slug, in)
	}
	for range slugTries {
		r, err := s.create(ctx, viewer, randomSlug(), in)
		if !fault.Is(err, fault.Conflict) {
			return r, err
		}
	}
	return nil, fmt.Errorf("no free slug in %d tries", slugTries)
}

func (s *Service) create(
	ctx context.Context, owner *ent.User, slug string, in CreateInput,
) (*ent.Room, error) {
	var made *ent.Room
	err := database.InTx(ctx, s.db, func(tx *ent.Tx) error {
		create := tx.Room.Create().SetName(in.Name).SetSlug(slug).
			SetAccessLevel(s.defaultAccessLevel(owner))
		if in.AccessLevel != nil {
			create.SetAccessLevel(*in.AccessLevel)
		}
		create.Mutation().Configure(defaultConfiguration(owner))
		create.Mutation().Configure(in.Configuration)
		r, err := create.Save(ctx)
		if err != nil {
			return err
		}
		made = r
		return tx.RoomAccess.Create().
			SetRoom(r).SetUser(owner).SetRole(roomaccess.RoleOWNER).Exec(ctx)
	})
	if ent.IsConstraintError(err) {
		return nil, fault.From(err, fault.Conflict, "this slug is taken").With("field", "slug")
	}
	if err != nil {
		return nil, fmt.Errorf("create room: %w", err)
	}
	return made.Unwrap(), nil // it outlives the transaction
}

// Update changes a room for a host, and returns the changed room.
func (e *Editor) Update(ctx context.Context, in UpdateInput) (*ent.Room, error) {
	if err := e.Require(ctx, in.RoomID, Change); err != nil {
		return nil, err
	}
	update := e.db.Room.UpdateOneID(in.RoomID)
	if in.Name != nil {
		name, err := text.CheckName("name", *in.Name, maxName)
		if err != nil {
			return nil, err
		}
		update.SetName(name)
	}
	if in.AccessLevel != nil {
		update.SetAccessLevel(*in.AccessLevel)
	}
	update.Mutation().Configure(in.Configuration)
	return orNotFound(update.Save(ctx))
}

// Lock closes a room to everybody but its hosts, for a host, until Unlock or the end of the meeting. It reports whether
// the room was open.
func (e *Editor) Lock(ctx context.Context, roomID uuid.UUID) (*ent.Room, bool, error) {
	open := e.db.Room.Update().Where(room.ID(roomID), room.LockedAtIsNil())
	return e.setLock(ctx, roomID, open.SetLockedAt(time.Now()))
}

// Unlock opens a locked room for a host. It reports whether the room was locked.
func (e *Editor) Unlock(ctx context.Context, roomID uuid.UUID) (*ent.Room, bool, error) {
	locked := e.db.Room.Update().Where(room.ID(roomID), room.LockedAtNotNil())
	return e.setLock(ctx, roomID, locked.ClearLockedAt())
}

// setLock locks or unlocks a room for a host, and reports whether that changed the room.
func (s *Service) setLock(
	ctx context.Context, roomID uuid.UUID, update *ent.RoomUpdate,
) (*ent.Room, bool, error) {
	if err := s.Require(ctx, roomID, Moderate); err != nil {
		return nil, false, err
	}
	changed, err := update.Save(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("lock or unlock room %s: %w", roomID, err)
	}
	r, err := s.ByID(ctx, roomID)
	return r, changed > 0, err
}

// Delete deletes a room with all roles in it, for an owner, and returns the deleted room. In the same transaction it
// first runs before, which stores the work that remains for the room's files. The room's row is locked, so nobody adds
// to the room meanwhile. The transaction may run more than once, each time from the beginning.
func (e *Editor) Delete(
	ctx context.Context, roomID uuid.UUID, before ...func(context.Context, *ent.Tx, uuid.UUID) error,
) (*ent.Room, error) {
	if err := e.Require(ctx, roomID, Remove); err != nil {
		return nil, err
	}
	var deleted *ent.Room
	err := database.RetryTx(ctx, e.db, func(tx *ent.Tx) error {
		if err := lockRoom(ctx, tx, roomID); err != nil {
			return err
		}
		r, err := orNotFound(tx.Room.Get(ctx, roomID))
		if err != nil {
			return err
		}
		for _, f := range before {
			if err := f(ctx, tx, roomID); err != nil {
				return err
			}
		}
		deleted = r.Unwrap()
		return tx.Room.DeleteOneID(roomID).Exec(ctx)
	})
	if err != nil {
		return orNotFound(nil, err)
	}
	return deleted, nil
}
