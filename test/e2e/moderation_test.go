package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"

	livekitproto "github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

const (
	watchStatus = `subscription($roomId: ID!, $ticket: String) { roomStatus(roomId: $roomId, ticket: $ticket) {
		participantCount lobbyCount recording locked ended version } }`
	listParticipants = `query($id: ID!, $first: Int, $after: Cursor, $ticket: String) { room(id: $id) {
		participants(first: $first, after: $after, ticket: $ticket) { totalCount
			pageInfo { hasNextPage endCursor } edges { node { id name role isAuthenticated joinedAt handRaisedAt
				attributes { name value } permission { publishSources dataAllowed canSubscribe }
				tracks { sid name source muted } } } } } }`
	lockRoom          = `mutation($input: LockRoomInput!) { lockRoom(input: $input) { room { lockedAt } } }`
	unlockRoom        = `mutation($input: UnlockRoomInput!) { unlockRoom(input: $input) { room { lockedAt } } }`
	endMeeting        = `mutation($input: EndMeetingInput!) { endMeeting(input: $input) { room { id } } }`
	raiseHand         = `mutation($input: RaiseHandInput!) { raiseHand(input: $input) { handRaisedAt } }`
	renameParticipant = `mutation($input: RenameParticipantInput!) { renameParticipant(input: $input) {
		participant { name } } }`
	updateParticipant = `mutation($input: UpdateParticipantInput!) { updateParticipant(input: $input) { participant {
		name permission { publishSources dataAllowed canSubscribe } attributes { name value } } } }`
	removeParticipant = `mutation($input: RemoveParticipantInput!) { removeParticipant(input: $input) {
		results { participantId name outcome code } } }`
	muteAll = `mutation($input: MuteAllParticipantsInput!) { muteAllParticipants(input: $input) {
		results { participantId name outcome code } } }`
	changeRoom = `mutation($input: UpdateRoomInput!) { updateRoom(input: $input) { synced
		participants { name outcome code } } }`
	readBans  = `query($id: ID!) { room(id: $id) { bans { totalCount edges { node { id displayName isAuthenticated scope } } } } }`
	liftBan   = `mutation($input: LiftBanInput!) { liftBan(input: $input) { ban { displayName } } }`
	readAudit = `query($id: ID!) { room(id: $id) { audit(first: 50) { edges { node {
		action actorName targetName detail } } } } }`
	setMessage = `mutation($input: SetLobbyMessageInput!) { setLobbyMessage(input: $input) { lobby { message } } }`
)

// startServerWithLiveKit starts a server and a LiveKit that sends it its events.
func startServerWithLiveKit(t testing.TB, environ ...string) (*server, *env.LiveKitServer) {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", env.FreePort(t))
	l := env.StartLiveKit(t, "http://"+address+"/webhooks/livekit")
	s := startServer(t, append([]string{
		"FOYER_ADDR=" + address, "LIVEKIT_URL=" + l.URL(),
		"LIVEKIT_API_KEY=" + l.Key(), "LIVEKIT_API_SECRET=" + l.Secret(),
	}, environ...)...)
	return s, l
}

// attendee is a participant in a meeting.
type attendee struct {
	id, ticket string
	gone       chan struct{}
	room       *lksdk.Room
}

// join connects with the answer of createRoomToken.
func (s *server) join(token string, input object) *attendee {
	s.t.Helper()
	data := s.must(token, createRoomToken, object{"input": input})
	p := &attendee{
		id:     text(data, "createRoomToken.participantId"),
		ticket: text(data, "createRoomToken.ticket"), gone: make(chan struct{}),
	}
	callback := lksdk.NewRoomCallback()
	callback.OnDisconnected = sync.OnceFunc(func() { close(p.gone) })
	room, err := lksdk.ConnectToRoomWithToken(
		text(data, "createRoomToken.connectionDetails.serverUrl"),
		text(data, "createRoomToken.connectionDetails.participantToken"), callback, env.Patient())
	require.NoError(s.t, err)
	s.t.Cleanup(room.Disconnect)
	p.room = room
	return p
}

func (p *attendee) isGone(t testing.TB, why livekitproto.DisconnectReason) {
	t.Helper()
	select {
	case <-p.gone:
		assert.Equal(t, why, p.room.DisconnectReason())
	case <-time.After(env.Soon):
		require.Fail(t, "still in the meeting")
	}
}

func inRoom(roomID string, more object) object {
	input := object{"roomId": roomID}
	for k, v := range more {
		input[k] = v
	}
	return object{"input": input}
}

// TestHostModeratesAMeeting follows a meeting from the views of its host, a guest, and an owner who reads the audit
// afterwards.
func TestHostModeratesAMeeting(t *testing.T) {
	t.Parallel()
	s, _ := startServerWithLiveKit(t)
	moderate(t, s)
}

