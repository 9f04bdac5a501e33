package live

import (
	"context"
	"embed"
	"errors"
	"strings"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"foyer/internal/fault"
	"foyer/internal/telemetry"
)

//go:embed scripts
var scripts embed.FS

var (
	alignScript      = script("align")
	beatScript       = script("beat")
	closeScript      = script("close")
	countScript      = script("count")
	decideScript     = script("decide")
	endAppliedScript = script("end_applied")
	expelScript      = script("expel")
	getScript        = script("get")
	holdScript       = script("hold")
	joinedScript     = script("joined")
	leftScript       = script("left")
	listScript       = script("list")
	meetingScript    = script("meeting")
	messageScript    = script("message")
	passScript       = script("pass")
	passesScript     = script("passes")
	readmitScript    = script("readmit")
	recordScript     = script("record")
	renameScript     = script("rename")
	requestScript    = script("request")
	restrictScript   = script("restrict")
	touchScript      = script("touch")
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

// keys has the names of all keys. The keys of a room carry its id as hash tag, so that they are on one node of a
// cluster. The prelude of the scripts names the keys that only scripts use.
type keys struct{ prefix string }

func (k keys) room(id uuid.UUID) string   { return k.prefix + "lobby:{" + id.String() + "}:" }
func (k keys) bell(id uuid.UUID) string   { return k.room(id) + "bell" }
func (k keys) held(id uuid.UUID) string   { return k.room(id) + "held" }
func (k keys) inside(id uuid.UUID) string { return k.room(id) + "inside" }
func (k keys) event(id string) string     { return k.prefix + "event:" + id }

// meetings is a sorted set of the rooms in which a meeting is on. The score is how often a server noted that. The key
// has no room's hash tag.
func (k keys) meetings() string { return k.prefix + "meetings" }

// meetingsLock is held by the server that compares all meetings with LiveKit. meetingsCompared is there while no server
// should begin another comparison.
func (k keys) meetingsLock() string     { return k.prefix + "meetings:lock" }
func (k keys) meetingsCompared() string { return k.prefix + "meetings:compared" }

// roomOf is the inverse of bell.
func (k keys) roomOf(bell string) (uuid.UUID, error) {
	id := strings.TrimSuffix(strings.TrimPrefix(bell, k.prefix+"lobby:{"), "}:bell")
	return uuid.Parse(id)
}

func isCluster(rdb redis.UniversalClient) bool {
	_, cluster := rdb.(*redis.ClusterClient)
	return cluster
}

// key is KEYS of every script: the common beginning of the names of the room's keys. A cluster finds the node by it.
func (s *Service) key(roomID uuid.UUID) []string { return []string{s.room(roomID)} }

// args is ARGV of a script: the arguments of every script, and its own.
func (s *Service) args(ctx context.Context, more ...any) []any {
	publish := s.publish
	if trace := telemetry.Parent(ctx); trace != "" {
		publish += " " + trace
	}
	return append([]any{publish, keyTTL.Milliseconds()}, more...)
}

// run runs a script that returns a list.
func (s *Service) run(
	ctx context.Context, script *redis.Script, roomID uuid.UUID, args ...any,
) ([]any, error) {
	reply, err := script.Run(ctx, s.rdb, s.key(roomID), s.args(ctx, args...)...).Slice()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, unavailable(err)
	}
	return reply, nil
}

// do runs a script and ignores its result.
func (s *Service) do(
	ctx context.Context, script *redis.Script, roomID uuid.UUID, args ...any,
) error {
	if err := script.Run(ctx, s.rdb, s.key(roomID), s.args(ctx, args...)...).Err(); err != nil {
		return unavailable(err)
	}
	return nil
}

func unavailable(err error) error {
	return fault.From(err, fault.Unavailable, "the lobby cannot be reached; try again soon")
}
