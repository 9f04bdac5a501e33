package meetings_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/lobby"
	"foyer/meetings"
	"foyer/rooms"
)

// denyForever denies a request to enter with a ban.
func (w *world) denyForever(ctx ctx, request *lobby.Request) error {
	_, err := w.Deny(ctx, meetings.DenyInput{RoomID: w.room.ID, EntryID: request.Entry.ID, Ban: ptr(rooms.Forever)})
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

// TestDenyingWithABanRemovesAGuestWhoIsInside: another host has let the guest in meanwhile.
func TestDenyingWithABanRemovesAGuestWhoIsInside(t *testing.T) {
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
	standings, err := w.lobby.Judge(guest(), w.room, request.Entry.ID)
	require.NoError(t, err)
	assert.NoError(t, standings[0].Refused)
	requireKind(t, w.denyForever(as(w.user("Nobody")), request), fault.Forbidden)
}

// TestHostsDenyManyGuestsTogether, with a ban that holds for each of them, whatever was decided on them before, but not for
// hosts.
func TestHostsDenyManyGuestsTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	mallory := w.user("Mallory")
	admitted := w.knock(guest(), "Admitted before")
	inside := w.counted(w.admit(admitted))
	host := w.user("A host by now")
	requests := []*lobby.Request{
		admitted, w.knock(guest(), "Flood"), w.knock(as(mallory), "Mallory"), w.knock(as(host), "Host"),
	}
	spared := w.knock(guest(), "Honest")
	_, err := w.rooms.Grant(w.host(), rooms.GrantInput{
		RoomID: w.room.ID, UserID: &host.ID, Role: roomaccess.RoleADMINISTRATOR,
	})
	require.NoError(t, err)
	in := meetings.DenyAllInput{RoomID: w.room.ID, Ban: ptr(rooms.Forever)}
	for _, request := range requests {
		in.EntryIds = append(in.EntryIds, request.Entry.ID)
	}
	for _, n := range []int{3, 4} { // the first time not the one whom somebody has admitted; the same again is fine
		denied, err := w.DenyAll(w.host(), in)
		require.NoError(t, err)
		assert.Len(t, denied, n)
	}
	inside.isRemoved()
	for i, who := range []ctx{guest(), guest(), as(mallory)} {
		_, err := w.lobby.RequestEntry(who, lobby.RequestEntryInput{RoomID: &w.room.ID, Ticket: &requests[i].Ticket})
		requireKind(t, err, fault.Forbidden)
	}
	again, err := w.lobby.RequestEntry(as(host), lobby.RequestEntryInput{RoomID: &w.room.ID})
	require.NoError(t, err)
	assert.Equal(t, live.Admitted, again.Entry.Status)
	list, err := w.lobby.Get(w.host(), w.room.ID)
	require.NoError(t, err)
	require.Len(t, list.Entries, 1)
	assert.Equal(t, spared.Entry.ID, list.Entries[0].ID)

	_, err = w.DenyAll(as(mallory), meetings.DenyAllInput{RoomID: w.room.ID})
	requireKind(t, err, fault.Forbidden)
	denied, err := w.DenyAll(w.host(), meetings.DenyAllInput{RoomID: w.room.ID})
	require.NoError(t, err)
	require.Len(t, denied, 1, "everybody who waits")
	assert.Equal(t, spared.Entry.ID, denied[0].ID)
	bans, err := w.rooms.Bans(w.host(), w.room.ID, nil, nil)
	require.NoError(t, err)
	assert.Equal(t, 3, bans.TotalCount, "and nobody banned without being asked to")
}

// TestDenyingWithABanRemovesAGuestWhoCameInOtherwise: there is nothing left to deny, and the ban holds.
func TestDenyingWithABanRemovesAGuestWhoCameInOtherwise(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	mallory := w.user("Mallory")
	inside := w.counted(w.admitted(as(mallory), "Mallory"))
	request := w.knock(as(mallory), "M.")
	_, err := w.lobby.Cancel(as(mallory), request.Ticket)
	require.NoError(t, err)
	requireKind(t, w.denyForever(w.host(), request), fault.Conflict)
	inside.isRemoved()
}
