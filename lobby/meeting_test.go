package lobby_test

import (
	"context"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/room"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/lobby"
	"foyer/test/env"
)

func (w *world) say(t testing.TB, message string) {
	t.Helper()
	_, err := w.SetMessage(w.Host(), lobby.SetMessageInput{RoomID: w.Room.ID, Message: &message})
	require.NoError(t, err)
}

func told(message string) func(*live.Entry) bool {
	return func(e *live.Entry) bool { return text(e.Message) == message }
}

func text(message *string) string {
	if message == nil {
		return ""
	}
	return *message
}

func TestMessageReachesAllWaitingGuests(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, calm)
		there := w.server(t, rdb, calm).Service
		host := w.watchLobby(t, there)
		anna := w.knock(t, "Anna")
		hers := w.watchEntry(t, there, anna)
		assert.Nil(t, hers.next().Message)
		w.say(t, "Five minutes")
		hers.until(told("Five minutes"))
		host.until(func(l *live.Lobby) bool { return text(l.Message) == "Five minutes" })
		bob := w.knock(t, "Bob")
		assert.Equal(t, "Five minutes", text(bob.Entry.Message), "a guest who comes later sees it immediately")
		w.say(t, "Two")
		hers.until(told("Two"))
		w.say(t, "")
		hers.until(told(""))
		host.until(func(l *live.Lobby) bool { return l.Message == nil })
		w.say(t, "Now")
		_, err := w.Admit(w.Host(), w.decide(bob))
		require.NoError(t, err)
		assert.Nil(t, w.watchEntry(t, there, bob).next().Message, "they do not wait any more")
		_, err = w.live.End(env.Guest(), w.Room.ID)
		require.NoError(t, err)
		hers.until(is(live.Ended))
		host.until(func(l *live.Lobby) bool { return l.Message == nil })
		assert.Nil(t, w.knock(t, "Carl").Entry.Message, "it was about that meeting")
	})
}

func TestOnlyHostsSetTheMessage(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	hello := lobby.SetMessageInput{RoomID: w.Room.ID, Message: &w.Room.Name}
	_, err := w.SetMessage(env.Guest(), hello)
	env.RequireFault(t, fault.Unauthenticated, err)
	_, err = w.SetMessage(env.As(w.User("Ulla")), hello)
	env.RequireFault(t, fault.Forbidden, err)
	for _, bad := range []string{strings.Repeat("x", 501), " ", "a\x00b", "a\xff"} {
		_, err := w.SetMessage(w.Host(), lobby.SetMessageInput{RoomID: w.Room.ID, Message: &bad})
		env.RequireFault(t, fault.Invalid, err)
	}
	w.say(t, strings.Repeat("é", 500))
}

func TestMessageOfSeveralLinesReachesGuestsAsItWasWritten(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	w.say(t, "We begin at 10.\r\nUntil then:\ttea.")
	entry := w.knock(t, "Carl").Entry
	assert.Equal(t, "We begin at 10.\nUntil then: tea.", text(entry.Message))
}

// at is a guest's place, and 0 when it is not shown.
func at(e *live.Entry) int {
	if e.Position == nil {
		return 0
	}
	return *e.Position
}

// reaches reads until the guest sees themselves at a place; versions never fall.
func reaches(t testing.TB, w *watch[*live.Entry], place int) {
	t.Helper()
	version := 0
	if w.last != nil {
		if version = (*w.last).Version; at(*w.last) == place {
			return
		}
	}
	w.until(func(e *live.Entry) bool {
		require.Greater(t, e.Version, version)
		version = e.Version
		return at(e) == place
	})
}

