package e2e

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"

	"foyer/ent/database"
	"foyer/ent/recording"
	"foyer/ent/schema"
	"foyer/graph/generated"
	"foyer/test/env"
)

// spot is an argument or an input field, and the request with a value there.
type spot struct {
	of       *ast.Definition
	field    *ast.FieldDefinition
	argument *ast.ArgumentDefinition
	// key is Type.field of the object that has the field, or Type.field.argument.
	key, name string
	kind      *ast.Type
	identity  bool
	// with returns the value of the argument.
	with func(value any) any
}

// walk is a server with an example of everything, and its users.
type walk struct {
	*server

	schema *ast.Schema
	// samples are valid values of arguments and input fields, by name.
	samples map[string]any
	// others are ids of other things.
	others map[string]string
	// cursor is the cursor of another list.
	cursor string
	owner  string
	// guest says that a ticket is sent where one is allowed.
	guest bool
}

// accepted are values that are valid after all, by place; names are alternatives.
var accepted = []struct{ places, values, why string }{
	{"CreateRoomInput.name UpdateRoomInput.name CreateRoomTokenInput.displayName RequestEntryInput.displayName " +
		"UpdateParticipantInput.name UpdateViewerInput.displayName RenameParticipantInput.displayName",
		"a path|percent|a script|SQL", "a name like any other"},
	{"SetLobbyMessageInput.message", "a path|percent|a script|SQL|a key|empty",
		"a text of lines, and nothing for none"},
	{"CreateRoomInput.slug CreateRoomTokenInput.slug Query.room.slug RequestEntryInput.slug",
		"a path|percent|a script|SQL|a key", "a slug in some spelling"},
	{"ParticipantAttributeInput.value", "*", "opaque to Foyer, up to 1024 bytes"},
	{"MuteParticipantInput.ticket Subscription.roomStatus.ticket", "*", "not read of hosts"},
	{"AdmitAllEntriesInput.entryIds DenyAllEntriesInput.entryIds", "*",
		"who does not wait any more is not in the answer"},
	{"Query.recordings.roomId", "*", "a filter: of no such room there are none"},
	{"UnshareRecordingInput.userId", "*", "who does not see it any more is fine"},
	{"Query.node.id Query.room.id RequestEntryInput.roomId", "another's room|a recording's id|a room's id",
		"may be seen"},
	{"Query.recording.id", "a recording's id", "is one"},
	{"GrantRoomAccessInput.userId ShareRecordingInput.userId RevokeRoomAccessInput.userId UpdateRoomAccessInput.userId " +
		"TransferRoomOwnershipInput.userId", "a user's id", "is one"},
	{"CreateRoomInput.configuration UpdateRoomInput.configuration UpdateViewerInput.defaultConfiguration " +
		"Mutation.updateViewer.input UpdateParticipantInput.permission StartRecordingInput.options",
		"nothing|all null", "what is not given stays"},
	{"UpdateParticipantInput.attributes", "empty|twice the same", "none, and one"},
	{"RoomConfigurationInput.publishSources ParticipantPermissionInput.publishSources", "empty|twice the same",
		"none, and one"},
	{"Query.rooms.first Query.recordings.first Room.accesses.first Room.audit.first Room.bans.first " +
		"Room.participants.first Room.recordings.first", "0", "only the count is asked"},
	{"Query.rooms.after Query.recordings.after Room.accesses.after Room.audit.after Room.bans.after " +
		"Room.participants.after Room.recordings.after", "far in the future|far in the past|of another list", "a time and an id"},
}

func isAccepted(key, what string) bool {
	return slices.ContainsFunc(accepted, func(a struct{ places, values, why string }) bool {
		return slices.Contains(strings.Fields(a.places), key) &&
			(a.values == "*" || slices.Contains(strings.Split(a.values, "|"), strings.TrimPrefix(what, "of one ")))
	})
}

// needed are fields that an input or a field's arguments require, and their alternative.
var needed = map[string][2]string{
	"Query.room": {"id", "slug"}, "RequestEntryInput": {"roomId", "slug"}, "CreateRoomTokenInput": {"roomId", "slug"},
	"GrantRoomAccessInput": {"userId", "email"}, "ShareRecordingInput": {"userId", "email"},
	"MuteParticipantInput": {"source", "trackSid"}, "UpdateParticipantInput": {"name", ""},
}

