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
	"foyer/internal/ratelimit"
	"foyer/lobby"
	"foyer/meetings"
	"foyer/recordings"
	"foyer/rooms"
	"foyer/test/env"
)

// finished waits until LiveKit has reported the end of one more room than before.
func (w *world) finished(before int) {
	w.t.Helper()
	w.eventually(func(t *assert.CollectT) { assert.Greater(t, w.heard(livekit.RoomFinished), before) })
}

// compared waits until all meetings have been compared with LiveKit at least once from now on: a meeting in
// another room, in which somebody was for a moment, has ended by that.
func (w *world) compared() {
	w.t.Helper()
	other := w.inNewRoom()
	for range 2 { // the first may have been under way
		anna := other.admitted(guest(), "Anna")
		other.hears(other.news(livekit.ParticipantJoined, anna, uuid.NewString()))
		w.eventually(func(t *assert.CollectT) { assert.Zero(t, other.meeting().Inside) })
	}
}

func (w *world) stored() *ent.Room {
	w.t.Helper()
	r, err := w.rooms.ByID(context.Background(), w.room.ID)
	require.NoError(w.t, err)
	return r
}

func (w *world) bans() int {
	w.t.Helper()
	bans, err := w.rooms.Bans(w.host(), w.room.ID, nil, nil)
	require.NoError(w.t, err)
	return len(bans.Edges)
}

// noted reports whether a room is among those that are compared with LiveKit.
func (w *world) noted() bool {
	w.t.Helper()
	marks, err := w.live.Meetings(context.Background())
	require.NoError(w.t, err)
	_, noted := marks[w.room.ID]
	return noted
}

// TestGuestsKeepTheirPlaceWhileTheRoomIsEmpty: the host's window closes, LiveKit ends its room, and the host
// comes back.
func TestGuestsKeepTheirPlaceWhileTheRoomIsEmpty(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.runs()
	host := w.counted(w.token(w.host(), "Olga"))
	waits, admitted := w.knock(guest(), "Waits"), w.admitted(guest(), "Admitted")
	require.NoError(t, w.rooms.Ban(w.host(), w.room.ID, rooms.Person{ID: uuid.New()}, rooms.ForMeeting))
	require.NoError(t, w.live.Restrict(guest(), w.room.ID, admitted.id,
		live.Restrictions{Name: ptr("Given name")}))
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
	w.counted(w.token(w.host(), "Olga"))
	assert.Equal(t, []string{"Waits"}, w.waiting())
	w.unlock()
	assert.Equal(t, "Given name", w.counted(admitted).isThere().Name)
}

// TestMeetingEndsWhenItWasEmptyForTheGrace: with its bans, lock, decisions and admissions.
func TestMeetingEndsWhenItWasEmptyForTheGrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{grace: 5 * time.Second})
	w.runs()
	anna := w.counted(w.admitted(guest(), "Anna"))
	follows := w.follow(guest(), &anna.ticket)
	waits := w.knock(guest(), "Waits")
	require.NoError(t, w.rooms.Ban(w.host(), w.room.ID, rooms.Person{ID: uuid.New()}, rooms.ForMeeting))
	require.NoError(t, w.rooms.Ban(w.host(), w.room.ID, rooms.Person{ID: uuid.New()}, rooms.Forever))
	w.lock()
	anna.room.Disconnect()
	w.eventually(func(t *assert.CollectT) { assert.Zero(t, w.meeting().Inside) })
	assert.Equal(t, live.Waiting, w.entry(waits).Status)
	_ = after(w.meeting().Version)
	late := w.knock(guest(), "Late")

	w.eventually(func(t *assert.CollectT) { assert.True(t, w.meeting().Over) })
	follows.until(func(s *meetings.Status) bool { return s.Ended })
	assert.Equal(t, live.Ended, w.entry(waits).Status)
	assert.Equal(t, live.Waiting, w.entry(late).Status, "they wait for the next meeting")
	w.eventually(func(t *assert.CollectT) { assert.Nil(t, w.stored().LockedAt) })
	assert.Equal(t, 1, w.bans(), "the one for good")
	_, err := w.lobby.CreateRoomToken(guest(), lobby.CreateRoomTokenInput{
		RoomID: &w.room.ID, Ticket: &anna.ticket,
	})
	requireKind(t, err, fault.LobbyRequired)
	w.eventually(func(t *assert.CollectT) { assert.False(t, w.noted(), "nothing of it is left") })
}

