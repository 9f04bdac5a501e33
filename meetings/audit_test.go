package meetings_test

import (
	"testing"

	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/ent/roomaccess"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/lobby"
	"foyer/meetings"
	"foyer/rooms"
	"foyer/test/env"
)

// audited returns the acts of the room, the first first.
func (w *world) audited() []*ent.AuditEvent {
	w.T.Helper()
	page, err := w.Rooms.Audit(w.Host(), w.Room.ID, nil, nil)
	require.NoError(w.T, err)
	acts := make([]*ent.AuditEvent, 0, len(page.Edges))
	for _, edge := range page.Edges {
		acts = append([]*ent.AuditEvent{edge.Node}, acts...)
	}
	return acts
}

// TestEveryActOfModerationIsAudited: each mutation leaves one row, with who, whom and what.
func TestEveryActOfModerationIsAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	mia := w.NewMember("Mia", roomaccess.RoleMEMBER)
	anna, member := w.counted(w.admitted(env.Guest(), "Anna")), w.counted(w.token(env.As(mia), "Mia"))
	bob := w.counted(w.admitted(env.Guest(), "Bob"))
	track := anna.publish(livekitproto.TrackSource_MICROPHONE)
	in := func(p *person) meetings.ParticipantInput {
		return meetings.ParticipantInput{RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(p.id)}
	}
	carl := w.knock(env.Guest(), "Carl")
	var ban *ent.RoomBan
	for _, c := range []struct {
		act    func() error
		action auditevent.Action
		target string
		detail string
	}{
		{func() error {
			_, err := w.Mute(w.Host(), meetings.MuteInput{
				RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id), Source: new(schema.Microphone),
			})
			return err
		}, auditevent.ActionMUTE, "Anna", "microphone " + track.SID()},
		{func() error {
			_, err := w.update(anna.pass, meetings.UpdateInput{
				Permission: &meetings.PermissionInput{DataAllowed: new(false)},
				Attributes: []meetings.AttributeInput{{"table", "7"}},
			})
			return err
		}, auditevent.ActionUPDATE_PARTICIPANT, "Anna", "permission, table"},
		{func() error {
			_, err := w.setRole(w.Host(), member.pass, roomaccess.RoleADMINISTRATOR)
			return err
		}, auditevent.ActionSET_ROLE, "Mia", "ADMINISTRATOR"},
		{func() error { _, err := w.Lock(w.Host(), w.Room.ID); return err }, auditevent.ActionLOCK, "", ""},
		{func() error { _, err := w.Unlock(w.Host(), w.Room.ID); return err }, auditevent.ActionUNLOCK, "", ""},
		{func() error {
			_, err := w.Deny(w.Host(), meetings.DenyInput{RoomID: w.Room.ID, EntryID: carl.Entry.ID})
			return err
		}, auditevent.ActionDENY, "Carl", ""},
		{func() error {
			_, err := w.lobby.SetMessage(w.Host(), lobby.SetMessageInput{
				RoomID: w.Room.ID, Message: new("Soon"),
			})
			return err
		}, auditevent.ActionSET_LOBBY_MESSAGE, "", "Soon"},
		{func() error { _, err := w.ReturnToLobby(w.Host(), in(bob)); return err },
			auditevent.ActionRETURN_TO_LOBBY, "Bob", ""},
		{func() error {
			_, err := w.lobby.Admit(w.Host(), lobby.DecideInput{RoomID: w.Room.ID, EntryID: bob.id})
			return err
		}, auditevent.ActionADMIT, "Bob", ""},
		{func() error {
			_, err := w.UpdateRoom(w.Host(), rooms.UpdateInput{
				RoomID: w.Room.ID, Configuration: &ent.ConfigurationInput{EveryoneCanMute: new(false)},
			})
			return err
		}, auditevent.ActionUPDATE_ROOM, "", `{"accessLevel":"RESTRICTED","locked":false,"configuration":` +
			`{"publishSources":null,"everyoneCanMute":false,"dataAllowed":true}}`},
		{func() error {
			_, err := w.Remove(w.Host(), meetings.RemoveInput{RoomID: w.Room.ID,
				ParticipantID: livekit.IdentityOf(anna.id)})
			return err
		}, auditevent.ActionREMOVE, "Anna", ""},
		{func() error {
			bans, err := w.Rooms.Bans(w.Host(), w.Room.ID, nil, nil)
			require.NoError(t, err)
			require.Empty(t, bans.Edges)
			require.NoError(t, w.Rooms.Ban(w.Host(), w.Room.ID,
				rooms.Person{ID: bob.id, Name: "Bob"}, rooms.ForMeeting))
			bans, err = w.Rooms.Bans(w.Host(), w.Room.ID, nil, nil)
			ban = bans.Edges[0].Node
			return err
		}, auditevent.ActionBAN, "Bob", "MEETING"},
		{func() error { _, err := w.Rooms.LiftBan(w.Host(), ban.ID); return err },
			auditevent.ActionLIFT_BAN, "Bob", ""},
		{func() error { _, err := w.End(w.Host(), w.Room.ID); return err },
			auditevent.ActionEND_MEETING, "", ""},
	} {
		before := len(w.audited())
		require.NoError(t, c.act(), c.action)
		acts := w.audited()
		require.Len(t, acts, before+1, c.action)
		last := acts[before]
		assert.Equal(t, c.action, last.Action)
		assert.Equal(t, w.Owner.ID, last.ActorID, c.action)
		assert.Equal(t, "Olga Owner", last.ActorName, c.action)
		assert.Equal(t, c.target, last.TargetName, c.action)
		assert.Equal(t, c.target == "", last.TargetID == nil, c.action)
		assert.Equal(t, c.detail, last.Detail, c.action)
	}
}

