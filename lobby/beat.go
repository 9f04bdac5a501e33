package lobby

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"foyer/ent"
	"foyer/ent/room"
)

const (
	// beatGuests and beatRooms bound one script and one round trip of a heartbeat.
	beatGuests = 1000
	beatRooms  = 200
	// hostsInterval is how often hosts who watch are asked anew whether they are hosts.
	hostsInterval = time.Minute
)

// beat keeps the guests who watch here present, until ctx ends.
func (s *Service) beat(ctx context.Context) error {
	return every(ctx, s.settings.Heartbeat, func(ctx context.Context) error {
		var nodes errgroup.Group // without a context: one node's failure ends no other's beat
		for _, rooms := range s.listener.byNode(ctx, slices.Concat(s.hub.beats(beatGuests), s.takeDue())) {
			nodes.Go(func() error { return s.beatNode(ctx, rooms) })
		}
		return nodes.Wait()
	})
}

// beatNode tells one node of Redis of its rooms: a node that hangs holds up no other's.
func (s *Service) beatNode(ctx context.Context, rooms []beats) error {
	var failed []error
	for chunk := range slices.Chunk(rooms, beatRooms) {
		failed = append(failed, s.store.beat(ctx, chunk, s.lease(), s.hub.mend))
	}
	return errors.Join(failed...)
}

// every runs f once an interval until ctx ends, each time with no longer than the interval. What
// fails is logged; the next time is soon.
func every(ctx context.Context, interval time.Duration, f func(context.Context) error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		once, cancel := context.WithTimeout(ctx, max(interval, minInterval))
		if err := f(once); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "a heartbeat failed", "err", err)
		}
		cancel()
	}
}

// minInterval is the least that f of every is given, however short the interval.
const minInterval = time.Second

// follow mends what a server that died in between has left behind: it lets in whoever may walk in by
// now, closes the lobbies of rooms that are gone and, now and then, has hosts looked at who watch. The
// change of a room does all that at once.
func (s *Service) follow(ctx context.Context) error {
	hostsAt := time.Now()
	return every(ctx, s.settings.Heartbeat, func(ctx context.Context) error {
		if time.Since(hostsAt) > hostsInterval {
			hostsAt = time.Now()
			s.hub.ringHosts()
		}
		var failed []error
		for ids := range slices.Chunk(s.hub.waitedFor(), beatRooms) {
			failed = append(failed, s.followRooms(ctx, ids))
		}
		return errors.Join(failed...)
	})
}

func (s *Service) followRooms(ctx context.Context, ids []uuid.UUID) error {
	found, err := s.rooms.ByIDs(ctx, ids)
	if err != nil {
		return err
	}
	var failed []error
	for _, id := range ids {
		failed = append(failed, s.followRoom(ctx, id, found[id]))
	}
	return errors.Join(failed...)
}

func (s *Service) followRoom(ctx context.Context, id uuid.UUID, r *ent.Room) error {
	switch {
	case r == nil:
		return s.End(ctx, id)
	case r.AccessLevel != room.AccessLevelRESTRICTED:
		return s.LetIn(ctx, id)
	default:
		return nil
	}
}

// sweepLater has a room looked at once more when the places of those who are there now have lapsed,
// so that nothing of them stays in Redis.
func (s *Service) sweepLater(roomID uuid.UUID) {
	s.dueMu.Lock()
	defer s.dueMu.Unlock()
	s.dueAt[roomID] = time.Now().Add(s.lease())
}

// takeDue returns the rooms whose time has come.
func (s *Service) takeDue() []beats {
	s.dueMu.Lock()
	defer s.dueMu.Unlock()
	var due []beats
	for roomID, at := range s.dueAt {
		if time.Now().After(at) {
			delete(s.dueAt, roomID)
			due = append(due, beats{roomID: roomID})
		}
	}
	return due
}
