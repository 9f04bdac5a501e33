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
	"foyer/test/env"
)

// denyForever denies a request to enter with a ban.
func (w *world) denyForever(ctx ctx, request *lobby.Request) error {
	_, err := w.Deny(ctx, meetings.DenyInput{RoomID: w.Room.ID, EntryID: request.Entry.ID, Ban: new(rooms.Forever)})
	return err
}

// admit has the owner let a guest in, who gets a token.
func (w *world) admit(request *lobby.Request) pass {
	w.T.Helper()
	e, err := w.lobby.Admit(w.Host(), lobby.DecideInput{RoomID: w.Room.ID, EntryID: request.Entry.ID})
	require.NoError(w.T, err)
	details, err := w.lobby.ConnectionDetails(env.Guest(), e)
	require.NoError(w.T, err)
	return pass{e.ID, request.Ticket, details}
}

// TestDenyingWithABanRemovesAGuestWhoIsInside: another host has let the guest in meanwhile.
func TestDenyingWithABanRemovesAGuestWhoIsInside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	request := w.knock(env.Guest(), "Mallory")
	inside := w.counted(w.admit(request))
	require.NoError(t, w.denyForever(w.Host(), request))
	inside.isRemoved()
	if back, err := w.tryEnter(inside.pass); err == nil {
		back.isRemoved()
	}
	require.NoError(t, w.denyForever(w.Host(), request), "the same again is fine")
}

// TestDenyingWithABanRemovesEveryDeviceOfTheAccount, also one that came in by another entry.
func TestDenyingWithABanRemovesEveryDeviceOfTheAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	mallory := w.User("Mallory")
	laptop := w.counted(w.admitted(env.As(mallory), "Mallory"))
	require.NoError(t, w.denyForever(w.Host(), w.knock(env.As(mallory), "M.")))
	laptop.isRemoved()
}

// TestDenyingWithABanClosesEveryEntryOfTheUser, and leaves everybody else's.
func TestDenyingWithABanClosesEveryEntryOfTheUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	mallory := w.User("Mallory")
	first, second := w.knock(env.As(mallory), "Mallory"), w.knock(env.As(mallory), "M.")
	admitted := w.knock(env.As(mallory), "Admitted")
	w.admit(admitted)
	anna := w.knock(env.Guest(), "Anna")
	require.NoError(t, w.denyForever(w.Host(), first))
	waiting, err := w.lobby.Get(w.Host(), w.Room.ID)
	require.NoError(t, err)
	require.Len(t, waiting.Entries, 1)
	assert.Equal(t, anna.Entry.ID, waiting.Entries[0].ID)
	for _, ticket := range []*string{nil, &first.Ticket, &second.Ticket, &admitted.Ticket} {
		_, err := w.lobby.RequestEntry(env.As(mallory), lobby.RequestEntryInput{RoomID: &w.Room.ID, Ticket: ticket})
		env.RequireFault(t, fault.Forbidden, err)
		assert.Equal(t, "BANNED", fault.Of(err).Details["reason"])
		_, err = w.lobby.CreateRoomToken(env.As(mallory), lobby.CreateRoomTokenInput{
			RoomID: &w.Room.ID, Ticket: ticket,
		})
		env.RequireFault(t, fault.Forbidden, err)
	}
	w.admit(anna)
}

// TestHostIsNotBannedThroughTheLobby: the entry by which somebody once came in is no way around their rank.
func TestHostIsNotBannedThroughTheLobby(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna, bob := w.User("Anna"), w.NewMember("Bob", roomaccess.RoleADMINISTRATOR)
	request := w.knock(env.As(anna), "Anna")
	w.admit(request)
	_, err := w.Grant(w.Host(), rooms.GrantInput{
		RoomID: w.Room.ID, UserID: &anna.ID, Role: roomaccess.RoleOWNER,
	})
	require.NoError(t, err)
	env.RequireFault(t, fault.Forbidden, w.denyForever(env.As(bob), request))
	standings, err := w.lobby.Judge(env.Guest(), w.Room, request.Entry.ID)
	require.NoError(t, err)
	assert.NoError(t, standings[0].Refused)
	env.RequireFault(t, fault.Forbidden, w.denyForever(env.As(w.User("Nobody")), request))
}

// TestHostsDenyManyGuestsTogether, with a ban that holds for each of them, whatever was decided on them before, but
// not for hosts.
func TestHostsDenyManyGuestsTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	mallory := w.User("Mallory")
	admitted := w.knock(env.Guest(), "Admitted before")
	inside := w.counted(w.admit(admitted))
	host := w.User("A host by now")
	requests := []*lobby.Request{
		admitted, w.knock(env.Guest(), "Flood"), w.knock(env.As(mallory), "Mallory"), w.knock(env.As(host), "Host"),
	}
	spared := w.knock(env.Guest(), "Honest")
	_, err := w.Rooms.Grant(w.Host(), rooms.GrantInput{
		RoomID: w.Room.ID, UserID: &host.ID, Role: roomaccess.RoleADMINISTRATOR,
	})
	require.NoError(t, err)
	in := meetings.DenyAllInput{RoomID: w.Room.ID, Ban: new(rooms.Forever)}
	for _, request := range requests {
		in.EntryIds = append(in.EntryIds, request.Entry.ID)
	}
	for _, n := range []int{3, 4} { // the first time not the one whom somebody has admitted; the same again is fine
		denied, err := w.DenyAll(w.Host(), in)
		require.NoError(t, err)
		assert.Len(t, denied, n)
	}
	inside.isRemoved()
	for i, who := range []ctx{env.Guest(), env.Guest(), env.As(mallory)} {
		_, err := w.lobby.RequestEntry(who, lobby.RequestEntryInput{RoomID: &w.Room.ID, Ticket: &requests[i].Ticket})
		env.RequireFault(t, fault.Forbidden, err)
	}
	again, err := w.lobby.RequestEntry(env.As(host), lobby.RequestEntryInput{RoomID: &w.Room.ID})
	require.NoError(t, err)
	assert.Equal(t, live.Admitted, again.Entry.Status)
	list, err := w.lobby.Get(w.Host(), w.Room.ID)
	require.NoError(t, err)
	require.Len(t, list.Entries, 1)
	assert.Equal(t, spared.Entry.ID, list.Entries[0].ID)

	_, err = w.DenyAll(env.As(mallory), meetings.DenyAllInput{RoomID: w.Room.ID})
	env.RequireFault(t, fault.Forbidden, err)
	denied, err := w.DenyAll(w.Host(), meetings.DenyAllInput{RoomID: w.Room.ID})
	require.NoError(t, err)
	require.Len(t, denied, 1, "everybody who waits")
	assert.Equal(t, spared.Entry.ID, denied[0].ID)
	bans, err := w.Rooms.Bans(w.Host(), w.Room.ID, nil, nil)
	require.NoError(t, err)
	assert.Equal(t, 3, bans.TotalCount, "and nobody banned without being asked to")
}

// TestDenyingWithABanRemovesAGuestWhoCameInOtherwise: there is nothing left to deny, and the ban holds.
func TestDenyingWithABanRemovesAGuestWhoCameInOtherwise(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	mallory := w.User("Mallory")
	inside := w.counted(w.admitted(env.As(mallory), "Mallory"))
	request := w.knock(env.As(mallory), "M.")
	_, err := w.lobby.Cancel(env.As(mallory), request.Ticket)
	require.NoError(t, err)
	env.RequireFault(t, fault.Conflict, w.denyForever(w.Host(), request))
	inside.isRemoved()
}
