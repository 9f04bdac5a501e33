package query_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"

	"foyer/graph/query"
)

// small has limits that a test can reach.
var small = query.Limits{
	Tokens: 100, Fields: 10, Aliases: 3, Directives: 3, RootFields: 4, Depth: 4, SchemaDepth: 6,
	Complexity: 100, LongestList: 20, Errors: 5, Lists: map[string]bool{"rooms": true},
	Known: func(context.Context, string) bool { return false },
}

// refusal returns why limits refuse a document; empty when they allow it.
func refusal(l query.Limits, document string) string {
	err := l.MutateOperationParameters(context.Background(), &graphql.RawParams{Query: document})
	if err == nil {
		return ""
	}
	return err.Message
}

func TestEachLimitAllowsItsNumberAndNoMore(t *testing.T) {
	t.Parallel()
	repeat := strings.Repeat
	for name, limit := range map[string]struct{ at, above, refusal string }{
		"root fields": {
			`{a b c d}`, `{a b c d e}`, "fields at its root: 4",
		},
		"root fields of an inline fragment": {
			`{a ... {b c d}}`, `{a ... {b c d e}}`, "fields at its root: 4",
		},
		"root fields of a fragment": {
			`{a ...F} fragment F on Query {b c d}`, `{a ...F} fragment F on Query {b c d e}`,
			"fields at its root: 4",
		},
		"root fields of the schema": {
			`{__typename __schema {a} __typename __typename}`,
			`{__typename __schema {a} __typename __typename __typename}`, "fields at its root: 4",
		},
		"fields": {
			`{a {` + repeat("b ", 9) + `}}`, `{a {` + repeat("b ", 10) + `}}`, "fields: 10",
		},
		"fields of a fragment, as often as it is spread": {
			`{a {...F} b {...F}} fragment F on T {c d e f}`,
			`{a {...F} b {...F}} fragment F on T {c d e f g}`, "fields: 10",
		},
		"fields of fragments in fragments": {
			`{a {...F ...F}} fragment F on T {...G ...G} fragment G on T {b c}`,
			`{a {...F ...F}} fragment F on T {...G ...G} fragment G on T {b c d}`, "fields: 10",
		},
		"fields of the second operation": {
			`query A {a} query B {a {` + repeat("b ", 9) + `}}`,
			`query A {a} query B {a {` + repeat("b ", 10) + `}}`, "fields: 10",
		},
		"levels": {
			`{a {b {c {d}}}}`, `{a {b {c {d {e}}}}}`, "levels: 4",
		},
		"levels, not counting inline fragments": {
			`{... {a {... {b {... {c {... {d}}}}}}}}`, `{... {a {b {c {d {... {e}}}}}}}`, "levels: 4",
		},
		"levels through fragments": {
			`{a {...F}} fragment F on T {b {...G}} fragment G on T {c {d}}`,
			`{a {...F}} fragment F on T {b {...G}} fragment G on T {c {d {e}}}`, "levels: 4",
		},
		"levels of the schema": {
			`{__schema {a {b {c {d {e}}}}}}`, `{__schema {a {b {c {d {e {f}}}}}}}`, "levels: 6",
		},
		"levels of the schema beside something else": {
			`{a __type {b {c {d}}}}`, `{a __type {b {c {d {e}}}}}`, "levels: 4",
		},
		"aliases": {
			`{a: x b: x c: x}`, `{a: x b: x c: x d: x}`, "aliases: 3",
		},
		"aliases of a fragment, as often as it is spread": {
			`{a {...F} b {...F}} fragment F on T {c: x}`,
			`{a {...F} b {...F}} fragment F on T {c: x d: x}`, "aliases: 3",
		},
		"directives": {
			`query @a {b @c ... @d {e}}`, `query @a {b @c ... @d {e @f}}`, "directives: 3",
		},
		"directives of spreads and fragments": {
			`{...F @a} fragment F on T @b {c @d}`, `{...F @a} fragment F on T @b @b {c @d}`, "directives: 3",
		},
		"directives of a fragment that is not spread": {
			`{a} fragment F on T @b @b @b {c}`, `{a} fragment F on T @b @b @b @b {c}`, "directives: 3",
		},
		"directives of variables": {
			`query($v: Int @a @b @c) {d}`, `query($v: Int @a @b @c @d) {e}`, "directives: 3",
		},
		"values": {
			`{a(first: 9) {b {c {d} e: x} }}`, `{a(first: 20) {b {c {d} e: x e: x}}}`, "values to return: 100",
		},
		"bytes": {
			`{a}` + repeat(" ", 1197), `{a}` + repeat(" ", 1198), "bytes: 1200",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Empty(t, refusal(small, limit.at))
			refused := refusal(small, limit.above)
			assert.True(t, strings.HasSuffix(refused, " has too many "+limit.refusal+" at most"), refused)
		})
	}
}