func TestGuestsSeeTheirPlaces(t *testing.T) {
	t.Parallel()
	settings := fast
	settings.ShowPosition = true
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, settings)
		anna, bob, carl := w.knock(t, "Anna"), w.knock(t, "Bob"), w.knock(t, "Carl")
		assert.Equal(t, 3, at(carl.Entry))
		annas, bobs, carls := w.watchEntry(t, w.Service, anna), w.watchEntry(t, w.Service, bob),
			w.watchEntry(t, w.Service, carl)
		reaches(t, annas, 1)
		reaches(t, bobs, 2)
		reaches(t, carls, 3)
		_, err := w.Admit(w.Host(), w.decide(bob))
		require.NoError(t, err)
		reaches(t, bobs, 0)
		reaches(t, carls, 2)
		w.say(t, "Soon")
		carls.until(told("Soon"))
		assert.Equal(t, 2, at(*carls.last))
		dora := w.knock(t, "Dora")
		assert.Equal(t, 3, at(dora.Entry))
		_, err = w.Cancel(env.Guest(), anna.Ticket)
		require.NoError(t, err)
		reaches(t, annas, 0)
		reaches(t, carls, 1)
		assert.Equal(t, 2, at(w.watchEntry(t, w.Service, dora).next()))
	})
}

func TestPlacesAreShownOnlyIfTheServerSaysSo(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	assert.Nil(t, w.knock(t, "Anna").Entry.Position)
}

// TestEventIsSeenOnceItIsMarked: and no other event is.
func TestEventIsSeenOnceItIsMarked(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, calm)
		seen := func(eventID string) bool {
			seen, err := w.live.Seen(t.Context(), eventID)
			require.NoError(t, err)
			return seen
		}
		for range 2 {
			assert.False(t, seen("EV_1"), "to ask does not mark it")
		}
		for range 2 {
			require.NoError(t, w.live.MarkSeen(t.Context(), "EV_1"))
			assert.True(t, seen("EV_1"))
		}
		assert.False(t, seen("EV_2"))
		require.NoError(t, w.live.MarkSeen(t.Context(), ""))
		assert.False(t, seen(""), "an event without an id is never seen")
	})
}

// TestRemovalIsShownOnlyWhenAHostDidIt: to guests who come back with their ticket.
func TestRemovalIsShownOnlyWhenAHostDidIt(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, calm)
		user := w.User("Ursula")
		held, expelled, ended := w.letIn(t, env.Guest(), "Held"), w.letIn(t, env.Guest(), "Expelled"), w.letIn(t,
			env.Guest(), "Ended")
		users := w.letIn(t, env.As(user), "User")
		removal := func(ctx context.Context, of *lobby.Request) *live.Removal {
			again, err := w.RequestEntry(ctx, lobby.RequestEntryInput{RoomID: &w.Room.ID, Ticket: &of.Ticket})
			require.NoError(t, err)
			return again.Entry.Removal
		}
		for _, of := range []*lobby.Request{held, expelled, ended} {
			assert.Nil(t, removal(env.Guest(), of))
		}
		_, err := w.hold(t.Context(), personOf(held, nil))
		require.NoError(t, err)
		assert.Equal(t, live.Returned, *removal(env.Guest(), held))
		assert.Equal(t, live.Returned, *w.watchEntry(t, w.Service, held).next().Removal)
		_, err = w.Admit(w.Host(), w.decide(held))
		require.NoError(t, err)
		assert.Nil(t, removal(env.Guest(), held), "a host has let them in since")

		require.NoError(t, w.expel(t.Context(), personOf(expelled, nil)))
		assert.Equal(t, live.Removed, *removal(env.Guest(), expelled))
		require.NoError(t, w.expel(t.Context(), personOf(users, user)))
		w.DB.Room.UpdateOneID(w.Room.ID).SetAccessLevel(room.AccessLevelTRUSTED).ExecX(t.Context())
		assert.Equal(t, live.Removed, *removal(env.As(user), users), "though they may walk in")

		_, err = w.live.End(env.Guest(), w.Room.ID)
		require.NoError(t, err)
		assert.Nil(t, removal(env.Guest(), ended), "they wait for the next meeting")
		require.NoError(t, rdb.Del(t.Context(), prefix+"lobby:{"+w.Room.ID.String()+"}:entry:"+ended.Entry.ID.String(),
			prefix+"lobby:{"+w.Room.ID.String()+"}:pass:"+ended.Entry.ID.String()).Err())
		assert.Nil(t, removal(env.Guest(), ended), "Redis has forgotten them")
	})
}
