package meetings_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/rs/zerolog"
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

// line is the network between us and LiveKit's API, which can be cut, and can hang.
type line struct {
	t     testing.TB
	proxy *toxiproxy.Proxy
}

// lined is a world with a line to LiveKit. LiveKit's way to us, and people's to LiveKit, are others.
func lined(t testing.TB, o options) (*world, *line) {
	t.Helper()
	l, beyond := &line{t: t}, o.through
	o.through = func(url string) string {
		if beyond != nil {
			url = beyond(url)
		}
		_, address, _ := strings.Cut(url, "://")
		server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
		here := fmt.Sprintf("127.0.0.1:%d", env.FreePort(t))
		l.proxy = toxiproxy.NewProxy(server, "livekit", here, address)
		require.NoError(t, l.proxy.Start())
		t.Cleanup(l.cut)
		return "ws://" + l.proxy.Listen
	}
	return newWorld(t, o), l
}

// cut ends every connection, and lets no other be made until mend.
func (l *line) cut()  { l.proxy.Stop() }
func (l *line) mend() { require.NoError(l.t, l.proxy.Start()) }

// hang has no answer come at all, until quick.
func (l *line) hang() {
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(`{"name": "hang", "type": "timeout",
		"stream": "downstream", "toxicity": 1, "attributes": {"timeout": 0}}`))
	require.NoError(l.t, err)
}

func (l *line) quick() { l.proxy.Toxics.ResetToxics(context.Background()) }

func TestDecisionsStayWhenLiveKitIsUnavailable(t *testing.T) {
	t.Parallel()
	w, line := lined(t, options{accessLevel: room.AccessLevelPUBLIC})
	w.stays()
	mallory, anna := w.counted(w.token(guest(), "Mallory")), w.counted(w.token(guest(), "Anna"))
	anna.publish(livekitproto.TrackSource_MICROPHONE)
	line.cut()
	remove := meetings.RemoveInput{RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(mallory.id), Ban: ptr(rooms.Forever)}
	_, err := w.Remove(w.host(), remove)
	requireKind(t, err, fault.Unavailable)
	_, err = w.lobby.CreateRoomToken(guest(), lobby.CreateRoomTokenInput{
		RoomID: &w.room.ID, Ticket: &mallory.ticket,
	})
	requireKind(t, err, fault.Forbidden)
	_, err = w.Mute(w.host(), meetings.MuteInput{
		RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id), Source: ptr(schema.Microphone),
	})
	requireKind(t, err, fault.Unavailable)
	_, err = w.update(anna.pass, meetings.UpdateInput{Name: ptr("Anna B.")})
	requireKind(t, err, fault.Unavailable)
	updated, err := w.UpdateRoom(w.host(), rooms.UpdateInput{
		RoomID: w.room.ID, Configuration: &ent.ConfigurationInput{DataAllowed: ptr(false)},
	})
	require.NoError(t, err)
	assert.False(t, updated.Synced)
	assert.False(t, updated.Room.DataAllowed)
	w.lock()
	w.unlock()

	line.mend()
	mallory.room.Disconnect()
	w.isKeptOut(mallory.pass)
	anna.room.Disconnect()
	w.eventually(func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
	p := w.counted(w.withTicket(guest(), anna.ticket)).isThere()
	assert.Equal(t, "Anna B.", p.Name)
	assert.False(t, p.Permission.Data)
	results, err := w.Remove(w.host(), remove)
	require.NoError(t, err, "asking again is fine")
	assert.Empty(t, results)
}

func TestMeetingEndsThoughLiveKitIsUnavailable(t *testing.T) {
	t.Parallel()
	w, line := lined(t, options{})
	anna := w.counted(w.admitted(guest(), "Anna"))
	line.cut()
	_, err := w.End(w.host(), w.room.ID)
	requireKind(t, err, fault.Unavailable)
	requireKind(t, w.raise(anna.ticket, true), fault.Forbidden)
	line.mend()
	_, err = w.End(w.host(), w.room.ID)
	require.NoError(t, err)
	receive(t, anna.gone)
	w.isKeptOut(anna.pass)
}

