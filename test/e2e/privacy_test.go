package e2e

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"

	"foyer/graph/generated"
	"foyer/test/env"
)

// whole is everything that hosts see of the people of a room, except for those in a meeting.
const whole = `query($id: ID!) { room(id: $id) {
	lobby { entries { id displayName color isAuthenticated } }
	accesses { edges { node { id user { id fullName shortName email } } } }
	bans { edges { node { id displayName isAuthenticated } } }
	audit { edges { node { action actorId actorName targetId targetName detail } } }
	recordings { edges { node { sharedWith { id email } } } } } }`

// TestHostLearnsNeitherAccountNorAddressOfAVisitor, whatever the host does with an entry: a visitor has agreed to show
// a name only.
func TestHostLearnsNeitherAccountNorAddressOfAVisitor(t *testing.T) {
	t.Parallel()
	url, key, secret := env.LiveKit(t)
	s := startServer(t, "LIVEKIT_URL="+url, "LIVEKIT_API_KEY="+key, "LIVEKIT_API_SECRET="+secret)
	host, victim := s.login("Mallory"), s.login("Victim Secret")
	account := text(s.must(victim, `{ viewer { id } }`, nil), "viewer.id")
	roomID := ""
	seen := func() string {
		all, err := json.Marshal(s.must(host, whole, object{"id": roomID}))
		require.NoError(t, err)
		return string(all)
	}
	for _, ban := range []string{"MEETING", "FOREVER", "NONE"} {
		roomID = s.room(host, object{})
		knocked := s.must(victim, requestEntry, object{"input": object{"roomId": roomID, "displayName": "Just Vic"}})
		require.Equal(t, "WAITING", text(knocked, "requestEntry.entry.status"))
		denial := decision(roomID, request{id: text(knocked, "requestEntry.entry.id")})
		denial["input"].(object)["ban"] = ban
		seenBefore := seen()
		s.must(host, denyEntry, denial)
		bans := s.must(host, `query($id: ID!) { room(id: $id) { bans { edges { node { id } } } } }`,
			object{"id": roomID})
		for _, edge := range at(bans, "room.bans.edges").([]any) {
			s.must(host, `mutation($id: ID!) { liftBan(input: {banId: $id}) { ban { id displayName } } }`,
				object{"id": text(edge, "node.id")})
		}
		for _, all := range []string{seenBefore, seen()} {
			assert.Contains(t, all, "Just Vic")
			assert.NotContains(t, all, account)
			assert.NotContains(t, all, "victim.secret")
			assert.NotContains(t, all, "Victim Secret")
		}
	}
	// A host who learns the account in another way does not learn the address from it.
	input := object{"roomId": roomID, "userId": account, "role": "ADMINISTRATOR"}
	granted := s.must(host, grantAccess, object{"input": input})
	assert.Empty(t, at(granted, "grantRoomAccess.roomAccess.user.email"))
	assert.NotContains(t, seen(), "victim.secret@")
	// A person sees their own data whole, but not that of others, whose address they never entered.
	all, err := json.Marshal(s.must(victim, `query($id: ID!) { room(id: $id) {
		accesses { edges { node { user { email } } } } } }`, object{"id": roomID}))
	require.NoError(t, err)
	assert.Contains(t, string(all), "victim.secret@example.org")
	assert.NotContains(t, string(all), "mallory@example.org")
}

// TestAddressesAreShownWhereThisTableSays: another field would need a reason.
func TestAddressesAreShownWhereThisTableSays(t *testing.T) {
	t.Parallel()
	shown := map[string]string{
		"User.email":           "the viewer's own: nothing else leads to a User",
		"RoomAccessUser.email": "what a host has written", "RecordingUser.email": "what a host has written",
	}
	leads := map[string]bool{}
	found := map[string]bool{}
	for _, definition := range generated.NewExecutableSchema(generated.Config{}).Schema().Types {
		if definition.Kind != ast.Object {
			continue
		}
		for _, field := range definition.Fields {
			name := definition.Name + "." + field.Name
			if field.Name == "email" || field.Name == "emails" {
				found[name] = true
			}
			if field.Type.Name() == "User" {
				leads[name] = true
			}
		}
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(shown)), slices.Collect(maps.Keys(found)))
	assert.ElementsMatch(t, []string{"Query.viewer", "UpdateViewerPayload.viewer"}, slices.Collect(maps.Keys(leads)))
	s := startServer(t)
	other := text(s.must(s.login("Ada"), `{ viewer { id } }`, nil), "viewer.id")
	for _, id := range []string{other, uuid.NewString()} {
		assert.Equal(t, "NOT_FOUND", s.ask(s.login("Ben"), `query($id: ID!) { node(id: $id) { id } }`,
			object{"id": id}).code())
	}
}
