package query_test

import (
	"encoding/base64"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"

	"foyer/graph/generated"
)

// introspection is the result of graphql-js's getIntrospectionQuery, which tools send.
const introspection = `query IntrospectionQuery {
	__schema {
		description queryType { name kind } mutationType { name kind } subscriptionType { name kind }
		types { ...FullType }
		directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } }
	}
}
fragment FullType on __Type {
	kind name description specifiedByURL isOneOf
	fields(includeDeprecated: true) {
		name description args(includeDeprecated: true) { ...InputValue } type { ...TypeRef }
		isDeprecated deprecationReason
	}
	inputFields(includeDeprecated: true) { ...InputValue }
	interfaces { ...TypeRef }
	enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
	possibleTypes { ...TypeRef }
}
fragment InputValue on __InputValue {
	name description type { ...TypeRef } defaultValue isDeprecated deprecationReason
}
fragment TypeRef on __Type {
	kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType {
		kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name }}}}}}}}}
}`

func TestToolsReadTheSchemaWithIntrospection(t *testing.T) {
	t.Parallel()
	body := asJSON(t, object{"query": introspection})
	got := ask(t, api(true), body).body()
	require.NotContains(t, got, "errors")
	assert.Equal(t, "Subscription", at(got, "data", "__schema", "subscriptionType", "name"))

	refused := ask(t, api(false), body)
	assert.Equal(t, "FORBIDDEN", refused.code(), "not a failure of ours")
	assert.NotContains(t, refused.text, "Subscription")
}

func TestNamesAreSuggestedWithIntrospection(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		`{viewr {id}}`, `{room(idd: 1) {id}}`, `{viewer {idd}}`,
		`{viewer}`, `mutation {createRoom(input: {name: "a", accessLevel: PUBLI}) {room {id}}}`,
		`mutation {createRoom(input: {nam: "a"}) {room {id}}}`,
	} {
		body := asJSON(t, object{"query": query})
		assert.Contains(t, ask(t, api(true), body).text, "id you mean", query)
		assert.NotContains(t, ask(t, api(false), body).text, "id you mean", query)
	}
}

