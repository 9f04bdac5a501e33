package lobby_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/live"
	"foyer/lobby"
	"foyer/test/env"
)

// TestMeetingLapsesOnlyAfterItsGrace: which begins when the last person leaves, and again after somebody has come back.
func TestMeetingLapsesOnlyAfterItsGrace(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		settings := calm
		settings.MeetingGrace = 300 * time.Millisecond
		w := newWorld(t, rdb, prefix, settings)
		anna, bob := w.letIn(t, env.Guest(), "Anna"), w.letIn(t, env.Guest(), "Bob")
		waits := w.knock(t, "Waits")
		joins := func(of *lobby.Request, connection string) {
			require.NoError(t, w.live.CountIn(t.Context(), w.Room.ID, of.Entry.ID,
				live.Connection{ID: connection, Since: time.Now()}))
		}
		leaves := func(of *lobby.Request, connection string) {
			require.NoError(t, w.live.CountOut(t.Context(), w.Room.ID, of.Entry.ID, connection))
		}
		lapse := func() *live.Meeting {
			require.NoError(t, w.live.Lapse(t.Context(), w.Room.ID))
			m, err := w.live.Meeting(t.Context(), w.Room.ID)
			require.NoError(t, err)
			return m
		}
		assert.False(t, lapse().On, "nobody has come yet")
		joins(anna, "PA_1")
		joins(bob, "PA_2")
		leaves(anna, "PA_1")
		assert.True(t, lapse().On, "somebody is inside")
		leaves(bob, "PA_2")
		assert.True(t, lapse().On)
		<-time.After(settings.MeetingGrace)
		joins(anna, "PA_3") // too late for most, but before anybody looked
		leaves(anna, "PA_3")
		assert.True(t, lapse().On)
		assert.Equal(t, []string{"Waits"}, w.listed(t))
		left := time.Now()
		require.EventuallyWithT(t, func(t *assert.CollectT) {
			m := lapse()
			assert.False(t, m.On)
			assert.True(t, m.Over)
		}, env.Soon, 20*time.Millisecond)
		m := lapse()
		assert.WithinDuration(t, left, m.ClosedAt, 250*time.Millisecond)
		assert.Equal(t, live.Ended, w.watchEntry(t, w.Service, waits).next().Status)

		require.NoError(t, w.live.MarkEndApplied(t.Context(), w.Room.ID, m.ClosedAt.Add(-time.Second)))
		assert.Equal(t, m.ClosedAt, lapse().ClosedAt, "that was another end")
		require.NoError(t, w.live.MarkEndApplied(t.Context(), w.Room.ID, m.ClosedAt))
		assert.True(t, lapse().ClosedAt.IsZero())
	})
}

// TestMessageEndsWithItsMeeting: also when something else that guests see changes during the grace time, and for guests
// who already wait for the next meeting.
func TestMessageEndsWithItsMeeting(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		settings := calm
		settings.MeetingGrace = time.Millisecond
		w := newWorld(t, rdb, prefix, settings)
		_, err := w.SetMessage(w.Host(), lobby.SetMessageInput{RoomID: w.Room.ID, Message: new("Five minutes")})
		require.NoError(t, err)
		anna := w.letIn(t, env.Guest(), "Anna")
		require.NoError(t, w.live.CountIn(t.Context(), w.Room.ID, anna.Entry.ID,
			live.Connection{ID: "PA_1", Since: time.Now()}))
		require.NoError(t, w.live.CountOut(t.Context(), w.Room.ID, anna.Entry.ID, "PA_1"))
		<-time.After(2 * time.Millisecond) // who asks in the same moment waits for the meeting that ends
		next := w.watchEntry(t, w.Service, w.knock(t, "Waits for the next"))
		before := next.next()
		assert.Equal(t, "Five minutes", *before.Message)
		require.NoError(t, w.live.TouchAll(t.Context(), w.Room.ID)) // the room is locked
		touched := next.until(func(e *live.Entry) bool { return e.Version > before.Version })
		assert.Equal(t, "Five minutes", *touched.Message, "the meeting goes on")
		require.EventuallyWithT(t, func(t *assert.CollectT) {
			assert.NoError(t, w.live.Lapse(context.Background(), w.Room.ID))
			l, err := w.Get(w.Host(), w.Room.ID)
			assert.NoError(t, err)
			assert.Nil(t, l.Message)
		}, env.Soon, 20*time.Millisecond)
		assert.Equal(t, live.Waiting, next.until(func(e *live.Entry) bool { return e.Message == nil }).Status)
	})
}