func newWalk(t *testing.T) *walk {
	t.Helper()
	bucket := env.Bucket(t)
	smtp, environ := mailServer(t)
	smtp.Start()
	stores := shared(t)
	environ = slices.Concat(environ, stores, bucket.Environ(), []string{"FOYER_MEDIA_SECRET=" + mediaSecret,
		"FOYER_INVITATION_EMAILS=1"})
	for _, name := range counts(t) {
		if strings.Contains(name, "_PER_") && name != "FOYER_OPERATIONS_PER_SOCKET" { // which is at least 1
			environ = append(environ, name+"=0")
		}
	}
	w := &walk{server: startServer(t, environ...), schema: generated.NewExecutableSchema(generated.Config{}).Schema()}
	w.owner = w.login("Olga Owner")
	member, other := w.login("Mia Member"), w.login("Otto Other")
	public := w.room(w.owner, object{"accessLevel": "PUBLIC"})
	lobby := w.room(w.owner, object{"accessLevel": "RESTRICTED"})
	foreign := w.room(other, object{})
	entry := w.knock(lobby, "Anna")
	bob := w.join("", object{"roomId": public, "displayName": "Bob"})
	w.must(w.owner, grantAccess, object{"input": object{"roomId": public, "role": "MEMBER",
		"userId": w.userID(member)}})
	db, err := database.Open(strings.TrimPrefix(stores[0], "DATABASE_URL="), 2)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	saved := db.Recording.Create().SetRoomID(uuid.MustParse(public)).SetStartedBy(uuid.New()).
		SetMode(recording.ModeSCREEN).SetStatus(recording.StatusFAILED).
		SetOptions(schema.RecordingOptions{}).SetReason("no_egress").SetEndedAt(time.Now()).SaveX(t.Context())
	w.samples = map[string]any{
		"roomId": public, "id": public, "ticket": bob.ticket, "participantId": bob.id, "entryId": entry.id,
		"recordingId": saved.ID, "userId": w.userID(member), "email": "mia.member@example.org", "name": "A name",
		"displayName": "A name", "value": "a value", "source": "MICROPHONE", "role": "MEMBER",
	}
	w.others = map[string]string{
		"a room's id": public, "another's room": foreign, "an entry's id": entry.id, "a participant's id": bob.id,
		"a user's id": w.userID(other), "a recording's id": saved.ID.String(), "nobody's id": uuid.NewString(),
	}
	page := w.must(w.owner, `query($id: ID!) { room(id: $id) { accesses { pageInfo { endCursor } } } }`,
		object{"id": public})
	w.cursor = text(page, "room.accesses.pageInfo.endCursor")
	return w
}

// spots returns all spots.
func (w *walk) spots() (all []spot) {
	for _, name := range slices.Sorted(maps.Keys(w.schema.Types)) {
		of := w.schema.Types[name]
		if of.Kind != ast.Object || strings.HasPrefix(name, "__") {
			continue
		}
		for _, field := range of.Fields {
			for _, argument := range field.Arguments {
				if !strings.HasPrefix(field.Name, "__") {
					all = append(all, w.within(spot{of, field, argument, name + "." + field.Name + "." + argument.Name,
						argument.Name, argument.Type, false, func(value any) any { return value }})...)
				}
			}
		}
	}
	return all
}

func (w *walk) within(s spot) []spot {
	all := []spot{s}
	definition := w.schema.Types[s.kind.Name()]
	if definition.Kind != ast.InputObject {
		return all
	}
	for _, field := range definition.Fields {
		all = append(all, w.within(spot{s.of, s.field, s.argument, definition.Name + "." + field.Name, field.Name,
			field.Type, field.Directives.ForName("identity") != nil, func(value any) any {
				input := w.input(definition, field.Name)
				input[field.Name] = value
				return s.with(input)
			}})...)
	}
	return all
}

// input returns an input that is valid except for a field that is not set yet.
func (w *walk) input(of *ast.Definition, without string) object {
	input := object{}
	for _, field := range of.Fields {
		either, is := needed[of.Name]
		if field.Type.NonNull || w.guest && field.Name == "ticket" ||
			is && field.Name == either[0] && without != either[1] {
			input[field.Name] = w.sample(field.Name, field.Type)
			if of.Name == "ParticipantAttributeInput" {
				input[field.Name] = "tag"
			}
		}
	}
	return input
}

func (w *walk) sample(name string, of *ast.Type) any {
	definition := w.schema.Types[of.Name()]
	one := w.samples[name]
	switch {
	case definition.Kind == ast.InputObject:
		one = w.input(definition, "")
	case definition.Kind == ast.Enum && one == nil:
		one = definition.EnumValues[0].Name
	case of.Name() == "Boolean":
		one = true
	case of.Name() == "ID" && one == nil:
		one = uuid.NewString()
	case one == nil:
		one = "sample"
	}
	if of.Elem != nil {
		return []any{one}
	}
	return one
}

