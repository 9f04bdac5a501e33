package query_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"

	"foyer/graph"
	"foyer/graph/generated"
	"foyer/graph/transport"
	"foyer/test/env"
)

// TestWrongValueIsRefusedByName: a value that reached a resolver would fail otherwise, because there are none.
func TestWrongValueIsRefusedByName(t *testing.T) {
	t.Parallel()
	h := api(false)
	w := inputWalk{generated.NewExecutableSchema(generated.Config{}).Schema()}
	tried := 0
	for _, definition := range w.Types {
		if definition.Kind != ast.Object || strings.HasPrefix(definition.Name, "__") {
			continue
		}
		for _, field := range definition.Fields {
			if strings.HasPrefix(field.Name, "__") || len(field.Arguments) == 0 {
				continue
			}
			require.Contains(t, []string{"Query", "Mutation", "Subscription", "Room"}, definition.Name,
				"say how a %s is asked for", definition.Name)
			for _, p := range w.places(field) {
				for what, value := range w.nonsense(p) {
					name := fmt.Sprintf("%s.%s: %s: %s", definition.Name, field.Name, p.name, what)
					tried += 3
					document := w.operation(definition, p, "", written(p.with(value)))
					body := asJSON(t, object{"query": document})
					refusedByName(t, ask(t, h, body), p, value, name+", in the document")

					document = w.operation(definition, p, fmt.Sprintf("($%s:%s)", p.argument.Name, p.argument.Type),
						"$"+p.argument.Name)
					body = asJSON(t, object{"query": document, "variables": object{p.argument.Name: p.with(value)}})
					refusedByName(t, ask(t, h, body), p, value, name+", in a variable")

					document = w.operation(definition, p, fmt.Sprintf("($v:%s)", p.of), written(p.with(enum("$v"))))
					body = asJSON(t, object{"query": document, "variables": object{"v": value}})
					refusedByName(t, ask(t, h, body), p, value, name+", in a variable of its own")
				}
			}
		}
	}
	assert.Greater(t, tried, 5000)
}

// TestMissingValueIsNamed: in a document and in variables. An unknown argument is named too.
func TestMissingValueIsNamed(t *testing.T) {
	t.Parallel()
	h := api(false)
	id := uuid.NewString()
	for name, asked := range map[string]struct {
		document  string
		variables object
		field     string
	}{
		"an argument":               {`{node{id}}`, nil, "id"},
		"an argument in a fragment": {`{...F} fragment F on Query{node{id}}`, nil, "id"},
		"an input":                  {`mutation{createRoom{room{id}}}`, nil, "input"},
		"a field":                   {`mutation{createRoom(input:{}){room{id}}}`, nil, "name"},
		"a directive's argument":    {`{viewer@skip{id}}`, nil, "if"},
		"a variable":                {`query($x:ID!){node(id:$x){id}}`, nil, "id"},
		"a variable, by a default":  {`query($x:ID!="` + id + `"){node(id:$x){id}}`, object{"x": nil}, "id"},
		"a variable of a field":     {`mutation($x:String!){createRoom(input:{name:$x}){room{id}}}`, nil, "name"},
		"a variable in a fragment":  {`query($x:ID!){...F} fragment F on Query{node(id:$x){id}}`, nil, "id"},
		"a variable of a list": {
			`mutation($x:[String!]!){inviteToRoom(input:{roomId:"` + id + `",emails:$x}){invited}}`,
			object{"x": []any{nil}}, "emails",
		},
		"a variable in a list": {
			`mutation($x:String!){inviteToRoom(input:{roomId:"` + id + `",emails:[$x]}){invited}}`,
			object{"x": 7}, "emails",
		},
		"a field of a variable": {
			`mutation($name:CreateRoomInput!){createRoom(input:$name){room{id}}}`, object{"name": object{}}, "name",
		},
		"a variable, in a variable": {`mutation($x:CreateRoomInput!){createRoom(input:$x){room{id}}}`, nil, "input"},
		"a default":                 {`query($x:Int="1"){rooms(first:$x){totalCount}}`, nil, "first"},
		"an unknown argument":       {`{node(id:"` + id + `",idd:1){id}}`, nil, "idd"},
		"of a directive":            {`{viewer@skip(if:true,unless:false){id}}`, nil, "unless"},
	} {
		got := ask(t, h, asJSON(t, object{"query": asked.document, "variables": asked.variables}))
		assert.Equal(t, "INVALID", got.code(), "%s: %s", name, got.text)
		field := at(got.body()["errors"].([]any)[0], "extensions", "field")
		assert.Equal(t, asked.field, field, "%s: %s", name, got.text)
		assert.Len(t, got.body()["errors"], 1, "%s: %s", name, got.text)
	}
}

