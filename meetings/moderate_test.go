package meetings_test

import (
	"testing"

	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/lobby"
	"foyer/meetings"
	"foyer/rooms"
)

func TestPeopleWhoJoinAndLeaveAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	host := w.counted(w.token(w.host(), "Olga"))
	anna := w.counted(w.admitted(guest(), "Anna"))
	assert.Equal(t, 2, w.meeting().Inside)
	anna.room.Disconnect()
	w.eventually(func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
	host.room.Disconnect()
	w.eventually(func(t *assert.CollectT) { assert.Zero(t, w.meeting().Inside) })
	assert.True(t, w.meeting().On, "who left may come back")
}

// A banned person tries every way back in: the old token, a new request with and without the ticket, another device of
// the account, and a public room.
func TestBannedPersonDoesNotGetBackIn(t *testing.T) {
	t.Parallel()
	for _, scope := range []rooms.BanScope{rooms.ForMeeting, rooms.Forever} {
		t.Run(string(scope), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
			w.counted(w.token(w.host(), "Olga"))
			mallory := w.user("Mallory")
			laptop := w.counted(w.token(as(mallory), "Mallory"))
			phone := w.counted(w.token(as(mallory), "Mallory"))
			spare := w.token(as(mallory), "Mallory")

			results, err := w.Remove(w.host(), meetings.RemoveInput{
				RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(laptop.id), Ban: &scope,
			})
			require.NoError(t, err)
			assert.Len(t, results, 2, "both devices")
			laptop.isRemoved()
			phone.isRemoved()

			for _, old := range []pass{laptop.pass, phone.pass, spare} {
				if back, err := w.tryEnter(old); err == nil {
					back.isRemoved()
				}
			}
			_, err = w.tryToken(as(mallory), "Somebody else")
			requireKind(t, err, fault.Forbidden)
			assert.Equal(t, "BANNED", fault.Of(err).Details["reason"])
			for _, in := range []lobby.RequestEntryInput{
				{RoomID: &w.room.ID}, {RoomID: &w.room.ID, Ticket: &laptop.ticket},
				{Slug: &w.room.Slug, Ticket: &phone.ticket},
			} {
				_, err = w.lobby.RequestEntry(as(mallory), in)
				requireKind(t, err, fault.Forbidden)
			}
			_, err = w.lobby.RequestEntry(guest(), lobby.RequestEntryInput{
				RoomID: &w.room.ID, Ticket: &laptop.ticket,
			})
			requireKind(t, err, fault.Forbidden) // their ticket, without their session
			w.eventually(func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
		})
	}
}

func TestRemovedPersonNeedsAHostAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna := w.counted(w.admitted(guest(), "Anna"))
	_, err := w.Remove(w.host(), meetings.RemoveInput{RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id)})
	require.NoError(t, err)
	anna.isRemoved()
	if back, err := w.tryEnter(anna.pass); err == nil {
		back.isRemoved()
	}
	_, err = w.lobby.CreateRoomToken(guest(), lobby.CreateRoomTokenInput{
		RoomID: &w.room.ID, Ticket: &anna.ticket,
	})
	requireKind(t, err, fault.LobbyRequired)
	again := w.knock(guest(), "Anna")
	assert.Equal(t, live.Waiting, again.Entry.Status)
}

func TestLiftedBanLetsAPersonAskAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	user := w.user("Anna")
	anna := w.counted(w.admitted(as(user), "Anna"))
	_, err := w.Remove(w.host(), meetings.RemoveInput{
		RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id), Ban: ptr(rooms.Forever),
	})
	require.NoError(t, err)
	bans, err := w.rooms.Bans(w.host(), w.room.ID, nil, nil)
	require.NoError(t, err)
	require.Len(t, bans.Edges, 1)
	ban := bans.Edges[0].Node
	assert.Equal(t, "Anna", ban.DisplayName)
	assert.True(t, ban.IsAuthenticated)
	_, err = w.rooms.LiftBan(as(user), ban.ID)
	requireKind(t, err, fault.NotFound) // not for everybody
	_, err = w.rooms.LiftBan(w.host(), ban.ID)
	require.NoError(t, err)
	_, err = w.lobby.RequestEntry(as(user), lobby.RequestEntryInput{RoomID: &w.room.ID})
	requireKind(t, err, fault.RateLimited) // denied a moment ago, but not for ever
}