func TestListCountsAsManyTimesAsItsLength(t *testing.T) {
	t.Parallel()
	for argument, times := range map[string]int{
		"(first: 5)": 5, "(first: 1)": 1, "(first: 0)": 1, "(first: -3)": 1, "(first: 20)": 20,
		"(first: 21)": 20, "(first: 99999999999999999999999)": 20, "(first: $n)": 20, "(first: null)": 20,
		`(first: "5")`: 20, "(first: 5.0)": 20, "(first: [5])": 20, "(after: 5)": 20, "": 20,
	} {
		inside := 99 / times // and one for the list itself
		l := small
		l.Fields, l.Tokens = 1000, 1000
		document := func(fields int) string {
			return "{rooms" + argument + " {" + strings.Repeat("a ", fields) + "}}"
		}
		assert.Empty(t, refusal(l, document(inside)), argument)
		assert.Contains(t, refusal(l, document(inside+1)), "values to return", argument)
	}
	assert.Empty(t, refusal(small, "{single {a b c d e f g h i}}"), "a field without first is no list")
}

func TestListsInListsMultiply(t *testing.T) {
	t.Parallel()
	assert.Empty(t, refusal(small, `{a(first: 3) {b(first: 3) {c(first: 3) {d}}}}`))
	assert.Contains(t, refusal(small, `{a(first: 5) {b(first: 5) {c(first: 5) {d}}}}`), "values to return")
	huge := `{a(first: 20) {` + strings.Repeat(`a(first: 20) {`, 30) + "b" + strings.Repeat("}", 31) + "}"
	l := small
	l.Depth, l.Fields = 100, 100
	l.Tokens = 1000
	assert.Contains(t, refusal(l, huge), "values to return", "the number does not fit an int")
}

// Validation refuses these anyway, and its errors have locations.
func TestInvalidDocumentsAreLeftToValidation(t *testing.T) {
	t.Parallel()
	for _, document := range []string{
		``, `{`, `{a`, "\x00", `fragment F on T {a}`, `{...F}`, `{...F} fragment F on T {...F}`,
		`{...F} fragment F on T {a ...G} fragment G on T {b ...F}`,
		`{...F} fragment F on T {a} fragment F on T {b}`, `subscription {a b}`,
		`{` + strings.Repeat("a ", 200) + `}`, // too many tokens, which the parser refuses
	} {
		assert.Empty(t, refusal(small, document), document)
	}
}

func TestVariablesHaveAtMostTheAllowedValues(t *testing.T) {
	t.Parallel()
	l := small
	l.Known = func(context.Context, string) bool { return true } // also for a known document
	with := func(variables map[string]any) string {
		err := l.MutateOperationParameters(t.Context(), &graphql.RawParams{Query: `{a}`, Variables: variables})
		if err == nil {
			return ""
		}
		return err.Message
	}
	list := slices.Repeat([]any{"a"}, 97)
	assert.Empty(t, with(nil))
	assert.Empty(t, with(object{"a": object{"b": list}, "c": 1}))
	assert.Equal(t, "the variables have too many values: 100 at most",
		with(object{"a": object{"b": append(list, "a")}, "c": 1}))
	assert.NotEmpty(t, with(object{"a": []any{object{"b": append(list, "a")}}}))
}

func TestDeferIsNotOffered(t *testing.T) {
	t.Parallel()
	for _, document := range []string{
		`{... @defer {a}}`, `{...F @defer} fragment F on T {a}`, `{a {... @defer(if: true) {b}}}`,
		`{a {...F}} fragment F on T {b {... @defer {c}}}`,
	} {
		assert.Contains(t, refusal(small, document), "@defer", document)
	}
}

func TestKnownDocumentIsNotCheckedAgain(t *testing.T) {
	t.Parallel()
	l := small
	l.Known = func(_ context.Context, query string) bool { return query == `{a b c d e}` }
	assert.Empty(t, refusal(l, `{a b c d e}`))
	assert.NotEmpty(t, refusal(l, `{a b c d e }`))
}
