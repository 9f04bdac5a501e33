// Package query judges what a GraphQL document may ask for, before it is executed: its size and cost, its values, whether
// it is a trusted document, and which fields an application's scopes open. It knows nothing of how requests arrive.
package query

import (
	"context"
	"math"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

// Limits bound what a document may ask for. They are checked before anything else is done with it:
// validation costs the square of some of them. What a fragment expands to is counted once however
// often it is spread, and counts as often as it is spread.
type Limits struct {
	// Tokens is how many words and marks a document may have, and how many values its variables.
	Tokens int
	// Fields, Aliases and Directives are how many of them an operation may have, fragments expanded.
	// Of directives, those count as well that stand elsewhere in the document.
	Fields, Aliases, Directives int
	// RootFields is how many fields the operation itself may have.
	RootFields int
	// Depth is how deep fields may lie in each other; of an operation that asks for the schema alone,
	// SchemaDepth.
	Depth, SchemaDepth int
	// Complexity is how many values an answer may have, if every list is as long as its argument
	// "first" allows.
	Complexity int
	// LongestList is how many values a list has whose "first" is not to be read from the document.
	LongestList int
	// Lists names the fields that take a "first", and give a list of LongestList without it.
	Lists map[string]bool
	// Errors is how many errors an answer has at most.
	Errors int

	// Known reports whether a document has been checked before.
	Known func(ctx context.Context, query string) bool
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
	graphql.ResponseInterceptor
} = Limits{}

// ExtensionName names the limits to gqlgen.
func (Limits) ExtensionName() string { return "Limits" }

// Validate accepts any schema.
func (Limits) Validate(graphql.ExecutableSchema) error { return nil }

// bytesPerToken is how many bytes a document may have for each of the tokens that it may have.
const bytesPerToken = 12

// MutateOperationParameters refuses a document that asks for too much.
func (l Limits) MutateOperationParameters(
	ctx context.Context, params *graphql.RawParams,
) *gqlerror.Error {
	if values(params.Variables) > l.Tokens {
		return gqlerror.Errorf("the variables have too many values: %d at most", l.Tokens)
	}
	if l.Known(ctx, params.Query) {
		return nil
	}
	if most := l.Tokens * bytesPerToken; len(params.Query) > most {
		return gqlerror.Errorf("this document has too many bytes: %d at most", most)
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: params.Query}, l.Tokens)
	if err != nil {
		return nil // gqlgen will say so
	}
	return l.check(doc)
}

// values counts those in variables, at whatever depth. JSON's decoder bounds that.
func values(variable any) int {
	n := 0
	switch v := variable.(type) {
	case map[string]any:
		for _, value := range v {
			n += 1 + values(value)
		}
	case []any:
		for _, value := range v {
			n += 1 + values(value)
		}
	}
	return n
}

func (l Limits) check(doc *ast.QueryDocument) *gqlerror.Error {
	count := counter{limits: l, doc: doc, fragments: map[string]*cost{}}
	elsewhere := count.elsewhere()
	for _, operation := range doc.Operations {
		c := count.selection(operation.SelectionSet, false)
		c.directives = add(c.directives, elsewhere+len(operation.Directives))
		if what, most := l.exceeded(operation, c, count); what != "" {
			return gqlerror.Errorf("this operation has too many %s: %d at most", what, most)
		}
		if c.deferred {
			return gqlerror.Errorf("answers come in one piece here: @defer is not offered")
		}
	}
	if tooMuch(doc) {
		return gqlerror.Errorf("this document repeats too much: fields, fragments or arguments")
	}
	return nil
}

// InterceptResponse leaves errors out of an answer that has too many.
func (l Limits) InterceptResponse(
	ctx context.Context, next graphql.ResponseHandler,
) *graphql.Response {
	answer := next(ctx)
	if answer != nil && len(answer.Errors) > l.Errors {
		answer.Errors = answer.Errors[:l.Errors]
	}
	return answer
}

// cost is what a selection expands to.
type cost struct {
	fields, aliases, directives, depth int
	// complexity is how many values it gives, and schema how many of the schema.
	complexity, schema int
	deferred           bool
}

func (c cost) and(other cost) cost {
	return cost{
		fields: add(c.fields, other.fields), aliases: add(c.aliases, other.aliases),
		directives: add(c.directives, other.directives), depth: max(c.depth, other.depth),
		complexity: add(c.complexity, other.complexity), schema: add(c.schema, other.schema),
		deferred: c.deferred || other.deferred,
	}
}

// with adds the directives of a fragment.
func (c cost) with(directives ast.DirectiveList) cost {
	c.directives = add(c.directives, len(directives))
	c.deferred = c.deferred || directives.ForName("defer") != nil
	return c
}

// mostSchema is how many values of the schema an operation may ask for, counted by schemaLists. The
// query of common tools comes to three quarters of it.
const mostSchema = 200_000

