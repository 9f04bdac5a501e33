package lobby_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/auditevent"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/lobby"
	"foyer/rooms"
	"foyer/test/env"
)

// lasting are calm settings under which a meeting does not end by itself.
var lasting = func() settings {
	s := calm
	s.MeetingGrace = time.Minute
	return s
}()

// admit lets a guest in, for the owner.
func (w *world) admit(t testing.TB, of *lobby.Request) {
	t.Helper()
	_, err := w.Admit(w.Host(), w.decide(of))
	require.NoError(t, err)
}

// tokenOf asks for a token with the ticket of a request.
func (w *world) tokenOf(of *lobby.Request) (*lobby.RoomToken, error) {
	return w.CreateRoomToken(env.Guest(), lobby.CreateRoomTokenInput{RoomID: &w.Room.ID, Ticket: &of.Ticket})
}

// TestAdmissionThatRedisHasLostIsBroughtBack: the guest knows it, and does not watch any more. Redis knows the guest as
// one who waits, or not at all.
func TestAdmissionThatRedisHasLostIsBroughtBack(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, lasting)
		ulla := env.As(w.User("Ulla User"))
		empty := env.RememberRedis(t, rdb, prefix)
		anna := w.knock(t, "Anna")
		users, err := w.RequestEntry(ulla, lobby.RequestEntryInput{RoomID: &w.Room.ID})
		require.NoError(t, err)
		waiting := env.RememberRedis(t, rdb, prefix)
		w.admit(t, anna)
		w.admit(t, users)
		for state, goBack := range map[string]func(){"waiting": waiting, "unknown": empty} {
			goBack()
			token, err := w.tokenOf(anna)
			require.NoError(t, err, state)
			assert.Equal(t, anna.Entry.ID, token.ParticipantID)
			assert.Equal(t, "Anna", token.ConnectionDetails.ParticipantName)

			goBack()
			again, err := w.RequestEntry(env.Guest(), lobby.RequestEntryInput{RoomID: &w.Room.ID, Ticket: &anna.Ticket})
			require.NoError(t, err, state)
			assert.Equal(t, live.Admitted, again.Entry.Status)
			assert.Equal(t, anna.Entry.ID, again.Entry.ID)
			assert.NotContains(t, w.listed(t), "Anna", "hosts are not asked again")
			assert.Equal(t, live.Admitted, w.watchEntry(t, w.Service, anna).next().Status)

			again, err = w.RequestEntry(ulla, lobby.RequestEntryInput{RoomID: &w.Room.ID, Ticket: &users.Ticket})
			require.NoError(t, err, state)
			assert.Equal(t, live.Admitted, again.Entry.Status)
			assert.True(t, again.Entry.IsAuthenticated())
		}
	})
}

// TestAdmissionIsNotBroughtBackAgainstALaterChange: Redis has what has happened after the admission, or the audit has.
func TestAdmissionIsNotBroughtBackAgainstALaterChange(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		for name, follows := range map[string]func(*world, *lobby.Request, rooms.Person, func()){
			"denied after the failover": func(w *world, anna *lobby.Request, _ rooms.Person, goBack func()) {
				goBack()
				_, err := w.Deny(w.Host(), w.decide(anna))
				require.NoError(t, err)
			},
			"removed after the failover, on another device": func(w *world, _ *lobby.Request, ulla rooms.Person,
				goBack func()) {
				goBack()
				other := rooms.Person{ID: w.Room.ID, UserID: ulla.UserID}
				require.NoError(t, w.expel(env.Guest(), other))
			},
			"returned after the failover": func(w *world, _ *lobby.Request, ulla rooms.Person, goBack func()) {
				goBack()
				_, err := w.hold(env.Guest(), ulla)
				require.NoError(t, err)
			},
			"the meeting ended after the failover": func(w *world, _ *lobby.Request, _ rooms.Person, goBack func()) {
				goBack()
				_, err := w.live.End(env.Guest(), w.Room.ID)
				require.NoError(t, err)
			},
			"removed before": func(w *world, _ *lobby.Request, ulla rooms.Person, goBack func()) {
				w.Rooms.WriteAudit(w.Host(), w.Room.ID, rooms.Act{Action: auditevent.ActionREMOVE, Target: ulla})
				goBack()
			},
			"the meeting ended before": func(w *world, _ *lobby.Request, _ rooms.Person, goBack func()) {
				w.Rooms.WriteAudit(w.Host(), w.Room.ID, rooms.Act{Action: auditevent.ActionEND_MEETING})
				goBack()
			},
		} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, rdb, prefix, lasting)
				ulla := w.User("Ulla User")
				asked, err := w.RequestEntry(env.As(ulla), lobby.RequestEntryInput{RoomID: &w.Room.ID})
				require.NoError(t, err)
				goBack := env.RememberRedis(t, rdb, prefix+"lobby:{"+w.Room.ID.String())
				w.admit(t, asked)
				person := rooms.Person{ID: asked.Entry.ID, UserID: ulla.ID, Name: "Ulla User"}
				follows(w, asked, person, goBack)
				_, err = w.tokenOf(asked)
				env.RequireFault(t, fault.LobbyRequired, err)
			})
		}
	})
}

