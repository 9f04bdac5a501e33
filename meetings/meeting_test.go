package meetings_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/livekit/protocol/auth"
	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/lobby"
	"foyer/meetings"
	"foyer/rooms"
	"foyer/test/env"
)

// finished waits until LiveKit has reported the end of one more room than before.
func (w *world) finished(before int) {
	w.T.Helper()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Greater(t, w.heard(livekit.RoomFinished), before) })
}

// compared waits until all meetings have been compared with LiveKit at least once from now on: a meeting in
// another room, in which somebody was for a moment, has ended by that.
func (w *world) compared() {
	w.T.Helper()
	other := w.inNewRoom()
	for range 2 { // the first may have been under way
		anna := other.admitted(env.Guest(), "Anna")
		other.hears(other.news(livekit.ParticipantJoined, anna, uuid.NewString()))
		env.Eventually(w.T, func(t *assert.CollectT) { assert.Zero(t, other.meeting().Inside) })
	}
}

func (w *world) stored() *ent.Room {
	w.T.Helper()
	r, err := w.Rooms.ByID(context.Background(), w.Room.ID)
	require.NoError(w.T, err)
	return r
}

func (w *world) bans() int {
	w.T.Helper()
	bans, err := w.Rooms.Bans(w.Host(), w.Room.ID, nil, nil)
	require.NoError(w.T, err)
	return len(bans.Edges)
}

// noted reports whether a room is among those that are compared with LiveKit.
func (w *world) noted() bool {
	w.T.Helper()
	marks, err := w.live.Meetings(context.Background())
	require.NoError(w.T, err)
	_, noted := marks[w.Room.ID]
	return noted
}

// TestGuestsKeepTheirPlaceWhileTheRoomIsEmpty: the host's window closes, LiveKit ends its room, and the host
// comes back.
func TestGuestsKeepTheirPlaceWhileTheRoomIsEmpty(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.runs()
	host := w.counted(w.token(w.Host(), "Olga"))
	waits, admitted := w.knock(env.Guest(), "Waits"), w.admitted(env.Guest(), "Admitted")
	require.NoError(t, w.Rooms.Ban(w.Host(), w.Room.ID, rooms.Person{ID: uuid.New()}, rooms.ForMeeting))
	require.NoError(t, w.live.Restrict(env.Guest(), w.Room.ID, admitted.id,
		live.Restrictions{Name: new("Given name")}))
	w.lock()

	host.room.Disconnect()
	w.finished(0)
	w.compared()

	entry := w.entry(waits)
	assert.Equal(t, live.Waiting, entry.Status)
	assert.True(t, waits.Entry.Since.Equal(entry.Since))
	assert.NotNil(t, w.stored().LockedAt)
	assert.Equal(t, 1, w.bans())
	assert.True(t, w.meeting().On)
	assert.False(t, w.meeting().Over)
	w.counted(w.token(w.Host(), "Olga"))
	assert.Equal(t, []string{"Waits"}, w.waiting())
	w.unlock()
	assert.Equal(t, "Given name", w.counted(admitted).isThere().Name)
}

// TestMeetingEndsWhenItWasEmptyForTheGrace: with its bans, lock, decisions and admissions.
func TestMeetingEndsWhenItWasEmptyForTheGrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{grace: 5 * time.Second})
	w.runs()
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	follows := w.follow(env.Guest(), &anna.ticket)
	waits := w.knock(env.Guest(), "Waits")
	require.NoError(t, w.Rooms.Ban(w.Host(), w.Room.ID, rooms.Person{ID: uuid.New()}, rooms.ForMeeting))
	require.NoError(t, w.Rooms.Ban(w.Host(), w.Room.ID, rooms.Person{ID: uuid.New()}, rooms.Forever))
	w.lock()
	anna.room.Disconnect()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Zero(t, w.meeting().Inside) })
	assert.Equal(t, live.Waiting, w.entry(waits).Status)
	_ = after(w.meeting().Version)
	late := w.knock(env.Guest(), "Late")

	env.Eventually(w.T, func(t *assert.CollectT) { assert.True(t, w.meeting().Over) })
	follows.until(func(s *meetings.Status) bool { return s.Ended })
	assert.Equal(t, live.Ended, w.entry(waits).Status)
	assert.Equal(t, live.Waiting, w.entry(late).Status, "they wait for the next meeting")
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Nil(t, w.stored().LockedAt) })
	assert.Equal(t, 1, w.bans(), "the one for good")
	_, err := w.lobby.CreateRoomToken(env.Guest(), lobby.CreateRoomTokenInput{
		RoomID: &w.Room.ID, Ticket: &anna.ticket,
	})
	env.RequireFault(t, fault.LobbyRequired, err)
	env.Eventually(w.T, func(t *assert.CollectT) { assert.False(t, w.noted(), "nothing of it is left") })
}

