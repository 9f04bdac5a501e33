package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/vektah/gqlparser/v2/ast"

	"foyer/graph/generated"
)

// door is a field that costs more than reading a few rows: it adds rows, makes tokens, sends e-mails, records, or asks
// LiveKit's API or Redis for a list.
type door struct {
	// field is the door, as Type.field. setting is the limit of its act.
	field, setting string
	// query is the operation of the room's host, and input returns its input. Both are empty where another test covers
	// the door.
	query string
	input func(h *doorway) object
}

// strangers are the settings that do not count the host of a room.
var strangers = []string{"FOYER_ROOMS_PER_USER", "FOYER_KNOCKS_PER_USER"}

// doorway is what doors are tested with: a host, a room of theirs, and a guest's entry in it.
type doorway struct {
	*server

	host, roomID string
	guest        request
}

// doors are all doors. A comment names the test that covers a door without a query.
var doors = []door{
	{"Mutation.createRoomToken", "FOYER_TOKENS_PER_USER", createRoomToken, (*doorway).named},
	{"Mutation.requestEntry", "FOYER_TOKENS_PER_USER", requestEntry, (*doorway).named},
	{"Subscription.entry", "FOYER_TOKENS_PER_USER", "", nil},                           // TestTokensAreLimitedHoweverTheyAreRequested
	{"Mutation.requestEntry", "FOYER_KNOCKS_PER_USER", requestEntry, (*doorway).named}, // see TestCaps
	{"Mutation.requestEntry", "FOYER_UNKNOWN_SLUGS_PER_ADDRESS", requestEntry, unknown},
	{"Mutation.createRoomToken", "FOYER_UNKNOWN_SLUGS_PER_ADDRESS", createRoomToken, unknown},
	{"Query.room", "FOYER_UNKNOWN_SLUGS_PER_ADDRESS", `query($input: String) { room(slug: $input) { id } }`, nil},
	{"Mutation.requestEntry", "FOYER_REQUESTS_PER_TICKET", requestEntry, (*doorway).ticket},
	{"Mutation.createRoomToken", "FOYER_REQUESTS_PER_TICKET", createRoomToken, (*doorway).ticket},
	{"Mutation.cancelEntry", "FOYER_REQUESTS_PER_TICKET",
		`mutation($input: CancelEntryInput!) { cancelEntry(input: $input) { entry { id } } }`,
		func(h *doorway) object { return object{"ticket": h.guest.ticket} }},
	{"Mutation.raiseHand", "FOYER_REQUESTS_PER_TICKET",
		`mutation($input: RaiseHandInput!) { raiseHand(input: $input) { handRaisedAt } }`,
		func(h *doorway) object { return with(h.ticket(), "raised", true) }},
	{"Mutation.renameParticipant", "FOYER_REQUESTS_PER_TICKET",
		`mutation($input: RenameParticipantInput!) { renameParticipant(input: $input) { participant { id } } }`,
		func(h *doorway) object { return with(h.ticket(), "displayName", "Anna") }},
	{"Room.participants", "FOYER_REQUESTS_PER_TICKET", `query($id: ID!, $ticket: String) {
		room(id: $id) { participants(ticket: $ticket) { totalCount } } }`, nil},
	{"Room.participants", "FOYER_LISTS_PER_USER",
		`query($id: ID!) { room(id: $id) { participants { totalCount } } }`, nil},
	{"Room.lobby", "FOYER_LISTS_PER_USER", `query($id: ID!) { room(id: $id) { lobby { entries { id } } } }`, nil},
	{"Room.lobby", "FOYER_LISTS_PER_USER",
		`query($id: ID!) { room(id: $id) { ...F } } fragment F on Room { lobby { totalCount entries { id } } }`, nil},
	{"Subscription.lobby", "FOYER_LISTS_PER_USER", "", nil}, // TestLobbyListsAreLimitedAndCountsAreNot
	{"Mutation.admitAllEntries", "FOYER_LISTS_PER_USER",
		`mutation($input: AdmitAllEntriesInput!) { admitAllEntries(input: $input) { entries { id } } }`, (*doorway).room},
	{"Mutation.denyAllEntries", "FOYER_LISTS_PER_USER",
		`mutation($input: DenyAllEntriesInput!) { denyAllEntries(input: $input) { entries { id } } }`, (*doorway).room},
	{"Mutation.setLobbyMessage", "FOYER_LISTS_PER_USER",
		`mutation($input: SetLobbyMessageInput!) { setLobbyMessage(input: $input) { lobby { version } } }`, (*doorway).room},
	{"Mutation.createRoom", "FOYER_ROOMS_PER_USER", createRoom,
		func(*doorway) object { return object{"name": "Another room"} }},
	{"Mutation.grantRoomAccess", "FOYER_GRANTS_PER_USER", grantAccess,
		func(h *doorway) object { return with(with(h.room(), "role", "MEMBER"), "email", "bob@example.org") }},
	{"Mutation.grantRoomAccess", "FOYER_GRANTS_PER_USER", grantAccess,
		func(h *doorway) object { return with(with(h.room(), "role", "MEMBER"), "userId", uuid.NewString()) }},
	{"Mutation.setParticipantRole", "FOYER_GRANTS_PER_USER", "", nil}, // TestGrantsAreLimited
	{"Mutation.shareRecording", "FOYER_GRANTS_PER_USER", "", nil},     // TestGrantsAreLimited
	{"Mutation.startRecording", "FOYER_RECORDINGS_PER_USER", "", nil}, // TestStartsAreLimited
	{"Mutation.inviteToRoom", "FOYER_INVITATIONS_PER_USER",
		`mutation($input: InviteToRoomInput!) { inviteToRoom(input: $input) { invited } }`,
		func(h *doorway) object { return with(h.room(), "emails", []string{"bob@example.org"}) }},
}