// TestOldTokenDoesNotEmptyTheLobby: a person joins with a token from before a host ended the meeting. They are removed,
// LiveKit ends its room again, and waiting guests go on waiting.
func TestOldTokenDoesNotEmptyTheLobby(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{grace: time.Millisecond})
	w.runs()
	mallory := w.admitted(guest(), "Mallory")
	_, err := w.End(w.host(), w.room.ID)
	require.NoError(t, err)
	ben := w.knock(guest(), "Ben")
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
	early := w.knock(guest(), "Early")
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
	anna := w.counted(w.admitted(guest(), "Anna"))
	waits := w.knock(guest(), "Waits")
	w.lock()
	finished := func() *livekit.Event {
		return &livekit.Event{ID: uuid.NewString(), Kind: livekit.RoomFinished, Room: w.room.ID.String()}
	}
	w.hears(finished())
	w.compared()
	assert.Equal(t, 1, w.meeting().Inside)
	assert.False(t, w.meeting().Over)
	assert.Equal(t, live.Waiting, w.entry(waits).Status)
	assert.NotNil(t, w.stored().LockedAt)
	anna.isThere()

	w.livekit.Stop()
	requireKind(t, w.ReceiveEvent(guest(), finished()), fault.Unavailable)
	assert.True(t, w.meeting().On, "nothing ends while LiveKit is away")
}

// TestAdmissionOutlastsAReconnect: a laptop sleeps so long that LiveKit ends the room in which its owner was alone.
func TestAdmissionOutlastsAReconnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.runs()
	grace := w.admitted(guest(), "Grace")
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
	anna := w.enter(w.admitted(guest(), "Anna"))
	pass := w.prefix + "lobby:{" + w.room.ID.String() + "}:pass:" + anna.id.String()
	stop := w.runs()
	w.eventually(func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
	assert.Greater(t, w.rdb.PTTL(guest(), pass).Val(), time.Hour, "it lasts while they are there")

	stop()
	require.EqualValues(t, 1, w.rdb.Del(guest(), pass).Val()) // as when no server ran for that long
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
	anna, bob := w.counted(w.admitted(guest(), "Anna")), w.counted(w.admitted(guest(), "Bob"))
	w.setLoses(true)
	anna.room.Disconnect()
	w.eventually(func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
	assert.True(t, w.meeting().On)
	bob.room.Disconnect()
	w.eventually(func(t *assert.CollectT) { assert.True(t, w.meeting().Over) })
}

// TestNoMeetingEndsWhileLiveKitIsUnavailable: however long that is; when LiveKit is back the meeting ends.
func TestNoMeetingEndsWhileLiveKitIsUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{grace: 300 * time.Millisecond})
	anna := w.counted(w.admitted(guest(), "Anna"))
	waits := w.knock(guest(), "Waits")
	w.livekit.Stop()
	w.hears(w.news(livekit.ParticipantLeft, anna.pass, anna.room.LocalParticipant.SID()))
	stop := w.runs()
	begin := time.Now()
	w.eventually(func(t *assert.CollectT) { assert.Greater(t, time.Since(begin), 3*time.Second) })
	assert.True(t, w.meeting().On)
	assert.Equal(t, live.Waiting, w.entry(waits).Status)
	stop()
	w.livekit.Start(t)
	w.runs()
	w.eventually(func(t *assert.CollectT) { assert.True(t, w.meeting().Over) })
	assert.Equal(t, live.Ended, w.entry(waits).Status)
}

// TestEndOfAMeetingIsFinishedByAnotherServer: the server that ended it died before the database followed.
func TestEndOfAMeetingIsFinishedByAnotherServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{grace: time.Millisecond})
	anna := w.admitted(guest(), "Anna")
	w.hears(w.news(livekit.ParticipantJoined, anna, "PA_1"))
	w.lock()
	require.NoError(t, w.rooms.Ban(w.host(), w.room.ID, rooms.Person{ID: uuid.New()}, rooms.ForMeeting))
	_ = after(int(time.Now().UnixMilli()))
	w.hears(w.news(livekit.ParticipantLeft, anna, "PA_1"))
	_ = after(w.meeting().Version + 1)
	require.NoError(t, w.live.Lapse(guest(), w.room.ID)) // and no more
	require.True(t, w.meeting().Over)
	require.NotNil(t, w.stored().LockedAt)

	another := w.another()
	another.runs()
	w.eventually(func(t *assert.CollectT) { assert.Nil(t, w.stored().LockedAt) })
	w.eventually(func(t *assert.CollectT) { assert.Zero(t, w.bans()) })
	w.eventually(func(t *assert.CollectT) { assert.True(t, w.meeting().ClosedAt.IsZero()) })
	assert.True(t, w.meeting().Over)
}