// TestParticipantIdentityIsParsedByItsPlace: whatever name the variable has.
func TestParticipantIdentityIsParsedByItsPlace(t *testing.T) {
	t.Parallel()
	w := inputWalk{generated.NewExecutableSchema(generated.Config{}).Schema()}
	marked := 0
	for _, definition := range w.Types {
		for _, field := range definition.Fields {
			if definition.Kind == ast.InputObject && field.Directives.ForName("identity") != nil {
				marked++
			}
		}
	}
	assert.Equal(t, 5, marked)
	h := api(false)
	remove := func(id string) string {
		return `removeParticipant(input:{roomId:"` + uuid.NewString() + `",participantId:` + id + `}){results{code}}`
	}
	for _, document := range []string{
		`mutation($x:ID!){` + remove("$x") + `}`,
		`mutation($x:ID="sip_0"){` + remove(`"sip_1"`) + ` another:` + remove("$x") + `}`,
	} {
		got := ask(t, h, asJSON(t, object{"query": document, "variables": object{"x": "sip_+33123456789"}}))
		assert.NotContains(t, got.text, "participant's id", "it is valid, and reaches the missing resolver")
		assert.NotContains(t, got.text, "UUID")
	}
	got := ask(t, h, asJSON(t, object{
		"query":     `query($participantId:ID!){node(id:$participantId){id}}`,
		"variables": object{"participantId": "sip_+33123456789"},
	}))
	assert.Contains(t, got.text, `"field":"id"`)
}

func refusedByName(t *testing.T, got answered, p place, value any, name string) {
	t.Helper()
	if !assert.Equal(t, "INVALID", got.code(), "%s: %.300s", name, got.text) {
		return
	}
	assert.NotContains(t, got.text, "INTERNAL", name)
	assert.Less(t, len(got.text), 2<<10, name)
	field, _ := at(got.body()["errors"].([]any)[0], "extensions", "field").(string)
	if within, isObject := value.(map[string]any); isObject && field != p.name {
		// The field inside the object is named, or the one that is missing there.
		assert.True(t, within[field] != nil || len(within) == 0, "%s: it names %q", name, field)
		return
	}
	assert.Equal(t, p.name, field, name)
}

var noID = uuid.Nil.String()

