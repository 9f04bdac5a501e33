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
)

// audited returns the acts of the room, the first first.
func (w *world) audited() []*ent.AuditEvent {
	w.t.Helper()
	page, err := w.rooms.Audit(w.host(), w.room.ID, nil, nil)
	require.NoError(w.t, err)
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
	mia := w.member("Mia", roomaccess.RoleMEMBER)
	anna, member := w.counted(w.admitted(guest(), "Anna")), w.counted(w.token(as(mia), "Mia"))
	bob := w.counted(w.admitted(guest(), "Bob"))
	track := anna.publish(livekitproto.TrackSource_MICROPHONE)
	in := func(p *person) meetings.ParticipantInput {
		return meetings.ParticipantInput{RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(p.id)}
	}
	carl := w.knock(guest(), "Carl")
	var ban *ent.RoomBan
	for _, c := range []struct {
		act    func() error
		action auditevent.Action
		target string
		detail string
	}{
		{func() error {
			_, err := w.Mute(w.host(), meetings.MuteInput{
				RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id), Source: ptr(schema.Microphone),
			})
			return err
		}, auditevent.ActionMUTE, "Anna", "microphone " + track.SID()},
		{func() error {
			_, err := w.update(anna.pass, meetings.UpdateInput{
				Permission: &meetings.PermissionInput{DataAllowed: ptr(false)},
				Attributes: []meetings.AttributeInput{{"table", "7"}},
			})
			return err
		}, auditevent.ActionUPDATE_PARTICIPANT, "Anna", "permission, table"},
		{func() error {
			_, err := w.setRole(w.host(), member.pass, roomaccess.RoleADMINISTRATOR)
			return err
		}, auditevent.ActionSET_ROLE, "Mia", "ADMINISTRATOR"},
		{func() error { _, err := w.Lock(w.host(), w.room.ID); return err }, auditevent.ActionLOCK, "", ""},
		{func() error { _, err := w.Unlock(w.host(), w.room.ID); return err }, auditevent.ActionUNLOCK, "", ""},
		{func() error {
			_, err := w.Deny(w.host(), meetings.DenyInput{RoomID: w.room.ID, EntryID: carl.Entry.ID})
			return err
		}, auditevent.ActionDENY, "Carl", ""},
		{func() error {
			_, err := w.lobby.SetMessage(w.host(), lobby.SetMessageInput{
				RoomID: w.room.ID, Message: ptr("Soon"),
			})
			return err
		}, auditevent.ActionSET_LOBBY_MESSAGE, "", "Soon"},
		{func() error { _, err := w.ReturnToLobby(w.host(), in(bob)); return err },
			auditevent.ActionRETURN_TO_LOBBY, "Bob", ""},
		{func() error {
			_, err := w.lobby.Admit(w.host(), lobby.DecideInput{RoomID: w.room.ID, EntryID: bob.id})
			return err
		}, auditevent.ActionADMIT, "Bob", ""},
		{func() error {
			_, err := w.UpdateRoom(w.host(), rooms.UpdateInput{
				RoomID: w.room.ID, Configuration: &ent.ConfigurationInput{EveryoneCanMute: ptr(false)},
			})
			return err
		}, auditevent.ActionUPDATE_ROOM, "", `{"accessLevel":"RESTRICTED","locked":false,"configuration":` +
			`{"publishSources":null,"everyoneCanMute":false,"dataAllowed":true}}`},
		{func() error {
			_, err := w.Remove(w.host(), meetings.RemoveInput{RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id)})
			return err
		}, auditevent.ActionREMOVE, "Anna", ""},
		{func() error {
			bans, err := w.rooms.Bans(w.host(), w.room.ID, nil, nil)
			require.NoError(t, err)
			require.Empty(t, bans.Edges)
			require.NoError(t, w.rooms.Ban(w.host(), w.room.ID,
				rooms.Person{ID: bob.id, Name: "Bob"}, rooms.ForMeeting))
			bans, err = w.rooms.Bans(w.host(), w.room.ID, nil, nil)
			ban = bans.Edges[0].Node
			return err
		}, auditevent.ActionBAN, "Bob", "MEETING"},
		{func() error { _, err := w.rooms.LiftBan(w.host(), ban.ID); return err },
			auditevent.ActionLIFT_BAN, "Bob", ""},
		{func() error { _, err := w.End(w.host(), w.room.ID); return err },
			auditevent.ActionEND_MEETING, "", ""},
	} {
		before := len(w.audited())
		require.NoError(t, c.act(), c.action)
		acts := w.audited()
		require.Len(t, acts, before+1, c.action)
		last := acts[before]
		assert.Equal(t, c.action, last.Action)
		assert.Equal(t, w.owner.ID, last.ActorID, c.action)
		assert.Equal(t, "Olga Owner", last.ActorName, c.action)
		assert.Equal(t, c.target, last.TargetName, c.action)
		assert.Equal(t, c.target == "", last.TargetID == nil, c.action)
		assert.Equal(t, c.detail, last.Detail, c.action)
	}
}

func TestActOfAGuestNamesTheGuest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	anna, bob := w.counted(w.admitted(guest(), "Anna")), w.counted(w.admitted(guest(), "Bob"))
	bob.publish(livekitproto.TrackSource_MICROPHONE)
	_, err := w.Mute(guest(), meetings.MuteInput{
		RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(bob.id), Source: ptr(schema.Microphone), Ticket: &anna.ticket,
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
	anna := w.counted(w.admitted(guest(), "Anna"))
	before := len(w.audited())
	stranger := as(w.user("Ulla"))
	_, err := w.Remove(stranger, meetings.RemoveInput{RoomID: w.room.ID, ParticipantID: livekit.IdentityOf(anna.id)})
	requireKind(t, err, fault.Forbidden)
	_, err = w.Lock(stranger, w.room.ID)
	requireKind(t, err, fault.Forbidden)
	_, err = w.End(guest(), w.room.ID)
	requireKind(t, err, fault.Unauthenticated)
	_, err = w.MuteAll(stranger, meetings.MuteAllInput{RoomID: w.room.ID})
	requireKind(t, err, fault.Forbidden)
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
		page, err := w.rooms.Audit(w.host(), w.room.ID, ptr(4), after)
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
		_, err := w.rooms.Audit(as(w.member("Somebody", role)), w.room.ID, nil, nil)
		requireKind(t, err, fault.Forbidden)
	}
	_, err := w.rooms.Audit(guest(), w.room.ID, nil, nil)
	requireKind(t, err, fault.Unauthenticated)
	_, err = w.rooms.Audit(w.host(), w.room.ID, ptr(101), nil)
	requireKind(t, err, fault.Invalid)
}
