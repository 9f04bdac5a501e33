package calls_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/calls"
	"foyer/ent/roomaccess"
	"foyer/fault"
	"foyer/lobby"
	"foyer/rooms"
)

// denyForever denies a request to enter with a ban.
func (w *world) denyForever(ctx ctx, request *lobby.Request) error {
	_, err := w.Deny(ctx, calls.DenyInput{RoomID: w.room.ID, EntryID: request.Entry.ID, Ban: ptr(rooms.Forever)})
	return err
}

// admit has the owner let a guest in, who gets a token.
func (w *world) admit(request *lobby.Request) pass {
	w.t.Helper()
	e, err := w.lobby.Admit(w.host(), lobby.DecideInput{RoomID: w.room.ID, EntryID: request.Entry.ID})
	require.NoError(w.t, err)
	details, err := w.lobby.ConnectionDetails(guest(), e)
	require.NoError(w.t, err)
	return pass{e.ID, request.Ticket, details}
}

// TestDenyingWithABanRemovesAGuestWhoIsInTheCall: another host has let the guest in meanwhile.
func TestDenyingWithABanRemovesAGuestWhoIsInTheCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	request := w.knock(guest(), "Mallory")
	inside := w.counted(w.admit(request))
	require.NoError(t, w.denyForever(w.host(), request))
	inside.isRemoved()
	if back, err := w.tryEnter(inside.pass); err == nil {
		back.isRemoved()
	}
	require.NoError(t, w.denyForever(w.host(), request), "the same again is fine")
}

// TestDenyingWithABanRemovesEveryDeviceOfTheAccount, also one that came in by another entry.
func TestDenyingWithABanRemovesEveryDeviceOfTheAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	mallory := w.user("Mallory")
	laptop := w.counted(w.admitted(as(mallory), "Mallory"))
	require.NoError(t, w.denyForever(w.host(), w.knock(as(mallory), "M.")))
	laptop.isRemoved()
}

// TestDenyingWithABanClosesEveryEntryOfTheUser, and leaves everybody else's.
func TestDenyingWithABanClosesEveryEntryOfTheUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	mallory := w.user("Mallory")
	first, second := w.knock(as(mallory), "Mallory"), w.knock(as(mallory), "M.")
	admitted := w.knock(as(mallory), "Admitted")
	w.admit(admitted)
	anna := w.knock(guest(), "Anna")
	require.NoError(t, w.denyForever(w.host(), first))
	waiting, err := w.lobby.Get(w.host(), w.room.ID)
	require.NoError(t, err)
	require.Len(t, waiting.Entries, 1)
	assert.Equal(t, anna.Entry.ID, waiting.Entries[0].ID)
	for _, ticket := range []*string{nil, &first.Ticket, &second.Ticket, &admitted.Ticket} {
		_, err := w.lobby.RequestEntry(as(mallory), lobby.RequestEntryInput{RoomID: &w.room.ID, Ticket: ticket})
		requireKind(t, err, fault.Forbidden)
		assert.Equal(t, "BANNED", fault.Of(err).Details["reason"])
		_, err = w.lobby.CreateRoomToken(as(mallory), lobby.CreateRoomTokenInput{
			RoomID: &w.room.ID, Ticket: ticket,
		})
		requireKind(t, err, fault.Forbidden)
	}
	w.admit(anna)
}

// TestHostIsNotBannedThroughTheLobby: the entry by which somebody once came in is no way around their rank.
func TestHostIsNotBannedThroughTheLobby(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna, bob := w.user("Anna"), w.member("Bob", roomaccess.RoleADMINISTRATOR)
	request := w.knock(as(anna), "Anna")
	w.admit(request)
	_, err := w.Grant(w.host(), rooms.GrantInput{
		RoomID: w.room.ID, UserID: &anna.ID, Role: roomaccess.RoleOWNER,
	})
	require.NoError(t, err)
	requireKind(t, w.denyForever(as(bob), request), fault.Forbidden)
	standings, err := w.lobby.Standings(guest(), w.room, request.Entry.ID)
	require.NoError(t, err)
	assert.NoError(t, standings[0].Refused)
	requireKind(t, w.denyForever(as(w.user("Nobody")), request), fault.Forbidden)
}
