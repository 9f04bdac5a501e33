package transport

import (
	"context"
	"math"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

// Limits bound what a document may ask for. They are checked before anything else is done with it:
// validation costs the square of some of them. What a fragment expands to is counted once however
// often it is spread, and counts as often as it is spread.
type Limits struct {
	// Tokens is how many words and marks a document may have.
	Tokens int
	// Fields, Aliases and Directives are how many of them an operation may have, fragments expanded.
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

// MutateOperationParameters refuses a document that asks for too much.
func (l Limits) MutateOperationParameters(
	ctx context.Context, params *graphql.RawParams,
) *gqlerror.Error {
	if l.Known(ctx, params.Query) {
		return nil
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: params.Query}, l.Tokens)
	if err != nil {
		return nil // gqlgen will say so
	}
	count := counter{limits: l, doc: doc, fragments: map[string]*cost{}}
	for _, operation := range doc.Operations {
		if what, most := l.exceeded(operation, count.selection(operation.SelectionSet), count); what != "" {
			return gqlerror.Errorf("this operation has too many %s: %d at most", what, most)
		}
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
type cost struct{ fields, aliases, directives, depth, complexity int }

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
		{"directives", c.directives + len(operation.Directives), l.Directives},
		{"values to return", c.complexity, l.Complexity},
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

func (c counter) selection(set ast.SelectionSet) cost {
	var sum cost
	for _, s := range set {
		var one cost
		switch s := s.(type) {
		case *ast.Field:
			one = c.field(s)
		case *ast.InlineFragment:
			one = c.selection(s.SelectionSet)
			one.directives = add(one.directives, len(s.Directives))
		case *ast.FragmentSpread:
			one = c.fragment(s.Name)
			one.directives = add(one.directives, len(s.Directives))
		}
		sum = cost{
			fields: add(sum.fields, one.fields), aliases: add(sum.aliases, one.aliases),
			directives: add(sum.directives, one.directives), depth: max(sum.depth, one.depth),
			complexity: add(sum.complexity, one.complexity),
		}
	}
	return sum
}

func (c counter) field(f *ast.Field) cost {
	one := c.selection(f.SelectionSet)
	one.complexity = add(multiply(one.complexity, c.length(f)), 1)
	one.fields = add(one.fields, 1)
	one.depth = add(one.depth, 1)
	one.directives = add(one.directives, len(f.Directives))
	if f.Alias != f.Name {
		one.aliases = add(one.aliases, 1)
	}
	return one
}

// length is how often the answer may have what is selected in a field.
func (c counter) length(f *ast.Field) int {
	first := f.Arguments.ForName("first")
	if first == nil {
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
	counted := c.selection(definition.SelectionSet)
	counted.directives = add(counted.directives, len(definition.Directives))
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
			one, oneSchema = 1, s.Name == "__schema" || s.Name == "__type" || s.Name == "__typename"
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
