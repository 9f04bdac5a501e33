package lobby

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"foyer/fault"
	"foyer/observe"
	"foyer/rooms"
)

const (
	// listInterval is how often a host's list is read again at most, whatever the flood.
	listInterval = 100 * time.Millisecond
	// rereadAfter is the pause before a watcher reads again what Redis could not give him.
	rereadAfter = time.Second
	// getTimeout bounds one look at a list.
	getTimeout = 5 * time.Second
	// leaveTimeout bounds what is done for a guest who is no longer there to wait for it.
	leaveTimeout = 2 * time.Second
)

// WatchEntry sends the entry of a ticket, now and after every change, until ctx ends. While the guest
// waits, watching keeps his place. A slow reader misses states between, never the last one.
func (s *Service) WatchEntry(ctx context.Context, ticketText string) (<-chan *Entry, error) {
	t, err := s.tickets.read(ticketText)
	if err != nil {
		return nil, err
	}
	bell := s.hub.hang(t.RoomID, t.EntryID)
	e, err := s.store.attend(ctx, t.RoomID, t.EntryID, s.lease())
	if err == nil && e.Status == gone {
		err = fault.New(fault.NotFound, "this request to enter has ended; ask again")
	}
	if err != nil {
		s.hub.take(bell)
		return nil, err
	}
	states := make(chan *Entry)
	go func() {
		defer close(states)
		defer s.leave(ctx, bell)
		for e != nil {
			bell.waits.Store(e.Status == Waiting)
			select {
			case states <- e:
				e.told()
				e = s.nextEntry(ctx, bell, e)
			case <-ctx.Done():
				return
			}
		}
	}()
	return states, nil
}

// nextEntry returns the entry when it differs from what the guest last saw, or nil when ctx ends.
func (s *Service) nextEntry(ctx context.Context, bell *bell, seen *Entry) *Entry {
	for {
		select {
		case <-bell.rang:
		case <-ctx.Done():
			return nil
		}
		pushing, span := observe.Because(ctx, "push entry", bell.because())
		e, err := s.look(pushing, seen)
		switch {
		case err != nil && ctx.Err() == nil:
			slog.DebugContext(ctx, "cannot read an entry; trying again", "entry", seen.ID, "err", err)
			time.AfterFunc(rereadAfter, bell.ring)
		case err == nil && e.Status != gone && e.Version > seen.Version:
			e.push = span
			return e
		}
		span.End()
	}
}

// look reads the entry of a guest who watches, and puts right what Redis has lost of it.
func (s *Service) look(ctx context.Context, seen *Entry) (*Entry, error) {
	e, err := s.store.get(ctx, seen.RoomID, seen.ID)
	switch {
	case err != nil || seen.Status != Waiting:
	case e.Status == gone:
		// His place was lost, or given up for him while this server could not reach Redis. But he
		// is here.
		e, err = s.store.request(ctx, seen, s.lease(), 0)
	case e.Status == Waiting:
		e, err = s.store.attend(ctx, seen.RoomID, seen.ID, s.lease())
	}
	if err == nil && e.Status == Waiting && seen.decided() && e.changed < seen.changed {
		// Redis has gone back to before the decision, but the guest has heard it.
		return s.decideOne(ctx, e.RoomID, e.ID, s.again(seen))
	}
	return e, err
}

// told ends the span of a push: the guest's transport has it.
func (e *Entry) told() {
	if e.push != nil {
		e.push.End()
	}
}

// again is the decision that was made on an entry.
func (s *Service) again(e *Entry) decision {
	if e.Status == Denied {
		return decision{to: Denied, holds: s.settings.DeniedFor}
	}
	d := s.admission()
	d.byRule = e.byRule
	return d
}

// leave gives a guest who stopped watching his grace time.
func (s *Service) leave(ctx context.Context, bell *bell) {
	last := s.hub.take(bell)
	if !last || !bell.waits.Load() {
		return
	}
	s.sweepLater(bell.roomID)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	if _, err := s.store.attend(ctx, bell.roomID, bell.entryID, s.settings.Grace); err != nil {
		slog.DebugContext(ctx, "a guest's place is kept a little longer", "err", err)
	}
}

// WatchLobby sends who waits for a room, now and after every change, until ctx ends or the viewer is no
// host any more; of that end it tells why.
func (s *Service) WatchLobby(
	ctx context.Context, roomID uuid.UUID, why func(error),
) (<-chan *Lobby, error) {
	if err := s.rooms.Require(ctx, roomID, rooms.DecideEntries); err != nil {
		return nil, err
	}
	bell := s.hub.hang(roomID, uuid.Nil)
	lobby, err := s.store.list(ctx, roomID)
	if err != nil {
		s.hub.take(bell)
		return nil, err
	}
	states := make(chan *Lobby)
	go func() {
		defer close(states)
		defer s.hub.take(bell)
		for lobby != nil {
			select {
			case states <- lobby:
				lobby.told()
				lobby = s.nextLobby(ctx, bell, lobby, why)
			case <-ctx.Done():
				return
			}
		}
	}()
	return states, nil
}

// nextLobby returns the list when it differs from what the host last saw, or nil when ctx ends or he
// is no host any more.
func (s *Service) nextLobby(
	ctx context.Context, bell *bell, seen *Lobby, why func(error),
) *Lobby {
	for {
		select {
		case <-time.After(listInterval):
		case <-ctx.Done():
			return nil
		}
		select {
		case <-bell.rang:
		case <-ctx.Done():
			return nil
		}
		pushing, span := observe.Because(ctx, "push lobby", bell.because())
		lobby, err := s.getSoon(pushing, bell.roomID)
		switch {
		case fault.Is(err, fault.Forbidden), fault.Is(err, fault.NotFound):
			span.End()
			why(err)
			return nil
		case err != nil && ctx.Err() == nil:
			slog.DebugContext(ctx, "cannot read a lobby; trying again", "room", bell.roomID, "err", err)
			time.AfterFunc(rereadAfter, bell.ring)
		case err == nil && lobby.Version != seen.Version:
			lobby.push = span
			return lobby
		}
		span.End()
	}
}

// told ends the span of a push: the host's transport has it.
func (l *Lobby) told() {
	if l.push != nil {
		l.push.End()
	}
}

// getSoon is Get for a watcher, who is told later rather than kept waiting for long.
func (s *Service) getSoon(ctx context.Context, roomID uuid.UUID) (*Lobby, error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	return s.Get(ctx, roomID)
}
