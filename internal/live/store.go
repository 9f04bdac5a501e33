package live

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"foyer/internal/fault"
	"foyer/internal/telemetry"
)

const (
	// keyTTL is how long the keys of a room outlive its last change.
	keyTTL = 24 * time.Hour
	// newsTTL is how long a guest can still learn that he left, or that the meeting ended.
	newsTTL = 10 * time.Minute
)

//go:embed scripts
var scripts embed.FS

var (
	beatScript    = script("beat")
	closeScript   = script("close")
	countScript   = script("count")
	decideScript  = script("decide")
	getScript     = script("get")
	listScript    = script("list")
	messageScript = script("message")
	requestScript = script("request")
)

func script(name string) *redis.Script {
	return redis.NewScript(source("prelude") + source(name))
}

func source(name string) string {
	text, err := scripts.ReadFile("scripts/" + name + ".lua")
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}

// keys names everything of ours in Redis. All names of a room carry it as hash tag, so that they
// live on one node of a cluster. What only scripts use is named in their prelude.
type keys struct{ prefix string }

func (k keys) room(id uuid.UUID) string   { return k.prefix + "lobby:{" + id.String() + "}:" }
func (k keys) bell(id uuid.UUID) string   { return k.room(id) + "bell" }
func (k keys) held(id uuid.UUID) string   { return k.room(id) + "held" }
func (k keys) inside(id uuid.UUID) string { return k.room(id) + "inside" }
func (k keys) event(id string) string     { return k.prefix + "event:" + id }

// meetings is a sorted set of the rooms in which a meeting is on, scored by how often that was noted. It has
// no room's hash tag.
func (k keys) meetings() string { return k.prefix + "meetings" }

// meetingsLock is held by the server that compares all meetings with LiveKit, and meetingsCompared remembers
// that one has begun to.
func (k keys) meetingsLock() string     { return k.prefix + "meetings:lock" }
func (k keys) meetingsCompared() string { return k.prefix + "meetings:compared" }

// roomOf is the inverse of bell.
func (k keys) roomOf(bell string) (uuid.UUID, error) {
	id := strings.TrimSuffix(strings.TrimPrefix(bell, k.prefix+"lobby:{"), "}:bell")
	return uuid.Parse(id)
}

func sharded(rdb redis.UniversalClient) bool {
	_, cluster := rdb.(*redis.ClusterClient)
	return cluster
}

// key is what a script is given of a room: what the names of its keys begin with, which is also how a
// cluster finds the node.
func (s *Service) key(roomID uuid.UUID) []string { return []string{s.room(roomID)} }

func (s *Service) args(ctx context.Context, more ...any) []any {
	publish := s.publish
	if trace := telemetry.Parent(ctx); trace != "" {
		publish += " " + trace
	}
	return append([]any{publish, keyTTL.Milliseconds()}, more...)
}

func (s *Service) run(
	ctx context.Context, script *redis.Script, roomID uuid.UUID, args ...any,
) ([]any, error) {
	reply, err := script.Run(ctx, s.rdb, s.key(roomID), s.args(ctx, args...)...).Slice()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, away(err)
	}
	return reply, nil
}

func away(err error) error {
	return fault.From(err, fault.Unavailable, "the lobby cannot be reached; try again soon")
}

// Places are what a new entry may take of a lobby.
type Places struct {
	// Capacity is how many may wait for the room; 0 is any number.
	Capacity int
	// Whom is whom the entry counts for, a user or a network address; empty for nobody.
	Whom string
	// PerWhom is how many places one of them may take; 0 is any number.
	PerWhom int
}

// Enqueue puts an entry on the waiting list, or keeps it there for another lease, and returns it as it is. An entry
// with an arrival goes back to its old place. Others are RateLimited when their places are taken, or while a denial of
// this user is valid.
func (s *Service) Enqueue(ctx context.Context, e *Entry, places Places) (*Entry, error) {
	since := int64(0)
	if e.Arrival != 0 {
		since = e.Since.UnixMilli()
	}
	reply, err := s.run(ctx, requestScript, e.RoomID, e.ID.String(), e.DisplayName, e.Color,
		userText(e.UserID), s.Lease().Milliseconds(), places.Capacity, e.Arrival, since,
		places.Whom, places.PerWhom)
	if err != nil {
		return nil, err
	}
	switch reply[0] {
	case "OK":
		return parseView(e.RoomID, reply[1], s.settings.ShowPosition)
	case "FULL":
		return nil, fault.New(fault.RateLimited, "too many people wait for this room; try again later")
	case "CROWDED":
		return nil, fault.New(fault.RateLimited, "too many people from your network wait for this room; try again later")
	default:
		wait := time.Duration(reply[1].(int64)) * time.Millisecond
		return nil, fault.TooMany("a host has turned you away; you may ask again later", wait)
	}
}

