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
	"foyer/test/env"
)

func TestPeopleWhoJoinAndLeaveAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	host := w.counted(w.token(w.Host(), "Olga"))
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	assert.Equal(t, 2, w.meeting().Inside)
	anna.room.Disconnect()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
	host.room.Disconnect()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Zero(t, w.meeting().Inside) })
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
			w.counted(w.token(w.Host(), "Olga"))
			mallory := w.User("Mallory")
			laptop := w.counted(w.token(env.As(mallory), "Mallory"))
			phone := w.counted(w.token(env.As(mallory), "Mallory"))
			spare := w.token(env.As(mallory), "Mallory")

			results, err := w.Remove(w.Host(), meetings.RemoveInput{
				RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(laptop.id), Ban: &scope,
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
			_, err = w.tryToken(env.As(mallory), "Somebody else")
			env.RequireFault(t, fault.Forbidden, err)
			assert.Equal(t, "BANNED", fault.Of(err).Details["reason"])
			for _, in := range []lobby.RequestEntryInput{
				{RoomID: &w.Room.ID}, {RoomID: &w.Room.ID, Ticket: &laptop.ticket},
				{Slug: &w.Room.Slug, Ticket: &phone.ticket},
			} {
				_, err = w.lobby.RequestEntry(env.As(mallory), in)
				env.RequireFault(t, fault.Forbidden, err)
			}
			_, err = w.lobby.RequestEntry(env.Guest(), lobby.RequestEntryInput{
				RoomID: &w.Room.ID, Ticket: &laptop.ticket,
			})
			env.RequireFault(t, fault.Forbidden, err) // their ticket, without their session
			env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
		})
	}
}

func TestRemovedPersonNeedsAHostAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	_, err := w.Remove(w.Host(), meetings.RemoveInput{RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id)})
	require.NoError(t, err)
	anna.isRemoved()
	if back, err := w.tryEnter(anna.pass); err == nil {
		back.isRemoved()
	}
	_, err = w.lobby.CreateRoomToken(env.Guest(), lobby.CreateRoomTokenInput{
		RoomID: &w.Room.ID, Ticket: &anna.ticket,
	})
	env.RequireFault(t, fault.LobbyRequired, err)
	again := w.knock(env.Guest(), "Anna")
	assert.Equal(t, live.Waiting, again.Entry.Status)
}

func TestLiftedBanLetsAPersonAskAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	user := w.User("Anna")
	anna := w.counted(w.admitted(env.As(user), "Anna"))
	_, err := w.Remove(w.Host(), meetings.RemoveInput{
		RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id), Ban: new(rooms.Forever),
	})
	require.NoError(t, err)
	bans, err := w.Rooms.Bans(w.Host(), w.Room.ID, nil, nil)
	require.NoError(t, err)
	require.Len(t, bans.Edges, 1)
	ban := bans.Edges[0].Node
	assert.Equal(t, "Anna", ban.DisplayName)
	assert.True(t, ban.IsAuthenticated)
	_, err = w.Rooms.LiftBan(env.As(user), ban.ID)
	env.RequireFault(t, fault.NotFound, err) // not for everybody
	_, err = w.Rooms.LiftBan(w.Host(), ban.ID)
	require.NoError(t, err)
	_, err = w.lobby.RequestEntry(env.As(user), lobby.RequestEntryInput{RoomID: &w.Room.ID})
	env.RequireFault(t, fault.RateLimited, err) // denied a moment ago, but not for ever
}

func TestOldTokenDoesNotOpenTheRoomAgainAfterTheMeeting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	member := w.NewMember("Mia Member", roomaccess.RoleMEMBER)
	host, mia := w.counted(w.token(w.Host(), "Olga")), w.counted(w.token(env.As(member), "Mia"))
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	waiting := w.knock(env.Guest(), "Bob")
	_, err := w.End(w.Host(), w.Room.ID)
	require.NoError(t, err)
	for _, c := range []*person{host, mia, anna} {
		env.Receive(t, c.gone)
		assert.Equal(t, livekitproto.DisconnectReason_ROOM_DELETED, c.room.DisconnectReason())
	}
	env.Eventually(w.T, func(t *assert.CollectT) { assert.True(t, w.meeting().Over) })
	for _, old := range []pass{host.pass, mia.pass, anna.pass} {
		if back, err := w.tryEnter(old); err == nil {
			back.isRemoved()
		}
	}
	bob, err := w.lobby.CreateRoomToken(env.Guest(), lobby.CreateRoomTokenInput{
		RoomID: &w.Room.ID, Ticket: &waiting.Ticket,
	})
	env.RequireFault(t, fault.LobbyRequired, err)
	assert.Nil(t, bob)
	w.counted(w.token(w.Host(), "Olga")) // who may walk in takes a new one
}

func TestMutedParticipantIsSilent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	microphone := anna.publish(livekitproto.TrackSource_MICROPHONE)
	screen := anna.publish(livekitproto.TrackSource_SCREEN_SHARE_AUDIO)
	muted, err := w.Mute(w.Host(), meetings.MuteInput{
		RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id), Source: new(schema.Microphone),
	})
	require.NoError(t, err)
	require.Len(t, muted.Tracks, 1)
	assert.Equal(t, microphone.SID(), muted.Tracks[0].SID)
	env.Eventually(w.T, func(t *assert.CollectT) { assert.True(t, microphone.IsMuted()) })
	assert.False(t, screen.IsMuted())
	_, err = w.Mute(w.Host(), meetings.MuteInput{
		RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id), TrackSid: new(screen.SID()),
	})
	require.NoError(t, err)
	env.Eventually(w.T, func(t *assert.CollectT) { assert.True(t, screen.IsMuted()) })
	_, err = w.Mute(w.Host(), meetings.MuteInput{
		RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id), TrackSid: new("TR_unknown"),
	})
	env.RequireFault(t, fault.NotFound, err)
}

