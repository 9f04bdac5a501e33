package lobby_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/lobby"
	"foyer/rooms"
	"foyer/test/env"
)

// letIn is a guest whom the owner has admitted, with a token.
func (w *world) letIn(t testing.TB, ctx context.Context, name string) *lobby.Request {
	t.Helper()
	r, err := w.RequestEntry(ctx, lobby.RequestEntryInput{RoomID: &w.Room.ID, DisplayName: &name})
	require.NoError(t, err)
	e, err := w.Admit(w.Host(), w.decide(r))
	require.NoError(t, err)
	_, err = w.ConnectionDetails(ctx, e)
	require.NoError(t, err)
	return r
}

// refused is why a person may not be in the meeting at this moment.
func (w *world) refused(t testing.TB, of *lobby.Request) error {
	t.Helper()
	now, err := w.Rooms.ByID(context.Background(), w.Room.ID)
	require.NoError(t, err)
	standings, err := w.Judge(context.Background(), now, of.Entry.ID)
	require.NoError(t, err)
	return standings[0].Refused
}

func personOf(of *lobby.Request, u *ent.User) rooms.Person {
	p := rooms.Person{ID: of.Entry.ID, Name: of.Entry.DisplayName}
	if u != nil {
		p.UserID = u.ID
	}
	return p
}

// hold sends somebody back to the lobby.
func (w *world) hold(ctx context.Context, p rooms.Person) (*live.Entry, error) {
	return w.live.Hold(ctx, &live.Entry{
		ID: p.ID, RoomID: w.Room.ID, DisplayName: p.Name, Color: "red", UserID: p.UserID,
	})
}

// expel ends somebody's right to be in the meeting.
func (w *world) expel(ctx context.Context, p rooms.Person) error {
	return w.live.Expel(ctx, w.Room.ID, p.ID, p.UserID)
}

// TestAdmissionDoesNotRunOutInTheMeeting: a guest who uses their admission is not removed in the middle of a long
// meeting; one who does not use it has to ask again.
func TestAdmissionDoesNotRunOutInTheMeeting(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	settings := calm
	settings.AdmittedFor = 5 * time.Second
	w := newWorld(t, rdb, prefix, settings)
	inside, followed := w.letIn(t, env.Guest(), "Inside"), w.letIn(t, env.Guest(), "Followed")
	require.NoError(t, w.live.CountIn(t.Context(), w.Room.ID, inside.Entry.ID,
		live.Connection{ID: "PA_1", Since: time.Now()}))
	meeting, err := w.live.Meeting(t.Context(), w.Room.ID)
	require.NoError(t, err)
	require.NoError(t, w.live.Align(t.Context(), w.Room.ID, meeting.Version, map[uuid.UUID]live.Connection{
		inside.Entry.ID: {ID: "PA_1", Since: time.Now()}, followed.Entry.ID: {ID: "PA_2", Since: time.Now()},
	}))
	outside := w.letIn(t, env.Guest(), "Outside")
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		standings, err := w.Judge(context.Background(), w.Room, outside.Entry.ID)
		assert.NoError(t, err)
		assert.Error(t, standings[0].Refused)
	}, env.Soon, 20*time.Millisecond)
	assert.NoError(t, w.refused(t, inside))
	assert.NoError(t, w.refused(t, followed), "their joining was not reported")

	require.NoError(t, w.live.CountOut(t.Context(), w.Room.ID, inside.Entry.ID, "PA_1"))
	assert.NoError(t, w.refused(t, inside), "they may come back")
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		standings, err := w.Judge(context.Background(), w.Room, inside.Entry.ID)
		assert.NoError(t, err)
		assert.Error(t, standings[0].Refused, "but not for ever")
	}, env.Soon, 20*time.Millisecond)
}

