package lobby_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/lobby"
	"foyer/rooms"
	"foyer/test/env"
)

// severable is the link of one server to Redis, which can be cut.
type severable struct{ cut atomic.Bool }

var errCut = &net.OpError{Op: "read", Net: "tcp", Err: errors.New("the link is cut")}

func (s *severable) DialHook(next redis.DialHook) redis.DialHook { return next }

func (s *severable) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if s.cut.Load() {
			cmd.SetErr(errCut)
			return errCut
		}
		return next(ctx, cmd)
	}
}

func (s *severable) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if s.cut.Load() {
			return errCut
		}
		return next(ctx, cmds)
	}
}

// TestDenialOutlivesACutOfTheGuestsServer: when the server is back, the guest might already ask again.
func TestDenialOutlivesACutOfTheGuestsServer(t *testing.T) {
	t.Parallel()
	for name, ban := range map[string]bool{"with a ban": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			link := &severable{}
			rdb, prefix := env.Redis(t)
			settings := fast
			settings.DeniedFor = 50 * time.Millisecond
			w := newWorld(t, rdb, prefix, settings)
			there, _ := env.Redis(t)
			there.AddHook(link)
			away := w.server(t, there, settings).Service

			request := w.knock(t, "Vic")
			vic := w.watchEntry(t, away, request)
			vic.next()
			link.cut.Store(true)
			if ban {
				p := rooms.Person{ID: request.Entry.ID, Name: "Vic"}
				require.NoError(t, w.Rooms.Ban(w.Host(), w.Room.ID, p, rooms.Forever))
			}
			_, err := w.Deny(w.Host(), w.decide(request))
			require.NoError(t, err)
			time.Sleep(4 * settings.DeniedFor) // nothing happens: that is the point
			link.cut.Store(false)
			denied := vic.until(is(live.Denied))
			if assert.NotNil(t, denied.RetryAfter) {
				assert.Zero(t, *denied.RetryAfter, "the time to ask again is over")
			}
			assert.Empty(t, w.listed(t))

			again, err := w.RequestEntry(env.Guest(), lobby.RequestEntryInput{
				RoomID: &w.Room.ID, Ticket: &request.Ticket,
			})
			if ban {
				env.RequireFault(t, fault.Forbidden, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, live.Waiting, again.Entry.Status, "the guest may ask again")
			assert.Equal(t, request.Entry.ID, again.Entry.ID)
		})
	}
}

// TestNobodyIsPutBackAgainstTheDatabase: Redis has lost the guest and the decision, but the database has a ban, or no
// such room.
func TestNobodyIsPutBackAgainstTheDatabase(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, fast)
	vic, anna := w.knock(t, "Vic"), w.knock(t, "Anna")
	vics, annas := w.watchEntry(t, w.Service, vic), w.watchEntry(t, w.Service, anna)
	vics.next()
	annas.next()
	p := rooms.Person{ID: vic.Entry.ID, Name: "Vic"}
	require.NoError(t, w.Rooms.Ban(w.Host(), w.Room.ID, p, rooms.Forever))
	key := prefix + "lobby:{" + w.Room.ID.String() + "}:"
	lose := func(r *lobby.Request) {
		require.NoError(t, rdb.Del(env.Guest(), key+"entry:"+r.Entry.ID.String()).Err())
		require.NoError(t, rdb.ZRem(env.Guest(), key+"waiting", r.Entry.ID.String()).Err())
	}
	lose(vic)
	vics.until(is(live.Denied))
	lose(anna)
	env.Eventually(t, func(t *assert.CollectT) {
		list, err := w.Get(w.Host(), w.Room.ID)
		if assert.NoError(t, err) {
			assert.Equal(t, []string{"Anna"}, names(list))
		}
	})
	_, err := w.Rooms.Delete(w.Host(), w.Room.ID)
	require.NoError(t, err)
	lose(anna)
	annas.until(is(live.Ended))
}

// TestOneDamagedEntryDoesNotHideTheLobby: and does not keep hosts from deciding on all others.
func TestOneDamagedEntryDoesNotHideTheLobby(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		for what, damage := range map[string]func(t *testing.T, key string){
			"values": func(t *testing.T, key string) {
				require.NoError(t, rdb.HSet(env.Guest(), key, "since", "yesterday", "arrival", "", "version",
					"x").Err())
			},
			"status": func(t *testing.T, key string) {
				require.NoError(t, rdb.HSet(env.Guest(), key, "status", "SITTING", "user", "nobody").Err())
			},
			"type": func(t *testing.T, key string) {
				require.NoError(t, rdb.Del(env.Guest(), key).Err())
				require.NoError(t, rdb.Set(env.Guest(), key, "no hash", time.Minute).Err())
			},
		} {
			t.Run(what, func(t *testing.T) {
				w := newWorld(t, rdb, prefix, calm)
				anna, vic, bob := w.knock(t, "Anna"), w.knock(t, "Vic"), w.knock(t, "Bob")
				damage(t, prefix+"lobby:{"+w.Room.ID.String()+"}:entry:"+vic.Entry.ID.String())
				w.knock(t, "Carl") // the list is read anew
				assert.Equal(t, []string{"Anna", "Bob", "Carl"}, w.listed(t))
				_, err := w.Admit(w.Host(), w.decide(bob))
				require.NoError(t, err)
				admitted, err := w.AdmitAll(w.Host(), lobby.AdmitAllInput{RoomID: w.Room.ID})
				require.NoError(t, err)
				assert.GreaterOrEqual(t, len(admitted), 2)
				_, err = w.live.End(env.Guest(), w.Room.ID)
				require.NoError(t, err)
				back := w.again(t, anna)
				assert.Equal(t, live.Waiting, back.Entry.Status)
			})
		}
	})
}

func TestDamagedPassCountsAsNone(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	anna, vic := w.letIn(t, env.Guest(), "Anna"), w.letIn(t, env.Guest(), "Vic")
	key := prefix + "lobby:{" + w.Room.ID.String() + "}:pass:" + vic.Entry.ID.String()
	require.NoError(t, rdb.HSet(env.Guest(), key, "user", "nobody", "at", strings.Repeat("x", 9)).Err())
	standings, err := w.Judge(env.Guest(), w.Room, anna.Entry.ID, vic.Entry.ID)
	require.NoError(t, err)
	assert.NoError(t, standings[0].Refused)
	assert.Error(t, standings[1].Refused)
}