// TestMeetingThatBeginsMeanwhileIsNotForgotten: it was noted after the mark was read.
func TestMeetingThatBeginsMeanwhileIsNotForgotten(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, calm)
		noted := func() map[uuid.UUID]float64 {
			marks, err := w.live.Meetings(t.Context())
			require.NoError(t, err)
			return marks
		}
		joins := func() {
			require.NoError(t, w.live.CountIn(t.Context(), w.Room.ID, uuid.New(),
				live.Connection{ID: uuid.NewString(), Since: time.Now()}))
		}
		assert.Empty(t, noted())
		joins()
		old := noted()[w.Room.ID]
		joins()
		require.NoError(t, w.live.Forget(t.Context(), w.Room.ID, old))
		require.Contains(t, noted(), w.Room.ID)
		require.NoError(t, w.live.Forget(t.Context(), w.Room.ID, noted()[w.Room.ID]))
		assert.Empty(t, noted())
		require.NoError(t, w.live.Forget(t.Context(), w.Room.ID, 0))
		assert.Zero(t, rdb.Exists(t.Context(), prefix+"meetings").Val(), "nothing is left")
	})
}

// TestOnlyOneServerTakesATurn: also when it fails: the next turn is after the interval.
func TestOnlyOneServerTakesATurn(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, calm)
		servers := []*live.Service{w.live, w.server(t, rdb, calm).live, w.server(t, rdb, calm).live}
		var mu sync.Mutex
		turns := 0
		var group sync.WaitGroup
		for _, s := range servers {
			group.Go(func() {
				for range 20 {
					_ = s.InTurn(t.Context(), time.Hour, func(context.Context) error {
						mu.Lock()
						defer mu.Unlock()
						turns++
						return errors.New("it failed")
					})
				}
			})
		}
		group.Wait()
		assert.Equal(t, 1, turns)
		require.EventuallyWithT(t, func(t *assert.CollectT) {
			assert.NoError(t, w.live.InTurn(context.Background(), time.Millisecond,
				func(context.Context) error { return nil }))
			assert.NoError(t, rdb.Del(context.Background(), prefix+"meetings:compared").Err())
		}, env.Soon, 10*time.Millisecond)
	})
}

// TestMeetingGoesOnAfterAServerOfAnEarlierVersionCountedSomebodyIn: such a server keeps the old time since which nobody
// was there.
func TestMeetingGoesOnAfterAServerOfAnEarlierVersionCountedSomebodyIn(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		settings := calm
		settings.MeetingGrace = time.Minute
		w := newWorld(t, rdb, prefix, settings)
		anna := w.letIn(t, env.Guest(), "Anna")
		require.NoError(t, w.live.CountIn(t.Context(), w.Room.ID, anna.Entry.ID,
			live.Connection{ID: "PA_1", Since: time.Now()}))
		meeting := prefix + "lobby:{" + w.Room.ID.String() + "}:meeting"
		old := time.Now().Add(-time.Hour).UnixMilli()
		require.NoError(t, rdb.HSet(t.Context(), meeting, "empty", old).Err())
		require.NoError(t, w.live.CountOut(t.Context(), w.Room.ID, anna.Entry.ID, "PA_1"))
		require.NoError(t, w.live.Lapse(t.Context(), w.Room.ID))
		m, err := w.live.Meeting(t.Context(), w.Room.ID)
		require.NoError(t, err)
		assert.True(t, m.On)
		assert.False(t, m.Over)
	})
}