// TestStateOfAMeetingLastsAsLongAsTheMeeting: nothing is forgotten while the meeting is compared with LiveKit.
func TestStateOfAMeetingLastsAsLongAsTheMeeting(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	anna, held := w.letIn(t, env.Guest(), "Anna"), w.letIn(t, env.Guest(), "Held")
	require.NoError(t, w.live.CountIn(t.Context(), w.Room.ID, anna.Entry.ID,
		live.Connection{ID: "PA_1", Since: time.Now()}))
	require.NoError(t, w.live.NoteEgress(t.Context(), w.Room.ID, "EG_1", true, false))
	name := "Given"
	require.NoError(t, w.live.Restrict(t.Context(), w.Room.ID, anna.Entry.ID, live.Restrictions{Name: &name}))
	_, err := w.hold(t.Context(), personOf(held, nil))
	require.NoError(t, err)
	of := prefix + "lobby:{" + w.Room.ID.String() + "}:"
	keys := []string{
		of + "inside", of + "held", of + "limits", of + "recorders", of + "meeting",
		of + "pass:" + anna.Entry.ID.String(), of + "entry:" + anna.Entry.ID.String(),
	}
	for _, key := range keys { // a day has nearly gone by
		require.True(t, rdb.PExpire(t.Context(), key, time.Minute).Val(), key)
	}
	meeting, err := w.live.Meeting(t.Context(), w.Room.ID)
	require.NoError(t, err)
	require.NoError(t, w.live.Align(t.Context(), w.Room.ID, meeting.Version, map[uuid.UUID]live.Connection{
		anna.Entry.ID: {ID: "PA_1", Since: time.Now()},
	}))
	for _, key := range keys {
		assert.Greater(t, rdb.PTTL(t.Context(), key).Val(), time.Hour, key)
	}
}

// TestPersonWhoHasLeftIsNotCountedInAgain: LiveKit's list is older than the event of the end.
func TestPersonWhoHasLeftIsNotCountedInAgain(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	anna := w.letIn(t, env.Guest(), "Anna")
	meeting, err := w.live.Meeting(t.Context(), w.Room.ID)
	require.NoError(t, err)
	require.NoError(t, w.live.CountOut(t.Context(), w.Room.ID, anna.Entry.ID, "PA_1"))
	require.NoError(t, w.live.Align(t.Context(), w.Room.ID, meeting.Version, map[uuid.UUID]live.Connection{
		anna.Entry.ID: {ID: "PA_1", Since: time.Now()},
	}))
	meeting, err = w.live.Meeting(t.Context(), w.Room.ID)
	require.NoError(t, err)
	assert.Zero(t, meeting.Inside)
}

// TestExpelledPersonHasNoOtherAdmission: a user was admitted on two devices and is removed on one.
func TestExpelledPersonHasNoOtherAdmission(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	mallory, other := w.User("Mallory"), w.User("Other")
	laptop, phone := w.letIn(t, env.As(mallory), "Laptop"), w.letIn(t, env.As(mallory), "Phone")
	another := w.letIn(t, env.As(other), "Other")
	require.NoError(t, w.expel(t.Context(), personOf(laptop, mallory)))
	env.RequireFault(t, fault.LobbyRequired, w.refused(t, laptop))
	env.RequireFault(t, fault.LobbyRequired, w.refused(t, phone))
	_, err := w.CreateRoomToken(env.As(mallory), lobby.CreateRoomTokenInput{
		RoomID: &w.Room.ID, Ticket: &phone.Ticket,
	})
	env.RequireFault(t, fault.LobbyRequired, err)
	assert.NoError(t, w.refused(t, another))
}

// TestHeldPersonWaitsOnEveryDevice: a user was admitted on two devices and is returned to the lobby on one.
func TestHeldPersonWaitsOnEveryDevice(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	mallory := w.User("Mallory")
	laptop, phone := w.letIn(t, env.As(mallory), "Laptop"), w.letIn(t, env.As(mallory), "Phone")
	_, err := w.hold(t.Context(), personOf(laptop, mallory))
	require.NoError(t, err)
	token := func(of *lobby.Request) error {
		_, err := w.CreateRoomToken(env.As(mallory), lobby.CreateRoomTokenInput{
			RoomID: &w.Room.ID, Ticket: &of.Ticket,
		})
		return err
	}
	env.RequireFault(t, fault.LobbyRequired, w.refused(t, phone))
	env.RequireFault(t, fault.LobbyRequired, token(phone))
	again, err := w.RequestEntry(env.As(mallory), lobby.RequestEntryInput{
		RoomID: &w.Room.ID, Ticket: &phone.Ticket,
	})
	require.NoError(t, err)
	assert.Equal(t, live.Waiting, again.Entry.Status)
	_, err = w.Admit(w.Host(), w.decide(laptop))
	require.NoError(t, err)
	require.NoError(t, token(laptop))
	require.NoError(t, w.refused(t, laptop))
}