func TestOldTokenDoesNotOpenTheRoomAgainAfterTheMeeting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	member := w.member("Mia Member", roomaccess.RoleMEMBER)
	host, mia := w.counted(w.token(w.host(), "Olga")), w.counted(w.token(as(member), "Mia"))
	anna := w.counted(w.admitted(guest(), "Anna"))
	waiting := w.knock(guest(), "Bob")
	_, err := w.End(w.host(), w.room.ID)
	require.NoError(t, err)
	for _, c := range []*person{host, mia, anna} {
		receive(t, c.gone)
		assert.Equal(t, livekitproto.DisconnectReason_ROOM_DELETED, c.room.DisconnectReason())
	}
	w.eventually(func(t *assert.CollectT) { assert.True(t, w.meeting().Over) })
	for _, old := range []pass{host.pass, mia.pass, anna.pass} {
		if back, err := w.tryEnter(old); err == nil {
			back.isRemoved()
		}
	}
	bob, err := w.lobby.CreateRoomToken(guest(), lobby.CreateRoomTokenInput{
		RoomID: &w.room.ID, Ticket: &waiting.Ticket,
	})
	requireKind(t, err, fault.LobbyRequired)
	assert.Nil(t, bob)
	w.counted(w.token(w.host(), "Olga")) // who may walk in takes a new one
}

func TestMutedParticipantIsSilent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna := w.counted(w.admitted(guest(), "Anna"))
	microphone := anna.publish(livekitproto.TrackSource_MICROPHONE)
	screen := anna.publish(livekitproto.TrackSource_SCREEN_SHARE_AUDIO)
	muted, err := w.Mute(w.host(), meetings.MuteInput{
		RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id), Source: ptr(schema.Microphone),
	})
	require.NoError(t, err)
	require.Len(t, muted.Tracks, 1)
	assert.Equal(t, microphone.SID(), muted.Tracks[0].SID)
	w.eventually(func(t *assert.CollectT) { assert.True(t, microphone.IsMuted()) })
	assert.False(t, screen.IsMuted())
	_, err = w.Mute(w.host(), meetings.MuteInput{
		RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id), TrackSid: ptr(screen.SID()),
	})
	require.NoError(t, err)
	w.eventually(func(t *assert.CollectT) { assert.True(t, screen.IsMuted()) })
	_, err = w.Mute(w.host(), meetings.MuteInput{
		RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id), TrackSid: ptr("TR_unknown"),
	})
	requireKind(t, err, fault.NotFound)
}

func TestEverybodyMayMuteIfTheRoomSaysSoExceptHosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	host := w.counted(w.token(w.host(), "Olga"))
	anna, bob := w.counted(w.admitted(guest(), "Anna")), w.counted(w.admitted(guest(), "Bob"))
	outside := w.admitted(guest(), "Outside")
	host.publish(livekitproto.TrackSource_MICROPHONE)
	microphone := bob.publish(livekitproto.TrackSource_MICROPHONE)
	mute := func(by, whom pass) error {
		_, err := w.Mute(guest(), meetings.MuteInput{
			RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(whom.id), Source: ptr(schema.Microphone), Ticket: &by.ticket,
		})
		return err
	}
	requireKind(t, mute(outside, bob.pass), fault.Forbidden)
	requireKind(t, mute(anna.pass, host.pass), fault.Forbidden)
	assert.False(t, microphone.IsMuted())
	require.NoError(t, mute(anna.pass, bob.pass))
	w.eventually(func(t *assert.CollectT) { assert.True(t, microphone.IsMuted()) })
	_, err := w.UpdateRoom(w.host(), rooms.UpdateInput{
		RoomID: w.room.ID, Configuration: &ent.ConfigurationInput{EveryoneCanMute: ptr(false)},
	})
	require.NoError(t, err)
	requireKind(t, mute(anna.pass, bob.pass), fault.Forbidden)
}

