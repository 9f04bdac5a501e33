package meetings_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/room"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/lobby"
	"foyer/meetings"
)

func (w *world) remove(p pass) []*meetings.Result {
	w.t.Helper()
	results, err := w.Remove(w.host(), meetings.RemoveInput{RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(p.id)})
	require.NoError(w.t, err)
	return results
}

func (w *world) returnToLobby(p pass) *live.Entry {
	w.t.Helper()
	entry, err := w.ReturnToLobby(w.host(), meetings.ParticipantInput{RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(p.id)})
	require.NoError(w.t, err)
	return entry
}

// TestReturnedPersonWaitsUntilAHostAdmits: also where everybody may walk in, however they try.
func TestReturnedPersonWaitsUntilAHostAdmits(t *testing.T) {
	t.Parallel()
	for _, level := range []room.AccessLevel{room.AccessLevelPUBLIC, room.AccessLevelRESTRICTED} {
		for _, who := range []string{"guest", "user"} {
			t.Run(string(level)+" "+who, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, options{accessLevel: level})
				ctx := guest()
				if who == "user" {
					ctx = as(w.user("Anna"))
				}
				w.returned(ctx, level)
			})
		}
	}
}

func (w *world) returned(ctx context.Context, level room.AccessLevel) {
	t := w.t
	w.stays()
	var anna *person
	if level == room.AccessLevelPUBLIC {
		anna = w.counted(w.token(ctx, "Anna"))
	} else {
		anna = w.counted(w.admitted(ctx, "Anna"))
	}
	entry := w.returnToLobby(anna.pass)
	assert.Equal(t, anna.id, entry.ID)
	assert.Equal(t, "Anna", entry.DisplayName)
	anna.isRemoved()
	assert.Equal(t, []string{"Anna"}, w.waiting())

	watching, stop := context.WithCancel(ctx)
	defer stop()
	states, err := w.lobby.WatchEntry(watching, anna.ticket)
	require.NoError(t, err)
	assert.Equal(t, live.Waiting, receive(t, states).Status)

	w.isKeptOut(anna.pass)
	_, err = w.lobby.CreateRoomToken(ctx, lobby.CreateRoomTokenInput{
		RoomID: &w.room.ID, Ticket: &anna.ticket,
	})
	requireKind(t, err, fault.LobbyRequired)
	again, err := w.lobby.RequestEntry(ctx, lobby.RequestEntryInput{
		RoomID: &w.room.ID, Ticket: &anna.ticket,
	})
	require.NoError(t, err)
	assert.Equal(t, live.Waiting, again.Entry.Status)
	require.NoError(t, w.lobby.LetIn(ctx, w.room.ID), "the rules do not admit them")
	assert.Equal(t, []string{"Anna"}, w.waiting())

	_, err = w.lobby.Admit(w.host(), lobby.DecideInput{RoomID: w.room.ID, EntryID: anna.id})
	require.NoError(t, err)
	var told *live.Entry
	for told == nil || told.Status != live.Admitted {
		told = receive(t, states)
	}
	details, err := w.lobby.ConnectionDetails(ctx, told)
	require.NoError(t, err)
	w.counted(pass{anna.id, anna.ticket, details})
}

// TestReturnedUserLeavesOnEveryDevice: an account is one person.
func TestReturnedUserLeavesOnEveryDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	user := w.user("Anna")
	laptop, phone := w.counted(w.token(as(user), "Anna")), w.counted(w.token(as(user), "Anna"))
	bob := w.counted(w.token(guest(), "Bob"))
	w.returnToLobby(laptop.pass)
	laptop.isRemoved()
	phone.isRemoved()
	_, err := w.tryToken(as(user), "Anna")
	requireKind(t, err, fault.LobbyRequired)
	bob.isThere()
}
