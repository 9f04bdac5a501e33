package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"foyer/internal/lease"
)

const (
	// endedFor is how long the end of a connection is remembered: LiveKit repeats its news for less.
	endedFor = 10 * time.Minute
	// passOutlives is how long somebody who left the call may return by the token that LiveKit has
	// renewed for him.
	passOutlives = time.Hour
)

var (
	alignScript    = script("align")
	expelScript    = script("expel")
	followedScript = script("followed")
	holdScript     = script("hold")
	joinedScript   = script("joined")
	leftScript     = script("left")
	limitScript    = script("limit")
	meetingScript  = script("meeting")
	passScript     = script("pass")
	passesScript   = script("passes")
	recordScript   = script("record")
	renameScript   = script("rename")
	touchScript    = script("touch")
)

// Meeting is what happens in a room.
type Meeting struct {
	// Inside is how many are in the call, Waiting how many ask to enter.
	Inside, Waiting int
	// Recording reports whether the call is being recorded.
	Recording bool
	// On: a meeting has begun and not ended, whether anybody is inside or not.
	On bool
	// Over: the last meeting has ended, and no other has begun.
	Over bool
	// ClosedAt is when the last meeting ended, until MarkEndApplied says that the database has followed; else zero.
	ClosedAt time.Time
	// Version rises with every change; ListVersion with every change of who waits.
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

// Meetings returns the rooms in which a meeting is on, or was until a short while ago, and of each a mark for
// Forget.
func (s *Service) Meetings(ctx context.Context) (map[uuid.UUID]float64, error) {
	found, err := s.rdb.ZRangeWithScores(ctx, s.meetings(), 0, -1).Result()
	if err != nil {
		return nil, away(err)
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

// Forget takes a room out of Meetings, unless a meeting was noted since the mark was read.
func (s *Service) Forget(ctx context.Context, roomID uuid.UUID, mark float64) error {
	pipe := s.rdb.TxPipeline()
	pipe.ZAddArgsIncr(ctx, s.meetings(), more(roomID, -mark))
	pipe.ZRemRangeByScore(ctx, s.meetings(), "-inf", "0")
	if _, err := pipe.Exec(ctx); err != nil {
		return away(err)
	}
	return nil
}

// more raises the mark of a room.
func more(roomID uuid.UUID, by float64) redis.ZAddArgs {
	return redis.ZAddArgs{Members: []redis.Z{{Score: by, Member: roomID.String()}}}
}

// noteMeeting has the room of a meeting be among Meetings. The room's state is written first: a server that
// dies in between leaves a room that LiveKit lists, or news that LiveKit repeats.
func (s *Service) noteMeeting(ctx context.Context, roomID uuid.UUID) error {
	if err := s.rdb.ZAddArgsIncr(ctx, s.meetings(), more(roomID, 1)).Err(); err != nil {
		return away(err)
	}
	return nil
}

// MarkEndApplied notes that the database has followed the end of a meeting, which was at that time.
func (s *Service) MarkEndApplied(ctx context.Context, roomID uuid.UUID, closedAt time.Time) error {
	return s.do(ctx, followedScript, roomID, closedAt.UnixMilli())
}

// InTurn runs f unless one server of all has begun to within the interval, or still does.
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

// WatchMeeting tells when something happens in a room's call, and when the list of those who wait
// changes, until stop is called. It tells at most once what has not been heard yet.
func (s *Service) WatchMeeting(roomID uuid.UUID) (call, list <-chan struct{}, stop func()) {
	ringCall, call := Signal()
	ringList, list := Signal()
	bells := []*Bell{
		{Ring: ringCall, RoomID: roomID, EntryID: meetingBell}, {Ring: ringList, RoomID: roomID},
	}
	for _, b := range bells {
		s.Hang(b)
	}
	return call, list, func() {
		for _, b := range bells {
			s.Take(b)
		}
	}
}

// Connection is somebody's to LiveKit: its id there, and since when it is.
type Connection struct {
	ID    string
	Since time.Time
}

// CountIn counts somebody into a room's call. A connection known to have ended does not count, nor one
// that a later one has replaced.
func (s *Service) CountIn(
	ctx context.Context, roomID, identity uuid.UUID, connection Connection,
) error {
	err := s.do(ctx, joinedScript, roomID, identity.String(), connection.ID,
		connection.Since.UnixMilli())
	if err != nil {
		return err
	}
	return s.noteMeeting(ctx, roomID)
}

// IsInside reports whether somebody was counted into a room's call by this connection.
func (s *Service) IsInside(ctx context.Context, roomID, identity uuid.UUID, connection string) (bool, error) {
	by, err := s.rdb.HGet(ctx, s.inside(roomID), identity.String()).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false, away(err)
	}
	sid, _, _ := strings.Cut(by, " ")
	return sid == connection, nil
}

// CountOut counts the end of a connection. An admission, which does not run out in the call, holds anew from
// now on.
func (s *Service) CountOut(ctx context.Context, roomID, identity uuid.UUID, connection string) error {
	return s.do(ctx, leftScript, roomID, identity.String(), connection,
		endedFor.Milliseconds(), passOutlives.Milliseconds(), s.settings.AdmittedFor.Milliseconds())
}

// Align makes those who count as in the call the ones that LiveKit lists: connections by identity. It
// changes nothing when the meeting has changed since that version. What holds for the meeting, and what
// lets those people be there, is kept for another day.
func (s *Service) Align(
	ctx context.Context, roomID uuid.UUID, version int, listed map[uuid.UUID]Connection,
) error {
	args := []any{fmt.Sprint(version)}
	for identity, connection := range listed {
		args = append(args, identity.String(), connection.ID, connection.Since.UnixMilli())
	}
	if err := s.do(ctx, alignScript, roomID, args...); err != nil || len(listed) == 0 {
		return err
	}
	return s.noteMeeting(ctx, roomID)
}

// NoteEgress says whether an egress records the call, and whether it has ended for good.
func (s *Service) NoteEgress(
	ctx context.Context, roomID uuid.UUID, egress string, records, over bool,
) error {
	return s.do(ctx, recordScript, roomID, egress, records, over, endedFor.Milliseconds())
}

// SetName remembers under which name somebody goes in the call: hosts know him by it.
func (s *Service) SetName(ctx context.Context, roomID, identity uuid.UUID, name string) error {
	return s.do(ctx, renameScript, roomID, identity.String(), name)
}

// Touch tells those who watch a meeting that something about its room has changed in the database.
func (s *Service) Touch(ctx context.Context, roomID uuid.UUID) error {
	return s.do(ctx, touchScript, roomID, false)
}

// TouchAll tells those who wait as well.
func (s *Service) TouchAll(ctx context.Context, roomID uuid.UUID) error {
	return s.do(ctx, touchScript, roomID, true)
}

// Expel ends somebody's right to be in a room's call and, for a time, to ask for it. It does not
// disconnect him.
func (s *Service) Expel(ctx context.Context, roomID, identity, userID uuid.UUID) error {
	return s.do(ctx, expelScript, roomID, identity.String(), userText(userID),
		s.settings.DeniedFor.Milliseconds())
}

// Hold sends somebody from the call back to the lobby, where he waits for a host, whatever the rules
// say. It does not disconnect him.
func (s *Service) Hold(ctx context.Context, e *Entry) (*Entry, error) {
	reply, err := s.run(ctx, holdScript, e.RoomID, e.ID.String(), e.DisplayName, e.Color,
		userText(e.UserID), s.Lease().Milliseconds(), newsTTL.Milliseconds())
	if err != nil {
		return nil, err
	}
	s.SweepLater(e.RoomID)
	return parseEntry(e.RoomID, reply)
}

// Restrict remembers what a host has decided on somebody in the call, until the meeting ends.
func (s *Service) Restrict(
	ctx context.Context, roomID, whom uuid.UUID, d Restrictions,
) error {
	args := []any{whom.String()}
	if d.Name != nil {
		args = append(args, "name", *d.Name)
	}
	if d.Sources != nil {
		args = append(args, "sources", strings.Join(*d.Sources, ","))
	}
	if d.Data != nil {
		args = append(args, "data", *d.Data)
	}
	if d.Subscribe != nil {
		args = append(args, "subscribe", *d.Subscribe)
	}
	if len(args) == 1 {
		return nil
	}
	return s.do(ctx, limitScript, roomID, args...)
}

// End ends the meeting of a room, now, for a host: its admissions end, those who wait are told, and what was
// given out before to enter the call opens it no longer. It returns when that was, for MarkEndApplied.
func (s *Service) End(ctx context.Context, roomID uuid.UUID) (time.Time, error) {
	at, err := s.close(ctx, roomID)
	if err != nil {
		return at, err
	}
	return at, s.noteMeeting(ctx, roomID) // until the database has followed
}

// Lapse ends the meeting of a room if nobody has been in the call for Settings.MeetingGrace, as of when the
// last person left. Guests who asked or were admitted later are not concerned.
func (s *Service) Lapse(ctx context.Context, roomID uuid.UUID) error {
	return s.lapse(ctx, roomID, s.settings.MeetingGrace)
}

// Seen reports whether an event of this id was marked as seen.
func (s *Service) Seen(ctx context.Context, eventID string) (bool, error) {
	if eventID == "" {
		return false, nil
	}
	known, err := s.rdb.Exists(ctx, s.event(eventID)).Result()
	if err != nil {
		return false, away(err)
	}
	return known > 0, nil
}

// MarkSeen marks an event as seen, for as long as LiveKit repeats events.
func (s *Service) MarkSeen(ctx context.Context, eventID string) error {
	if eventID == "" {
		return nil
	}
	if err := s.rdb.Set(ctx, s.event(eventID), 1, endedFor).Err(); err != nil {
		return away(err)
	}
	return nil
}