func TestEverybodyMayMuteIfTheRoomSaysSoExceptHosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	host := w.counted(w.token(w.Host(), "Olga"))
	anna, bob := w.counted(w.admitted(env.Guest(), "Anna")), w.counted(w.admitted(env.Guest(), "Bob"))
	outside := w.admitted(env.Guest(), "Outside")
	host.publish(livekitproto.TrackSource_MICROPHONE)
	microphone := bob.publish(livekitproto.TrackSource_MICROPHONE)
	mute := func(by, whom pass) error {
		_, err := w.Mute(env.Guest(), meetings.MuteInput{
			RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(whom.id), Source: new(schema.Microphone), Ticket: &by.ticket,
		})
		return err
	}
	env.RequireFault(t, fault.Forbidden, mute(outside, bob.pass))
	env.RequireFault(t, fault.Forbidden, mute(anna.pass, host.pass))
	assert.False(t, microphone.IsMuted())
	require.NoError(t, mute(anna.pass, bob.pass))
	env.Eventually(w.T, func(t *assert.CollectT) { assert.True(t, microphone.IsMuted()) })
	_, err := w.UpdateRoom(w.Host(), rooms.UpdateInput{
		RoomID: w.Room.ID, Configuration: &ent.ConfigurationInput{EveryoneCanMute: new(false)},
	})
	require.NoError(t, err)
	env.RequireFault(t, fault.Forbidden, mute(anna.pass, bob.pass))
}

func TestEverybodyExceptHostsIsMuted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	host := w.counted(w.token(w.Host(), "Olga"))
	hosts := host.publish(livekitproto.TrackSource_MICROPHONE)
	silent := w.counted(w.admitted(env.Guest(), "Silent"))
	anna, bob := w.counted(w.admitted(env.Guest(), "Anna")), w.counted(w.admitted(env.Guest(), "Bob"))
	a, b := anna.publish(livekitproto.TrackSource_MICROPHONE), bob.publish(livekitproto.TrackSource_MICROPHONE)
	results, err := w.MuteAll(w.Host(), meetings.MuteAllInput{RoomID: w.Room.ID})
	require.NoError(t, err)
	outcomes := map[string]meetings.Outcome{}
	for _, r := range results {
		outcomes[r.Name] = r.Outcome
	}
	assert.Equal(t, map[string]meetings.Outcome{
		"Silent": meetings.Done, "Anna": meetings.Done, "Bob": meetings.Done,
	}, outcomes)
	env.Eventually(w.T, func(t *assert.CollectT) { assert.True(t, a.IsMuted() && b.IsMuted()) })
	assert.False(t, hosts.IsMuted())
	silent.isThere()
	_, err = w.MuteAll(env.Guest(), meetings.MuteAllInput{RoomID: w.Room.ID})
	env.RequireFault(t, fault.Unauthenticated, err)
}

// acts are the actions of the audit, the latest first, with the names of those concerned.
func (w *world) acts() (acts []string) {
	w.T.Helper()
	page, err := w.Rooms.Audit(w.Host(), w.Room.ID, nil, nil)
	require.NoError(w.T, err)
	for _, edge := range page.Edges {
		acts = append(acts, edge.Node.Action.String()+" "+edge.Node.TargetName)
	}
	return acts
}

func TestActThatChangesNothingIsNotAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	first, err := w.Lock(w.Host(), w.Room.ID)
	require.NoError(t, err)
	again, err := w.Lock(w.Host(), w.Room.ID)
	require.NoError(t, err)
	assert.Equal(t, first.LockedAt, again.LockedAt, "still since then")
	for range 2 {
		_, err = w.Unlock(w.Host(), w.Room.ID)
		require.NoError(t, err)
	}
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	muted, err := w.Mute(w.Host(), meetings.MuteInput{
		RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id), Source: new(schema.Camera),
	})
	require.NoError(t, err)
	assert.Empty(t, muted.Tracks)
	assert.Equal(t, []string{"ADMIT Anna", "UNLOCK ", "LOCK "}, w.acts())
}

func TestPersonIsBannedUnderTheNameThatOthersSaw(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	_, err := w.Rename(env.Guest(), meetings.RenameInput{
		RoomID: w.Room.ID, Ticket: anna.ticket, DisplayName: "Napoleon",
	})
	require.NoError(t, err)
	_, err = w.Remove(w.Host(), meetings.RemoveInput{
		RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id), Ban: new(rooms.Forever),
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"REMOVE Napoleon", "BAN Napoleon", "ADMIT Anna"}, w.acts())
}

func TestBannedUserLearnsThatTheyCannotJoin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	mia := w.NewMember("Mia Member", roomaccess.RoleMEMBER)
	page, err := w.Rooms.List(env.As(mia), nil, nil)
	require.NoError(t, err)
	for _, banned := range []bool{false, true} {
		if banned {
			person := rooms.Person{UserID: mia.ID, Name: "Mia"}
			require.NoError(t, w.Rooms.Ban(w.Host(), w.Room.ID, person, rooms.Forever))
			page, err = w.Rooms.List(env.As(mia), nil, nil)
			require.NoError(t, err)
		}
		for how, r := range map[string]*ent.Room{"alone": w.Room, "in a list": page.Edges[0].Node} {
			can, err := w.Rooms.ViewerCanJoin(env.As(mia), r)
			require.NoError(t, err)
			assert.Equal(t, !banned, can, "%s, banned: %t", how, banned)
		}
	}
	assert.Equal(t, []string{"BAN Mia"}, w.acts())
}
