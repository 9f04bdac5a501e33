package meetings_test

import (
	"testing"

	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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

// forget has Redis lose what it knows of the room.
func (w *world) forget() {
	w.t.Helper()
	keys := w.rdb.Scan(guest(), 0, w.prefix+"lobby:{"+w.room.ID.String()+"}:*", 1000).Iterator()
	for keys.Next(guest()) {
		require.NoError(w.t, w.rdb.Del(guest(), keys.Val()).Err())
	}
	require.NoError(w.t, keys.Err())
}

func TestHostsActOnPeopleInsideAfterRedisHasLostItsData(t *testing.T) {
	t.Parallel()
	for what, act := range map[string]func(w *world, anna *person){
		"remove": func(w *world, anna *person) {
			results, err := w.Remove(w.host(), meetings.RemoveInput{
				RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id),
			})
			require.NoError(w.t, err)
			assert.Len(w.t, results, 1)
			anna.isRemoved()
			_, err = w.tryReturn(anna)
			requireKind(w.t, err, fault.LobbyRequired)
		},
		"ban": func(w *world, anna *person) {
			_, err := w.Remove(w.host(), meetings.RemoveInput{
				RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id), Ban: ptr(rooms.Forever),
			})
			require.NoError(w.t, err)
			anna.isRemoved()
			_, err = w.tryReturn(anna)
			requireKind(w.t, err, fault.Forbidden)
		},
		"mute": func(w *world, anna *person) {
			anna.publish(livekitproto.TrackSource_MICROPHONE)
			muted, err := w.Mute(w.host(), meetings.MuteInput{
				RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id), Source: ptr(schema.Microphone),
			})
			require.NoError(w.t, err)
			assert.Len(w.t, muted.Tracks, 1)
		},
		"update": func(w *world, anna *person) {
			_, err := w.Update(w.host(), meetings.UpdateInput{
				RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id), Name: ptr("Anna B."),
				Permission: &meetings.PermissionInput{PublishSources: []schema.PublishSource{}},
			})
			require.NoError(w.t, err)
			p := anna.isThere()
			assert.Equal(w.t, "Anna B.", p.Name)
			assert.Empty(w.t, p.Permission.Sources)
			assert.True(w.t, p.Permission.Data, "what is not mentioned stays")
		},
		"return to the lobby": func(w *world, anna *person) {
			entry, err := w.ReturnToLobby(w.host(), meetings.ParticipantInput{
				RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id),
			})
			require.NoError(w.t, err)
			assert.Equal(w.t, live.Waiting, entry.Status)
			assert.Equal(w.t, "Anna", entry.DisplayName)
			anna.isRemoved()
			_, err = w.tryReturn(anna)
			requireKind(w.t, err, fault.LobbyRequired)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{})
			w.stays()
			anna := w.counted(w.admitted(guest(), "Anna"))
			w.forget()
			act(w, anna)
		})
	}
}

// tryReturn asks for another token with the ticket that somebody had.
func (w *world) tryReturn(p *person) (*lobby.RoomToken, error) {
	return w.lobby.CreateRoomToken(guest(), lobby.CreateRoomTokenInput{RoomID: &w.room.ID, Ticket: &p.ticket})
}

// TestHostCannotActOnTheSameRankAfterRedisHasLostItsData: the role with which somebody entered says the rank.
func TestHostCannotActOnTheSameRankAfterRedisHasLostItsData(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	ada, bob := w.member("Ada", roomaccess.RoleADMINISTRATOR), w.member("Bob", roomaccess.RoleADMINISTRATOR)
	there := w.counted(w.token(as(bob), "Bob"))
	w.forget()
	_, err := w.Remove(as(ada), meetings.RemoveInput{RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(there.id)})
	requireKind(t, err, fault.Forbidden)
	results, err := w.MuteAll(as(ada), meetings.MuteAllInput{RoomID: w.room.ID})
	require.NoError(t, err)
	assert.Empty(t, results, "hosts are not muted with the others")
	there.isThere()
	_, err = w.Remove(w.host(), meetings.RemoveInput{RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(there.id)})
	require.NoError(t, err)
	there.isRemoved()
}

// TestNobodyActsOnAnUnknownParticipant.
func TestNobodyActsOnAnUnknownParticipant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for _, identity := range []livekit.Identity{livekit.IdentityOf(w.room.ID), "sip_nobody"} {
		_, err := w.Remove(w.host(), meetings.RemoveInput{RoomID: w.room.ID, ParticipantID: identity})
		requireKind(t, err, fault.NotFound)
	}
}
