// Package calls is about the people in a running call: what changes for them, and for those who wait
// to join, when a room does.
package calls

import (
	"context"
	"log/slog"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/lobby"
	"foyer/rooms"
	"foyer/rtc"
)

// Service carries the changes of rooms to the lobby and to LiveKit.
type Service struct {
	rooms *rooms.Service
	lobby *lobby.Service
	rtc   *rtc.Client
}

// New returns a Service.
func New(rooms *rooms.Service, lobby *lobby.Service, rtc *rtc.Client) *Service {
	return &Service{rooms, lobby, rtc}
}

// UpdateRoom changes a room for a host, and lets in whoever waits and may walk in from now on. What
// is stored stays stored when the lobby is out of reach; its next heartbeat makes up for it.
func (s *Service) UpdateRoom(ctx context.Context, in rooms.UpdateInput) (*ent.Room, error) {
	r, err := s.rooms.Update(ctx, in)
	if err != nil {
		return nil, err
	}
	if in.AccessLevel != nil && r.AccessLevel != room.AccessLevelRESTRICTED {
		if err := s.lobby.LetIn(ctx, r.ID); err != nil {
			slog.WarnContext(ctx, "those who may walk in wait a little longer", "room", r.ID, "err", err)
		}
	}
	return r, nil
}

// DeleteRoom deletes a room for an owner: who waits is told, and who is in the call is disconnected.
// The room is gone even when the lobby or LiveKit is out of reach.
func (s *Service) DeleteRoom(ctx context.Context, roomID uuid.UUID) (*ent.Room, error) {
	r, err := s.rooms.Delete(ctx, roomID)
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx) // what has begun is finished, also when the client hangs up
	if err := s.lobby.Close(ctx, roomID); err != nil {
		slog.WarnContext(ctx, "the lobby of a deleted room ends a little later", "room", roomID, "err", err)
	}
	if err := s.rtc.EndRoom(ctx, roomID.String()); err != nil {
		slog.WarnContext(ctx, "the call of a deleted room goes on", "room", roomID, "err", err)
	}
	return r, nil
}