// hostile returns requests that would be expensive without limits: a document, and variables.
func hostile() map[string][2]string {
	repeat := strings.Repeat
	each := func(n int, of string) string {
		text := &strings.Builder{}
		for i := range n {
			text.WriteString(strings.ReplaceAll(of, "#", strconv.Itoa(i)) + " ")
		}
		return text.String()
	}
	fanOut := func(deep int) string {
		text := &strings.Builder{}
		for i := range deep {
			fmt.Fprintf(text, "fragment f%d on User{...f%d ...f%d}", i, i+1, i+1)
		}
		return fmt.Sprintf("{viewer{...f0}}%sfragment f%d on User{id}", text, deep)
	}
	web := func(fragments int) string { // each spreads all
		spreads := each(fragments, "...f#")
		return "{viewer{...f0}}" + strings.ReplaceAll(each(fragments, "fragment f# on User{id $}"), "$", spreads)
	}
	return map[string][2]string{
		"fragment fan-out of 896 bytes": {fanOut(25)},
		"fragment fan-out of 999 bytes": {fanOut(28)},
		"fan-out of nothing":            {strings.ReplaceAll(fanOut(28), "{id}", "{...g}")},
		"fragments that spread all":     {web(25)},
		"chain of fragments": {
			"{viewer{...f" + each(200, "#}}fragment f# on User{id...{...f") + "end}} fragment fend on User{id}",
		},
		"10,000 __typename":     {"{" + repeat("__typename ", 10_000) + "}"},
		"1,990 __typename":      {"{" + repeat("__typename ", 1990) + "}"},
		"490 times one field":   {"{viewer{" + repeat("id ", 490) + "}}"},
		"22 times 22 times one": {"{" + repeat("viewer{"+repeat("id ", 22)+"}", 20) + "}"},
		"one field, deep inside": {
			"{viewer{" + repeat("...{", 200) + repeat("id ", 250) + repeat("}", 202),
		},
		"inline fragments":       {"{viewer{" + repeat("...{id}", 320) + "}}"},
		"three large operations": {each(3, "query q#{viewer{"+repeat("id ", 490)+"}}")},
		"many operations, one large fragment": {
			each(150, "query q#{viewer{...f}}") + "fragment f on User{" + repeat("x ", 400) + "}",
		},
		"many operations, arguments": {
			each(230, "query q#{...f}") + "fragment f on Query{node(" + each(200, "a#:1") + "){id}}",
		},
		"many operations, input": {
			each(230, "mutation m#{...f}") +
				"fragment f on Mutation{createRoom(input:{" + each(200, "a#:1") + "}){room{id}}}",
		},
		"many operations, a list": {
			each(190, "query q#{...f}") + "fragment f on Query{node(id:[" + repeat("1 ", 800) + "]){id}}",
		},
		"many operations, directives": {
			each(320, "query q#{...f}") + "fragment f on Query{viewer{id" + repeat("@a", 15) + "}}",
		},
		"many operations, variables": {
			each(60, "query q#($a:ID!){...f}") + "fragment f on Query{node(id:[" + repeat("$a $b ", 200) + "]){id}}",
		},
		"large fragment without operation": {"{viewer{id}} fragment f on User{" + repeat("id ", 1980) + "}"},
		"tree without operation": {
			"{viewer{id}} fragment f on Room{" + repeat("lobby{id}", 490) + "}",
		},
		"unknown fragments":         {"{viewer{" + each(950, "...f#") + "}}"},
		"10,000 unknown directives": {"{__typename " + repeat("@a", 10_000) + "}"},
		"990 unknown directives":    {"{__typename " + repeat("@a", 990) + "}"},
		"directives of variables": {
			"query(" + each(60, "$v#:Int"+repeat("@a", 13)) + "){__typename}",
		},
		"directives of a fragment": {
			"{viewer{id}} fragment f on User" + repeat("@a", 980) + "{id}",
		},
		"nested to the token limit": {repeat("{viewer", 665) + repeat("}", 665)},
		"nested inline fragments":   {repeat("{...", 660) + "{__typename}" + repeat("}", 660)},
		"300 aliases":               {"{viewer{" + each(300, "a#:id") + "}}"},
		"aliases of an expensive field": {
			"{" + each(15, "a#:rooms{edges{node{lobby{entries{id}}}}}") + "}",
		},
		"arguments":              {"{" + repeat("node("+each(60, "a#:1")+"){id}", 10) + "}"},
		"one argument 660 times": {"{node(" + repeat("id:1 ", 660) + "){id}}"},
		"unknown fields":         {"{viewer{" + each(450, "nam#") + "}}"},
		"unknown fields, long":   {"{viewer{" + each(450, repeat("a", 250)+"#") + "}}"},
		"unknown field of 20 kB": {"{viewer{" + repeat("a", 20_000) + "}}"},
		"unknown enum value of 20 kB": {
			`mutation{createRoom(input:{name:"a",accessLevel:` + repeat("A", 20_000) + `}){room{id}}}`,
		},
		"cycles under long names":  {strings.ReplaceAll(web(20), "f", repeat("f", 70))},
		"495 variables":            {"query(" + each(495, "$v#:Int") + "){__typename}"},
		"495 variables of no type": {"query(" + each(495, "$v#:T#") + "){__typename}"},
		"undefined variables":      {"{node(id:[" + each(980, "$v#") + "]){id}}"},
		"280 variables in use": {
			"query(" + each(280, "$v#:ID!") + "){node(id:[" + each(280, "$v#") + "]){id}}",
		},
		"literal of 20 kB":      {`{node(id:"` + repeat("a", 20_000) + `"){id}}`},
		"literal of 120 kB":     {`{node(id:"` + repeat("a", 120_000) + `"){id}}`},
		"block of 10,000 lines": {`{node(id:"""` + repeat(" \n", 10_000) + `"""){id}}`},
		"escapes":               {`{node(id:"` + repeat(`\n`, 10_000) + `"){id}}`},
		"number of 20 kB":       {`{node(id:` + repeat("9", 20_000) + `){id}}`},
		"list of 1,900": {
			"mutation{admitAllEntries(input:{roomId:1,entryIds:[" + repeat("1 ", 1900) + "]}){entries{id}}}",
		},
		"lists in lists": {
			"mutation{admitAllEntries(input:{entryIds:" + repeat("[", 900) + repeat("]", 900) + "}){entries{id}}}",
		},
		"unknown input fields": {
			"mutation{admitAllEntries(input:{" + each(640, "f#:1") + "}){entries{id}}}",
		},
		"comments": {repeat("#\n", 10_000) + "{node(id:1){id}}"},
		"schema 15 times": {
			"{" + each(15, "a#:__schema{types{fields{args{name}type{fields{name description}}}}}") + "}",
		},
		"schema in the schema": {
			"{__schema{types{fields{type{fields{args{type{inputFields{name}}}}}}}}}",
		},
		"string variable of 120 kB": {
			"query($v:ID!){node(id:$v){id}}", `{"v":"` + repeat("a", 120_000) + `"}`,
		},
		"list variable of 30,000": {
			"mutation($v:AdmitAllEntriesInput!){admitAllEntries(input:$v){entries{id}}}",
			`{"v":{"roomId":"1","entryIds":[` + strings.TrimSuffix(repeat(`"1",`, 30_000), ",") + `]}}`,
		},
		"nested variable": {
			"mutation($v:AdmitAllEntriesInput!){admitAllEntries(input:$v){entries{id}}}",
			`{"v":{"roomId":"1","entryIds":` + repeat("[", 5000) + repeat("]", 5000) + `}}`,
		},
		"variable of 8,000 unknown fields": {
			"mutation($v:AdmitAllEntriesInput!){admitAllEntries(input:$v){entries{id}}}",
			`{"v":{` + strings.ReplaceAll(each(8000, `"f#":1,`), " ", "") + `"roomId":"1"}}`,
		},
		"nested cursor, 15 times": {
			"query($v:Cursor){" + each(15, "a#:rooms(after:$v){totalCount}") + "}", `{"v":"` + nesting() + `"}`,
		},
		"nested cursor in the document": {`{rooms(after:"` + nesting()[:23_000] + `"){totalCount}}`},
		"8,000 unused variables": {
			"query($v:ID!){node(id:$v){id}}", `{` + strings.ReplaceAll(each(8000, `"f#":1,`), " ", "") + `"v":"1"}`,
		},
	}
}

