package live

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"foyer/internal/lease"
)

// Meeting is what happens in a room.
type Meeting struct {
	// Inside is how many are in the meeting, Waiting how many ask to enter.
	Inside, Waiting int
	// Recording reports whether an egress records the meeting.
	Recording bool
	// On: a meeting has begun and not ended, whether anybody is inside or not.
	On bool
	// Over: the last meeting has ended, and no other has begun.
	Over bool
	// ClosedAt is when the last meeting ended, until MarkEndApplied says that the database has followed; else zero.
	ClosedAt time.Time
	// Version rises with every change; ListVersion with every change of the waiting list.
	Version, ListVersion int
}

// Meeting returns what happens in a room.
func (s *Service) Meeting(ctx context.Context, roomID uuid.UUID) (*Meeting, error) {
	reply, err := s.run(ctx, meetingScript, roomID)
	if err != nil {
		return nil, err
	}
	count := func(i int) int { n, _ := reply[i].(int64); return int(n) }
	m := &Meeting{
		Version: number(reply[0]), ListVersion: number(reply[1]),
		Inside: count(2), Waiting: count(3), Recording: count(4) > 0, On: count(6) > 0,
		Over: number(reply[5]) != 0 && count(2) == 0,
	}
	if closing := number(reply[7]); closing != 0 {
		m.ClosedAt = time.UnixMilli(int64(closing))
	}
	return m, nil
}

// End ends the meeting of a room, now, for a host: its admissions end, waiting guests learn of it, and the passes
// issued before are void. It returns when that was, for MarkEndApplied. It takes two round trips.
func (s *Service) End(ctx context.Context, roomID uuid.UUID) (time.Time, error) {
	args := s.args(ctx, outcomeTTL.Milliseconds(), "")
	at, err := closeScript.Run(ctx, s.rdb, s.key(roomID), args...).Int64()
	if err != nil {
		return time.Time{}, unavailable(err)
	}
	return time.UnixMilli(at), s.noteMeeting(ctx, roomID) // until the database has followed
}

// Lapse ends the meeting of a room if nobody has been in it for Settings.MeetingGrace, at the time when the last person
// left. Guests who asked or were admitted later are not concerned.
func (s *Service) Lapse(ctx context.Context, roomID uuid.UUID) error {
	return s.do(ctx, closeScript, roomID, outcomeTTL.Milliseconds(), s.settings.MeetingGrace.Milliseconds())
}

// MarkEndApplied notes that the database has followed the end of a meeting, which was at that time.
func (s *Service) MarkEndApplied(ctx context.Context, roomID uuid.UUID, closedAt time.Time) error {
	return s.do(ctx, endAppliedScript, roomID, closedAt.UnixMilli())
}

// Touch wakes the watchers of a meeting: something about its room has changed in the database.
func (s *Service) Touch(ctx context.Context, roomID uuid.UUID) error {
	return s.do(ctx, touchScript, roomID, false)
}

// TouchAll wakes waiting guests too.
func (s *Service) TouchAll(ctx context.Context, roomID uuid.UUID) error {
	return s.do(ctx, touchScript, roomID, true)
}

// Meetings returns the rooms in which a meeting is on, or was until a short while ago, each with its mark for Forget.
func (s *Service) Meetings(ctx context.Context) (map[uuid.UUID]float64, error) {
	found, err := s.rdb.ZRangeWithScores(ctx, s.meetings(), 0, -1).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	marks := make(map[uuid.UUID]float64, len(found))
	for _, member := range found {
		text, _ := member.Member.(string)
		if id, err := uuid.Parse(text); err == nil { // they are ours
			marks[id] = member.Score
		}
	}
	return marks, nil
}

// Forget removes a room from Meetings, unless a server noted a meeting since the mark was read.
func (s *Service) Forget(ctx context.Context, roomID uuid.UUID, mark float64) error {
	pipe := s.rdb.TxPipeline()
	pipe.ZAddArgsIncr(ctx, s.meetings(), raiseMark(roomID, -mark))
	pipe.ZRemRangeByScore(ctx, s.meetings(), "-inf", "0")
	if _, err := pipe.Exec(ctx); err != nil {
		return unavailable(err)
	}
	return nil
}

// raiseMark raises the mark of a room.
func raiseMark(roomID uuid.UUID, by float64) redis.ZAddArgs {
	return redis.ZAddArgs{Members: []redis.Z{{Score: by, Member: roomID.String()}}}
}

// noteMeeting adds a room to Meetings. The caller writes the room's state first: should this server die in between,
// LiveKit lists the room, or repeats its event.
func (s *Service) noteMeeting(ctx context.Context, roomID uuid.UUID) error {
	if err := s.rdb.ZAddArgsIncr(ctx, s.meetings(), raiseMark(roomID, 1)).Err(); err != nil {
		return unavailable(err)
	}
	return nil
}

// InTurn runs f unless any server has begun to within the interval, or still runs it.
func (s *Service) InTurn(
	ctx context.Context, interval time.Duration, f func(context.Context) error,
) error {
	_, err := lease.Alone(ctx, s.rdb, s.meetingsLock(), func(ctx context.Context) error {
		due, err := s.rdb.SetNX(ctx, s.meetingsCompared(), 1, interval).Result()
		if err != nil || !due {
			return err
		}
		return f(ctx)
	})
	return err
}

// Seen reports whether an event of this id was marked as seen.
func (s *Service) Seen(ctx context.Context, eventID string) (bool, error) {
	if eventID == "" {
		return false, nil
	}
	known, err := s.rdb.Exists(ctx, s.event(eventID)).Result()
	if err != nil {
		return false, unavailable(err)
	}
	return known > 0, nil
}

// MarkSeen marks an event as seen, for longer than LiveKit repeats events.
func (s *Service) MarkSeen(ctx context.Context, eventID string) error {
	if eventID == "" {
		return nil
	}
	if err := s.rdb.Set(ctx, s.event(eventID), 1, endedFor).Err(); err != nil {
		return unavailable(err)
	}
	return nil
}