// hostile returns values for a place, as JSON, by what is wrong with them.
func (w *walk) hostile(s spot) map[string]string {
	of := s.kind
	if of.Elem != nil {
		return w.hostileLists(s)
	}
	definition := w.schema.Types[of.NamedType]
	switch {
	case definition.Kind == ast.InputObject:
		nulls := object{}
		for _, field := range definition.Fields {
			nulls[field.Name] = nil
		}
		return map[string]string{"all null": asJSON(nulls), "nothing": "{}"}
	case definition.Kind == ast.Enum:
		name := definition.EnumValues[0].Name
		return map[string]string{"unknown": `"NOBODY"`, "in lower case": asJSON(strings.ToLower(name)), "empty": `""`,
			"with a blank": asJSON(name + " "), "with NUL": asJSON(name + "\x00")}
	case of.NamedType == "Boolean":
		return map[string]string{"a number": "1", "a text": `"true"`}
	case of.NamedType == "Int":
		return map[string]string{"0": "0", "-1": "-1", "101": "101", "2^31": "2147483648", "2^53": "9007199254740992",
			"1e300": "1e300", "-2^31": "-2147483648"}
	case of.NamedType == "Cursor":
		last := base64.RawURLEncoding.EncodeToString([]byte("\x7f" + strings.Repeat("\xff", 23)))
		first := base64.RawURLEncoding.EncodeToString([]byte("\x80" + strings.Repeat("\x00", 23)))
		all := texts()
		all["of another list"] = asJSON(w.cursor)
		all["far in the future"], all["far in the past"] = asJSON(last), asJSON(first)
		return all
	}
	all := texts()
	if of.NamedType == "ID" {
		for name, id := range w.others {
			if id != fmt.Sprint(w.samples[s.name]) {
				all[name] = asJSON(id)
			}
		}
		id := fmt.Sprint(w.samples["roomId"])
		all["in braces"] = asJSON("{" + id + "}")
		all["a URN"], all["zero"], all["with a line end"] = asJSON("urn:uuid:"+id), asJSON(uuid.Nil), asJSON(id+"\n")
		all["without hyphens"] = asJSON(strings.ReplaceAll(id, "-", ""))
		all["1024 bytes"] = asJSON(strings.Repeat("a", 1024))
		all["1025 bytes"] = asJSON(strings.Repeat("a", 1025))
	}
	return all
}

func (w *walk) hostileLists(s spot) map[string]string {
	item := s
	item.kind = s.kind.Elem
	all := map[string]string{"empty": "[]", "null in it": "[null]"}
	for name, value := range w.hostile(item) {
		all["of one "+name] = "[" + value + "]"
	}
	one := asJSON(w.sample(s.name, s.kind.Elem))
	if s.kind.Elem.Name() == "ID" {
		one = asJSON(w.others["an entry's id"])
	}
	all["twice the same"] = "[" + one + "," + one + "]"
	short := map[string]string{"String": `"a"`, "PublishSource": `"CAMERA"`}[s.kind.Elem.Name()]
	if short == "" {
		all["thousands"] = "[" + strings.Repeat(one+",", 2500) + one + "]"
	} else {
		all["10,000"] = "[" + strings.Repeat(short+",", 9999) + short + "]"
	}
	return all
}

func texts() map[string]string {
	return map[string]string{
		"empty": `""`, "blanks": `" \t "`, "controls": `"\u0007\u001b"`, "turned around": `"\u202e\u2066"`, "NUL": `"a\u0000b"`,
		"invisible": `"\u200b\u200d"`, "no UTF-8": "\"a\xff\xfe\"", "100 kB": asJSON(strings.Repeat("x", 100_000)),
		"100 kB of marks": asJSON(strings.Repeat("\u0301", 50_000)), "half a surrogate": `"a\ud800"`,
		"the other half": `"\udc00a"`, "a path": `"../../etc/passwd"`, "percent": `"%00%2e%2e%s%d%n"`,
		"a key": `"a:b{c} d\ne\r\n*3"`, "line ends": `"\n\r\n"`, "a script": `"<script>alert(1)</script>"`,
		"SQL": `"' OR 1=1; --"`, "a separator": `"\u2028\u2029"`, "a noncharacter": `"\uffff\ufdd0"`, "a tag": `"\udb40\udc41"`,
	}
}

func asJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

const hole = "the value that is tried"