// many is how many people it takes for a request to have more to do than it does at a time, which is atOnce.
const many, atOnce = 20, 16

// TestResultsSayWhoWasNotReached: the line is cut, or hangs, in the middle of a change that
// concerns everybody.
func TestResultsSayWhoWasNotReached(t *testing.T) {
	t.Parallel()
	for name, disturb := range map[string]func(*line){"cut": (*line).cut, "hangs": (*line).hang} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &gate{t: t}
			w, line := lined(t, options{accessLevel: room.AccessLevelPUBLIC, through: g.through})
			for i := range many {
				w.counted(w.token(guest(), fmt.Sprintf("Guest %d", i)))
			}
			direct := livekit.New(livekit.Settings{
				URL: w.livekit.URL(), APIKey: w.livekit.Key(), APISecret: w.livekit.Secret(),
			})
			caught, free := g.hold("UpdateParticipant", func(nth int64) bool { return nth > atOnce })
			done := make(chan *meetings.UpdatedRoom, 1)
			change := rooms.UpdateInput{
				RoomID: w.room.ID, Configuration: &ent.ConfigurationInput{DataAllowed: ptr(false)},
			}
			go func() {
				updated, err := w.UpdateRoom(w.host(), change)
				assert.NoError(t, err)
				done <- updated
			}()
			g.await(caught) // one more than are asked at a time: some have answered
			disturb(line)
			updated := receive(t, done)
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
			line.quick()
			if name == "cut" {
				line.mend()
			}
			updated, err := w.UpdateRoom(w.host(), change)
			require.NoError(t, err)
			assert.True(t, updated.Synced)
			for _, r := range updated.Participants {
				assert.Equal(t, meetings.Done, r.Outcome)
			}
			people, err := direct.Participants(context.Background(), w.room.ID.String())
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
	anna := w.counted(w.admitted(guest(), "Anna"))
	server.Stop(t)
	_, err := w.Remove(w.host(), meetings.RemoveInput{RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id)})
	requireKind(t, err, fault.Unavailable)
	_, err = w.ReturnToLobby(w.host(), meetings.ParticipantInput{RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id)})
	requireKind(t, err, fault.Unavailable)
	_, err = w.MuteAll(w.host(), meetings.MuteAllInput{RoomID: w.room.ID})
	requireKind(t, err, fault.Unavailable)
	_, err = w.End(w.host(), w.room.ID)
	requireKind(t, err, fault.Unavailable)
	requireKind(t, w.ReceiveEvent(guest(), w.news(livekit.ParticipantLeft, anna.pass, "PA_1")), fault.Unavailable)
	anna.isThere()
	server.Start(t)
	w.eventually(func(t *assert.CollectT) {
		_, err := w.Remove(w.host(), meetings.RemoveInput{RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id)})
		assert.NoError(t, err)
	})
	anna.isRemoved()
}

// TestRedisThatLosesItsDataRemovesNobody, but lets nobody in by what it has forgotten, other than whom a host has admitted.
func TestRedisThatLosesItsDataRemovesNobody(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	client := server.Client(t)
	w := newWorld(t, options{redis: client})
	anna, late := w.counted(w.admitted(guest(), "Anna")), w.admitted(guest(), "Late")
	walksIn, removed := w.token(as(w.member("Mia", roomaccess.RoleMEMBER)), "Mia"), w.admitted(guest(), "Removed")
	w.remove(removed)
	require.NoError(t, client.FlushAll(context.Background()).Err())
	updated, err := w.UpdateRoom(w.host(), rooms.UpdateInput{
		RoomID: w.room.ID, Configuration: &ent.ConfigurationInput{DataAllowed: ptr(false)},
	})
	require.NoError(t, err)
	assert.Equal(t, map[string]meetings.Outcome{"Anna": meetings.Done}, outcomes(updated.Participants))
	w.isKeptOut(walksIn)
	w.isKeptOut(removed)
	anna.isThere()
	assert.Equal(t, 1, w.meeting().Inside, "and they are counted again")
	w.counted(late)
}
