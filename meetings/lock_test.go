package meetings_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/lobby"
	"foyer/meetings"
	"foyer/rooms"
	"foyer/test/env"
)

func (w *world) lock() {
	w.T.Helper()
	_, err := w.Lock(w.Host(), w.Room.ID)
	require.NoError(w.T, err)
}

func (w *world) unlock() {
	w.T.Helper()
	_, err := w.Unlock(w.Host(), w.Room.ID)
	require.NoError(w.T, err)
}

// TestLockKeepsOnlyPeopleInside: tokens of members and guests do not open a locked room, but people inside stay, also
// when the meeting is compared with the rules.
func TestLockKeepsOnlyPeopleInside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	mia := w.NewMember("Mia Member", roomaccess.RoleMEMBER)
	inside := w.counted(w.admitted(env.Guest(), "Anna"))
	member := w.counted(w.token(env.As(mia), "Mia"))
	late, lateMember := w.admitted(env.Guest(), "Late"), w.token(env.As(mia), "Mia's phone")
	w.lock()
	host := w.counted(w.token(w.Host(), "Olga"))
	for _, old := range []pass{late, lateMember} {
		w.isKeptOut(old)
	}
	_, err := w.UpdateRoom(w.Host(), rooms.UpdateInput{
		RoomID: w.Room.ID, Configuration: &ent.ConfigurationInput{DataAllowed: new(false)},
	})
	require.NoError(t, err)
	for _, c := range []*person{host, inside, member} {
		c.isThere()
	}
	_, err = w.RaiseHand(env.Guest(), meetings.RaiseHandInput{
		RoomID: w.Room.ID, Ticket: inside.ticket, Raised: true,
	})
	require.NoError(t, err, "a person inside is in the meeting")
	w.unlock()
	w.counted(lateMember)
}

// isKeptOut tries to join; LiveKit may refuse immediately, or the person is removed.
func (w *world) isKeptOut(p pass) {
	w.T.Helper()
	if back, err := w.tryEnter(p); err == nil {
		back.isRemoved()
	}
}

func TestUnlockingAdmitsPeopleWhoMayWalkIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	mia := w.NewMember("Mia Member", roomaccess.RoleMEMBER)
	w.lock()
	_, err := w.tryToken(env.As(mia), "Mia")
	env.RequireFault(t, fault.LobbyRequired, err)
	member, stranger := w.knock(env.As(mia), "Mia"), w.knock(env.Guest(), "Stranger")
	assert.Equal(t, live.Waiting, member.Entry.Status)
	_, err = w.lobby.Admit(w.Host(), lobby.DecideInput{RoomID: w.Room.ID, EntryID: stranger.Entry.ID})
	env.RequireFault(t, fault.Conflict, err)
	_, err = w.lobby.AdmitAll(w.Host(), lobby.AdmitAllInput{RoomID: w.Room.ID})
	env.RequireFault(t, fault.Conflict, err)
	assert.Equal(t, "LOCKED", fault.Of(err).Details["reason"])
	w.unlock()
	assert.Equal(t, []string{"Stranger"}, w.waiting(), "who needs a host waits for one")
	w.counted(w.withTicket(env.As(mia), member.Ticket))
}

// waiting returns the names of the waiting guests.
func (w *world) waiting() []string {
	w.T.Helper()
	list, err := w.lobby.Get(w.Host(), w.Room.ID)
	require.NoError(w.T, err)
	names := []string{}
	for _, e := range list.Entries {
		names = append(names, e.DisplayName)
	}
	return names
}

// withTicket is what a person gets who comes back with their ticket.
func (w *world) withTicket(ctx ctx, ticket string) pass {
	w.T.Helper()
	token, err := w.lobby.CreateRoomToken(ctx, lobby.CreateRoomTokenInput{
		RoomID: &w.Room.ID, Ticket: &ticket,
	})
	require.NoError(w.T, err)
	return pass{token.ParticipantID, token.Ticket, token.ConnectionDetails}
}

func TestLockEndsWithTheMeeting(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*world, *person){
		"a host ends it": func(w *world, _ *person) {
			ended, err := w.End(w.Host(), w.Room.ID)
			require.NoError(w.T, err)
			assert.Nil(w.T, ended.LockedAt)
		},
		"everybody leaves": func(_ *world, last *person) { last.room.Disconnect() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC, grace: time.Second})
			w.runs()
			host := w.counted(w.token(w.Host(), "Olga"))
			w.lock()
			_, err := w.tryToken(env.Guest(), "Anna")
			env.RequireFault(t, fault.LobbyRequired, err)
			end(w, host)
			env.Eventually(w.T, func(t *assert.CollectT) {
				_, err := w.tryToken(env.Guest(), "Anna")
				assert.NoError(t, err)
			})
		})
	}
}
