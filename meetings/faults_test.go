package meetings_test

import (
	"context"
	"fmt"
	"testing"

	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/lobby"
	"foyer/meetings"
	"foyer/rooms"
	"foyer/test/env"
)

// lined is a world with a line to LiveKit. LiveKit's way to us, and people's to LiveKit, are others.
func lined(t testing.TB, o options) (*world, *env.Line) {
	t.Helper()
	var line *env.Line
	beyond := o.through
	o.through = func(url string) (here string) {
		if beyond != nil {
			url = beyond(url)
		}
		line, here = env.Through(t, url)
		return here
	}
	w := newWorld(t, o)
	return w, line
}

func TestDecisionsStayWhenLiveKitIsUnavailable(t *testing.T) {
	t.Parallel()
	w, line := lined(t, options{accessLevel: room.AccessLevelPUBLIC})
	w.stays()
	mallory, anna := w.counted(w.token(env.Guest(), "Mallory")), w.counted(w.token(env.Guest(), "Anna"))
	anna.publish(livekitproto.TrackSource_MICROPHONE)
	line.Cut()
	remove := meetings.RemoveInput{RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(mallory.id),
		Ban: new(rooms.Forever)}
	_, err := w.Remove(w.Host(), remove)
	env.RequireFault(t, fault.Unavailable, err)
	_, err = w.lobby.CreateRoomToken(env.Guest(), lobby.CreateRoomTokenInput{
		RoomID: &w.Room.ID, Ticket: &mallory.ticket,
	})
	env.RequireFault(t, fault.Forbidden, err)
	_, err = w.Mute(w.Host(), meetings.MuteInput{
		RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id), Source: new(schema.Microphone),
	})
	env.RequireFault(t, fault.Unavailable, err)
	_, err = w.update(anna.pass, meetings.UpdateInput{Name: new("Anna B.")})
	env.RequireFault(t, fault.Unavailable, err)
	updated, err := w.UpdateRoom(w.Host(), rooms.UpdateInput{
		RoomID: w.Room.ID, Configuration: &ent.ConfigurationInput{DataAllowed: new(false)},
	})
	require.NoError(t, err)
	assert.False(t, updated.Synced)
	assert.False(t, updated.Room.DataAllowed)
	w.lock()
	w.unlock()

	line.Mend()
	mallory.room.Disconnect()
	w.isKeptOut(mallory.pass)
	anna.room.Disconnect()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
	p := w.counted(w.withTicket(env.Guest(), anna.ticket)).isThere()
	assert.Equal(t, "Anna B.", p.Name)
	assert.False(t, p.Permission.Data)
	results, err := w.Remove(w.Host(), remove)
	require.NoError(t, err, "asking again is fine")
	assert.Empty(t, results)
}

func TestMeetingEndsThoughLiveKitIsUnavailable(t *testing.T) {
	t.Parallel()
	w, line := lined(t, options{})
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	line.Cut()
	_, err := w.End(w.Host(), w.Room.ID)
	env.RequireFault(t, fault.Unavailable, err)
	env.RequireFault(t, fault.Forbidden, w.raise(anna.ticket, true))
	line.Mend()
	_, err = w.End(w.Host(), w.Room.ID)
	require.NoError(t, err)
	env.Receive(t, anna.gone)
	w.isKeptOut(anna.pass)
}

// many is how many people it takes for a request to have more to do than it does at a time, which is atOnce.
const many, atOnce = 20, 16

