package query_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"
)

// enum is an enum value, which has no quotation marks in a document.
type enum string

// place is an argument or an input field, and a way to put a value there together with everything else that is
// required.
type place struct {
	field *ast.FieldDefinition
	// argument is the operation's, name that of the place itself.
	argument *ast.ArgumentDefinition
	name     string
	of       *ast.Type
	// identity: it is a participant's identity in LiveKit.
	identity bool
	// with returns the argument's value for a value in this place.
	with func(value any) any
}

// inputWalk visits every value that clients can send.
type inputWalk struct{ *ast.Schema }

// places returns a field's places: its arguments, and the fields of input objects at any depth.
func (w inputWalk) places(field *ast.FieldDefinition) []place {
	var all []place
	for _, argument := range field.Arguments {
		all = append(all, w.within(place{
			field, argument, argument.Name, argument.Type, false, func(value any) any { return value },
		}, 0)...)
	}
	return all
}

func (w inputWalk) within(p place, depth int) []place {
	all := []place{p}
	definition := w.Types[p.of.Name()]
	if definition.Kind != ast.InputObject || depth > 4 {
		return all
	}
	for _, field := range definition.Fields {
		all = append(all, w.within(place{
			p.field, p.argument, field.Name, field.Type, field.Directives.ForName("identity") != nil,
			func(value any) any {
				object := w.sample(ast.NonNullNamedType(definition.Name, nil)).(map[string]any)
				object[field.Name] = value
				return p.with(object)
			},
		}, depth+1)...)
	}
	return all
}

// sample returns a value of a type.
func (w inputWalk) sample(of *ast.Type) any {
	if of.Elem != nil {
		return []any{w.sample(of.Elem)}
	}
	definition := w.Types[of.NamedType]
	switch {
	case definition.Kind == ast.Enum:
		return enum(definition.EnumValues[0].Name)
	case definition.Kind == ast.InputObject:
		object := map[string]any{}
		for _, field := range definition.Fields {
			if field.Type.NonNull {
				object[field.Name] = w.sample(field.Type)
			}
		}
		return object
	}
	return map[string]any{
		"ID": uuid.NewString(), "String": "abc", "Int": json.Number("1"), "Boolean": true,
		"Cursor": strings.Repeat("A", 32),
	}[of.NamedType]
}

// nonsense returns values that a place must refuse, by what is wrong with them.
func (w inputWalk) nonsense(p place) map[string]any {
	of := p.of
	definition := w.Types[of.Name()]
	bad := map[string]any{
		"an object": map[string]any{"a": json.Number("1")}, "an empty object": map[string]any{},
		"a list in a list": []any{[]any{w.sample(of)}}, "deep lists": deep(100, func(v any) any { return []any{v} }),
		"deep objects":    deep(100, func(v any) any { return map[string]any{"a": v} }),
		"a huge number":   json.Number(strings.Repeat("9", 300)),
		"a negative zero": json.Number("-0.0"), "an exponent": json.Number("1e400"),
		"beyond 64 bits": json.Number("9223372036854775808"),
	}
	if of.NonNull {
		bad["null"] = nil
	}
	if of.Elem != nil {
		bad["null in a list"] = []any{nil}
		delete(bad, "a list in a list") // of its own type
	} else {
		bad["a list"] = []any{}
	}
	texts := map[string]any{
		"an empty text": "", "NUL": "a\x00b", "a long text": strings.Repeat("A", 15_000), "a text": "nonsense",
		"a number as text": "1",
		"true as text":     "true",
	}
	switch {
	case definition.Kind == ast.InputObject:
		delete(bad, "an empty object")
		if slices.ContainsFunc(definition.Fields, func(f *ast.FieldDefinition) bool { return f.Type.NonNull }) {
			bad["nothing that is required"] = map[string]any{}
		}
		maps.Copy(bad, texts)
		bad["true"] = true
	case definition.Kind == ast.Enum:
		name := definition.EnumValues[0].Name
		maps.Copy(bad, texts)
		bad["true"], bad["a number"] = true, json.Number("0")
		bad["in lower case"] = enum(strings.ToLower(name))
		bad["in mixed case"] = enum(name[:1] + strings.ToLower(name[1:]))
		bad["with a space"] = name + " "
	case of.Name() == "Boolean":
		maps.Copy(bad, texts)
		bad["0"], bad["1"], bad["an enum"] = json.Number("0"), json.Number("1"), enum("TRUE")
	case of.Name() == "Int":
		maps.Copy(bad, texts)
		bad["true"], bad["a fraction"], bad["beyond 32 bits"] = true, json.Number("1.5"), json.Number("2147483648")
	case of.Name() == "String":
		bad["NUL"], bad["a number"], bad["true"] = texts["NUL"], json.Number("7"), true
	default: // ID and Cursor
		maps.Copy(bad, texts)
		bad["true"], bad["a number"], bad["MessagePack"] = true, json.Number("7"), messagePack()
		if p.identity { // which LiveKit knows
			for _, text := range []string{"a text", "a number as text", "true as text"} {
				delete(bad, text)
			}
		}
	}
	return bad
}

func messagePack() string {
	return base64.RawStdEncoding.EncodeToString([]byte("\x81\xa1v" + strings.Repeat("\xdc\x27\x10", 3000)))
}

func deep(n int, in func(any) any) any {
	var value any = json.Number("1")
	for range n {
		value = in(value)
	}
	return value
}

// written returns a value as a document has it.
func written(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case enum:
		return string(v)
	case string:
		text, _ := json.Marshal(v)
		return string(text)
	case []any:
		parts := make([]string, len(v))
		for i, one := range v {
			parts[i] = written(one)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		parts := make([]string, 0, len(v))
		for name, one := range v {
			parts = append(parts, name+":"+written(one))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	return fmt.Sprint(value)
}

// operation returns an operation that asks for a field of a type, with one argument as it is written and the others
// that are required.
func (w inputWalk) operation(of *ast.Definition, p place, variables, value string) string {
	arguments := p.argument.Name + ":" + value
	for _, other := range p.field.Arguments {
		if other != p.argument && other.Type.NonNull {
			arguments += "," + other.Name + ":" + written(w.sample(other.Type))
		}
	}
	asked := p.field.Name + "(" + arguments + ")"
	if kind := w.Types[p.field.Type.Name()].Kind; kind != ast.Scalar && kind != ast.Enum {
		asked += "{__typename}"
	}
	around := map[string]string{
		"Query": "query%s{%s}", "Mutation": "mutation%s{%s}", "Subscription": "subscription%s{%s}",
		"Room": `query%s{room(slug:"abc"){%s}}`,
	}[of.Name]
	return fmt.Sprintf(around, variables, asked)
}
