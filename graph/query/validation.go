package query

import "github.com/vektah/gqlparser/v2/ast"

// What parts of a document cost to validate, in units of some tenths of a microsecond: the comparison
// of two fields. Without a bound a document of 2,000 words costs a second.
const (
	// mostEffort is what a document may cost: some milliseconds. What common tools ask comes to less
	// than half of it.
	mostEffort = 15_000
	// effortSelection is for each field or fragment, as often as it is come to.
	effortSelection = 12
	// effortNamed is for each argument and directive, and each field in an argument; half of it for
	// each variable.
	effortNamed = 20
	// effortSpreads is for each two fragments that are spread in one place.
	effortSpreads = 6
)

// effort estimates what validation will cost. What costs most of it is whether fields can be merged:
// in each selection all fields of one name are compared with each other, whatever fragments they come
// from, and then what is selected in them.
type effort struct {
	doc *ast.QueryDocument
	// left may be spent; nothing is counted any more when it is below zero.
	left int
	// open are the fragments inside which we are: in a cycle they are not entered again.
	open map[string]bool
}

// tooMuch reports whether a document costs too much to validate.
func tooMuch(doc *ast.QueryDocument) bool {
	e := effort{doc: doc, left: mostEffort, open: map[string]bool{}}
	for _, operation := range doc.Operations {
		e.root(operation.SelectionSet)
		for _, variable := range operation.VariableDefinitions {
			e.value(variable.DefaultValue, 1)
		}
	}
	for _, fragment := range doc.Fragments { // whether it is spread or not
		e.root(fragment.SelectionSet)
	}
	return e.left < 0
}

// root spends what a selection costs that is looked at by itself: an operation's, and each fragment's.
func (e *effort) root(set ast.SelectionSet) {
	e.merged([]ast.SelectionSet{set})
	e.inline(set)
}

// inline spends what the inline fragments in a selection cost, which are looked at by themselves too.
func (e *effort) inline(set ast.SelectionSet) {
	for _, s := range set {
		if e.left < 0 {
			return
		}
		switch s := s.(type) {
		case *ast.Field:
			e.inline(s.SelectionSet)
		case *ast.InlineFragment:
			e.root(s.SelectionSet)
		}
	}
}

// value spends what a literal costs, which is printed again for each list or object that it lies in.
func (e *effort) value(v *ast.Value, depth int) {
	if v == nil || e.left < 0 {
		return
	}
	e.left -= depth
	if v.Kind == ast.Variable {
		e.left -= effortNamed / 2
	}
	for _, child := range v.Children {
		if child.Name != "" {
			e.left -= effortNamed
		}
		e.value(child.Value, depth+1)
	}
}

// merged spends what it costs to merge selections.
func (e *effort) merged(sets []ast.SelectionSet) {
	m := merging{effort: e, fields: map[string][]ast.SelectionSet{}}
	for _, set := range sets {
		m.collect(set)
	}
	for _, same := range m.fields {
		if e.left >= 0 {
			e.merged(same)
		}
	}
}

// merging is what is selected in one place.
type merging struct {
	*effort

	fields  map[string][]ast.SelectionSet // by their name in the answer
	spreads int
}

func (m *merging) collect(set ast.SelectionSet) {
	for _, s := range set {
		if m.left -= effortSelection; m.left < 0 {
			return
		}
		switch s := s.(type) {
		case *ast.Field:
			arguments := len(s.Arguments)
			m.left -= effortNamed * (arguments + len(s.Directives))
			for _, argument := range s.Arguments {
				m.value(argument.Value, 1)
			}
			m.left -= len(m.fields[s.Alias]) * (1 + arguments*arguments/8)
			m.fields[s.Alias] = append(m.fields[s.Alias], s.SelectionSet)
		case *ast.InlineFragment:
			m.collect(s.SelectionSet)
		case *ast.FragmentSpread:
			m.left -= m.spreads * effortSpreads
			m.spreads++
			if fragment := m.doc.Fragments.ForName(s.Name); fragment != nil && !m.open[s.Name] {
				m.open[s.Name] = true
				m.collect(fragment.SelectionSet)
				m.open[s.Name] = false
			}
		}
	}
}