func TestBanAndLockApplyToAnAdmissionThatIsBroughtBack(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, lasting)
	anna, vic := w.knock(t, "Anna"), w.knock(t, "Vic")
	goBack := env.RememberRedis(t, rdb, prefix)
	w.admit(t, anna)
	w.admit(t, vic)
	goBack()
	person := rooms.Person{ID: vic.Entry.ID, Name: "Vic"}
	require.NoError(t, w.Rooms.Ban(w.Host(), w.Room.ID, person, rooms.Forever))
	_, err := w.tokenOf(vic)
	env.RequireFault(t, fault.Forbidden, err)
	_, _, err = w.Rooms.Lock(w.Host(), w.Room.ID)
	require.NoError(t, err)
	_, err = w.tokenOf(anna)
	env.RequireFault(t, fault.Forbidden, err)
}

// TestOldAdmissionIsNotBroughtBack: a meeting that nobody ended may have ended since.
func TestOldAdmissionIsNotBroughtBack(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	settings := lasting
	settings.MeetingGrace = 20 * time.Millisecond
	w := newWorld(t, rdb, prefix, settings)
	anna := w.knock(t, "Anna")
	goBack := env.RememberRedis(t, rdb, prefix)
	w.admit(t, anna)
	goBack()
	time.Sleep(2 * settings.MeetingGrace) // nothing happens: that is the point
	_, err := w.tokenOf(anna)
	env.RequireFault(t, fault.LobbyRequired, err)
}

// TestEarlierAdmissionDoesNotAdmitAGuestWhoAsksAgain: it ended with the meeting.
func TestEarlierAdmissionDoesNotAdmitAGuestWhoAsksAgain(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, lasting)
	anna := w.knock(t, "Anna")
	w.admit(t, anna)
	key := prefix + "lobby:{" + w.Room.ID.String() + "}:entry:" + anna.Entry.ID.String()
	require.NoError(t, rdb.HSet(env.Guest(), key, "status", "ENDED").Err()) // as close.lua does when a meeting lapses
	// The script compares milliseconds: the guest must ask again in a later one.
	time.Sleep(2 * time.Millisecond)
	for range 2 {
		again, err := w.RequestEntry(env.Guest(), lobby.RequestEntryInput{RoomID: &w.Room.ID, Ticket: &anna.Ticket})
		require.NoError(t, err)
		assert.Equal(t, live.Waiting, again.Entry.Status)
	}
}

func TestDamagedDataOfOnePersonDoesNotConcernOthers(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, rdb, prefix, lasting)
		anna, bob := w.knock(t, "Anna"), w.knock(t, "Bob")
		w.admit(t, anna)
		w.admit(t, bob)
		key := prefix + "lobby:{" + w.Room.ID.String() + "}:"
		require.NoError(t, rdb.Set(t.Context(), key+"pass:"+bob.Entry.ID.String(), "damaged", time.Hour).Err())
		require.NoError(t, rdb.HSet(t.Context(), key+"meeting", "version", "damaged").Err())
		_, err := w.tokenOf(anna)
		require.NoError(t, err)
		standings, err := w.Judge(t.Context(), w.Room, anna.Entry.ID, bob.Entry.ID)
		require.NoError(t, err)
		assert.NoError(t, standings[0].Refused)
		require.NoError(t, w.live.Touch(t.Context(), w.Room.ID))
		require.NoError(t, rdb.HSet(t.Context(), key+"meeting", "revoked", "damaged").Err())
		standings, err = w.Judge(t.Context(), w.Room, anna.Entry.ID, bob.Entry.ID)
		require.NoError(t, err)
		assert.NoError(t, standings[0].Refused)
		assert.False(t, standings[1].Known, "as good as none")
		again, err := w.RequestEntry(env.Guest(), lobby.RequestEntryInput{RoomID: &w.Room.ID, Ticket: &anna.Ticket})
		require.NoError(t, err)
		assert.Equal(t, live.Admitted, again.Entry.Status)
		_, err = w.live.End(env.Guest(), w.Room.ID)
		require.NoError(t, err)
	})
}