func TestEverybodyExceptHostsIsMuted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	host := w.counted(w.token(w.host(), "Olga"))
	hosts := host.publish(livekitproto.TrackSource_MICROPHONE)
	silent := w.counted(w.admitted(guest(), "Silent"))
	anna, bob := w.counted(w.admitted(guest(), "Anna")), w.counted(w.admitted(guest(), "Bob"))
	a, b := anna.publish(livekitproto.TrackSource_MICROPHONE), bob.publish(livekitproto.TrackSource_MICROPHONE)
	results, err := w.MuteAll(w.host(), meetings.MuteAllInput{RoomID: w.room.ID})
	require.NoError(t, err)
	outcomes := map[string]meetings.Outcome{}
	for _, r := range results {
		outcomes[r.Name] = r.Outcome
	}
	assert.Equal(t, map[string]meetings.Outcome{
		"Silent": meetings.Done, "Anna": meetings.Done, "Bob": meetings.Done,
	}, outcomes)
	w.eventually(func(t *assert.CollectT) { assert.True(t, a.IsMuted() && b.IsMuted()) })
	assert.False(t, hosts.IsMuted())
	silent.isThere()
	_, err = w.MuteAll(guest(), meetings.MuteAllInput{RoomID: w.room.ID})
	requireKind(t, err, fault.Unauthenticated)
}

// acts are the actions of the audit, the latest first, with the names of those concerned.
func (w *world) acts() (acts []string) {
	w.t.Helper()
	page, err := w.rooms.Audit(w.host(), w.room.ID, nil, nil)
	require.NoError(w.t, err)
	for _, edge := range page.Edges {
		acts = append(acts, edge.Node.Action.String()+" "+edge.Node.TargetName)
	}
	return acts
}

func TestActThatChangesNothingIsNotAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	first, err := w.Lock(w.host(), w.room.ID)
	require.NoError(t, err)
	again, err := w.Lock(w.host(), w.room.ID)
	require.NoError(t, err)
	assert.Equal(t, first.LockedAt, again.LockedAt, "still since then")
	for range 2 {
		_, err = w.Unlock(w.host(), w.room.ID)
		require.NoError(t, err)
	}
	anna := w.counted(w.admitted(guest(), "Anna"))
	muted, err := w.Mute(w.host(), meetings.MuteInput{
		RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id), Source: ptr(schema.Camera),
	})
	require.NoError(t, err)
	assert.Empty(t, muted.Tracks)
	assert.Equal(t, []string{"ADMIT Anna", "UNLOCK ", "LOCK "}, w.acts())
}

func TestPersonIsBannedUnderTheNameThatOthersSaw(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna := w.counted(w.admitted(guest(), "Anna"))
	_, err := w.Rename(guest(), meetings.RenameInput{
		RoomID: w.room.ID, Ticket: anna.ticket, DisplayName: "Napoleon",
	})
	require.NoError(t, err)
	_, err = w.Remove(w.host(), meetings.RemoveInput{
		RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id), Ban: ptr(rooms.Forever),
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"REMOVE Napoleon", "BAN Napoleon", "ADMIT Anna"}, w.acts())
}

func TestBannedUserLearnsThatTheyCannotJoin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	mia := w.member("Mia Member", roomaccess.RoleMEMBER)
	page, err := w.rooms.List(as(mia), nil, nil)
	require.NoError(t, err)
	for _, banned := range []bool{false, true} {
		if banned {
			person := rooms.Person{UserID: mia.ID, Name: "Mia"}
			require.NoError(t, w.rooms.Ban(w.host(), w.room.ID, person, rooms.Forever))
			page, err = w.rooms.List(as(mia), nil, nil)
			require.NoError(t, err)
		}
		for how, r := range map[string]*ent.Room{"alone": w.room, "in a list": page.Edges[0].Node} {
			can, err := w.rooms.ViewerCanJoin(as(mia), r)
			require.NoError(t, err)
			assert.Equal(t, !banned, can, "%s, banned: %t", how, banned)
		}
	}
	assert.Equal(t, []string{"BAN Mia"}, w.acts())
}
