package live

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

const (
	// maxBeatGuests bounds one script of a heartbeat, maxBeatRooms one round trip.
	maxBeatGuests = 1000
	maxBeatRooms  = 200
	// minInterval is the shortest time that EachHeartbeat gives its function.
	minInterval = time.Second
)

// beat is the part of a heartbeat for one room: the entries that are believed to wait, and whose guests watch here.
type beat struct {
	roomID  uuid.UUID
	waiting []uuid.UUID
}

// versions are those of a room's lobby and of its meeting.
type versions struct{ lobby, meeting int }

// keepPresent keeps the guests who watch here present, until ctx ends.
func (s *Service) keepPresent(ctx context.Context) error {
	return s.EachHeartbeat(ctx, func(ctx context.Context) error {
		all, due := s.hub.beats(maxBeatGuests), s.due()
		for roomID := range due {
			all = append(all, beat{roomID: roomID})
		}
		var nodes errgroup.Group // without a context: the failure of one node does not stop the others
		for _, beats := range s.listener.byNode(ctx, all) {
			nodes.Go(func() error { return s.sendToNode(ctx, beats, due) })
		}
		return nodes.Wait()
	})
}

// sendToNode sends one node of Redis the heartbeat for its rooms, which also sweeps those that are due. A node that
// hangs does not delay the others.
func (s *Service) sendToNode(ctx context.Context, beats []beat, due map[uuid.UUID]time.Time) error {
	found := func(roomID uuid.UUID, now versions, surprised []uuid.UUID) {
		s.swept(roomID, due[roomID])
		s.hub.mend(roomID, now, surprised)
	}
	var failed []error
	for chunk := range slices.Chunk(beats, maxBeatRooms) {
		failed = append(failed, s.send(ctx, chunk, found))
	}
	return errors.Join(failed...)
}

// send keeps the waiting guests of many rooms present for another lease, in one round trip. It calls found with each
// room's versions, and with its entries that do not wait any more. The failure of one room does not stop the others.
func (s *Service) send(
	ctx context.Context, beats []beat, found func(roomID uuid.UUID, now versions, surprised []uuid.UUID),
) error {
	pipe := s.rdb.Pipeline()
	replies := make([]*redis.Cmd, len(beats))
	for i, b := range beats {
		replies[i] = pipe.EvalSha(ctx, beatScript.Hash(), s.key(b.roomID), s.beatArgs(ctx, b)...)
	}
	_, _ = pipe.Exec(ctx) // each reply has its own error
	var failed []error
	for i, b := range beats {
		reply := replies[i]
		if redis.HasErrorPrefix(reply.Err(), "NOSCRIPT") {
			reply = beatScript.Eval(ctx, s.rdb, s.key(b.roomID), s.beatArgs(ctx, b)...)
		}
		texts, err := reply.StringSlice()
		if err != nil {
			failed = append(failed, unavailable(err))
			continue
		}
		found(b.roomID, versions{number(texts[0]), number(texts[1])}, parseIDs(texts[2:]))
	}
	return errors.Join(failed...)
}

func (s *Service) beatArgs(ctx context.Context, b beat) []any {
	args := s.args(ctx, s.Lease().Milliseconds())
	for _, id := range b.waiting {
		args = append(args, id.String())
	}
	return args
}

func parseIDs(texts []string) []uuid.UUID {
	ids := make([]uuid.UUID, len(texts))
	for i, text := range texts {
		ids[i], _ = uuid.Parse(text) // they are ours
	}
	return ids
}

// EachHeartbeat runs f once per heartbeat until ctx ends, and gives it no more time than that. It logs failures; the
// next heartbeat is soon.
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

// SweepLater sweeps a room once more when the guests who are present now have timed out, so that no entry of theirs
// stays in Redis.
func (s *Service) SweepLater(roomID uuid.UUID) {
	s.dueMu.Lock()
	defer s.dueMu.Unlock()
	s.dueAt[roomID] = time.Now().Add(s.Lease())
}

// due returns the rooms that are due to be swept, and since when. They stay due until they are swept, since a heartbeat
// may fail.
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

// swept notes that a room was swept that was due since then, unless it is due again at a later time.
func (s *Service) swept(roomID uuid.UUID, since time.Time) {
	s.dueMu.Lock()
	defer s.dueMu.Unlock()
	if at, is := s.dueAt[roomID]; is && at.Equal(since) {
		delete(s.dueAt, roomID)
	}
}
