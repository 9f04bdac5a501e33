package query

import (
	"math"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// cost is what a selection expands to.
type cost struct {
	fields, aliases, directives, depth int
	// complexity is how many values it returns, schema how many of them belong to the schema.
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

// with adds a fragment's directives.
func (c cost) with(directives ast.DirectiveList) cost {
	c.directives = add(c.directives, len(directives))
	c.deferred = c.deferred || directives.ForName("defer") != nil
	return c
}

// mostSchema is how many values of the schema an operation may read, by the lengths in schemaLists. The introspection
// query of common tools reaches three quarters of it.
const mostSchema = 200_000

// schemaLists are the introspection fields that return a list, and roughly how long it is.
var schemaLists = map[string]int{
	"types": 100, "fields": 10, "args": 2, "inputFields": 5, "enumValues": 5, "possibleTypes": 5,
	"interfaces": 2, "directives": 5,
}

// counter computes what the selections of a document expand to.
type counter struct {
	limits Limits
	doc    *ast.QueryDocument
	// fragments are those that have been computed. The value is nil while one is being computed: only a cycle reads
	// that, and validation refuses cycles.
	fragments map[string]*cost
}

// elsewhere counts the directives outside of selections: those of variables, and those of fragments, which may never be
// spread.
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

// selection computes a selection. schema says that it reads the schema.
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

// length returns how often a response may have what is selected in a field.
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
		return cost{} // validation refuses it
	}
	c.fragments[name] = nil
	schema := strings.HasPrefix(definition.TypeCondition, "__")
	counted := c.selection(definition.SelectionSet, schema)
	c.fragments[name] = &counted
	return counted
}

// roots counts the fields of an operation's root, and reports whether all of them read the schema.
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
