package lobby

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"foyer/ent/auditevent"
	"foyer/internal/lease"
	"foyer/internal/text"
	"foyer/rooms"
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
	// ClosedAt is when the last meeting ended, until Followed says that the database has followed; else zero.
	ClosedAt time.Time
	// Version rises with every change; ListVersion with every change of who waits.
	Version, ListVersion int
}

// Meeting returns what happens in a room.
func (s *Service) Meeting(ctx context.Context, roomID uuid.UUID) (*Meeting, error) {
	reply, err := s.store.run(ctx, meetingScript, roomID)
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
	found, err := s.store.rdb.ZRangeWithScores(ctx, s.store.meetings(), 0, -1).Result()
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
	pipe := s.store.rdb.TxPipeline()
	pipe.ZAddArgsIncr(ctx, s.store.meetings(), more(roomID, -mark))
	pipe.ZRemRangeByScore(ctx, s.store.meetings(), "-inf", "0")
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
func (s store) noteMeeting(ctx context.Context, roomID uuid.UUID) error {
	if err := s.rdb.ZAddArgsIncr(ctx, s.meetings(), more(roomID, 1)).Err(); err != nil {
		return away(err)
	}
	return nil
}

// Followed notes that the database has followed the end of a meeting, which was at that time.
func (s *Service) Followed(ctx context.Context, roomID uuid.UUID, closedAt time.Time) error {
	return s.store.do(ctx, followedScript, roomID, closedAt.UnixMilli())
}

// InTurn runs f unless one server of all has begun to within the interval, or still does.
func (s *Service) InTurn(
	ctx context.Context, interval time.Duration, f func(context.Context) error,
) error {
	_, err := lease.Alone(ctx, s.store.rdb, s.store.meetingsLock(), func(ctx context.Context) error {
		due, err := s.store.rdb.SetNX(ctx, s.store.meetingsCompared(), 1, interval).Result()
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
	ringCall, call := clapper()
	ringList, list := clapper()
	bells := []*bell{
		{ring: ringCall, roomID: roomID, entryID: meetingBell}, {ring: ringList, roomID: roomID},
	}
	for _, b := range bells {
		s.hub.hang(b)
	}
	return call, list, func() {
		for _, b := range bells {
			s.hub.take(b)
		}
	}
}

// Connection is somebody's to LiveKit: its id there, and since when it is.
type Connection struct {
	ID    string
	Since time.Time
}

// Joined counts somebody into a room's call. A connection known to have ended does not count, nor one
// that a later one has replaced.
func (s *Service) Joined(
	ctx context.Context, roomID, identity uuid.UUID, connection Connection,
) error {
	err := s.store.do(ctx, joinedScript, roomID, identity.String(), connection.ID,
		connection.Since.UnixMilli())
	if err != nil {
		return err
	}
	return s.store.noteMeeting(ctx, roomID)
}

// HasJoined reports whether somebody was counted into a room's call by this connection.
func (s *Service) HasJoined(ctx context.Context, roomID, identity uuid.UUID, connection string) (bool, error) {
	by, err := s.store.rdb.HGet(ctx, s.store.inside(roomID), identity.String()).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false, away(err)
	}
	sid, _, _ := strings.Cut(by, " ")
	return sid == connection, nil
}

// Left counts the end of a connection. An admission, which does not run out in the call, holds anew from
// now on.
func (s *Service) Left(ctx context.Context, roomID, identity uuid.UUID, connection string) error {
	return s.store.do(ctx, leftScript, roomID, identity.String(), connection,
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
	if err := s.store.do(ctx, alignScript, roomID, args...); err != nil || len(listed) == 0 {
		return err
	}
	return s.store.noteMeeting(ctx, roomID)
}

// Recorded says whether an egress records the call, and whether it has ended for good.
func (s *Service) Recorded(
	ctx context.Context, roomID uuid.UUID, egress string, records, over bool,
) error {
	return s.store.do(ctx, recordScript, roomID, egress, records, over, endedFor.Milliseconds())
}

// Renamed remembers under which name somebody goes in the call: hosts know him by it.
func (s *Service) Renamed(ctx context.Context, roomID, identity uuid.UUID, name string) error {
	return s.store.do(ctx, renameScript, roomID, identity.String(), name)
}

// Touch tells those who watch a meeting that something about its room has changed in the database.
func (s *Service) Touch(ctx context.Context, roomID uuid.UUID) error {
	return s.store.do(ctx, touchScript, roomID, false)
}

// TouchAll tells those who wait as well.
func (s *Service) TouchAll(ctx context.Context, roomID uuid.UUID) error {
	return s.store.do(ctx, touchScript, roomID, true)
}

// TurnAway denies whatever people ask in a room's lobby.
func (s *Service) TurnAway(ctx context.Context, roomID uuid.UUID, people ...rooms.Person) error {
	lobby, err := s.store.list(ctx, roomID)
	if err != nil {
		return err
	}
	keys := map[uuid.UUID]bool{}
	for _, p := range people {
		keys[p.Key()] = true
	}
	var theirs []uuid.UUID
	for _, e := range lobby.Entries {
		if keys[e.person().Key()] {
			theirs = append(theirs, e.ID)
		}
	}
	for ids := range slices.Chunk(theirs, maxDecisions) {
		denial := decision{to: Denied, holds: s.settings.DeniedFor}
		if _, err := s.store.decide(ctx, roomID, denial, ids...); err != nil {
			return err
		}
	}
	return nil
}

// Expel ends somebody's right to be in a room's call and, for a time, to ask for it. It does not
// disconnect him.
func (s *Service) Expel(ctx context.Context, roomID uuid.UUID, p rooms.Person) error {
	return s.store.do(ctx, expelScript, roomID, p.ID.String(), userText(p.UserID),
		s.settings.DeniedFor.Milliseconds())
}

// Hold sends somebody from the call back to the lobby, where he waits for a host, whatever the rules
// say. It does not disconnect him.
func (s *Service) Hold(
	ctx context.Context, roomID uuid.UUID, p rooms.Person, color string,
) (*Entry, error) {
	reply, err := s.store.run(ctx, holdScript, roomID, p.ID.String(), p.Name, color,
		userText(p.UserID), s.lease().Milliseconds(), newsTTL.Milliseconds())
	if err != nil {
		return nil, err
	}
	s.sweepLater(roomID)
	return parseEntry(roomID, reply)
}

// Decide remembers what a host has decided on somebody in the call, until the meeting ends.
func (s *Service) Decide(
	ctx context.Context, roomID uuid.UUID, p rooms.Person, d Decided,
) error {
	args := []any{p.Key().String()}
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
	return s.store.do(ctx, limitScript, roomID, args...)
}

// Once runs f unless an event of this id has been through here. An f that fails is run again when the
// event comes again.
func (s *Service) Once(ctx context.Context, eventID string, f func() error) error {
	if eventID == "" {
		return f()
	}
	key := s.store.event(eventID)
	known, err := s.store.rdb.Exists(ctx, key).Result()
	if err != nil {
		return away(err)
	}
	if known > 0 {
		return nil
	}
	if err := f(); err != nil {
		return err
	}
	if err := s.store.rdb.Set(ctx, key, 1, endedFor).Err(); err != nil {
		return away(err)
	}
	return nil
}

// maxMessage is how long what those who wait are told may be, in characters.
const maxMessage = 500

// SetMessageInput says what those who wait for a room are told.
type SetMessageInput struct {
	RoomID uuid.UUID
	// Message is nothing when nil or empty.
	Message *string
}

// SetMessage tells something to those who wait for a room, and to those who come later, until the
// meeting ends. For a host.
func (s *Service) SetMessage(ctx context.Context, in SetMessageInput) (*Lobby, error) {
	if err := s.rooms.Require(ctx, in.RoomID, rooms.DecideEntries); err != nil {
		return nil, err
	}
	if err := s.AllowList(ctx); err != nil {
		return nil, err
	}
	message := ""
	if in.Message != nil && *in.Message != "" {
		var err error
		if message, err = text.CheckLines("message", *in.Message, maxMessage); err != nil {
			return nil, err
		}
	}
	if err := s.store.setMessage(ctx, in.RoomID, message); err != nil {
		return nil, err
	}
	s.rooms.Record(ctx, in.RoomID, rooms.Act{Action: auditevent.ActionSET_LOBBY_MESSAGE, Detail: message})
	return s.store.list(ctx, in.RoomID)
}

// issue remembers for whom a token is made, for at least ttl, and returns what hosts have decided on
// him. LobbyRequired when a host has sent him back there.
func (s store) issue(
	ctx context.Context, roomID uuid.UUID, p pass, ttl time.Duration,
) (Decided, error) {
	reply, err := s.run(ctx, passScript, roomID, p.person.ID.String(), userText(p.person.UserID),
		ttl.Milliseconds(), p.byRule, p.proved, p.person.Name)
	if err != nil {
		return Decided{}, err
	}
	return parseIssued(reply)
}

// parseIssued reads what the script function issue returns.
func parseIssued(reply any) (Decided, error) {
	list, _ := reply.([]any)
	if len(list) != 2 || list[0] != "OK" {
		return Decided{}, errLobbyRequired()
	}
	return parseDecided(list[1]), nil
}

// maxPasses is how many one script reads.
const maxPasses = 500

// passes returns what is known of people in a call, in the order of their identities.
func (s store) passes(
	ctx context.Context, roomID uuid.UUID, identities []uuid.UUID,
) ([]pass, error) {
	all := make([]pass, 0, len(identities))
	for ids := range slices.Chunk(identities, maxPasses) {
		args := make([]any, len(ids))
		for i, id := range ids {
			args[i] = id.String()
		}
		replies, err := s.run(ctx, passesScript, roomID, args...)
		if err != nil {
			return nil, err
		}
		for i, reply := range replies {
			p, err := parsePass(ids[i], reply)
			if err != nil {
				s.damaged(err) // it is as good as none
			}
			all = append(all, p)
		}
	}
	return all, nil
}

// passValues is how many values the script passes returns of each.
const passValues = 9

// parsePass reads one of what the script passes returns.
func parsePass(identity uuid.UUID, reply any) (pass, error) {
	p := pass{person: rooms.Person{ID: identity}}
	list, ok := reply.([]any)
	if !ok || len(list) != passValues {
		return p, fmt.Errorf("pass of %s: unexpected reply %T", identity, reply)
	}
	p.decided = parseDecided(list[7])
	if list[3] == nil {
		return p, nil
	}
	text := func(i int) string { t, _ := list[i].(string); return t }
	userID, err := parseUser(text(0))
	if err != nil {
		return p, fmt.Errorf("pass of %s: %w", identity, err)
	}
	p.known, p.person.UserID = true, userID
	p.byRule, p.proved, p.valid = text(1) == "1", text(2) == "1", list[3] == int64(1)
	p.held = list[6] == int64(1)
	// To admit somebody ends that he is held.
	p.admitted = !p.held && Status(text(4)) == Admitted && text(5) == ""
	p.person.Name = text(8)
	if p.decided.Name != nil {
		p.person.Name = *p.decided.Name
	}
	return p, nil
}

func parseDecided(reply any) Decided {
	var d Decided
	list, _ := reply.([]any)
	for i, value := range list {
		text, ok := value.(string)
		if !ok {
			continue
		}
		yes := text == "1"
		switch i {
		case 0:
			d.Name = &text
		case 1:
			sources := strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
			d.Sources = &sources
		case 2:
			d.Data = &yes
		case 3:
			d.Subscribe = &yes
		}
	}
	return d
}

// anyHeld reports whether a host has sent any of these back to the lobby.
func (s store) anyHeld(ctx context.Context, roomID uuid.UUID, people []rooms.Person) (bool, error) {
	keys := make([]string, 0, 2*len(people))
	for _, p := range people {
		keys = append(keys, p.Key().String(), p.ID.String())
	}
	since, err := s.rdb.ZMScore(ctx, s.keys.held(roomID), keys...).Result()
	if err != nil {
		return false, away(err)
	}
	return slices.Max(since) > 0, nil
}
