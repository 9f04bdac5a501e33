package query_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
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
)

// enum is an enum's value, which a document has without quotation marks.
type enum string

// place is an argument or an input field, and how to put a value there, with whatever else is required around it.
type place struct {
	field *ast.FieldDefinition
	// argument is what the operation names, of which name is the place itself.
	argument *ast.ArgumentDefinition
	name     string
	of       *ast.Type
	// identity says that it is LiveKit's id of a participant.
	identity bool
	// with returns the value of the argument.
	with func(value any) any
}

// inputWalk walks through everything that clients can send by a schema.
type inputWalk struct{ *ast.Schema }

// places returns those of a field: its arguments, and the fields of those that are inputs, at any depth.
func (w inputWalk) places(field *ast.FieldDefinition) []place {
	var all []place
	for _, argument := range field.Arguments {
		all = append(all, w.within(place{
			field, argument, argument.Name, argument.Type, false, func(value any) any { return value },
		}, 0)...)
	}
	return all
}

func (w inputWalk) within(p place, depth int) []place {
	all := []place{p}
	definition := w.Types[p.of.Name()]
	if definition.Kind != ast.InputObject || depth > 4 {
		return all
	}
	for _, field := range definition.Fields {
		all = append(all, w.within(place{
			p.field, p.argument, field.Name, field.Type, field.Directives.ForName("identity") != nil, func(value any) any {
				object := w.sample(ast.NonNullNamedType(definition.Name, nil)).(map[string]any)
				object[field.Name] = value
				return p.with(object)
			},
		}, depth+1)...)
	}
	return all
}

// sample returns a value that is as its type says.
func (w inputWalk) sample(of *ast.Type) any {
	if of.Elem != nil {
		return []any{w.sample(of.Elem)}
	}
	definition := w.Types[of.NamedType]
	switch {
	case definition.Kind == ast.Enum:
		return enum(definition.EnumValues[0].Name)
	case definition.Kind == ast.InputObject:
		object := map[string]any{}
		for _, field := range definition.Fields {
			if field.Type.NonNull {
				object[field.Name] = w.sample(field.Type)
			}
		}
		return object
	}
	return map[string]any{
		"ID": uuid.NewString(), "String": "abc", "Int": json.Number("1"), "Boolean": true,
		"Cursor": strings.Repeat("A", 32),
	}[of.NamedType]
}

// nonsense returns values that are not of a type, by what is wrong with them.
func (w inputWalk) nonsense(p place) map[string]any {
	of := p.of
	definition := w.Types[of.Name()]
	bad := map[string]any{
		"an object": map[string]any{"a": json.Number("1")}, "an empty object": map[string]any{},
		"a list in a list": []any{[]any{w.sample(of)}}, "deep lists": deep(100, func(v any) any { return []any{v} }),
		"deep objects":    deep(100, func(v any) any { return map[string]any{"a": v} }),
		"a huge number":   json.Number(strings.Repeat("9", 300)),
		"a negative zero": json.Number("-0.0"), "an exponent": json.Number("1e400"), "beyond 64 bits": json.Number("9223372036854775808"),
	}
	if of.NonNull {
		bad["null"] = nil
	}
	if of.Elem != nil {
		bad["null in a list"] = []any{nil}
		delete(bad, "a list in a list") // of its own type
	} else {
		bad["a list"] = []any{}
	}
	texts := map[string]any{
		"an empty text": "", "NUL": "a\x00b", "a long text": strings.Repeat("A", 15_000), "a text": "nonsense", "a number as text": "1",
		"true as text": "true",
	}
	switch {
	case definition.Kind == ast.InputObject:
		delete(bad, "an empty object")
		if slices.ContainsFunc(definition.Fields, func(f *ast.FieldDefinition) bool { return f.Type.NonNull }) {
			bad["nothing that is required"] = map[string]any{}
		}
		maps.Copy(bad, texts)
		bad["true"] = true
	case definition.Kind == ast.Enum:
		name := definition.EnumValues[0].Name
		maps.Copy(bad, texts)
		bad["true"], bad["a number"] = true, json.Number("0")
		bad["in lower case"], bad["in mixed case"] = enum(strings.ToLower(name)), enum(name[:1]+strings.ToLower(name[1:]))
		bad["with a space"] = name + " "
	case of.Name() == "Boolean":
		maps.Copy(bad, texts)
		bad["0"], bad["1"], bad["an enum"] = json.Number("0"), json.Number("1"), enum("TRUE")
	case of.Name() == "Int":
		maps.Copy(bad, texts)
		bad["true"], bad["a fraction"], bad["beyond 32 bits"] = true, json.Number("1.5"), json.Number("2147483648")
	case of.Name() == "String":
		bad["NUL"], bad["a number"], bad["true"] = texts["NUL"], json.Number("7"), true
	default: // ID and Cursor
		maps.Copy(bad, texts)
		bad["true"], bad["a number"], bad["MessagePack"] = true, json.Number("7"), messagePack()
		if p.identity { // which LiveKit knows
			for _, text := range []string{"a text", "a number as text", "true as text"} {
				delete(bad, text)
			}
		}
	}
	return bad
}

