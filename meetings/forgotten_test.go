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
	"foyer/test/env"
)

// forget has Redis lose what it knows of the room.
func (w *world) forget() {
	w.T.Helper()
	keys := w.Redis.Scan(env.Guest(), 0, w.Prefix+"lobby:{"+w.Room.ID.String()+"}:*", 1000).Iterator()
	for keys.Next(env.Guest()) {
		require.NoError(w.T, w.Redis.Del(env.Guest(), keys.Val()).Err())
	}
	require.NoError(w.T, keys.Err())
}

func TestHostsActOnPeopleInsideAfterRedisHasLostItsData(t *testing.T) {
	t.Parallel()
	for what, act := range map[string]func(w *world, anna *person){
		"remove": func(w *world, anna *person) {
			results, err := w.Remove(w.Host(), meetings.RemoveInput{
				RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id),
			})
			require.NoError(w.T, err)
			assert.Len(w.T, results, 1)
			anna.isRemoved()
			_, err = w.tryReturn(anna)
			env.RequireFault(w.T, fault.LobbyRequired, err)
		},
		"ban": func(w *world, anna *person) {
			_, err := w.Remove(w.Host(), meetings.RemoveInput{
				RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id), Ban: new(rooms.Forever),
			})
			require.NoError(w.T, err)
			anna.isRemoved()
			_, err = w.tryReturn(anna)
			env.RequireFault(w.T, fault.Forbidden, err)
		},
		"mute": func(w *world, anna *person) {
			anna.publish(livekitproto.TrackSource_MICROPHONE)
			muted, err := w.Mute(w.Host(), meetings.MuteInput{
				RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id), Source: new(schema.Microphone),
			})
			require.NoError(w.T, err)
			assert.Len(w.T, muted.Tracks, 1)
		},
		"update": func(w *world, anna *person) {
			_, err := w.Update(w.Host(), meetings.UpdateInput{
				RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id), Name: new("Anna B."),
				Permission: &meetings.PermissionInput{PublishSources: []schema.PublishSource{}},
			})
			require.NoError(w.T, err)
			p := anna.isThere()
			assert.Equal(w.T, "Anna B.", p.Name)
			assert.Empty(w.T, p.Permission.Sources)
			assert.True(w.T, p.Permission.Data, "what is not mentioned stays")
		},
		"return to the lobby": func(w *world, anna *person) {
			entry, err := w.ReturnToLobby(w.Host(), meetings.ParticipantInput{
				RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id),
			})
			require.NoError(w.T, err)
			assert.Equal(w.T, live.Waiting, entry.Status)
			assert.Equal(w.T, "Anna", entry.DisplayName)
			anna.isRemoved()
			_, err = w.tryReturn(anna)
			env.RequireFault(w.T, fault.LobbyRequired, err)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{})
			w.stays()
			anna := w.counted(w.admitted(env.Guest(), "Anna"))
			w.forget()
			act(w, anna)
		})
	}
}

// tryReturn asks for another token with the ticket that somebody had.
func (w *world) tryReturn(p *person) (*lobby.RoomToken, error) {
	return w.lobby.CreateRoomToken(env.Guest(), lobby.CreateRoomTokenInput{RoomID: &w.Room.ID, Ticket: &p.ticket})
}

// TestHostCannotActOnTheSameRankAfterRedisHasLostItsData: the role with which somebody entered says the rank.
func TestHostCannotActOnTheSameRankAfterRedisHasLostItsData(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	ada, bob := w.NewMember("Ada", roomaccess.RoleADMINISTRATOR), w.NewMember("Bob", roomaccess.RoleADMINISTRATOR)
	there := w.counted(w.token(env.As(bob), "Bob"))
	w.forget()
	_, err := w.Remove(env.As(ada), meetings.RemoveInput{RoomID: w.Room.ID,
		ParticipantID: livekit.IdentityOf(there.id)})
	env.RequireFault(t, fault.Forbidden, err)
	results, err := w.MuteAll(env.As(ada), meetings.MuteAllInput{RoomID: w.Room.ID})
	require.NoError(t, err)
	assert.Empty(t, results, "hosts are not muted with the others")
	there.isThere()
	_, err = w.Remove(w.Host(), meetings.RemoveInput{RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(there.id)})
	require.NoError(t, err)
	there.isRemoved()
}

// TestNobodyActsOnAnUnknownParticipant.
func TestNobodyActsOnAnUnknownParticipant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for _, identity := range []livekit.Identity{livekit.IdentityOf(w.Room.ID), "sip_nobody"} {
		_, err := w.Remove(w.Host(), meetings.RemoveInput{RoomID: w.Room.ID, ParticipantID: identity})
		env.RequireFault(t, fault.NotFound, err)
	}
}