// enough are the mutations for which the limit of all mutations is enough, and why.
var enough = map[string]string{
	"admitEntry": "one script", "denyEntry": "one script, and a row for the denied person",
	"muteParticipant":     "one participant; those who show a ticket are limited by it",
	"muteAllParticipants": "one meeting of one's own", "updateParticipant": "one participant",
	"removeParticipant": "one person", "returnToLobby": "one participant", "liftBan": "one row less",
	"lockRoom": "one row", "unlockRoom": "one row", "endMeeting": "one meeting of one's own",
	"updateRoom": "one room of one's own", "deleteRoom": "a room less",
	"updateRoomAccess": "a role that there is", "revokeRoomAccess": "a role less", "leaveRoom": "a role less",
	"transferRoomOwnership": "roles that there are",
	"stopRecording":         "one recording, which counted as it began", "deleteRecording": "one recording less",
	"unshareRecording": "a right less",
	"updateViewer":     "one row", "revokeSession": "a session less", "revokeOtherSessions": "sessions less",
}

// cheap are the other root fields, and their cost.
var cheap = map[string]string{
	"Query.node": "one row", "Query.room": "one row, by id", "Query.rooms": "a page of rows", "Query.viewer": "one row",
	"Query.recording": "one row", "Query.recordings": "a page of rows", "Query.capabilities": "nothing",
	"Subscription.roomStatus": "one script a change; how many one may have is limited where they are opened",
}

func with(input object, name string, value any) object {
	input[name] = value
	return input
}

func unknown(*doorway) object { return object{"slug": "no-such-room"} }

func (h *doorway) room() object   { return object{"roomId": h.roomID} }
func (h *doorway) named() object  { return with(h.room(), "displayName", "Somebody") }
func (h *doorway) ticket() object { return with(h.room(), "ticket", h.guest.ticket) }

