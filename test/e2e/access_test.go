package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

const (
	grantAccess = `mutation($input: GrantRoomAccessInput!) { grantRoomAccess(input: $input) {
		roomAccess { id role createdAt user { id fullName shortName email } } } }`
	updateAccess = `mutation($input: UpdateRoomAccessInput!) { updateRoomAccess(input: $input) {
		roomAccess { id role user { fullName } } } }`
	revokeAccess = `mutation($input: RevokeRoomAccessInput!) { revokeRoomAccess(input: $input) {
		roomAccess { role user { fullName } } } }`
	leaveRoom = `mutation($input: LeaveRoomInput!) { leaveRoom(input: $input) {
		room { id viewerRole } } }`
	transferOwnership = `mutation($input: TransferRoomOwnershipInput!) {
		transferRoomOwnership(input: $input) { room { viewerRole } } }`
	updateViewer = `mutation($input: UpdateViewerInput!) { updateViewer(input: $input) { viewer {
		language timeZone displayName defaultAccessLevel
		defaultConfiguration { publishSources everyoneCanMute dataAllowed } } } }`
	// Fragments on every type, as clients write them.
	listAccesses = `query($id: ID!, $first: Int = 10, $after: Cursor) { room(id: $id) { viewerRole
		accesses(first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor }
			edges { cursor node { ...Access } } } } }
		fragment Access on RoomAccess { role user { ...Person } }
		fragment Person on RoomAccessUser { fullName email }`
	accessNode = `query($id: ID!) { node(id: $id) { __typename ... on RoomAccess { role user { email } } } }`
	viewerID   = `{ viewer { id } }`
)

// TestOwnerSharesARoomAndLeavesIt follows a room that changes hands.
func TestOwnerSharesARoomAndLeavesIt(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	olga, adam := s.login("Olga Owner"), s.login("Adam Administrator")
	room := s.room(olga, object{})
	adamID := text(s.must(adam, viewerID, nil), "viewer.id")
	input := func(more object) object {
		more["roomId"] = room
		return object{"input": more}
	}

	granted := s.must(olga, grantAccess, input(object{"userId": adamID, "role": "MEMBER"}))
	assert.Equal(t, "Adam Administrator", text(granted, "grantRoomAccess.roomAccess.user.fullName"))
	assert.Equal(t, "FORBIDDEN",
		s.ask(adam, listAccesses, object{"id": room}).code(), "members do not see who else there is")
	updated := s.must(olga, updateAccess, input(object{"userId": adamID, "role": "ADMINISTRATOR"}))
	assert.Equal(t, "ADMINISTRATOR", text(updated, "updateRoomAccess.roomAccess.role"))

	// Mary has no account yet. Adam invites Mary.
	invited := s.must(adam, grantAccess,
		input(object{"email": "Mary.Member@example.org", "role": "MEMBER"}))
	maryID := text(invited, "grantRoomAccess.roomAccess.user.id")
	mary := s.login("Mary Member")
	assert.Equal(t, maryID, text(s.must(mary, viewerID, nil), "viewer.id"))
	first := s.must(adam, listAccesses, object{"id": room, "first": 2})
	assert.Equal(t, "3", text(first, "room.accesses.totalCount"))
	assert.Equal(t, []string{"OWNER ", "ADMINISTRATOR adam.administrator@example.org"},
		listed(first), "nobody has written Olga's address")
	rest := s.must(adam, listAccesses,
		object{"id": room, "after": at(first, "room.accesses.pageInfo.endCursor")})
	assert.Equal(t, []string{"MEMBER mary.member@example.org"}, listed(rest))

	node := object{"id": text(invited, "grantRoomAccess.roomAccess.id")}
	assert.Equal(t, "mary.member@example.org", text(s.must(adam, accessNode, node), "node.user.email"))
	assert.Equal(t, "NOT_FOUND", s.ask(mary, accessNode, node).code())
	assert.Equal(t, "NOT_FOUND", s.ask("", accessNode, node).code())

	assert.Equal(t, "FORBIDDEN",
		s.ask(adam, updateAccess, input(object{"userId": maryID, "role": "OWNER"})).code())
	assert.Equal(t, "CONFLICT", s.ask(olga, leaveRoom, input(object{})).code())
	handed := s.must(olga, transferOwnership, input(object{"userId": adamID}))
	assert.Equal(t, "ADMINISTRATOR", text(handed, "transferRoomOwnership.room.viewerRole"))
	left := s.must(olga, leaveRoom, input(object{}))
	assert.Nil(t, at(left, "leaveRoom.room.viewerRole"))
	s.must(adam, revokeAccess, input(object{"userId": maryID}))
	assert.Equal(t, []string{"OWNER adam.administrator@example.org"},
		listed(s.must(adam, listAccesses, object{"id": room})))
	assert.Equal(t, "LOBBY_REQUIRED", s.ask(mary, createRoomToken, input(object{})).code())
}

func listed(data object) []string {
	list := []string{}
	for _, edge := range at(data, "room.accesses.edges").([]any) {
		list = append(list, text(edge, "node.role")+" "+text(edge, "node.user.email"))
	}
	return list
}

func TestViewerSetsDefaultsForTheirRooms(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	ada := s.login("Ada")
	set := s.must(ada, updateViewer, object{"input": object{
		"language": "fr", "timeZone": "Europe/Paris", "displayName": "Countess",
		"defaultAccessLevel":   "TRUSTED",
		"defaultConfiguration": object{"publishSources": []string{"MICROPHONE"}, "dataAllowed": false},
	}})
	assert.Equal(t, object{
		"language": "fr", "timeZone": "Europe/Paris", "displayName": "Countess",
		"defaultAccessLevel": "TRUSTED",
		"defaultConfiguration": object{
			"publishSources": []any{"MICROPHONE"}, "everyoneCanMute": true, "dataAllowed": false,
		},
	}, at(set, "updateViewer.viewer"))
	made := s.must(ada, createRoom, object{"input": object{"name": "Salon"}})
	assert.Equal(t, "TRUSTED", text(made, "createRoom.room.accessLevel"))
	token := s.must(ada, `mutation($id: ID!) { createRoomToken(input: {roomId: $id}) {
		connectionDetails { participantName } } }`, object{"id": at(made, "createRoom.room.id")})
	assert.Equal(t, "Countess", text(token, "createRoomToken.connectionDetails.participantName"))

	back := s.must(ada, updateViewer, object{"input": object{
		"language": nil, "displayName": nil, "defaultAccessLevel": nil, "defaultConfiguration": nil,
	}})
	assert.Equal(t, object{
		"language": "fr", "timeZone": "Europe/Paris", "displayName": nil, "defaultAccessLevel": nil,
		"defaultConfiguration": object{
			"publishSources": nil, "everyoneCanMute": true, "dataAllowed": true,
		},
	}, at(back, "updateViewer.viewer"))
	bad := s.ask(ada, updateViewer, object{"input": object{"timeZone": "Local"}})
	assert.Equal(t, "INVALID", bad.code())
	assert.Equal(t, "timeZone", bad.Errors[0].Extensions["field"])
	assert.Equal(t, "UNAUTHENTICATED", s.ask("", updateViewer, object{"input": object{}}).code())
}