// TestAdmissionOutlivesPublicAccess: a host has admitted a guest who then could have walked in too.
func TestAdmissionOutlivesPublicAccess(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	anna := w.letIn(t, env.Guest(), "Anna")
	set := func(level room.AccessLevel) {
		w.DB.Room.UpdateOneID(w.Room.ID).SetAccessLevel(level).ExecX(t.Context())
	}
	set(room.AccessLevelPUBLIC)
	token, err := w.CreateRoomToken(env.Guest(),
		lobby.CreateRoomTokenInput{RoomID: &w.Room.ID, Ticket: &anna.Ticket})
	require.NoError(t, err)
	require.Equal(t, anna.Entry.ID, token.ParticipantID)
	set(room.AccessLevelRESTRICTED)
	assert.NoError(t, w.refused(t, anna), "the host's admission is valid")
}

// TestPassOutlivesItsTokenAlsoWhenItsHolderLeaves: a person who leaves early can still use a long token.
func TestPassOutlivesItsTokenAlsoWhenItsHolderLeaves(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	anna := w.letIn(t, env.Guest(), "Anna")
	key := prefix + "lobby:{" + w.Room.ID.String() + "}:pass:" + anna.Entry.ID.String()
	require.True(t, rdb.PExpire(t.Context(), key, 48*time.Hour).Val()) // that of a token for two days
	require.NoError(t, rdb.HSet(t.Context(), key, "until",
		time.Now().Add(48*time.Hour).UnixMilli()).Err())
	require.NoError(t, w.live.CountIn(t.Context(), w.Room.ID, anna.Entry.ID,
		live.Connection{ID: "PA_1", Since: time.Now()}))
	assert.Greater(t, rdb.PTTL(t.Context(), key).Val(), 47*time.Hour)
	require.NoError(t, w.live.CountOut(t.Context(), w.Room.ID, anna.Entry.ID, "PA_1"))
	assert.Greater(t, rdb.PTTL(t.Context(), key).Val(), 47*time.Hour)
}

// TestLongMessageIsInTheAudit: the audit keeps every message that the API accepts.
func TestLongMessageIsInTheAudit(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	message := ""
	for range 500 {
		message += "会"
	}
	_, err := w.SetMessage(w.Host(), lobby.SetMessageInput{RoomID: w.Room.ID, Message: &message})
	require.NoError(t, err)
	audit, err := w.Rooms.Audit(w.Host(), w.Room.ID, nil, nil)
	require.NoError(t, err)
	assert.Equal(t, 1, audit.TotalCount)
}

// failing refuses scripts while now is set.
type failing struct {
	onlyCommands

	now atomic.Bool
}

func (f *failing) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if f.now.Load() && strings.HasPrefix(cmd.Name(), "eval") {
			return errors.New("no more scripts")
		}
		return next(ctx, cmd)
	}
}

// TestAdmittedGuestGetsTheirPassWithTheNews: the script that reads the admission issues the pass, so that the token
// needs no other script.
func TestAdmittedGuestGetsTheirPassWithTheNews(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	theirs, _ := env.Redis(t)
	broken := &failing{}
	theirs.AddHook(broken)
	server := w.server(t, theirs, calm).Service
	anna := w.knock(t, "Anna")
	watching := w.watchEntry(t, server, anna)
	assert.Equal(t, live.Waiting, watching.next().Status)
	require.Error(t, w.refused(t, anna))

	_, err := w.Admit(w.Host(), w.decide(anna))
	require.NoError(t, err)
	admitted := watching.until(is(live.Admitted))
	broken.now.Store(true)
	details, err := server.ConnectionDetails(env.Guest(), admitted)
	require.NoError(t, err)
	assert.NotEmpty(t, details.ParticipantToken)
	require.NoError(t, w.refused(t, anna))
}
