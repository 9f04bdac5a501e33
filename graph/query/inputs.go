package query

import (
	"context"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Inputs refuses every value that does not match the schema exactly, before anything is executed. Rule checks a
// document's own values, once for each document. The extension checks variables with each request, at the places where
// the document uses them. Both use the same code. GraphQL's library is less strict with variables: it accepts an enum
// value in any case, numbers as strings and strings as numbers, and the generated code then stores something else, or
// nothing.
//
// An error names the argument or input field that is wrong, whatever variable its value came from.
//
// Inputs also refuses a subscription that would not have exactly one field when it is executed.
type Inputs struct {
	// Suggest names of the schema that resemble a wrong one.
	Suggest bool
	// Scalars parse the values of scalars that are not just any string. Clients see their errors. A name with an @ is
	// that of a directive: the function parses values that the schema marks with it.
	Scalars map[string]func(value any) error

	schema *ast.Schema
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
} = (*Inputs)(nil)

// ExtensionName names the check to gqlgen.
func (*Inputs) ExtensionName() string { return "Inputs" }

// Validate keeps the schema.
func (i *Inputs) Validate(schema graphql.ExecutableSchema) error {
	i.schema = schema.Schema()
	return nil
}

// MutateOperationContext refuses an operation with a variable that does not match the places where it is used.
func (i *Inputs) MutateOperationContext(_ context.Context, o *graphql.OperationContext) *gqlerror.Error {
	if len(o.Variables) > 0 {
		if err := i.variables(o); err != nil {
			return err
		}
	}
	return oneStream(o)
}

func (i *Inputs) variables(o *graphql.OperationContext) (err *gqlerror.Error) {
	check := inputCheck{Inputs: i, literal: true, variables: o.Variables}
	arguments(o.Doc, o.Operation, func(known ast.ArgumentDefinitionList, given ast.ArgumentList) bool {
		for _, argument := range given {
			if err == nil && usesVariable(argument.Value) {
				err = check.argument(known, argument)
			}
		}
		return err == nil
	})
	if err != nil { // its path is not one of a response
		err.Path, err.Extensions = nil, map[string]any{"field": innermost(err.Path)}
	}
	return err
}

// oneStream refuses a subscription that has no field because of @skip or @include, or several because of aliases.
func oneStream(o *graphql.OperationContext) *gqlerror.Error {
	if o.Operation.Operation != ast.Subscription {
		return nil
	}
	fields := graphql.CollectFields(o, o.Operation.SelectionSet, []string{"Subscription"})
	if len(fields) != 1 || strings.HasPrefix(fields[0].Name, "__") {
		return gqlerror.Errorf("a subscription asks for exactly one field, which is not of the schema itself")
	}
	return nil
}