// TestOldTokenDoesNotEmptyTheLobby: a person joins with a token from before a host ended the meeting. They are removed,
// LiveKit ends its room again, and waiting guests go on waiting.
func TestOldTokenDoesNotEmptyTheLobby(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{grace: time.Millisecond})
	w.runs()
	mallory := w.admitted(env.Guest(), "Mallory")
	_, err := w.End(w.Host(), w.Room.ID)
	require.NoError(t, err)
	ben := w.knock(env.Guest(), "Ben")
	for range 2 {
		before := w.heard(livekit.RoomFinished)
		w.isKeptOut(mallory)
		w.finished(before)
	}
	w.compared()
	entry := w.entry(ben)
	assert.Equal(t, live.Waiting, entry.Status)
	assert.True(t, ben.Entry.Since.Equal(entry.Since))
	assert.False(t, w.meeting().On)
}

// TestGuestsWhoWaitBeforeAMeetingAreNotEnded: there is no meeting to end.
func TestGuestsWhoWaitBeforeAMeetingAreNotEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{grace: time.Millisecond})
	w.lock()
	early := w.knock(env.Guest(), "Early")
	w.runs()
	w.compared()
	assert.Equal(t, live.Waiting, w.entry(early).Status)
	assert.NotNil(t, w.stored().LockedAt)
	assert.False(t, w.meeting().Over)
}

// TestRoomFinishedIsBelievedOnlyWhenLiveKitsListAgrees: one LiveKit node reports an end while people are connected to
// another.
func TestRoomFinishedIsBelievedOnlyWhenLiveKitsListAgrees(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{grace: time.Millisecond})
	w.runs()
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	waits := w.knock(env.Guest(), "Waits")
	w.lock()
	finished := func() *livekit.Event {
		return &livekit.Event{ID: uuid.NewString(), Kind: livekit.RoomFinished, Room: w.Room.ID.String()}
	}
	w.hears(finished())
	w.compared()
	assert.Equal(t, 1, w.meeting().Inside)
	assert.False(t, w.meeting().Over)
	assert.Equal(t, live.Waiting, w.entry(waits).Status)
	assert.NotNil(t, w.stored().LockedAt)
	anna.isThere()

	w.liveKit.Stop()
	env.RequireFault(t, fault.Unavailable, w.ReceiveEvent(env.Guest(), finished()))
	assert.True(t, w.meeting().On, "nothing ends while LiveKit is away")
}

// TestAdmissionOutlastsAReconnect: a laptop sleeps so long that LiveKit ends the room in which its owner was alone.
func TestAdmissionOutlastsAReconnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.runs()
	grace := w.admitted(env.Guest(), "Grace")
	w.counted(grace).room.Disconnect()
	w.finished(0)
	w.counted(grace).isThere()
	assert.Equal(t, 1, w.meeting().Inside)
}

// TestPeopleWhoseJoinEventWasLostStay: they reconnect minutes later, when their pass has expired.
func TestPeopleWhoseJoinEventWasLostStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.setLoses(true)
	anna := w.enter(w.admitted(env.Guest(), "Anna"))
	pass := w.Prefix + "lobby:{" + w.Room.ID.String() + "}:pass:" + anna.id.String()
	stop := w.runs()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
	assert.Greater(t, w.Redis.PTTL(env.Guest(), pass).Val(), time.Hour, "it lasts while they are there")

	stop()
	require.EqualValues(t, 1, w.Redis.Del(env.Guest(), pass).Val()) // as when no server ran for that long
	anna.room.Disconnect()
	w.setLoses(false)
	w.counted(anna.pass).isThere()
	w.lock()
	w.isKeptOut(anna.pass)
}

// TestLostLeaveEventIsMadeUpFor: and the meeting ends.
func TestLostLeaveEventIsMadeUpFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{grace: time.Second})
	w.runs()
	anna, bob := w.counted(w.admitted(env.Guest(), "Anna")), w.counted(w.admitted(env.Guest(), "Bob"))
	w.setLoses(true)
	anna.room.Disconnect()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
	assert.True(t, w.meeting().On)
	bob.room.Disconnect()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.True(t, w.meeting().Over) })
}

// TestNoMeetingEndsWhileLiveKitIsUnavailable: however long that is; when LiveKit is back the meeting ends.
func TestNoMeetingEndsWhileLiveKitIsUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{grace: 300 * time.Millisecond})
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	waits := w.knock(env.Guest(), "Waits")
	w.liveKit.Stop()
	w.hears(w.news(livekit.ParticipantLeft, anna.pass, anna.room.LocalParticipant.SID()))
	stop := w.runs()
	begin := time.Now()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Greater(t, time.Since(begin), 3*time.Second) })
	assert.True(t, w.meeting().On)
	assert.Equal(t, live.Waiting, w.entry(waits).Status)
	stop()
	w.liveKit.Start(t)
	w.runs()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.True(t, w.meeting().Over) })
	assert.Equal(t, live.Ended, w.entry(waits).Status)
}

