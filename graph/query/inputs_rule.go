package query

import (
	"cmp"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"
)

// Rule checks the values that a document contains. It replaces the library's ValuesOfCorrectType,
// ProvidedRequiredArguments and KnownArgumentNames.
func (i *Inputs) Rule(observers *core.Events, addError core.AddErrFunc) {
	rule := inputRule{inputCheck{Inputs: i, literal: true}, addError, map[*ast.Position]bool{}}
	observers.OnField(func(_ *core.Walker, field *ast.Field) {
		if field.Definition != nil {
			rule.arguments(field.Position, field.Definition.Arguments, field.Arguments)
		}
	})
	observers.OnDirective(func(_ *core.Walker, directive *ast.Directive) {
		if directive.Definition != nil {
			rule.arguments(directive.Position, directive.Definition.Arguments, directive.Arguments)
		}
	})
	observers.OnVariable(func(w *core.Walker, v *ast.VariableDefinition) {
		if v.DefaultValue != nil {
			rule.defaultOf(w, v)
		}
	})
}

// inputRule is Rule for one document.
type inputRule struct {
	check    inputCheck
	addError core.AddErrFunc
	// seen are the places that have been checked: fragments are visited with each operation.
	seen map[*ast.Position]bool
}

func (r inputRule) add(at *ast.Position, field, message string) {
	r.addError(core.Message("%s", message), core.At(at), func(e *gqlerror.Error) {
		e.Extensions = map[string]any{"field": field}
	})
}

// arguments checks the arguments of a field or directive.
func (r inputRule) arguments(at *ast.Position, known ast.ArgumentDefinitionList, given ast.ArgumentList) {
	if r.seen[at] {
		return
	}
	r.seen[at] = true
	for _, argument := range given {
		if err := r.check.argument(known, argument); err != nil {
			r.add(argument.Position, innermost(err.Path), err.Message)
		}
	}
	for _, definition := range known {
		if isRequired(definition.Type, definition.DefaultValue) && given.ForName(definition.Name) == nil {
			r.add(at, definition.Name, definition.Name+" is required")
		}
	}
}

// defaultOf checks a variable's default value by its type. Scalars are not parsed: the place where the variable is used
// decides how.
func (r inputRule) defaultOf(w *core.Walker, v *ast.VariableDefinition) {
	byType := inputCheck{Inputs: &Inputs{Suggest: r.check.Suggest, schema: r.check.schema}, literal: true}
	name := cmp.Or(PlaceOf(w.Document, w.CurrentOperation, v.Variable), v.Variable)
	if err := byType.value(place{ast.Path{ast.PathName(name)}, v.Type, nil}, literal(v.DefaultValue)); err != nil {
		r.add(v.DefaultValue.Position, innermost(err.Path), err.Message)
	}
}

func isRequired(of *ast.Type, defaultValue *ast.Value) bool { return of.NonNull && defaultValue == nil }