func moderate(t *testing.T, s *server) {
	host := s.login("Olga Owner")
	roomID := s.room(host, object{"accessLevel": "PUBLIC"})
	hosts := s.subscribe(host, watchStatus, object{"roomId": roomID})
	assert.Equal(t, "0", text(hosts.next(), "roomStatus.participantCount"))

	olga := s.join(host, object{"roomId": roomID})
	hosts.until("roomStatus.participantCount", "1")
	anna := s.join("", object{"roomId": roomID, "displayName": "Anna"})
	bob := s.join("", object{"roomId": roomID, "displayName": "Bob"})
	hosts.until("roomStatus.participantCount", "3")

	// A guest in the meeting sees who is there, page by page, and what happens in the room.
	annas := s.subscribe("", watchStatus, object{"roomId": roomID, "ticket": anna.ticket})
	state := annas.next()
	assert.Nil(t, at(state, "roomStatus.lobbyCount"))
	page := s.must("", listParticipants, object{"id": roomID, "first": 2, "ticket": anna.ticket})
	assert.Equal(t, "3", text(page, "room.participants.totalCount"))
	edges := at(page, "room.participants.edges").([]any)
	require.Len(t, edges, 2)
	assert.Equal(t, "Olga Owner", text(edges[0], "node.name"))
	assert.Equal(t, "OWNER", text(edges[0], "node.role"))
	assert.Nil(t, at(edges[1], "node.role"))
	page = s.must("", listParticipants, object{
		"id": roomID, "first": 2, "ticket": anna.ticket, "after": at(page, "room.participants.pageInfo.endCursor"),
	})
	edges = at(page, "room.participants.edges").([]any)
	require.Len(t, edges, 1)
	assert.Equal(t, "Bob", text(edges[0], "node.name"))
	assert.Equal(t, "FORBIDDEN", s.ask(s.login("A Stranger"), listParticipants, object{"id": roomID}).code())

	// Hands and names.
	data := s.must("", raiseHand, inRoom(roomID, object{"ticket": anna.ticket, "raised": true}))
	up := text(data, "raiseHand.handRaisedAt")
	data = s.must("", raiseHand, inRoom(roomID, object{"ticket": anna.ticket, "raised": true}))
	assert.Equal(t, up, text(data, "raiseHand.handRaisedAt"), "still since then")
	s.must("", renameParticipant, inRoom(roomID, object{"ticket": anna.ticket, "displayName": "Anna B"}))
	data = s.must(host, updateParticipant, inRoom(roomID, object{
		"participantId": bob.id, "name": "Robert", "permission": object{"dataAllowed": false},
		"attributes": []any{object{"name": "table", "value": "4"}},
	}))
	assert.Equal(t, "Robert", text(data, "updateParticipant.participant.name"))
	assert.Equal(t, true, at(data, "updateParticipant.participant.permission.canSubscribe"))
	assert.Equal(t, "FORBIDDEN", s.ask("", renameParticipant,
		inRoom(roomID, object{"ticket": bob.ticket, "displayName": "Bob"})).code())

	// Policy, for everybody.
	data = s.must(host, changeRoom, inRoom(roomID, object{"configuration": object{"publishSources": []any{}}}))
	assert.Equal(t, true, at(data, "updateRoom.synced"))
	assert.Len(t, at(data, "updateRoom.participants"), 3)
	data = s.must(host, muteAll, inRoom(roomID, nil))
	assert.Len(t, at(data, "muteAllParticipants.results"), 2)

	// A ban, and its end.
	s.must(host, removeParticipant, inRoom(roomID, object{"participantId": bob.id, "ban": "FOREVER"}))
	bob.isGone(t, livekitproto.DisconnectReason_PARTICIPANT_REMOVED)
	refused := s.ask("", createRoomToken, inRoom(roomID, object{"ticket": bob.ticket}))
	assert.Equal(t, "FORBIDDEN", refused.code())
	bans := s.must(host, readBans, object{"id": roomID})
	ban := at(bans, "room.bans.edges").([]any)[0]
	assert.Equal(t, "Robert", text(ban, "node.displayName"))
	s.must(host, liftBan, object{"input": object{"banId": text(ban, "node.id")}})

	// The lock.
	s.must(host, lockRoom, inRoom(roomID, nil))
	annas.until("roomStatus.locked", "true")
	knock := s.must("", requestEntry, object{"input": object{"roomId": roomID, "displayName": "Late"}})
	assert.Equal(t, "WAITING", text(knock, "requestEntry.entry.status"))
	late := s.subscribe("", `subscription($ticket: String!) { entry(ticket: $ticket) { status message position } }`,
		object{"ticket": text(knock, "requestEntry.ticket")})
	late.next()
	s.must(host, setMessage, inRoom(roomID, object{"message": "We begin env.Soon."}))
	assert.Equal(t, "We begin env.Soon.", text(late.until("entry.status", "WAITING"), "entry.message"))
	hosts.until("roomStatus.lobbyCount", "1")
	s.must(host, unlockRoom, inRoom(roomID, nil))
	late.until("entry.status", "ADMITTED")

	// The end.
	s.must(host, endMeeting, inRoom(roomID, nil))
	anna.isGone(t, livekitproto.DisconnectReason_ROOM_DELETED)
	olga.isGone(t, livekitproto.DisconnectReason_ROOM_DELETED)
	annas.until("roomStatus.ended", "true")
	assert.Equal(t, "complete", annas.receive()["type"])
	hosts.until("roomStatus.ended", "true")

	var acts []string
	for _, edge := range at(s.must(host, readAudit, object{"id": roomID}), "room.audit.edges").([]any) {
		acts = append(acts, text(edge, "node.action"))
		assert.Equal(t, "Olga Owner", text(edge, "node.actorName"))
	}
	assert.Equal(t, []string{
		"END_MEETING", "UNLOCK", "SET_LOBBY_MESSAGE", "LOCK", "LIFT_BAN", "REMOVE", "BAN", "MUTE", "MUTE",
		"UPDATE_ROOM", "UPDATE_PARTICIPANT",
	}, acts)
}