// TestEndOfAMeetingIsFinishedByAnotherServer: the server that ended it died before the database followed.
func TestEndOfAMeetingIsFinishedByAnotherServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{grace: time.Millisecond})
	anna := w.admitted(env.Guest(), "Anna")
	w.hears(w.news(livekit.ParticipantJoined, anna, "PA_1"))
	w.lock()
	require.NoError(t, w.Rooms.Ban(w.Host(), w.Room.ID, rooms.Person{ID: uuid.New()}, rooms.ForMeeting))
	_ = after(int(time.Now().UnixMilli()))
	w.hears(w.news(livekit.ParticipantLeft, anna, "PA_1"))
	_ = after(w.meeting().Version + 1)
	require.NoError(t, w.live.Lapse(env.Guest(), w.Room.ID)) // and no more
	require.True(t, w.meeting().Over)
	require.NotNil(t, w.stored().LockedAt)

	another := w.another()
	another.runs()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Nil(t, w.stored().LockedAt) })
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Zero(t, w.bans()) })
	env.Eventually(w.T, func(t *assert.CollectT) { assert.True(t, w.meeting().ClosedAt.IsZero()) })
	assert.True(t, w.meeting().Over)
}

// another is a second server of the same installation.
func (w *world) another() *world {
	w.T.Helper()
	second := w.in(w.Room)
	second.serve(time.Millisecond, meetings.Settings{ReviewInterval: 100 * time.Millisecond})
	return second
}

// TestMeetingIsKnownAgainAfterRedisHasLostItsData: while people were inside.
func TestMeetingIsKnownAgainAfterRedisHasLostItsData(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	client := server.Client(t)
	w := newWorld(t, options{redis: client, grace: time.Second})
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	require.NoError(t, client.FlushAll(env.Guest()).Err())
	w.runs()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
	assert.True(t, w.noted())
	anna.room.Disconnect()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.True(t, w.meeting().Over) })
}

// TestMeetingOfADeletedRoomEndsLater: when LiveKit was unavailable as the room was deleted.
func TestMeetingOfADeletedRoomEndsLater(t *testing.T) {
	t.Parallel()
	w, line := lined(t, options{accessLevel: room.AccessLevelPUBLIC})
	anna := w.counted(w.token(env.Guest(), "Anna"))
	line.Cut()
	_, err := w.DeleteRoom(w.Host(), w.Room.ID)
	require.NoError(t, err)
	line.Mend()
	w.runs()
	env.Receive(t, anna.gone)
	env.Eventually(w.T, func(t *assert.CollectT) { assert.False(t, w.noted()) })
}

// TestPeopleOfADeletedRoomAreRemovedThoughTheirJoinEventWasLost: they come with an old token when nothing of the room
// is left. People of others do not concern us.
func TestPeopleOfADeletedRoomAreRemovedThoughTheirJoinEventWasLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC, deployment: "meet.example.org"})
	anna := w.token(env.Guest(), "Anna")
	w.runs()
	_, err := w.DeleteRoom(w.Host(), w.Room.ID)
	require.NoError(t, err)
	env.Eventually(w.T, func(t *assert.CollectT) { assert.False(t, w.noted()) })
	w.setLoses(true)
	settings := w.liveKit.Settings()
	settings.Deployment = "staging.example.org"
	other := livekit.New(settings)
	theirs, err := other.Details(t.Context(), livekit.Join{Room: w.Room.ID.String(), Identity: uuid.New(), Name: "Bob"})
	require.NoError(t, err)
	bob := w.enter(pass{details: theirs})
	w.isKeptOut(anna)
	select {
	case <-bob.gone:
		assert.Fail(t, "another installation's person was removed")
	default:
	}
}

// TestMetadataOfARoomAreCorrected: LiveKit has made its room again, and that event was lost.
func TestMetadataOfARoomAreCorrected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.setLoses(true)
	w.enter(w.token(w.Host(), "Olga"))
	w.runs()
	env.Eventually(w.T, func(t *assert.CollectT) {
		running, err := w.livekit.Rooms(context.Background())
		assert.NoError(t, err)
		assert.Contains(t, running[w.Room.ID.String()], `"accessLevel":"RESTRICTED"`)
	})
}

// TestPhoneLeavesAMeetingThatWasEnded while LiveKit was away: no pass says that its right has ended.
func TestPhoneLeavesAMeetingThatWasEnded(t *testing.T) {
	t.Parallel()
	w, line := lined(t, options{})
	phone := w.comes(livekitproto.ParticipantInfo_SIP, "sip_+33123456789", auth.VideoGrant{})
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
	line.Cut()
	_, err := w.End(w.Host(), w.Room.ID)
	env.RequireFault(t, fault.Unavailable, err)
	line.Mend()
	w.runs()
	phone.isRemoved()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.False(t, w.noted(), "nothing of it is left") })
	assert.False(t, w.meeting().On)

	again := w.comes(livekitproto.ParticipantInfo_SIP, "sip_+33123456789", auth.VideoGrant{})
	w.compared()
	again.in()
}