func TestActOfAGuestNamesTheGuest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna, bob := w.counted(w.admitted(env.Guest(), "Anna")), w.counted(w.admitted(env.Guest(), "Bob"))
	bob.publish(livekitproto.TrackSource_MICROPHONE)
	_, err := w.Mute(env.Guest(), meetings.MuteInput{
		RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(bob.id), Source: new(schema.Microphone), Ticket: &anna.ticket,
	})
	require.NoError(t, err)
	acts := w.audited()
	last := acts[len(acts)-1]
	assert.Equal(t, auditevent.ActionMUTE, last.Action)
	assert.Equal(t, anna.id, last.ActorID)
	assert.Equal(t, "Anna", last.ActorName)
	assert.Equal(t, bob.id, *last.TargetID)
}

// TestRefusedActsAreNotAudited, nor is who was not reached.
func TestRefusedActsAreNotAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	before := len(w.audited())
	stranger := env.As(w.User("Ulla"))
	_, err := w.Remove(stranger, meetings.RemoveInput{RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id)})
	env.RequireFault(t, fault.Forbidden, err)
	_, err = w.Lock(stranger, w.Room.ID)
	env.RequireFault(t, fault.Forbidden, err)
	_, err = w.End(env.Guest(), w.Room.ID)
	env.RequireFault(t, fault.Unauthenticated, err)
	_, err = w.MuteAll(stranger, meetings.MuteAllInput{RoomID: w.Room.ID})
	env.RequireFault(t, fault.Forbidden, err)
	assert.Len(t, w.audited(), before)
}

func TestOnlyOwnersReadTheAuditPageByPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for range 3 {
		w.lock()
		w.unlock()
	}
	total := len(w.audited())
	require.GreaterOrEqual(t, total, 6)
	var seen []*ent.AuditEvent
	var after *ent.Cursor
	for {
		page, err := w.Rooms.Audit(w.Host(), w.Room.ID, new(4), after)
		require.NoError(t, err)
		assert.Equal(t, total, page.TotalCount)
		for _, edge := range page.Edges {
			seen = append(seen, edge.Node)
		}
		if after = page.PageInfo.EndCursor; !page.PageInfo.HasNextPage {
			break
		}
	}
	require.Len(t, seen, total)
	assert.Equal(t, auditevent.ActionUNLOCK, seen[0].Action, "the latest first")
	for _, role := range []roomaccess.Role{roomaccess.RoleADMINISTRATOR, roomaccess.RoleMEMBER} {
		_, err := w.Rooms.Audit(env.As(w.NewMember("Somebody", role)), w.Room.ID, nil, nil)
		env.RequireFault(t, fault.Forbidden, err)
	}
	_, err := w.Rooms.Audit(env.Guest(), w.Room.ID, nil, nil)
	env.RequireFault(t, fault.Unauthenticated, err)
	_, err = w.Rooms.Audit(w.Host(), w.Room.ID, new(101), nil)
	env.RequireFault(t, fault.Invalid, err)
}