func messagePack() string {
	return base64.RawStdEncoding.EncodeToString([]byte("\x81\xa1v" + strings.Repeat("\xdc\x27\x10", 3000)))
}

func deep(n int, in func(any) any) any {
	var value any = json.Number("1")
	for range n {
		value = in(value)
	}
	return value
}

// written returns a value as a document has it.
func written(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case enum:
		return string(v)
	case string:
		text, _ := json.Marshal(v)
		return string(text)
	case []any:
		parts := make([]string, len(v))
		for i, one := range v {
			parts[i] = written(one)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		parts := make([]string, 0, len(v))
		for name, one := range v {
			parts = append(parts, name+":"+written(one))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	return fmt.Sprint(value)
}

// operation returns an operation that asks for a field of a type, with one argument as it is written and the others
// that are required.
func (w inputWalk) operation(of *ast.Definition, p place, variables, value string) string {
	arguments := p.argument.Name + ":" + value
	for _, other := range p.field.Arguments {
		if other != p.argument && other.Type.NonNull {
			arguments += "," + other.Name + ":" + written(w.sample(other.Type))
		}
	}
	asked := p.field.Name + "(" + arguments + ")"
	if kind := w.Types[p.field.Type.Name()].Kind; kind != ast.Scalar && kind != ast.Enum {
		asked += "{__typename}"
	}
	around := map[string]string{
		"Query": "query%s{%s}", "Mutation": "mutation%s{%s}", "Subscription": "subscription%s{%s}",
		"Room": `query%s{room(slug:"abc"){%s}}`,
	}[of.Name]
	return fmt.Sprintf(around, variables, asked)
}

// TestWhatIsNotAsTheSchemaSaysIsRefusedByName: nothing of it reaches a resolver, of which there are none here.
func TestWhatIsNotAsTheSchemaSaysIsRefusedByName(t *testing.T) {
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
					refusedByName(t, ask(t, h, asJSON(t, object{"query": document})), p, value, name+", in the document")

					document = w.operation(definition, p, fmt.Sprintf("($%s:%s)", p.argument.Name, p.argument.Type),
						"$"+p.argument.Name)
					body := asJSON(t, object{"query": document, "variables": object{p.argument.Name: p.with(value)}})
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

// TestWhatIsMissingIsNamed, be it in a document or in its variables, and so is what there is not.
func TestWhatIsMissingIsNamed(t *testing.T) {
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
		"a variable of a list":      {`mutation($x:[String!]!){inviteToRoom(input:{roomId:"` + id + `",emails:$x}){invited}}`, object{"x": []any{nil}}, "emails"},
		"a variable in a list":      {`mutation($x:String!){inviteToRoom(input:{roomId:"` + id + `",emails:[$x]}){invited}}`, object{"x": 7}, "emails"},
		"a field of a variable":     {`mutation($name:CreateRoomInput!){createRoom(input:$name){room{id}}}`, object{"name": object{}}, "name"},
		"a variable, in a variable": {`mutation($x:CreateRoomInput!){createRoom(input:$x){room{id}}}`, nil, "input"},
		"a default":                 {`query($x:Int="1"){rooms(first:$x){totalCount}}`, nil, "first"},
		"an unknown argument":       {`{node(id:"` + id + `",idd:1){id}}`, nil, "idd"},
		"of a directive":            {`{viewer@skip(if:true,unless:false){id}}`, nil, "unless"},
	} {
		got := ask(t, h, asJSON(t, object{"query": asked.document, "variables": asked.variables}))
		assert.Equal(t, "INVALID", got.code(), "%s: %s", name, got.text)
		assert.Equal(t, asked.field, at(got.body()["errors"].([]any)[0], "extensions", "field"), "%s: %s", name, got.text)
		assert.Len(t, got.body()["errors"], 1, "%s: %s", name, got.text)
	}
}

// TestIdentityOfAParticipantIsReadByItsPlace, whatever the variable is called.
func TestIdentityOfAParticipantIsReadByItsPlace(t *testing.T) {
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
	for _, document := range []string{
		`mutation($x:ID!){removeParticipant(input:{roomId:"` + uuid.NewString() + `",participantId:$x}){results{code}}}`,
		`mutation($x:ID="sip_0"){removeParticipant(input:{roomId:"` + uuid.NewString() + `",participantId:"sip_1"}){results{code}}` +
			` another:removeParticipant(input:{roomId:"` + uuid.NewString() + `",participantId:$x}){results{code}}}`,
	} {
		got := ask(t, h, asJSON(t, object{"query": document, "variables": object{"x": "sip_+33123456789"}}))
		assert.NotContains(t, got.text, "participant's id", "it reaches the resolver, of which there is none")
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
		// What is in an object is named itself, or what is missing there.
		assert.True(t, within[field] != nil || len(within) == 0, "%s: it names %q", name, field)
		return
	}
	assert.Equal(t, p.name, field, name)
}

// refusedOperations are well-formed, but ask for what cannot be: the first is the document, the second variables.
var refusedOperations = map[string][2]string{
	"a stream that is skipped":           {`subscription{entry(ticket:"x")@skip(if:true){id}}`},
	"a stream that is not included":      {`subscription{entry(ticket:"x")@include(if:false){id}}`},
	"a stream skipped by a variable":     {`subscription($s:Boolean!){entry(ticket:"x")@skip(if:$s){id}}`, `{"s":true}`},
	"a stream skipped by a default":      {`subscription($s:Boolean=true){entry(ticket:"x")@skip(if:$s){id}}`},
	"a stream in a skipped fragment":     {`subscription{...F@skip(if:true)}fragment F on Subscription{entry(ticket:"x"){id}}`},
	"a stream in an inline fragment":     {`subscription{...@include(if:false){entry(ticket:"x"){id}}}`},
	"one stream under two aliases":       {`subscription{a:entry(ticket:"x"){id}b:entry(ticket:"x"){id}}`},
	"one stream under two, by fragments": {`subscription{...A...B}fragment A on Subscription{a:entry(ticket:"x"){id}}fragment B on Subscription{b:entry(ticket:"x"){id}}`},
	"two streams":                        {`subscription{entry(ticket:"x"){id}lobby(roomId:"` + uuid.Nil.String() + `"){version}}`},
	"a stream of the type's name":        {`subscription{__typename}`},
	"a stream of a type's name, alias":   {`subscription{a:__typename}`},
	"a stream of the schema":             {`subscription{__schema{types{name}}}`},
	"a stream and the type's name":       {`subscription{entry(ticket:"x"){id}__typename}`},
	"a condition of null, in a stream":   {`subscription($s:Boolean=true){entry(ticket:"x")@include(if:$s){id}}`, `{"s":null}`},
	"a condition of null":                {`query($s:Boolean=true){viewer@skip(if:$s){id}}`, `{"s":null}`},
	"a condition of null, in a fragment": {`query($s:Boolean=true){...F}fragment F on Query{viewer@include(if:$s){id}}`, `{"s":null}`},
	"null for a default":                 {`mutation($t:String="x"){cancelEntry(input:{ticket:$t}){entry{id}}}`, `{"t":null}`},
	"null in a list, for a default":      {`mutation($e:ID="` + uuid.Nil.String() + `"){admitAllEntries(input:{roomId:"` + uuid.Nil.String() + `",entryIds:[$e]}){entries{id}}}`, `{"e":null}`},
	"a condition that is no truth":       {`{viewer@skip(if:"true"){id}}`},
	"no condition":                       {`{viewer@skip{id}}`},
	"two conditions":                     {`{viewer@skip(if:true)@skip(if:false){id}}`},
	"no operation":                       {`fragment F on Query{viewer{id}}`},
	"nothing":                            {` `},
	"a comment":                          {`# nothing`},
	"two operations, none named":         {`query A{viewer{id}}query B{viewer{id}}`},
	"a name twice":                       {`query A{viewer{id}}query A{viewer{id}}`},
	"a variable that is not declared":    {`{node(id:$x){id}}`},
	"a variable that is given no value":  {`query($x:ID!){node(id:$x){id}}`},
	"a default of another type":          {`query($x:Int="1"){rooms(first:$x){totalCount}}`},
	"a variable of an output type":       {`query($x:Room){node(id:$x){id}}`, `{"x":{}}`},
	"NUL in a document":                  {"{viewer{id}}\x00"},
	"NUL in a string":                    {`{room(slug:"a\u0000b"){id}}`},
}

// TestOperationThatCannotBeIsRefusedOverEachTransport: an INTERNAL error would page people.
func TestOperationThatCannotBeIsRefusedOverEachTransport(t *testing.T) {
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

// overSocket returns the first answer to an operation that is asked for on a socket.
func overSocket(t *testing.T, url, payload string) string {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{transport.Protocol}}
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(url, "http"), nil)
	require.NoError(t, err)
	defer conn.Close()
	for _, message := range []string{`{"type":"connection_init"}`, `{"id":"1","type":"subscribe","payload":` + payload + `}`} {
		require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(message)))
	}
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(soon)))
	_, _, err = conn.ReadMessage() // connection_ack
	require.NoError(t, err)
	_, text, err := conn.ReadMessage()
	require.NoError(t, err)
	return string(text)
}
