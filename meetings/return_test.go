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
	"foyer/test/env"
)

func (w *world) remove(p pass) []*meetings.Result {
	w.T.Helper()
	results, err := w.Remove(w.Host(), meetings.RemoveInput{RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(p.id)})
	require.NoError(w.T, err)
	return results
}

func (w *world) returnToLobby(p pass) *live.Entry {
	w.T.Helper()
	entry, err := w.ReturnToLobby(w.Host(), meetings.ParticipantInput{RoomID: w.Room.ID,
		ParticipantID: livekit.IdentityOf(p.id)})
	require.NoError(w.T, err)
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
				ctx := env.Guest()
				if who == "user" {
					ctx = env.As(w.User("Anna"))
				}
				w.returned(ctx, level)
			})
		}
	}
}

func (w *world) returned(ctx context.Context, level room.AccessLevel) {
	t := w.T
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
	assert.Equal(t, live.Waiting, env.Receive(t, states).Status)

	w.isKeptOut(anna.pass)
	_, err = w.lobby.CreateRoomToken(ctx, lobby.CreateRoomTokenInput{
		RoomID: &w.Room.ID, Ticket: &anna.ticket,
	})
	env.RequireFault(t, fault.LobbyRequired, err)
	again, err := w.lobby.RequestEntry(ctx, lobby.RequestEntryInput{
		RoomID: &w.Room.ID, Ticket: &anna.ticket,
	})
	require.NoError(t, err)
	assert.Equal(t, live.Waiting, again.Entry.Status)
	require.NoError(t, w.lobby.LetIn(ctx, w.Room.ID), "the rules do not admit them")
	assert.Equal(t, []string{"Anna"}, w.waiting())

	_, err = w.lobby.Admit(w.Host(), lobby.DecideInput{RoomID: w.Room.ID, EntryID: anna.id})
	require.NoError(t, err)
	var told *live.Entry
	for told == nil || told.Status != live.Admitted {
		told = env.Receive(t, states)
	}
	details, err := w.lobby.ConnectionDetails(ctx, told)
	require.NoError(t, err)
	w.counted(pass{anna.id, anna.ticket, details})
}

// TestReturnedUserLeavesOnEveryDevice: an account is one person.
func TestReturnedUserLeavesOnEveryDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	user := w.User("Anna")
	laptop, phone := w.counted(w.token(env.As(user), "Anna")), w.counted(w.token(env.As(user), "Anna"))
	bob := w.counted(w.token(env.Guest(), "Bob"))
	w.returnToLobby(laptop.pass)
	laptop.isRemoved()
	phone.isRemoved()
	_, err := w.tryToken(env.As(user), "Anna")
	env.RequireFault(t, fault.LobbyRequired, err)
	bob.isThere()
}
