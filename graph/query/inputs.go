package query

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"
)

// Inputs refuses every value that is not exactly what the schema says, before anything is executed. Rule checks
// the values that stand in a document, once for each document, and the extension checks those of variables where the
// document uses them, with each request; both by the same walk. GraphQL's library takes an enum's value in any case,
// numbers as strings and strings as numbers, from variables; what is generated then stores something else, or nothing.
//
// An error names the argument or input field to blame, by whatever variable its value has come.
//
// It also refuses a subscription that would not ask for exactly one field once it is executed.
type Inputs struct {
	// Suggest names of the schema that resemble a wrong one.
	Suggest bool
	// Scalars read those of the schema's scalars that are not any string; their errors are told. One that has the
	// name of a directive, with its @, reads what the schema marks with that.
	Scalars map[string]func(value any) error

	schema *ast.Schema
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
} = (*Inputs)(nil)

// ExtensionName names the check to gqlgen.
func (*Inputs) ExtensionName() string { return "Inputs" }

// Validate takes the schema to check by.
func (i *Inputs) Validate(schema graphql.ExecutableSchema) error {
	i.schema = schema.Schema()
	return nil
}

// MutateOperationContext refuses an operation whose variables are not what the places are that they are used in.
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
	if err != nil { // of which the path is no answer's
		err.Path, err.Extensions = nil, map[string]any{"field": innermost(err.Path)}
	}
	return err
}

func usesVariable(v *ast.Value) bool {
	return v.Kind == ast.Variable ||
		slices.ContainsFunc(v.Children, func(c *ast.ChildValue) bool { return usesVariable(c.Value) })
}

// PlaceOf returns the name of the argument or input field of an operation that a variable is the value of, or is
// among those of: the first of several, and none of a variable that is not used.
func PlaceOf(doc *ast.QueryDocument, o *ast.OperationDefinition, variable string) (name string) {
	var inValue func(name string, v *ast.Value) string
	inValue = func(name string, v *ast.Value) string {
		if v.Kind == ast.Variable && v.Raw == variable {
			return name
		}
		for _, child := range v.Children {
			if found := inValue(cmp.Or(child.Name, name), child.Value); found != "" {
				return found
			}
		}
		return ""
	}
	arguments(doc, o, func(_ ast.ArgumentDefinitionList, given ast.ArgumentList) bool {
		for _, argument := range given {
			name = cmp.Or(name, inValue(argument.Name, argument.Value))
		}
		return name == ""
	})
	return name
}

// arguments calls a function with the arguments of each field and directive of an operation, until it returns false.
// What is known of them is nil before the document is checked.
func arguments(
	doc *ast.QueryDocument, o *ast.OperationDefinition, each func(ast.ArgumentDefinitionList, ast.ArgumentList) bool,
) {
	directives := func(list ast.DirectiveList) bool {
		for _, directive := range list {
			var known ast.ArgumentDefinitionList
			if directive.Definition != nil {
				known = directive.Definition.Arguments
			}
			if !each(known, directive.Arguments) {
				return false
			}
		}
		return true
	}
	var seen []string // fragments
	var selection func(ast.SelectionSet) bool
	one := func(s ast.Selection) bool {
		switch s := s.(type) {
		case *ast.Field:
			var known ast.ArgumentDefinitionList
			if s.Definition != nil {
				known = s.Definition.Arguments
			}
			return each(known, s.Arguments) && directives(s.Directives) && selection(s.SelectionSet)
		case *ast.InlineFragment:
			return directives(s.Directives) && selection(s.SelectionSet)
		case *ast.FragmentSpread:
			fragment := doc.Fragments.ForName(s.Name)
			if fragment == nil || slices.Contains(seen, s.Name) {
				return directives(s.Directives)
			}
			seen = append(seen, s.Name)
			return directives(s.Directives) && directives(fragment.Directives) && selection(fragment.SelectionSet)
		}
		return true
	}
	selection = func(set ast.SelectionSet) bool {
		return !slices.ContainsFunc(set, func(s ast.Selection) bool { return !one(s) })
	}
	_ = directives(o.Directives) && selection(o.SelectionSet)
}

// oneStream refuses a subscription of which @skip or @include leave nothing, or aliases make several.
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

// Rule checks the arguments that stand in a document. It takes the place of the library's ValuesOfCorrectType,
// ProvidedRequiredArguments and KnownArgumentNames.
func (i *Inputs) Rule(observers *core.Events, addError core.AddErrFunc) {
	add := func(at *ast.Position, field, message string) {
		addError(core.Message("%s", message), core.At(at), func(e *gqlerror.Error) {
			e.Extensions = map[string]any{"field": field}
		})
	}
	check := inputCheck{Inputs: i, literal: true}
	seen := map[*ast.Position]bool{} // fragments are visited with each operation
	arguments := func(at *ast.Position, known ast.ArgumentDefinitionList, given ast.ArgumentList) {
		if seen[at] {
			return
		}
		seen[at] = true
		for _, argument := range given {
			if err := check.argument(known, argument); err != nil {
				add(argument.Position, innermost(err.Path), err.Message)
			}
		}
		for _, definition := range known {
			if isRequired(definition.Type, definition.DefaultValue) && given.ForName(definition.Name) == nil {
				add(at, definition.Name, definition.Name+" is required")
			}
		}
	}
	observers.OnField(func(_ *core.Walker, field *ast.Field) {
		if field.Definition != nil {
			arguments(field.Position, field.Definition.Arguments, field.Arguments)
		}
	})
	observers.OnDirective(func(_ *core.Walker, directive *ast.Directive) {
		if directive.Definition != nil {
			arguments(directive.Position, directive.Definition.Arguments, directive.Arguments)
		}
	})
	// Where it is used decides what else a default has to be.
	byType := inputCheck{Inputs: &Inputs{Suggest: i.Suggest, schema: i.schema}, literal: true}
	observers.OnVariable(func(w *core.Walker, v *ast.VariableDefinition) {
		if v.DefaultValue == nil {
			return
		}
		name := cmp.Or(PlaceOf(w.Document, w.CurrentOperation, v.Variable), v.Variable)
		if err := byType.value(place{ast.Path{ast.PathName(name)}, v.Type, nil}, literal(v.DefaultValue)); err != nil {
			add(v.DefaultValue.Position, innermost(err.Path), err.Message)
		}
	})
}

func isRequired(of *ast.Type, otherwise *ast.Value) bool { return of.NonNull && otherwise == nil }