// TestResultsSayWhoWasNotReached: the line is cut, or hangs, in the middle of a change that
// concerns everybody.
func TestResultsSayWhoWasNotReached(t *testing.T) {
	t.Parallel()
	for name, disturb := range map[string]func(*env.Line){"cut": (*env.Line).Cut, "hangs": (*env.Line).Hang} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &gate{t: t}
			w, line := lined(t, options{accessLevel: room.AccessLevelPUBLIC, through: g.through})
			for i := range many {
				w.counted(w.token(env.Guest(), fmt.Sprintf("Guest %d", i)))
			}
			direct := livekit.New(w.liveKit.Settings())
			caught, free := g.hold("UpdateParticipant", func(nth int64) bool { return nth > atOnce })
			done := make(chan *meetings.UpdatedRoom, 1)
			change := rooms.UpdateInput{
				RoomID: w.Room.ID, Configuration: &ent.ConfigurationInput{DataAllowed: new(false)},
			}
			go func() {
				updated, err := w.UpdateRoom(w.Host(), change)
				assert.NoError(t, err)
				done <- updated
			}()
			g.await(caught) // one more than are asked at a time: some have answered
			disturb(line)
			updated := env.Receive(t, done)
			assert.False(t, updated.Synced)
			require.Len(t, updated.Participants, many)
			seen := map[meetings.Outcome]int{}
			for _, r := range updated.Participants {
				seen[r.Outcome]++
				if r.Outcome == meetings.Failed {
					assert.Equal(t, string(fault.Unavailable), *r.Code)
				} else {
					assert.Nil(t, r.Code)
				}
			}
			assert.Positive(t, seen[meetings.Done])
			assert.Positive(t, seen[meetings.Failed])
			assert.Len(t, seen, 2)

			g.set(nil)
			free()
			line.Resume()
			if name == "cut" {
				line.Mend()
			}
			updated, err := w.UpdateRoom(w.Host(), change)
			require.NoError(t, err)
			assert.True(t, updated.Synced)
			for _, r := range updated.Participants {
				assert.Equal(t, meetings.Done, r.Outcome)
			}
			people, err := direct.Participants(context.Background(), w.Room.ID.String())
			require.NoError(t, err)
			for _, p := range people {
				assert.False(t, p.Permission.Data)
			}
		})
	}
}

func TestRedisThatDiesMakesModerationUnavailable(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	w := newWorld(t, options{redis: server.Client(t)})
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	server.Stop(t)
	_, err := w.Remove(w.Host(), meetings.RemoveInput{RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id)})
	env.RequireFault(t, fault.Unavailable, err)
	_, err = w.ReturnToLobby(w.Host(), meetings.ParticipantInput{RoomID: w.Room.ID,
		ParticipantID: livekit.IdentityOf(anna.id)})
	env.RequireFault(t, fault.Unavailable, err)
	_, err = w.MuteAll(w.Host(), meetings.MuteAllInput{RoomID: w.Room.ID})
	env.RequireFault(t, fault.Unavailable, err)
	_, err = w.End(w.Host(), w.Room.ID)
	env.RequireFault(t, fault.Unavailable, err)
	env.RequireFault(t, fault.Unavailable, w.ReceiveEvent(env.Guest(), w.news(livekit.ParticipantLeft, anna.pass, "PA_1")))
	anna.isThere()
	server.Start(t)
	env.Eventually(w.T, func(t *assert.CollectT) {
		_, err := w.Remove(w.Host(), meetings.RemoveInput{RoomID: w.Room.ID,
			ParticipantID: livekit.IdentityOf(anna.id)})
		assert.NoError(t, err)
	})
	anna.isRemoved()
}

// TestRedisThatLosesItsDataRemovesNobody, but lets nobody in by what it has forgotten, other than guests whom a host
// has admitted.
func TestRedisThatLosesItsDataRemovesNobody(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	client := server.Client(t)
	w := newWorld(t, options{redis: client})
	anna, late := w.counted(w.admitted(env.Guest(), "Anna")), w.admitted(env.Guest(), "Late")
	walksIn, removed := w.token(env.As(w.NewMember("Mia", roomaccess.RoleMEMBER)), "Mia"), w.admitted(env.Guest(),
		"Removed")
	w.remove(removed)
	require.NoError(t, client.FlushAll(context.Background()).Err())
	updated, err := w.UpdateRoom(w.Host(), rooms.UpdateInput{
		RoomID: w.Room.ID, Configuration: &ent.ConfigurationInput{DataAllowed: new(false)},
	})
	require.NoError(t, err)
	assert.Equal(t, map[string]meetings.Outcome{"Anna": meetings.Done}, outcomes(updated.Participants))
	w.isKeptOut(walksIn)
	w.isKeptOut(removed)
	anna.isThere()
	assert.Equal(t, 1, w.meeting().Inside, "and they are counted again")
	w.counted(late)
}