// TestEveryMutationHasALimit: a new mutation has to be listed here with its limit, and another new field with its cost.
func TestEveryMutationHasALimit(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for name := range enough {
		known["Mutation."+name] = true
	}
	for name := range cheap {
		known[name] = true
	}
	settings := counts(t)
	for _, d := range doors {
		known[d.field] = true
		assert.Contains(t, settings, d.setting, d.field)
	}
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	for _, of := range []*ast.Definition{schema.Mutation, schema.Query, schema.Subscription} {
		for _, field := range of.Fields {
			if name := of.Name + "." + field.Name; !strings.HasPrefix(field.Name, "__") {
				assert.True(t, known[name], "%s: say what limits it", name)
			}
		}
	}
}

// TestEveryDoorOfAnActMeetsItsLimit: the limit counts the act, whatever field starts it.
func TestEveryDoorOfAnActMeetsItsLimit(t *testing.T) {
	t.Parallel()
	bySetting := map[string][]door{}
	for _, d := range doors {
		if d.query != "" {
			bySetting[d.setting] = append(bySetting[d.setting], d)
		}
	}
	for _, setting := range slices.Sorted(maps.Keys(bySetting)) {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, setting+"=2", "FOYER_SIGN_INS_PER_ADDRESS=0", "FOYER_INVITATION_EMAILS=1")
			for i, d := range bySetting[setting] {
				h := &doorway{server: s, host: s.login("Host " + string(rune('A'+i)))}
				h.roomID = s.room(h.host, object{})
				h.guest = s.knock(h.roomID, "Anna")
				if slices.Contains(strangers, setting) {
					h.host = s.login("Stranger " + string(rune('A'+i)))
				}
				assert.Equal(t, []bool{false, false, true}, h.refused(d, 3), "%s: %s", d.field, d.query)
			}
		})
	}
}

// refused sends an operation n times and returns which of them were RATE_LIMITED.
func (h *doorway) refused(d door, times int) []bool {
	variables := object{"id": h.roomID, "ticket": h.guest.ticket, "input": "no-such-room"}
	if d.input != nil {
		variables = object{"input": d.input(h)}
	}
	all := make([]bool, times)
	for i := range all {
		for _, e := range h.ask(h.host, d.query, variables).Errors {
			all[i] = all[i] || e.Extensions["code"] == "RATE_LIMITED"
		}
	}
	return all
}

// TestEveryMutationCountsUnderEveryAlias against the limit of all mutations. If an operation exceeds the limit, none of
// its mutations runs.
func TestEveryMutationCountsUnderEveryAlias(t *testing.T) {
	t.Parallel()
	s := startServer(t, "FOYER_MUTATIONS_PER_USER=2", "FOYER_SIGN_INS_PER_ADDRESS=0")
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	for _, field := range schema.Mutation.Fields {
		host := s.login("Host of " + field.Name)
		call := field.Name
		if argument := field.Arguments.ForName("input"); argument != nil {
			call += "(input: " + sample(schema, argument.Type) + ")"
		}
		call += " { __typename }"
		for i, want := range []bool{false, true} {
			answer := s.ask(host, "mutation { a: "+call+" b: "+call+" }", nil)
			limited := slices.ContainsFunc(answer.Errors, func(e struct {
				Message    string
				Path       []any
				Extensions object
			},
			) bool {
				return e.Extensions["code"] == "RATE_LIMITED" && e.Path == nil
			})
			assert.Equal(t, want, limited, "%s, the time %d: %v", field.Name, i, answer.Errors)
		}
	}
}

// sample is the smallest value of a type, as written in a document.
func sample(schema *ast.Schema, of *ast.Type) string {
	definition := schema.Types[of.Name()]
	switch {
	case of.Elem != nil:
		return "[]"
	case definition.Kind == ast.Enum:
		return definition.EnumValues[0].Name
	case definition.Kind == ast.InputObject:
		var fields []string
		for _, field := range definition.Fields {
			if field.Type.NonNull {
				fields = append(fields, field.Name+": "+sample(schema, field.Type))
			}
		}
		return "{" + strings.Join(fields, ", ") + "}"
	case of.Name() == "ID":
		return `"` + uuid.NewString() + `"`
	case of.Name() == "Boolean":
		return "true"
	case of.Name() == "Int":
		return "1"
	default:
		return `"x"`
	}
}
