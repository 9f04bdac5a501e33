package live

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

const (
	// beatGuests and beatRooms bound one script and one round trip of a heartbeat.
	beatGuests = 1000
	beatRooms  = 200
)

// beat keeps the guests who watch here present, until ctx ends.
func (s *Service) beat(ctx context.Context) error {
	return s.EachHeartbeat(ctx, func(ctx context.Context) error {
		all, due := s.hub.beats(beatGuests), s.due()
		for roomID := range due {
			all = append(all, beats{roomID: roomID})
		}
		var nodes errgroup.Group // without a context: one node's failure ends no other's beat
		for _, rooms := range s.listener.byNode(ctx, all) {
			nodes.Go(func() error { return s.beatNode(ctx, rooms, due) })
		}
		return nodes.Wait()
	})
}

// beatNode tells one node of Redis of its rooms: a node that hangs holds up no other's. Those that are due
// have been swept by that.
func (s *Service) beatNode(ctx context.Context, rooms []beats, due map[uuid.UUID]time.Time) error {
	found := func(roomID uuid.UUID, now versions, surprised []uuid.UUID) {
		s.swept(roomID, due[roomID])
		s.hub.mend(roomID, now, surprised)
	}
	var failed []error
	for chunk := range slices.Chunk(rooms, beatRooms) {
		failed = append(failed, s.beatRooms(ctx, chunk, s.Lease(), found))
	}
	return errors.Join(failed...)
}

// EachHeartbeat runs f once a heartbeat until ctx ends, each time with no longer than that. What fails is logged; the
// next time is soon.
func (s *Service) EachHeartbeat(ctx context.Context, f func(context.Context) error) error {
	interval := s.settings.Heartbeat
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

// minInterval is the least that f of EachHeartbeat is given, however short the interval.
const minInterval = time.Second

// SweepLater has a room looked at once more when the places of those who are there now have lapsed,
// so that nothing of them stays in Redis.
func (s *Service) SweepLater(roomID uuid.UUID) {
	s.dueMu.Lock()
	defer s.dueMu.Unlock()
	s.dueAt[roomID] = time.Now().Add(s.Lease())
}

// due returns the rooms whose time has come, and when it had. They stay due until they are swept: a
// heartbeat may fail.
func (s *Service) due() map[uuid.UUID]time.Time {
	s.dueMu.Lock()
	defer s.dueMu.Unlock()
	due := map[uuid.UUID]time.Time{}
	for roomID, at := range s.dueAt {
		if time.Now().After(at) {
			due[roomID] = at
		}
	}
	return due
}

// swept notes that a room has been looked at that was due since then, unless there is a later time by now.
func (s *Service) swept(roomID uuid.UUID, since time.Time) {
	s.dueMu.Lock()
	defer s.dueMu.Unlock()
	if at, is := s.dueAt[roomID]; is && at.Equal(since) {
		delete(s.dueAt, roomID)
	}
}
