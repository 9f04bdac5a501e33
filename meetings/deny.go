package meetings

import (
	"cmp"
	"context"

	"github.com/google/uuid"

	"foyer/internal/live"
	"foyer/lobby"
	"foyer/rooms"
)

// DenyInput names one waiting guest, and how long they are banned.
type DenyInput struct {
	RoomID  uuid.UUID
	EntryID uuid.UUID
	// Ban is none when nil.
	Ban *rooms.BanScope
}

// Deny denies a waiting guest, for a host, and bans them on request. The first decision wins, as with lobby.Admit. A
// ban is in force in any case: a guest who is in the meeting by then is disconnected, on every device of their account.
// The decision is in force even when LiveKit is Unavailable: repeating is safe.
func (s *Service) Deny(ctx context.Context, in DenyInput) (*live.Entry, error) {
	which := lobby.DecideInput{RoomID: in.RoomID, EntryID: in.EntryID}
	if in.Ban == nil || *in.Ban == rooms.NoBan {
		return s.lobby.Deny(ctx, which)
	}
	standing, err := s.rooms.RoomFor(ctx, in.RoomID, rooms.DecideEntries)
	if err != nil {
		return nil, err
	}
	guest, err := s.lobby.Bannable(ctx, which)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.keepOut(ctx, standing.Room, in.Ban, guest); err != nil {
		return nil, err
	}
	entry, denied := s.lobby.Deny(ctx, which) // the ban is in force even when another decision was first
	results, err := s.disconnect(ctx, standing.Room, guest)
	if err == nil {
		err = failure(results)
	}
	return entry, cmp.Or(denied, err)
}

// DenyAllInput names waiting guests, and how long they are banned.
type DenyAllInput struct {
	RoomID uuid.UUID
	// EntryIds are those of all waiting guests when nil.
	EntryIds []uuid.UUID
	// Ban is none when nil.
	Ban *rooms.BanScope
}

// DenyAll is Deny for several guests, or for all waiting guests. It returns those who are denied afterwards. It bans no
// host.
func (s *Service) DenyAll(ctx context.Context, in DenyAllInput) ([]*live.Entry, error) {
	standing, err := s.rooms.RoomFor(ctx, in.RoomID, rooms.DecideEntries)
	if err != nil {
		return nil, err
	}
	denied, people, err := s.lobby.DenyAll(ctx, lobby.AdmitAllInput{RoomID: in.RoomID, EntryIds: in.EntryIds})
	if err != nil || len(people) == 0 || in.Ban == nil || *in.Ban == rooms.NoBan {
		return denied, err
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.keepOut(ctx, standing.Room, in.Ban, people...); err != nil {
		return nil, err
	}
	results, err := s.disconnect(ctx, standing.Room, people...)
	if err == nil {
		err = failure(results)
	}
	return denied, err
}
