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
)

func (w *world) lock() {
	w.t.Helper()
	_, err := w.Lock(w.host(), w.room.ID)
	require.NoError(w.t, err)
}

func (w *world) unlock() {
	w.t.Helper()
	_, err := w.Unlock(w.host(), w.room.ID)
	require.NoError(w.t, err)
}

// TestLockKeepsOnlyPeopleInside: tokens of members and guests do not open a locked room, but people inside stay, also
// when the meeting is compared with the rules.
func TestLockKeepsOnlyPeopleInside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	mia := w.member("Mia Member", roomaccess.RoleMEMBER)
	inside := w.counted(w.admitted(guest(), "Anna"))
	member := w.counted(w.token(as(mia), "Mia"))
	late, lateMember := w.admitted(guest(), "Late"), w.token(as(mia), "Mia's phone")
	w.lock()
	host := w.counted(w.token(w.host(), "Olga"))
	for _, old := range []pass{late, lateMember} {
		w.isKeptOut(old)
	}
	_, err := w.UpdateRoom(w.host(), rooms.UpdateInput{
		RoomID: w.room.ID, Configuration: &ent.ConfigurationInput{DataAllowed: ptr(false)},
	})
	require.NoError(t, err)
	for _, c := range []*person{host, inside, member} {
		c.isThere()
	}
	_, err = w.RaiseHand(guest(), meetings.RaiseHandInput{
		RoomID: w.room.ID, Ticket: inside.ticket, Raised: true,
	})
	require.NoError(t, err, "a person inside is in the meeting")
	w.unlock()
	w.counted(lateMember)
}

// isKeptOut tries to join; LiveKit may refuse immediately, or the person is removed.
func (w *world) isKeptOut(p pass) {
	w.t.Helper()
	if back, err := w.tryEnter(p); err == nil {
		back.isRemoved()
	}
}

func TestUnlockingAdmitsPeopleWhoMayWalkIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	mia := w.member("Mia Member", roomaccess.RoleMEMBER)
	w.lock()
	_, err := w.tryToken(as(mia), "Mia")
	requireKind(t, err, fault.LobbyRequired)
	member, stranger := w.knock(as(mia), "Mia"), w.knock(guest(), "Stranger")
	assert.Equal(t, live.Waiting, member.Entry.Status)
	_, err = w.lobby.Admit(w.host(), lobby.DecideInput{RoomID: w.room.ID, EntryID: stranger.Entry.ID})
	requireKind(t, err, fault.Conflict)
	_, err = w.lobby.AdmitAll(w.host(), lobby.AdmitAllInput{RoomID: w.room.ID})
	requireKind(t, err, fault.Conflict)
	assert.Equal(t, "LOCKED", fault.Of(err).Details["reason"])
	w.unlock()
	assert.Equal(t, []string{"Stranger"}, w.waiting(), "who needs a host waits for one")
	w.counted(w.withTicket(as(mia), member.Ticket))
}

// waiting returns the names of the waiting guests.
func (w *world) waiting() []string {
	w.t.Helper()
	list, err := w.lobby.Get(w.host(), w.room.ID)
	require.NoError(w.t, err)
	names := []string{}
	for _, e := range list.Entries {
		names = append(names, e.DisplayName)
	}
	return names
}

// withTicket is what a person gets who comes back with their ticket.
func (w *world) withTicket(ctx ctx, ticket string) pass {
	w.t.Helper()
	token, err := w.lobby.CreateRoomToken(ctx, lobby.CreateRoomTokenInput{
		RoomID: &w.room.ID, Ticket: &ticket,
	})
	require.NoError(w.t, err)
	return pass{token.ParticipantID, token.Ticket, token.ConnectionDetails}
}

func TestLockEndsWithTheMeeting(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*world, *person){
		"a host ends it": func(w *world, _ *person) {
			ended, err := w.End(w.host(), w.room.ID)
			require.NoError(w.t, err)
			assert.Nil(w.t, ended.LockedAt)
		},
		"everybody leaves": func(_ *world, last *person) { last.room.Disconnect() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC, grace: time.Second})
			w.runs()
			host := w.counted(w.token(w.host(), "Olga"))
			w.lock()
			_, err := w.tryToken(guest(), "Anna")
			requireKind(t, err, fault.LobbyRequired)
			end(w, host)
			w.eventually(func(t *assert.CollectT) {
				_, err := w.tryToken(guest(), "Anna")
				assert.NoError(t, err)
			})
		})
	}
}