// schemaLists are the fields of the schema's own types that give a list, and roughly how long it is.
var schemaLists = map[string]int{
	"types": 100, "fields": 10, "args": 2, "inputFields": 5, "enumValues": 5, "possibleTypes": 5,
	"interfaces": 2, "directives": 5,
}

// exceeded names the first limit that is exceeded; empty when none is.
func (l Limits) exceeded(
	operation *ast.OperationDefinition, c cost, count counter,
) (what string, most int) {
	depth := l.Depth
	roots, schema := count.roots(operation.SelectionSet, map[string]bool{})
	if schema {
		depth = max(depth, l.SchemaDepth)
	}
	for _, limit := range []struct {
		what      string
		has, most int
	}{
		{"fields at its root", roots, l.RootFields},
		{"fields", c.fields, l.Fields},
		{"levels", c.depth, depth},
		{"aliases", c.aliases, l.Aliases},
		{"directives", c.directives, l.Directives},
		{"values to return", c.complexity, l.Complexity},
		{"values of the schema to return", c.schema, mostSchema},
	} {
		if limit.has > limit.most {
			return limit.what, limit.most
		}
	}
	return "", 0
}

// counter counts what the selections of a document expand to.
type counter struct {
	limits Limits
	doc    *ast.QueryDocument
	// fragments are those that have been counted; nil for one that is being counted, which only a
	// cycle asks for, and validation refuses those.
	fragments map[string]*cost
}

// elsewhere counts the directives that are no part of a selection: of variables, and of fragments,
// which may never be spread.
func (c counter) elsewhere() int {
	n := 0
	for _, operation := range c.doc.Operations {
		for _, variable := range operation.VariableDefinitions {
			n += len(variable.Directives)
		}
	}
	for _, fragment := range c.doc.Fragments {
		n += len(fragment.Directives)
	}
	return n
}

// selection counts a selection, which is made of the schema or not.
func (c counter) selection(set ast.SelectionSet, schema bool) cost {
	var sum cost
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			sum = sum.and(c.field(s, schema))
		case *ast.InlineFragment:
			sum = sum.and(c.selection(s.SelectionSet, schema).with(s.Directives))
		case *ast.FragmentSpread:
			sum = sum.and(c.fragment(s.Name).with(s.Directives))
		}
	}
	return sum
}

func (c counter) field(f *ast.Field, schema bool) cost {
	one := c.selection(f.SelectionSet, schema || ofSchema(f.Name))
	if schema {
		one.schema = add(multiply(one.schema, max(schemaLists[f.Name], 1)), 1)
	} else {
		one.complexity = add(multiply(one.complexity, c.length(f)), 1)
	}
	one.fields = add(one.fields, 1)
	one.depth = add(one.depth, 1)
	one.directives = add(one.directives, len(f.Directives))
	if f.Alias != f.Name {
		one.aliases = add(one.aliases, 1)
	}
	return one
}

func ofSchema(field string) bool { return field == "__schema" || field == "__type" }

// length is how often the answer may have what is selected in a field.
func (c counter) length(f *ast.Field) int {
	first := f.Arguments.ForName("first")
	switch {
	case first == nil && c.limits.Lists[f.Name]:
		return c.limits.LongestList
	case first == nil:
		return 1
	}
	n, err := strconv.Atoi(first.Value.Raw)
	if first.Value.Kind != ast.IntValue || err != nil || n > c.limits.LongestList {
		return c.limits.LongestList
	}
	return max(n, 1)
}

func (c counter) fragment(name string) cost {
	if known, ok := c.fragments[name]; ok {
		if known == nil {
			return cost{}
		}
		return *known
	}
	definition := c.doc.Fragments.ForName(name)
	if definition == nil {
		return cost{} // validation will say so
	}
	c.fragments[name] = nil
	schema := strings.HasPrefix(definition.TypeCondition, "__")
	counted := c.selection(definition.SelectionSet, schema)
	c.fragments[name] = &counted
	return counted
}

// roots counts the fields of an operation itself, and reports whether all of them ask for the schema.
func (c counter) roots(set ast.SelectionSet, seen map[string]bool) (n int, schema bool) {
	schema = true
	for _, s := range set {
		one, oneSchema := 0, true
		switch s := s.(type) {
		case *ast.Field:
			one, oneSchema = 1, ofSchema(s.Name) || s.Name == "__typename"
		case *ast.InlineFragment:
			one, oneSchema = c.roots(s.SelectionSet, seen)
		case *ast.FragmentSpread:
			if definition := c.doc.Fragments.ForName(s.Name); definition != nil && !seen[s.Name] {
				seen[s.Name] = true
				one, oneSchema = c.roots(definition.SelectionSet, seen)
			}
		}
		n, schema = n+one, schema && oneSchema
	}
	return n, schema
}

// add and multiply stop at the largest int.
func add(a, b int) int {
	if a > math.MaxInt-b {
		return math.MaxInt
	}
	return a + b
}

func multiply(a, b int) int {
	if b != 0 && a > math.MaxInt/b {
		return math.MaxInt
	}
	return a * b
}
