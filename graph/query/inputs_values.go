package query

import (
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

// The kinds of literal that JSON does not have.
type (
	enumName string
	variable string
)

// literal returns a document's value as a variable would have it.
func literal(v *ast.Value) any {
	switch v.Kind {
	case ast.Variable:
		return variable(v.Raw)
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

// inputCheck compares a value with its type.
type inputCheck struct {
	*Inputs

	// literal: the value is in the document, and not in a variable.
	literal bool
	// variables are a request's; nil while a document is validated.
	variables map[string]any
}

// place is where a value is: an argument, an input field, or an item of such a list.
type place struct {
	path ast.Path
	of   *ast.Type
	// marks are the place's directives in the schema.
	marks ast.DirectiveList
}

func (p place) field(of *ast.FieldDefinition) place {
	return place{append(slices.Clip(p.path), ast.PathName(of.Name)), of.Type, of.Directives}
}

func (p place) item(i int) place {
	return place{append(slices.Clip(p.path), ast.PathIndex(i)), p.of.Elem, p.marks}
}

func (c inputCheck) argument(known ast.ArgumentDefinitionList, given *ast.Argument) *gqlerror.Error {
	path := ast.Path{ast.PathName(given.Name)}
	definition := known.ForName(given.Name)
	if definition == nil {
		return wrong(path, "there is no argument %s"+c.suggestion(given.Name, known))
	}
	if value := literal(given.Value); !c.isMissing(value) {
		return c.value(place{path, definition.Type, definition.Directives}, value)
	}
	return nil
}

// isMissing reports whether a value is a variable that the request does not set. Then the argument counts as absent.
func (c inputCheck) isMissing(value any) bool {
	name, is := value.(variable)
	_, given := c.variables[string(name)]
	return is && c.variables != nil && !given
}

func (c inputCheck) value(at place, value any) *gqlerror.Error {
	if name, is := value.(variable); is {
		if c.variables == nil { // another rule checks the variable's type
			return nil
		}
		c.literal, value = false, c.variables[string(name)]
	}
	switch {
	case value == nil && at.of.NonNull:
		return wrong(at.path, "%s must not be null")
	case value == nil:
		return nil
	case at.of.Elem != nil:
		return c.list(at, value)
	}
	switch definition := c.schema.Types[at.of.NamedType]; {
	case definition == nil: // another rule refuses it
		return nil
	case definition.Kind == ast.InputObject:
		return c.object(at, definition, value)
	case definition.Kind == ast.Enum:
		return c.enum(at.path, definition, value)
	default:
		return c.scalar(at, value)
	}
}

// list checks a list's items. A single value counts as a list of one.
func (c inputCheck) list(at place, value any) *gqlerror.Error {
	for i, one := range graphql.CoerceList(value) {
		if err := c.value(at.item(i), one); err != nil {
			return err
		}
	}
	return nil
}

func (c inputCheck) object(at place, of *ast.Definition, value any) *gqlerror.Error {
	object, ok := value.(map[string]any)
	if !ok {
		return wrong(at.path, "%s must be an object, of type "+of.Name)
	}
	for name := range object {
		if of.Fields.ForName(name) == nil && (c.literal || name != "__typename") {
			return wrong(append(slices.Clip(at.path), ast.PathName(name)), "there is no field %s in "+of.Name+
				c.suggestion(name, of.Fields))
		}
	}
	for _, field := range of.Fields {
		given, is := object[field.Name]
		is = is && !c.isMissing(given)
		switch {
		case !is && isRequired(field.Type, field.DefaultValue):
			return wrong(at.field(field).path, "%s is required")
		case is:
			if err := c.value(at.field(field), given); err != nil {
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

func (c inputCheck) scalar(at place, value any) *gqlerror.Error {
	path, of := at.path, at.of.NamedType
	read := c.Scalars[of]
	for _, mark := range at.marks {
		if marked := c.Scalars["@"+mark.Name]; marked != nil {
			read = marked
		}
	}
	if read != nil {
		if err := read(value); err != nil {
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

// isInt reports whether a value is a whole number of 32 bits. The library may have parsed it already.
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

// maxSuggested is how many bytes of a wrong name an error repeats. For a longer name there are no suggestions.
const maxSuggested = 100

// suggestion returns a question with the names that resemble a wrong one; empty when none does.
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
	case ast.ArgumentDefinitionList:
		for _, argument := range among {
			known = append(known, argument.Name)
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

// wrong returns an error about the value at a path. %s in the message stands for its name.
func wrong(path ast.Path, message string) *gqlerror.Error {
	return &gqlerror.Error{Path: path, Message: strings.Replace(message, "%s", innermost(path), 1)}
}

// innermost returns the last name of a path, shortened to maxSuggested.
func innermost(path ast.Path) string {
	for _, element := range slices.Backward(path) {
		if name, ok := element.(ast.PathName); ok {
			return string(name[:min(len(name), maxSuggested)])
		}
	}
	return ""
}