// body returns the request with a value at a spot.
func (w *walk) body(s spot, value string) string {
	variables, call := object{"v": s.with(hole)}, s.argument.Name+": $v"
	declared := "$v: " + s.argument.Type.String()
	for _, other := range s.field.Arguments {
		either, is := needed[s.of.Name+"."+s.field.Name]
		if other != s.argument && (other.Type.NonNull || w.guest && other.Name == "ticket" ||
			is && other.Name == either[0] && s.name != either[1]) {
			call += ", " + other.Name + ": $" + other.Name
			declared += ", $" + other.Name + ": " + other.Type.String()
			variables[other.Name] = w.sample(other.Name, other.Type)
		}
	}
	call = s.field.Name + "(" + call + ")"
	if kind := w.schema.Types[s.field.Type.Name()].Kind; kind != ast.Scalar && kind != ast.Enum {
		call += " { __typename }"
	}
	switch s.of.Name {
	case "Query", "Mutation", "Subscription":
	case "Room":
		declared += ", $room: ID!"
		variables["room"] = w.samples["roomId"]
		call = "room(id: $room) { " + call + " }"
	default:
		w.t.Fatalf("say how a %s is asked for", s.of.Name)
	}
	kind := map[bool]string{true: strings.ToLower(s.of.Name), false: "query"}[s.of.Name != "Room"]
	query := kind + " (" + declared + ") { " + call + " }"
	return strings.Replace(asJSON(object{"query": query, "variables": variables}), asJSON(hole), value, 1)
}

// first sends the request and returns the answer, or the first message of a stream.
func (w *walk) first(token, body string, stream bool) (a response, raw string) {
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+"/graphql", strings.NewReader(body))
	require.NoError(w.t, err)
	r.Header.Set("Content-Type", "application/json")
	if stream {
		r.Header.Set("Accept", "text/event-stream")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	got, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	defer got.Body.Close()
	if strings.HasPrefix(got.Header.Get("Content-Type"), "text/event-stream") {
		for lines := bufio.NewScanner(got.Body); lines.Scan(); {
			if data, is := strings.CutPrefix(lines.Text(), "data:"); is {
				raw = data
				break
			}
		}
	} else {
		all, err := io.ReadAll(got.Body)
		require.NoError(w.t, err)
		raw = string(all)
	}
	assert.NoError(w.t, json.Unmarshal([]byte(raw), &a), "%d %q", got.StatusCode, raw)
	return a, raw
}

// isNamed reports whether an error names a place, something inside or around it, or the ticket, which belongs to
// another room than the place. Where exactly one of two is required, nothing is named.
func (w *walk) isNamed(s spot, field any) bool {
	definition := w.schema.Types[s.kind.Name()]
	within := slices.ContainsFunc(definition.Fields, func(f *ast.FieldDefinition) bool { return f.Name == field })
	_, either := needed[definition.Name]
	return field == s.name || definition.Kind == ast.InputObject && (within || either && field == nil) ||
		strings.HasPrefix(s.key, "ParticipantAttributeInput.") && field == "attributes" ||
		(s.name == "roomId" || s.name == "slug") && field == "ticket"
}

// TestHostileValuesAreRefusedByName walks through all arguments and input fields on a server with an example of
// everything. A bad value is INVALID and named. No value is an INTERNAL error, and none is accepted without a reason.
func TestHostileValuesAreRefusedByName(t *testing.T) {
	t.Parallel()
	w := newWalk(t)
	tried := 0
	for _, s := range w.spots() {
		for what, value := range w.hostile(s) {
			for who, token := range map[string]string{"owner": w.owner, "guest": "", "anonymous": ""} {
				tried++
				w.guest = who == "guest"
				name := fmt.Sprintf("%s.%s: %s: %s, %s", s.of.Name, s.field.Name, s.key, what, who)
				a, raw := w.first(token, w.body(s, value), s.of.Name == "Subscription")
				assert.NotContains(t, raw, "INTERNAL", name)
				switch {
				case len(a.Errors) == 0:
					assert.True(t, isAccepted(s.key, what), "%s is accepted: %.200s", name, raw)
				case a.code() == "INVALID" && what != "thousands" && what != "10,000": // too many in total
					assert.True(t, w.isNamed(s, a.Errors[0].Extensions["field"]), "%s: %.300s", name, raw)
				default:
					assert.Len(t, a.Errors, 1, "%s: %.300s", name, raw)
				}
			}
		}
	}
	assert.Greater(t, tried, 5000)
	assert.NotContains(t, w.log(), "panicked")
	assert.Equal(t, http.StatusOK, w.get("/readyz"))
}
