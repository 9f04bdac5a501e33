package lobby

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/telemetry"
	"foyer/rooms"
)

const (
	// listInterval is the shortest time between two reads of a host's list, however often it changes.
	listInterval = 100 * time.Millisecond
	// getTimeout bounds one read of a list.
	getTimeout = 5 * time.Second
)

// WatchLobby sends the waiting guests of a room, now and after every change, until ctx ends or the viewer is not a host
// any more. It calls why with the reason for the latter.
func (s *Service) WatchLobby(
	ctx context.Context, roomID uuid.UUID, why func(error),
) (<-chan *live.Lobby, error) {
	if err := s.rooms.Require(ctx, roomID, rooms.DecideEntries); err != nil {
		return nil, err
	}
	if err := s.AllowList(ctx); err != nil {
		return nil, err
	}
	ring, rang := live.Signal()
	bell := &live.Bell{Ring: ring, RoomID: roomID}
	s.live.Watch(bell)
	lobby, err := s.live.List(ctx, roomID)
	if err != nil {
		s.live.Unwatch(bell)
		return nil, err
	}
	states := make(chan *live.Lobby)
	go func() {
		defer close(states)
		defer s.live.Unwatch(bell)
		for lobby != nil {
			select {
			case states <- lobby:
				endListPush(lobby)
				lobby = s.nextLobby(ctx, bell, rang, lobby, why)
			case <-ctx.Done():
				return
			}
		}
	}()
	return states, nil
}

// nextLobby returns the list when it differs from the last one, or nil when ctx ends or the viewer is not a host any
// more.
func (s *Service) nextLobby(
	ctx context.Context, bell *live.Bell, rang <-chan struct{}, seen *live.Lobby, why func(error),
) *live.Lobby {
	for {
		select {
		case <-time.After(listInterval):
		case <-ctx.Done():
			return nil
		}
		select {
		case <-rang:
		case <-ctx.Done():
			return nil
		}
		pushing, span := telemetry.Because(ctx, "push lobby", bell.Trace())
		lobby, err := s.getForWatch(pushing, bell.RoomID)
		switch {
		case fault.Is(err, fault.Forbidden), fault.Is(err, fault.NotFound):
			span.End()
			why(err)
			return nil
		case err != nil && ctx.Err() == nil:
			slog.DebugContext(ctx, "cannot read a lobby; trying again", "room", bell.RoomID, "err", err)
			time.AfterFunc(rereadAfter, bell.Ring)
		case err == nil && lobby.Version != seen.Version:
			lobby.Push = span
			return lobby
		}
		span.End()
	}
}

// endListPush ends the span in which a list is sent.
func endListPush(l *live.Lobby) {
	if l.Push != nil {
		l.Push.End()
	}
}

// getForWatch is Get within a short time, which counts against no limit.
func (s *Service) getForWatch(ctx context.Context, roomID uuid.UUID) (*live.Lobby, error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	if err := s.rooms.Require(ctx, roomID, rooms.DecideEntries); err != nil {
		return nil, err
	}
	return s.live.List(ctx, roomID)
}
