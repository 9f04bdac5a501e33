package transport

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"
)

// Inputs refuses every value that is not exactly what the schema says, before anything is executed. Rule checks
// the values that stand in a document, once for each document, and the extension checks those of variables, with
// each request; both by the same walk. GraphQL's library takes an enum's value in any case, numbers as strings and
// strings as numbers, from variables; what is generated then stores something else, or nothing.
//
// It also refuses a subscription that would not ask for exactly one field once it is executed.
type Inputs struct {
	// Suggest names of the schema that resemble a wrong one.
	Suggest bool
	// Scalars read those of the schema's scalars that are not any string, in an argument or input field of a name;
	// their errors are told.
	Scalars map[string]func(name string, value any) error

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

// MutateOperationContext refuses an operation whose variables are not what it says they are.
func (i *Inputs) MutateOperationContext(_ context.Context, o *graphql.OperationContext) *gqlerror.Error {
	for _, v := range o.Operation.VariableDefinitions {
		value, given := o.Variables[v.Variable]
		if !given {
			continue
		}
		path := ast.Path{ast.PathName("variable"), ast.PathName(v.Variable)}
		if err := (inputCheck{i, false}).value(path, v.Type, value); err != nil {
			return err
		}
		if value == nil && v.DefaultValue != nil && needsValue(o.Doc, v.Variable) {
			return wrong(path, "%s must not be null")
		}
	}
	return oneStream(o)
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

// Rule checks the values that stand in a document. It takes the place of the library's ValuesOfCorrectType.
func (i *Inputs) Rule(observers *core.Events, addError core.AddErrFunc) {
	seen := map[*ast.Value]bool{} // fragments are visited with each operation
	check := func(name string, of *ast.Type, value *ast.Value) {
		if seen[value] {
			return
		}
		seen[value] = true
		if err := (inputCheck{i, true}).value(ast.Path{ast.PathName(name)}, of, literal(value)); err != nil {
			addError(core.Message("%s", err.Message), core.At(value.Position), func(e *gqlerror.Error) {
				e.Extensions = map[string]any{"field": innermost(err.Path)}
			})
		}
	}
	arguments := func(known ast.ArgumentDefinitionList, given ast.ArgumentList) {
		for _, argument := range given {
			if definition := known.ForName(argument.Name); definition != nil {
				check(argument.Name, definition.Type, argument.Value)
			}
		}
	}
	observers.OnField(func(_ *core.Walker, field *ast.Field) {
		if field.Definition != nil {
			arguments(field.Definition.Arguments, field.Arguments)
		}
	})
	observers.OnDirective(func(_ *core.Walker, directive *ast.Directive) {
		if directive.Definition != nil {
			arguments(directive.Definition.Arguments, directive.Arguments)
		}
	})
	observers.OnVariable(func(_ *core.Walker, v *ast.VariableDefinition) {
		if v.DefaultValue != nil {
			check(v.Variable, v.Type, v.DefaultValue)
		}
	})
}

// A literal's values that JSON has no like of.
type (
	enumName string
	variable struct{}
)

// literal returns a document's value in the terms of variables.
func literal(v *ast.Value) any {
	switch v.Kind {
	case ast.Variable:
		return variable{}
	case ast.IntValue, ast.FloatValue:
		return json.Number(v.Raw)
	case ast.StringValue, ast.BlockValue:
		return v.Raw
	case ast.EnumValue:
		return enumName(v.Raw)
	case ast.BooleanValue:
		return v.Raw == "true"
	case ast.ListValue:
		list := make([]any, len(v.Children))
		for i, child := range v.Children {
			list[i] = literal(child.Value)
		}
		return list
	case ast.ObjectValue:
		object := make(map[string]any, len(v.Children))
		for _, child := range v.Children {
			object[child.Name] = literal(child.Value)
		}
		return object
	}
	return nil
}

// inputCheck walks through a value along its type.
type inputCheck struct {
	*Inputs

	// literal says that the value stands in the document.
	literal bool
}

func (c inputCheck) value(path ast.Path, of *ast.Type, value any) *gqlerror.Error {
	switch {
	case value == variable{}: // whose type another rule compares
		return nil
	case value == nil && of.NonNull:
		return wrong(path, "%s must not be null")
	case value == nil:
		return nil
	case of.Elem != nil:
		return c.list(path, of.Elem, value)
	}
	switch definition := c.schema.Types[of.NamedType]; {
	case definition == nil: // another rule says so
		return nil
	case definition.Kind == ast.InputObject:
		return c.object(path, definition, value)
	case definition.Kind == ast.Enum:
		return c.enum(path, definition, value)
	default:
		return c.scalar(path, definition.Name, value)
	}
}

// list checks a list's values; a single value stands for a list of it.
func (c inputCheck) list(path ast.Path, of *ast.Type, value any) *gqlerror.Error {
	for i, one := range graphql.CoerceList(value) {
		if err := c.value(append(slices.Clip(path), ast.PathIndex(i)), of, one); err != nil {
			return err
		}
	}
	return nil
}

func (c inputCheck) object(path ast.Path, of *ast.Definition, value any) *gqlerror.Error {
	object, ok := value.(map[string]any)
	if !ok {
		return wrong(path, "%s must be an object, of type "+of.Name)
	}
	for name := range object {
		if of.Fields.ForName(name) == nil && (c.literal || name != "__typename") {
			return wrong(append(slices.Clip(path), ast.PathName(name)), "there is no field %s in "+of.Name+
				c.suggestion(name, of.Fields))
		}
	}
	for _, field := range of.Fields {
		at := append(slices.Clip(path), ast.PathName(field.Name))
		given, is := object[field.Name]
		switch {
		case !is && field.Type.NonNull && field.DefaultValue == nil:
			return wrong(at, "%s is required")
		case is:
			if err := c.value(at, field.Type, given); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c inputCheck) enum(path ast.Path, of *ast.Definition, value any) *gqlerror.Error {
	name, ok := value.(string)
	if c.literal {
		var written enumName
		written, ok = value.(enumName)
		name = string(written)
	}
	if !ok || of.EnumValues.ForName(name) == nil {
		return wrong(path, "%s must be a value of the enum "+of.Name+c.suggestion(name, of.EnumValues))
	}
	return nil
}

func (c inputCheck) scalar(path ast.Path, of string, value any) *gqlerror.Error {
	if read := c.Scalars[of]; read != nil {
		if err := read(innermost(path), value); err != nil {
			return wrong(path, err.Error())
		}
		return nil
	}
	text, isText := value.(string)
	_, isTruth := value.(bool)
	switch {
	case isText && (!utf8.ValidString(text) || strings.Contains(text, "\x00")):
		return wrong(path, "%s must be valid UTF-8 without NUL")
	case of == "Int" && !isInt(value):
		return wrong(path, "%s must be a whole number of 32 bits")
	case of == "Float" && !isFloat(value):
		return wrong(path, "%s must be a number")
	case of == "Boolean" && !isTruth:
		return wrong(path, "%s must be true or false")
	case of == "String" && !isText:
		return wrong(path, "%s must be a string")
	}
	return nil
}

// isInt reports whether a value is a whole number: the library has read some from a variable or a default.
func isInt(value any) bool {
	switch n := value.(type) {
	case json.Number:
		_, err := strconv.ParseInt(string(n), 10, 32)
		return err == nil
	case int64:
		return n >= math.MinInt32 && n <= math.MaxInt32
	}
	return false
}

func isFloat(value any) bool {
	switch n := value.(type) {
	case json.Number:
		_, err := strconv.ParseFloat(string(n), 64)
		return err == nil
	case float64, int64:
		return true
	}
	return false
}

// maxSuggested is how many bytes a wrong name may have for names that resemble it to be looked for, or to be
// repeated: it is a name of nobody's.
const maxSuggested = 100

// suggestion returns a question for what may have been meant; empty when nothing resembles it.
func (c inputCheck) suggestion(name string, among any) string {
	if !c.Suggest || len(name) > maxSuggested {
		return ""
	}
	var known []string
	switch among := among.(type) {
	case ast.FieldList:
		for _, field := range among {
			known = append(known, field.Name)
		}
	case ast.EnumValueList:
		for _, value := range among {
			known = append(known, value.Name)
		}
	}
	alike := core.SuggestionList(name, known)
	if len(alike) == 0 {
		return ""
	}
	return "; did you mean " + core.QuotedOrList(alike...) + "?"
}

// wrong returns an error about the value at a path, of which %s in its message is the name.
func wrong(path ast.Path, message string) *gqlerror.Error {
	return &gqlerror.Error{Path: path, Message: strings.Replace(message, "%s", innermost(path), 1)}
}

// innermost returns the last name of a path, if that is one that people write.
func innermost(path ast.Path) string {
	for _, element := range slices.Backward(path) {
		if name, ok := element.(ast.PathName); ok {
			return string(name[:min(len(name), maxSuggested)])
		}
	}
	return ""
}

// needsValue reports whether a document uses a variable where null is not allowed: with a default that is fine by its
// type, until somebody sends null.
func needsValue(doc *ast.QueryDocument, name string) bool {
	var inValue func(*ast.Value) bool
	inValue = func(v *ast.Value) bool {
		if v.Kind == ast.Variable {
			return v.Raw == name && v.ExpectedType != nil && v.ExpectedType.NonNull
		}
		return slices.ContainsFunc(v.Children, func(c *ast.ChildValue) bool { return inValue(c.Value) })
	}
	inArguments := func(list ast.ArgumentList) bool {
		return slices.ContainsFunc(list, func(a *ast.Argument) bool { return inValue(a.Value) })
	}
	inDirectives := func(list ast.DirectiveList) bool {
		return slices.ContainsFunc(list, func(d *ast.Directive) bool { return inArguments(d.Arguments) })
	}
	var inSelection func(ast.SelectionSet) bool
	inSelection = func(set ast.SelectionSet) bool {
		return slices.ContainsFunc(set, func(s ast.Selection) bool {
			switch s := s.(type) {
			case *ast.Field:
				return inArguments(s.Arguments) || inDirectives(s.Directives) || inSelection(s.SelectionSet)
			case *ast.InlineFragment:
				return inDirectives(s.Directives) || inSelection(s.SelectionSet)
			case *ast.FragmentSpread:
				return inDirectives(s.Directives)
			}
			return false
		})
	}
	for _, operation := range doc.Operations {
		if inDirectives(operation.Directives) || inSelection(operation.SelectionSet) {
			return true
		}
	}
	return slices.ContainsFunc(doc.Fragments, func(f *ast.FragmentDefinition) bool {
		return inDirectives(f.Directives) || inSelection(f.SelectionSet)
	})
}
