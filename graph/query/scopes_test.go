package query_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"

	"foyer/auth"
	"foyer/graph"
	"foyer/graph/generated"
	"foyer/graph/query"
)

// opened are the root fields and the objects that each scope opens. Everything else is closed.
var opened = map[auth.Scope]struct{ roots, objects []string }{
	auth.RoomsCreate:   {[]string{"createRoom"}, []string{"CreateRoomPayload"}},
	auth.RoomsList:     {[]string{"rooms"}, []string{"RoomConnection", "RoomEdge", "PageInfo"}},
	auth.RoomsRetrieve: {[]string{"room", "node"}, []string{"Node"}},
	auth.RoomsUpdate:   {[]string{"updateRoom"}, []string{"UpdateRoomPayload"}},
	auth.RoomsDelete:   {[]string{"deleteRoom"}, []string{"DeleteRoomPayload"}},
}

// openedToAll are the fields that every scope opens.
var openedToAll = []string{
	"Room.id", "Room.slug", "Room.name", "Room.accessLevel", "Room.viewerRole", "Room.viewerCanJoin",
	"Room.configuration", "Room.createdAt", "Room.updatedAt",
	"RoomConfiguration.publishSources", "RoomConfiguration.everyoneCanMute",
	"RoomConfiguration.dataAllowed",
}

// closedAnyway is about the people in a meeting, which applications may not see.
var closedAnyway = []string{"UpdateRoomPayload.participants"}

func schema() *ast.Schema {
	return generated.NewExecutableSchema(generated.Config{}).Schema()
}

// TestScopesOpenTheirFieldsOnly checks every field of the schema.
func TestScopesOpenTheirFieldsOnly(t *testing.T) {
	t.Parallel()
	s := schema()
	roots := []string{s.Query.Name, s.Mutation.Name, s.Subscription.Name}
	checked := 0
	for _, scopes := range [][]auth.Scope{nil, {"rooms:admit"}, auth.Scopes()} {
		checked += checkAll(t, s, roots, scopes)
	}
	for _, scope := range auth.Scopes() {
		checked += checkAll(t, s, roots, []auth.Scope{scope})
	}
	assert.Greater(t, checked, 500)
}

func checkAll(t *testing.T, s *ast.Schema, roots []string, scopes []auth.Scope) (checked int) {
	t.Helper()
	for _, definition := range s.Types {
		if definition.Kind != ast.Object && definition.Kind != ast.Interface ||
			strings.HasPrefix(definition.Name, "__") {
			continue
		}
		for _, field := range definition.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			checked++
			name := definition.Name + "." + field.Name
			want := slices.Contains(openedToAll, name)
			for _, scope := range scopes {
				if slices.Contains(roots, definition.Name) {
					want = want || slices.Contains(opened[scope].roots, field.Name)
				} else {
					want = want || slices.Contains(opened[scope].objects, definition.Name)
				}
			}
			want = want && !slices.Contains(closedAnyway, name)
			selection := ast.SelectionSet{&ast.Field{Name: field.Name, ObjectDefinition: definition}}
			assert.Equal(t, want, query.OutsideScopes(selection, scopes) == "", "%s with %s", name, scopes)
		}
	}
	return checked
}

// TestApplicationsAreRefusedAtClosedRootFields sends an operation for every root field of the schema through the whole
// handler. There are no rules behind it, so an operation that passes mostly fails with another code.
func TestApplicationsAreRefusedAtClosedRootFields(t *testing.T) {
	quiet(t)
	handler, s := newHandler(), schema()
	tried := 0
	for kind, root := range map[string]*ast.Definition{
		"query": s.Query, "mutation": s.Mutation, "subscription": s.Subscription,
	} {
		for _, field := range root.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			document := fmt.Sprintf("%s { %s }", kind, minimal(s, field))
			for _, scopes := range [][]auth.Scope{nil, auth.Scopes()} {
				tried++
				open := false
				for _, scope := range scopes {
					open = open || slices.Contains(opened[scope].roots, field.Name)
				}
				code := send(t, handler, application(scopes...), document)
				if open {
					assert.Contains(t, []string{"INTERNAL", "INVALID"}, code, "%s %s", document, scopes)
				} else {
					assert.Equal(t, "FORBIDDEN", code, "%s %s", document, scopes)
				}
			}
			code := send(t, handler, auth.Viewer{UserID: uuid.New()}, document)
			assert.Contains(t, []string{"", "INTERNAL", "INVALID"}, code, "users have no scopes: %s", document)
		}
	}
	assert.Greater(t, tried, 30)
}