// Reading is what is done for a guest whose entry is read. Without any of it nothing is.
type Reading struct {
	// Lease is for how long a guest who waits, and is there, counts as present.
	Lease time.Duration
	// PassTTL is for how long the pass at least is remembered that is made for a guest who has been admitted.
	PassTTL time.Duration
	// UserID is whom the guest has proved to be, if anybody.
	UserID uuid.UUID
}

// Get returns an entry as its guest sees it.
func (s *Service) Get(ctx context.Context, roomID, entryID uuid.UUID, with Reading) (*Entry, error) {
	reply, err := s.run(ctx, getScript, roomID, entryID.String(), with.Lease.Milliseconds(),
		with.PassTTL.Milliseconds(), userText(with.UserID))
	if err != nil {
		return nil, err
	}
	return parseView(roomID, reply, s.settings.ShowPosition)
}

// Decision moves an entry out of WAITING.
type Decision struct {
	To Status
	// ByRule: the rules admit, not a host.
	ByRule bool
}

// validFor is how long a decision is valid.
func (s *Service) validFor(d Decision) time.Duration {
	switch d.To {
	case Admitted:
		return s.settings.AdmittedFor
	case Denied:
		return s.settings.DeniedFor
	default:
		return newsTTL
	}
}

// Decide moves entries (none: all) out of WAITING and returns them as they are afterwards. Unknown
// ones are left out.
func (s *Service) Decide(
	ctx context.Context, roomID uuid.UUID, d Decision, entryIDs ...uuid.UUID,
) ([]*Entry, error) {
	args := []any{string(d.To), s.validFor(d).Milliseconds(), d.ByRule}
	for _, id := range entryIDs {
		args = append(args, id.String())
	}
	reply, err := s.run(ctx, decideScript, roomID, args...)
	if err != nil {
		return nil, err
	}
	replies := make([]any, len(reply))
	for i, one := range reply {
		decided, ok := one.([]any)
		if !ok || len(decided) != 2 {
			return nil, fmt.Errorf("decision: unexpected reply %T", one)
		}
		replies[i] = decided[0]
		if waited, _ := decided[1].(int64); waited >= 0 {
			s.settings.Observe(d.String(), time.Duration(waited)*time.Millisecond)
		}
	}
	return s.parseEntries(roomID, replies)
}

// String names a decision for those who count.
func (d Decision) String() string {
	if d.ByRule {
		return "admitted_by_rule"
	}
	return strings.ToLower(string(d.To))
}

const (
	// cachedLists is of how many rooms is remembered who waited when it was last asked, and cachedEntries how
	// many that may be: some 300 bytes each.
	cachedLists   = 200
	cachedEntries = 200
)

// readList is who waited for a room: which list that was to the script, and its entries, which nobody
// changes.
type readList struct {
	is      string
	entries []*Entry
}

// List returns who waits for a room. While that is who waited the last time, as Redis says each time, the
// entries are the same ones.
func (s *Service) List(ctx context.Context, roomID uuid.UUID) (*Lobby, error) {
	last, _ := s.lists.Get(roomID)
	reply, err := s.run(ctx, listScript, roomID, last.is)
	if err != nil {
		return nil, err
	}
	version, err := strconv.Atoi(reply[0].(string))
	if err != nil {
		return nil, fmt.Errorf("version of lobby %s: %w", roomID, err)
	}
	if len(reply) > 3 {
		last.is, _ = reply[2].(string)
		if last.entries, err = unpackEntries(roomID, reply[3], reply[4], s.damaged); err != nil {
			return nil, err
		}
		if len(last.entries) <= cachedEntries {
			s.lists.Add(roomID, last)
		}
	}
	return &Lobby{Entries: last.entries, Message: message(reply[1]), Version: version}, nil
}

