// Package query decides what a GraphQL document may ask for, before it is executed: its size and cost, its values,
// whether it is a trusted document, and which fields an application's scopes open. It does not know how requests
// arrive.
package query

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

// Limits bound what a document may ask for. They are checked before the document is validated, because validation takes
// time in the square of some of them. A fragment is computed once, and counts as often as it is spread.
type Limits struct {
	// Tokens is how many words and punctuators a document may have, and how many values its variables may have.
	Tokens int
	// Fields, Aliases and Directives are how many of them an operation may have, with fragments expanded. Directives
	// elsewhere in the document count too.
	Fields, Aliases, Directives int
	// RootFields is how many fields the operation's root may have.
	RootFields int
	// Depth is how deep fields may nest; SchemaDepth is that of an operation that reads only the schema.
	Depth, SchemaDepth int
	// Complexity is how many values a response may have, if every list is as long as its argument "first" allows.
	Complexity int
	// LongestList is the length of a list whose "first" cannot be read from the document.
	LongestList int
	// Lists are the names of fields that have a "first". Without it, their list counts as LongestList.
	Lists map[string]bool
	// Errors is how many errors a response may have. More are left out.
	Errors int

	// Known reports whether a document has been checked already.
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

// bytesPerToken times Tokens is how many bytes a document may have.
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
		return nil // gqlgen returns this error
	}
	return l.check(doc)
}

// values counts the values in variables, at any depth. The transport bounds the depth of JSON.
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
	if tooMuchWork(doc) {
		return gqlerror.Errorf("this document repeats too much: fields, fragments or arguments")
	}
	return nil
}

// InterceptResponse removes errors from a response that has too many.
func (l Limits) InterceptResponse(
	ctx context.Context, next graphql.ResponseHandler,
) *graphql.Response {
	response := next(ctx)
	if response != nil && len(response.Errors) > l.Errors {
		response.Errors = response.Errors[:l.Errors]
	}
	return response
}

// exceeded returns the first limit that an operation exceeds; empty when it exceeds none.
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