func TestOperationWithAClosedFieldDoesNotRun(t *testing.T) {
	quiet(t)
	handler := newHandler()
	id := uuid.NewString()
	for _, document := range []string{
		`{ rooms { totalCount } viewer { id } }`,
		`{ rooms { edges { node { id lobby { totalCount } } } } }`,
		`{ rooms(first: 1) { edges { node { ...R } } } } fragment R on Room { accesses { totalCount } }`,
		`{ rooms { edges { node { ... { ...R } } } } } fragment R on Room { id ...S }` +
			` fragment S on Room { lobby { version } }`,
		`{ node(id: "` + id + `") { ... on RoomAccess { role } } }`,
		`{ node(id: "` + id + `") { ... on User { email } } }`,
		`query($no: Boolean = false) { rooms { totalCount } viewer @include(if: $no) { id } }`,
		`{ r: viewer { rooms: id } }`,
		`mutation { a: createRoom(input: {name: "R"}) { room { id } }` +
			` leaveRoom(input: {roomId: "` + id + `"}) { room { id } } }`,
	} {
		assert.Equal(t, "FORBIDDEN", send(t, handler, application(auth.Scopes()...), document), document)
	}
	for _, document := range []string{`{ __typename }`, `{ __type(name: "Room") { name fields { name } } }`} {
		assert.Empty(t, send(t, handler, application(), document), document)
	}
}

// quiet discards the log: resolvers panic because there are no rules.
func quiet(t *testing.T) {
	t.Helper()
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.DiscardHandler))
}

func application(scopes ...auth.Scope) auth.Viewer {
	return auth.Viewer{UserID: uuid.New(), Application: uuid.New(), Scopes: scopes}
}

// newHandler is a handler with no rules behind it.
func newHandler() http.Handler {
	return graph.NewHandler(&graph.Resolver{}, graph.Settings{
		Introspection: true, MaxBody: 1 << 20, OperationTimeout: time.Minute,
		Limits: query.Limits{
			Tokens: 1000, Fields: 100, Depth: 20, Aliases: 10, RootFields: 10, Directives: 10,
			Complexity: 10_000, Errors: 10, SchemaDepth: 20, LongestList: 100,
		},
	})
}

// minimal returns a selection of a field with only its required arguments.
func minimal(s *ast.Schema, field *ast.FieldDefinition) string {
	arguments := []string{}
	for _, argument := range field.Arguments {
		if argument.Type.NonNull && argument.DefaultValue == nil {
			arguments = append(arguments, argument.Name+": "+value(s, argument.Type))
		}
	}
	text := field.Name
	if len(arguments) > 0 {
		text += "(" + strings.Join(arguments, ", ") + ")"
	}
	return text + " { __typename }"
}

func value(s *ast.Schema, of *ast.Type) string {
	if of.Elem != nil {
		return "[" + value(s, of.Elem) + "]"
	}
	switch definition := s.Types[of.NamedType]; {
	case definition.Kind == ast.Enum:
		return definition.EnumValues[0].Name
	case definition.Kind == ast.InputObject:
		fields := []string{}
		for _, field := range definition.Fields {
			if field.Type.NonNull && field.DefaultValue == nil {
				fields = append(fields, field.Name+": "+value(s, field.Type))
			}
		}
		return "{" + strings.Join(fields, ", ") + "}"
	case of.NamedType == "Boolean":
		return "true"
	case of.NamedType == "Int":
		return "1"
	default:
		return `"` + uuid.NewString() + `"`
	}
}

// send sends a document as a viewer, and returns the code of the first error; empty for none.
func send(t *testing.T, handler http.Handler, viewer auth.Viewer, document string) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": document})
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(auth.NewContext(r.Context(), viewer)))
	}))
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL,
		strings.NewReader(string(body)))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if strings.HasPrefix(document, "subscription") {
		r.Header.Set("Accept", "text/event-stream")
	}
	answer, err := server.Client().Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return codeIn(t, string(text))
}

func codeIn(t *testing.T, text string) string {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimPrefix(line, "data: ")
		var answer struct {
			Errors []struct{ Extensions map[string]any }
		}
		if json.Unmarshal([]byte(line), &answer) == nil && len(answer.Errors) > 0 {
			return fmt.Sprint(answer.Errors[0].Extensions["code"])
		}
	}
	return ""
}