// Count is List without the entries.
func (s *Service) Count(ctx context.Context, roomID uuid.UUID) (*Lobby, error) {
	reply, err := s.run(ctx, countScript, roomID)
	if err != nil {
		return nil, err
	}
	version, err := strconv.Atoi(reply[0].(string))
	if err != nil {
		return nil, fmt.Errorf("version of lobby %s: %w", roomID, err)
	}
	waiting, _ := reply[2].(int64)
	return &Lobby{Message: message(reply[1]), Version: version, waiting: int(waiting)}, nil
}

// parseEntries leaves out entries that are gone, and damaged ones.
func (s *Service) parseEntries(roomID uuid.UUID, replies []any) ([]*Entry, error) {
	entries := make([]*Entry, 0, len(replies))
	for _, reply := range replies {
		e, err := parseEntry(roomID, reply)
		switch {
		case err != nil:
			s.damaged(err)
		case e.Status != Gone:
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// damaged logs what cannot be read of what Redis keeps, once. One damaged entry or pass must not keep a host
// from all others.
func (s *Service) damaged(err error) {
	if known, _ := s.logged.ContainsOrAdd(err.Error(), struct{}{}); !known {
		slog.Error("Redis has damaged data, which is left out", "err", err)
	}
}

// close ends the meeting of a room for a host, and returns when that was: now, by Redis's clock.
func (s *Service) close(ctx context.Context, roomID uuid.UUID) (time.Time, error) {
	args := s.args(ctx, newsTTL.Milliseconds(), "")
	at, err := closeScript.Run(ctx, s.rdb, s.key(roomID), args...).Int64()
	if err != nil {
		return time.Time{}, away(err)
	}
	return time.UnixMilli(at), nil
}

// lapse ends the meeting of a room if nobody has been in the call for a grace time.
func (s *Service) lapse(ctx context.Context, roomID uuid.UUID, grace time.Duration) error {
	return s.do(ctx, closeScript, roomID, newsTTL.Milliseconds(), grace.Milliseconds())
}

// SetMessage sets what those who wait are told, and tells them.
func (s *Service) SetMessage(ctx context.Context, roomID uuid.UUID, message string) error {
	return s.do(ctx, messageScript, roomID, message)
}

// do runs a script for what it does.
func (s *Service) do(
	ctx context.Context, script *redis.Script, roomID uuid.UUID, args ...any,
) error {
	if err := script.Run(ctx, s.rdb, s.key(roomID), s.args(ctx, args...)...).Err(); err != nil {
		return away(err)
	}
	return nil
}

// versions are those of a room's lobby and of its meeting.
type versions struct{ lobby, meeting int }

// beats is the state of one room that a server tells Redis on its heartbeat.
type beats struct {
	roomID  uuid.UUID
	waiting []uuid.UUID
}

// beatRooms keeps the waiting guests of many rooms present for lease, in one round trip, and calls found
// with each room's versions and those of the guests who do not wait any more. One room's failure is
// no other's.
func (s *Service) beatRooms(
	ctx context.Context, rooms []beats, lease time.Duration,
	found func(roomID uuid.UUID, now versions, surprised []uuid.UUID),
) error {
	pipe := s.rdb.Pipeline()
	replies := make([]*redis.Cmd, len(rooms))
	for i, room := range rooms {
		replies[i] = pipe.EvalSha(ctx, beatScript.Hash(), s.key(room.roomID), s.beatArgs(ctx, room, lease)...)
	}
	_, _ = pipe.Exec(ctx) // each reply has its own error
	var failed []error
	for i, room := range rooms {
		reply := replies[i]
		if redis.HasErrorPrefix(reply.Err(), "NOSCRIPT") {
			reply = beatScript.Eval(ctx, s.rdb, s.key(room.roomID), s.beatArgs(ctx, room, lease)...)
		}
		texts, err := reply.StringSlice()
		if err != nil {
			failed = append(failed, away(err))
			continue
		}
		found(room.roomID, versions{number(texts[0]), number(texts[1])}, parseIDs(texts[2:]))
	}
	return errors.Join(failed...)
}

func parseIDs(texts []string) []uuid.UUID {
	ids := make([]uuid.UUID, len(texts))
	for i, text := range texts {
		ids[i], _ = uuid.Parse(text) // they are ours
	}
	return ids
}

func (s *Service) beatArgs(ctx context.Context, room beats, lease time.Duration) []any {
	args := s.args(ctx, lease.Milliseconds())
	for _, id := range room.waiting {
		args = append(args, id.String())
	}
	return args
}