// nesting returns a cursor in MessagePack, which some libraries use: nested arrays, each of which says in three bytes
// that it has 10,000 elements. A decoder that allocates them takes 160 kB for each.
func nesting() string {
	return base64.RawStdEncoding.EncodeToString([]byte("\x81\xa1v" + strings.Repeat("\xdc\x27\x10", 29_000)))
}

// hostileBody returns a hostile request, different in each round, because known documents are not checked again.
func hostileBody(t testing.TB, q [2]string, round int) string {
	t.Helper()
	query, variables := q[0], q[1]
	if variables == "" {
		variables = "{}"
	}
	return `{"query":` + asJSON(t, query+strings.Repeat(" ", round%100)) + `,"variables":` + variables + `}`
}

// acceptable is the CPU time that a hostile query may take. It allows for the race detector; the benchmark is exact.
const acceptable = 150 * time.Millisecond

func TestHostileQueriesAreRefusedSoon(t *testing.T) {
	t.Parallel()
	runtime.LockOSThread() // whose CPU time is measured
	defer runtime.UnlockOSThread()
	for _, introspection := range []bool{false, true} {
		h := api(introspection)
		for name, q := range hostile() {
			var got answered
			least := time.Hour
			for round := 0; round < 5 && least > acceptable; round++ { // a garbage collection may run in between
				body := hostileBody(t, q, round)
				begin := cpu(syscall.RUSAGE_THREAD)
				got = ask(t, h, body)
				least = min(least, cpu(syscall.RUSAGE_THREAD)-begin)
			}
			assert.Less(t, least, acceptable, name)
			errs, _ := got.body()["errors"].([]any)
			require.NotEmpty(t, errs, name)
			assert.Equal(t, "INVALID", at(errs[0], "extensions", "code"), "%s: %v", name, errs[0])
			assert.LessOrEqual(t, len(errs), common.Errors, name)
			assert.Less(t, len(got.text), 64<<10, "%s: a response out of proportion", name)
		}
	}
}