// refusedOperations are well-formed, but invalid: a document, and variables.
var refusedOperations = map[string][2]string{
	"a stream that is skipped":      {`subscription{entry(ticket:"x")@skip(if:true){id}}`},
	"a stream that is not included": {`subscription{entry(ticket:"x")@include(if:false){id}}`},
	"a stream skipped by a variable": {
		`subscription($s:Boolean!){entry(ticket:"x")@skip(if:$s){id}}`,
		`{"s":true}`,
	},
	"a stream skipped by a default": {`subscription($s:Boolean=true){entry(ticket:"x")@skip(if:$s){id}}`},
	"a stream in a skipped fragment": {
		`subscription{...F@skip(if:true)}fragment F on Subscription{entry(ticket:"x"){id}}`,
	},
	"a stream in an inline fragment": {`subscription{...@include(if:false){entry(ticket:"x"){id}}}`},
	"one stream under two aliases":   {`subscription{a:entry(ticket:"x"){id}b:entry(ticket:"x"){id}}`},
	"one stream under two, by fragments": {
		`subscription{...A...B}` +
			`fragment A on Subscription{a:entry(ticket:"x"){id}}fragment B on Subscription{b:entry(ticket:"x"){id}}`,
	},
	"two streams": {
		`subscription{entry(ticket:"x"){id}lobby(roomId:"` + noID + `"){version}}`,
	},
	"a stream of the type's name":      {`subscription{__typename}`},
	"a stream of a type's name, alias": {`subscription{a:__typename}`},
	"a stream of the schema":           {`subscription{__schema{types{name}}}`},
	"a stream and the type's name":     {`subscription{entry(ticket:"x"){id}__typename}`},
	"a condition of null, in a stream": {
		`subscription($s:Boolean=true){entry(ticket:"x")@include(if:$s){id}}`,
		`{"s":null}`,
	},
	"a condition of null": {`query($s:Boolean=true){viewer@skip(if:$s){id}}`, `{"s":null}`},
	"a condition of null, in a fragment": {
		`query($s:Boolean=true){...F}fragment F on Query{viewer@include(if:$s){id}}`,
		`{"s":null}`,
	},
	"null for a default": {
		`mutation($t:String="x"){cancelEntry(input:{ticket:$t}){entry{id}}}`,
		`{"t":null}`,
	},
	"null in a list, for a default": {
		`mutation($e:ID="` + noID + `"){admitAllEntries(input:{roomId:"` + noID + `",entryIds:[$e]}){entries{id}}}`,
		`{"e":null}`,
	},
	"a condition that is no Boolean": {`{viewer@skip(if:"true"){id}}`},
	"no condition":                   {`{viewer@skip{id}}`},
	"two conditions":                 {`{viewer@skip(if:true)@skip(if:false){id}}`},
	"no operation":                   {`fragment F on Query{viewer{id}}`},
	"nothing":                        {` `},
	"a comment":                      {`# nothing`},
	"two operations, none named":     {`query A{viewer{id}}query B{viewer{id}}`},
	"a name twice":                   {`query A{viewer{id}}query A{viewer{id}}`},
	"an undeclared variable":         {`{node(id:$x){id}}`},
	"a variable without a value":     {`query($x:ID!){node(id:$x){id}}`},
	"a default of another type":      {`query($x:Int="1"){rooms(first:$x){totalCount}}`},
	"a variable of an output type":   {`query($x:Room){node(id:$x){id}}`, `{"x":{}}`},
	"NUL in a document":              {"{viewer{id}}\x00"},
	"NUL in a string":                {`{room(slug:"a\u0000b"){id}}`},
}

// TestInvalidOperationIsRefusedOverEachTransport: an INTERNAL error would alert operators.
func TestInvalidOperationIsRefusedOverEachTransport(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(api(false, func(s *graph.Settings) { s.OperationsPerSocket = 10 }))
	t.Cleanup(s.Close)
	for name, o := range refusedOperations {
		variables := json.RawMessage("{}")
		if o[1] != "" {
			variables = json.RawMessage(o[1])
		}
		body := asJSON(t, object{"query": o[0], "variables": variables})
		for _, accept := range []string{"application/json", "application/graphql-response+json", "text/event-stream"} {
			r, err := http.NewRequest(http.MethodPost, s.URL, strings.NewReader(body))
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Accept", accept)
			got, err := s.Client().Do(r)
			require.NoError(t, err)
			text, err := io.ReadAll(got.Body)
			require.NoError(t, err)
			got.Body.Close()
			assert.Contains(t, string(text), `"code":"INVALID"`, "%s: %s", name, accept)
			assert.NotContains(t, string(text), "INTERNAL", "%s: %s", name, accept)
		}
		assert.Contains(t, overSocket(t, s.URL, body), `"code":"INVALID"`, name)
	}
}

// overSocket runs an operation on a socket, and returns its first response.
func overSocket(t *testing.T, url, payload string) string {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{transport.Protocol}}
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(url, "http"), nil)
	require.NoError(t, err)
	defer conn.Close()
	for _, message := range []string{
		`{"type":"connection_init"}`, `{"id":"1","type":"subscribe","payload":` + payload + `}`,
	} {
		require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(message)))
	}
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(env.Soon)))
	_, _, err = conn.ReadMessage() // connection_ack
	require.NoError(t, err)
	_, text, err := conn.ReadMessage()
	require.NoError(t, err)
	return string(text)
}