// another is a second server of the same installation.
func (w *world) another() *world {
	w.t.Helper()
	second := w.in(w.room)
	var err error
	second.live = live.New(w.rdb, live.Settings{
		KeyPrefix: w.prefix, Grace: time.Minute, Heartbeat: time.Second, DeniedFor: time.Minute,
		AdmittedFor: time.Hour, MeetingGrace: time.Millisecond,
	})
	second.lobby, err = lobby.New(second.live, w.accounts, w.rooms.Service, w.rtc, ratelimit.New(w.rdb, w.prefix), lobby.Settings{
		Secret: "a secret of at least 32 bytes, for tests", TicketTTL: time.Hour,
	})
	require.NoError(w.t, err)
	recordings := recordings.New(recordings.Dependencies{DB: w.db, Redis: w.rdb, Accounts: w.accounts, Rooms: w.rooms.Service,
		Live: second.live, RTC: w.rtc}, recordings.Settings{})
	second.Service = meetings.New(w.rooms.Service, second.lobby, second.live, w.rtc, recordings, meetings.Settings{
		ReviewInterval: 100 * time.Millisecond,
	})
	return second
}

// TestMeetingIsKnownAgainAfterRedisHasLostItsData: while people were inside.
func TestMeetingIsKnownAgainAfterRedisHasLostItsData(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	client := server.Client(t)
	w := newWorld(t, options{redis: client, grace: time.Second})
	anna := w.counted(w.admitted(guest(), "Anna"))
	require.NoError(t, client.FlushAll(guest()).Err())
	w.runs()
	w.eventually(func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
	assert.True(t, w.noted())
	anna.room.Disconnect()
	w.eventually(func(t *assert.CollectT) { assert.True(t, w.meeting().Over) })
}

// TestMeetingOfADeletedRoomEndsLater: when LiveKit was unavailable as the room was deleted.
func TestMeetingOfADeletedRoomEndsLater(t *testing.T) {
	t.Parallel()
	w, line := lined(t, options{accessLevel: room.AccessLevelPUBLIC})
	anna := w.counted(w.token(guest(), "Anna"))
	line.cut()
	_, err := w.DeleteRoom(w.host(), w.room.ID)
	require.NoError(t, err)
	line.mend()
	w.runs()
	receive(t, anna.gone)
	w.eventually(func(t *assert.CollectT) { assert.False(t, w.noted()) })
}

// TestPeopleOfADeletedRoomAreRemovedThoughTheirJoinEventWasLost: they come with an old token when nothing of the room
// is left. People of others do not concern us.
func TestPeopleOfADeletedRoomAreRemovedThoughTheirJoinEventWasLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC, deployment: "meet.example.org"})
	anna := w.token(guest(), "Anna")
	w.runs()
	_, err := w.DeleteRoom(w.host(), w.room.ID)
	require.NoError(t, err)
	w.eventually(func(t *assert.CollectT) { assert.False(t, w.noted()) })
	w.setLoses(true)
	other := livekit.New(livekit.Settings{
		URL: w.livekit.URL(), PublicURL: w.livekit.URL(), APIKey: w.livekit.Key(), APISecret: w.livekit.Secret(),
		TokenTTL: soon, Deployment: "staging.example.org",
	})
	theirs, err := other.Details(t.Context(), livekit.Join{Room: w.room.ID.String(), Identity: uuid.New(), Name: "Bob"})
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
	w.enter(w.token(w.host(), "Olga"))
	w.runs()
	w.eventually(func(t *assert.CollectT) {
		running, err := w.rtc.Rooms(context.Background())
		assert.NoError(t, err)
		assert.Contains(t, running[w.room.ID.String()], `"accessLevel":"RESTRICTED"`)
	})
}

// TestPhoneLeavesAMeetingThatWasEnded while LiveKit was away: no pass says that its right has ended.
func TestPhoneLeavesAMeetingThatWasEnded(t *testing.T) {
	t.Parallel()
	w, line := lined(t, options{})
	phone := w.comes(livekitproto.ParticipantInfo_SIP, "sip_+33123456789", auth.VideoGrant{})
	w.eventually(func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
	line.cut()
	_, err := w.End(w.host(), w.room.ID)
	requireKind(t, err, fault.Unavailable)
	line.mend()
	w.runs()
	phone.isRemoved()
	w.eventually(func(t *assert.CollectT) { assert.False(t, w.noted(), "nothing of it is left") })
	assert.False(t, w.meeting().On)

	again := w.comes(livekitproto.ParticipantInfo_SIP, "sip_+33123456789", auth.VideoGrant{})
	w.compared()
	again.in()
}
