package lobby_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/lobby"
	"foyer/rooms"
	"foyer/test/env"
)

func TestPeopleWhoMayWalkInDoNotWait(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	member := w.User("Max Member")
	w.DB.RoomAccess.Create().SetRoom(w.Room).SetUser(member).SetRole(roomaccess.RoleMEMBER).
		ExecX(t.Context())

	request, err := w.RequestEntry(env.As(member), lobby.RequestEntryInput{RoomID: &w.Room.ID})
	require.NoError(t, err)
	assert.Equal(t, live.Admitted, request.Entry.Status)
	details, err := w.ConnectionDetails(env.As(member), request.Entry)
	require.NoError(t, err)
	assert.Equal(t, "Max Member", details.ParticipantName)
	assert.Empty(t, w.listed(t), "nobody can admit them")

	token, err := w.CreateRoomToken(env.As(member), lobby.CreateRoomTokenInput{
		Slug: &w.Room.Slug, Ticket: &request.Ticket,
	})
	require.NoError(t, err)
	assert.Equal(t, request.Entry.ID, token.ParticipantID, "the ticket keeps the identity")
	other, err := w.CreateRoomToken(env.As(member), lobby.CreateRoomTokenInput{RoomID: &w.Room.ID})
	require.NoError(t, err)
	assert.NotEqual(t, token.ParticipantID, other.ParticipantID, "another device has another")
	stolen, err := w.CreateRoomToken(env.As(w.Owner), lobby.CreateRoomTokenInput{
		RoomID: &w.Room.ID, Ticket: &request.Ticket,
	})
	require.NoError(t, err)
	assert.NotEqual(t, token.ParticipantID, stolen.ParticipantID, "another account has another")

	_, err = w.CreateRoomToken(env.Guest(), lobby.CreateRoomTokenInput{RoomID: &w.Room.ID})
	env.RequireFault(t, fault.LobbyRequired, err)
}

func TestSubscriptionOfAFormerHostEnds(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	admin := w.User("Ada")
	access := w.DB.RoomAccess.Create().SetRoom(w.Room).SetUser(admin).
		SetRole(roomaccess.RoleADMINISTRATOR).SaveX(t.Context())
	why := make(chan error, 1)
	host := watched(t, env.As(admin), func(ctx context.Context) (<-chan *live.Lobby, error) {
		return w.WatchLobby(ctx, w.Room.ID, func(err error) { why <- err })
	})
	host.next()
	access.Update().SetRole(roomaccess.RoleMEMBER).ExecX(t.Context())
	w.knock(t, "Not for the former host")
	select {
	case l, open := <-host.states:
		require.False(t, open, "the former host sees %v", l)
		env.RequireFault(t, fault.Forbidden, <-why)
	case <-time.After(env.Soon):
		require.Fail(t, "the former host still watches")
	}
}

func TestRights(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	w := newWorld(t, rdb, prefix, calm)
	stranger, member := w.User("Stranger"), w.User("Member")
	w.DB.RoomAccess.Create().SetRoom(w.Room).SetUser(member).SetRole(roomaccess.RoleMEMBER).
		ExecX(t.Context())
	elsewhere, err := w.Rooms.Create(env.As(stranger), rooms.CreateInput{Name: "Elsewhere"})
	require.NoError(t, err)
	anna := w.knock(t, "Anna")

	for _, viewer := range []struct {
		name string
		ctx  context.Context
		kind fault.Kind
	}{
		{"nobody", env.Guest(), fault.Unauthenticated},
		{"stranger", env.As(stranger), fault.Forbidden},
		{"member", env.As(member), fault.Forbidden},
	} {
		t.Run(viewer.name, func(t *testing.T) {
			_, err := w.Admit(viewer.ctx, w.decide(anna))
			env.RequireFault(t, viewer.kind, err)
			_, err = w.Deny(viewer.ctx, w.decide(anna))
			env.RequireFault(t, viewer.kind, err)
			_, err = w.AdmitAll(viewer.ctx, lobby.AdmitAllInput{RoomID: w.Room.ID})
			env.RequireFault(t, viewer.kind, err)
			_, err = w.Get(viewer.ctx, w.Room.ID)
			env.RequireFault(t, viewer.kind, err)
			_, err = w.WatchLobby(viewer.ctx, w.Room.ID, func(error) {})
			env.RequireFault(t, viewer.kind, err)
		})
	}
	_, err = w.Admit(env.As(stranger), lobby.DecideInput{RoomID: elsewhere.ID, EntryID: anna.Entry.ID})
	env.RequireFault(t, fault.NotFound, err) // a host, but of another room
	_, err = w.Admit(w.Host(), lobby.DecideInput{RoomID: uuid.New(), EntryID: anna.Entry.ID})
	env.RequireFault(t, fault.NotFound, err)
	assert.Equal(t, []string{"Anna"}, w.listed(t), "nothing has changed")
}