// mostMemory is how many bytes a hostile query may allocate in total, including those that are freed again.
const mostMemory = 32 << 20

// Not parallel, because it measures allocations.
func TestHostileQueriesTakeLittleMemory(t *testing.T) {
	for _, introspection := range []bool{false, true} {
		h := api(introspection)
		for name, q := range hostile() {
			body := hostileBody(t, q, 0)
			allocated := allocating(func() { ask(t, h, body) })
			assert.Less(t, allocated, uint64(mostMemory), name)
		}
	}
}

// allocating returns how many bytes are allocated while a function runs.
func allocating(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Validation compares each pair of fields of one name, and each pair of fragments, in one place.
func TestDocumentThatRepeatsTooMuchIsRefused(t *testing.T) {
	t.Parallel()
	l := common
	l.Known = small.Known
	for name, document := range map[string]string{
		"a field":             "{viewer{%s}}",
		"in another fragment": "{viewer{id}} fragment f on User{%s}",
		"inline":              "{viewer{...{...{%s}}}}",
		"of two fragments":    "{viewer{...f ...f}} fragment f on User{%s}",
	} {
		assert.Empty(t, refusal(l, fmt.Sprintf(document, strings.Repeat("id ", 40))), name)
		assert.Contains(t, refusal(l, fmt.Sprintf(document, strings.Repeat("id ", 200))), "repeats too much", name)
	}
	distinct := &strings.Builder{}
	for i := range 400 {
		fmt.Fprintf(distinct, "f%d ", i)
	}
	assert.Empty(t, refusal(l, "{viewer{"+distinct.String()+"}}"), "fields of many names")
}

// BenchmarkHostileQueries reports the CPU time of each, which should be below 5 ms.
func BenchmarkHostileQueries(b *testing.B) {
	queries := hostile()
	names := make([]string, 0, len(queries))
	for name := range queries {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for what, introspection := range map[string]bool{"production": false, "development": true} {
			b.Run(name+"/"+what, func(b *testing.B) {
				h, q := api(introspection), queries[name]
				bodies := make([]string, 100)
				for i := range bodies {
					bodies[i] = hostileBody(b, q, i)
				}
				i, begin := 0, cpu(syscall.RUSAGE_SELF)
				for b.Loop() {
					ask(b, h, bodies[i%len(bodies)])
					i++
				}
				b.ReportMetric(float64((cpu(syscall.RUSAGE_SELF)-begin).Microseconds())/1000/float64(b.N), "cpu-ms/op")
			})
		}
	}
}

// cpu returns the CPU time of a process or a thread.
func cpu(of int) time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(of, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// FuzzLimits checks that documents are checked without a panic and quickly, and that those that pass are validated
// quickly.
func FuzzLimits(f *testing.F) {
	f.Add(introspection)
	f.Add(`{rooms(first: 10) {edges {node {id}}}}`)
	f.Add(`query A($a: Int = 1 @b, $c: [ID!]) {a: node(id: {b: [$c, 1, "x"]}) @skip(if: $a) {...F ... on Room {id}}}` +
		` fragment F on Room @d {...F}`)
	f.Add(`{viewer{...A}} fragment A on User {...B ...B} fragment B on User {...A id}`)
	f.Add("subscription {lobby(roomId: \"\"\"\n x\n\"\"\") {entries {id}}} # comment")
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	limits := common
	limits.Known = small.Known
	f.Fuzz(func(t *testing.T, document string) {
		begin := cpu(syscall.RUSAGE_SELF)
		refused := refusal(limits, document)
		doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: document}, limits.Tokens)
		if refused == "" && err == nil {
			validator.ValidateWithRules(schema, doc, nil)
		}
		assert.Less(t, cpu(syscall.RUSAGE_SELF)-begin, time.Second)
	})
}
