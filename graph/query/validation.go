package query

import "github.com/vektah/gqlparser/v2/ast"

// The work of validating parts of a document. One unit is a comparison of two fields, some tenths of a microsecond.
// Without a bound, validating a document of 2,000 words may take a second.
const (
	// maxWork is a document's limit: some milliseconds. The introspection query of common tools reaches less than half
	// of it.
	maxWork = 15_000
	// workOfSelection is for each field or fragment, as often as validation visits it.
	workOfSelection = 12
	// workOfName is for each argument, directive and field in an argument, and half of it for each variable.
	workOfName = 20
	// workOfSpreads is for each pair of fragments that are spread in one place.
	workOfSpreads = 6
)

// work estimates the work of validation. Most of it decides whether fields can be merged: in each selection, all fields
// of one name are compared with each other, from whatever fragment they are, and then their own selections.
type work struct {
	doc *ast.QueryDocument
	// left is what remains of maxWork. When it is negative, estimating stops.
	left int
	// open are the fragments that are being visited, so that a cycle ends.
	open map[string]bool
}

// tooMuchWork reports whether a document takes too long to validate.
func tooMuchWork(doc *ast.QueryDocument) bool {
	w := work{doc: doc, left: maxWork, open: map[string]bool{}}
	for _, operation := range doc.Operations {
		w.root(operation.SelectionSet)
		for _, variable := range operation.VariableDefinitions {
			w.value(variable.DefaultValue, 1)
		}
	}
	for _, fragment := range doc.Fragments { // whether it is spread or not
		w.root(fragment.SelectionSet)
	}
	return w.left < 0
}

// root subtracts the work of a selection that is validated by itself: an operation's, and each fragment's.
func (w *work) root(set ast.SelectionSet) {
	w.merged([]ast.SelectionSet{set})
	w.inline(set)
}

// inline subtracts the work of the inline fragments in a selection, which are validated by themselves too.
func (w *work) inline(set ast.SelectionSet) {
	for _, s := range set {
		if w.left < 0 {
			return
		}
		switch s := s.(type) {
		case *ast.Field:
			w.inline(s.SelectionSet)
		case *ast.InlineFragment:
			w.root(s.SelectionSet)
		}
	}
}

// value subtracts the work of a literal. Validation prints it again for each list or object that contains it.
func (w *work) value(v *ast.Value, depth int) {
	if v == nil || w.left < 0 {
		return
	}
	w.left -= depth
	if v.Kind == ast.Variable {
		w.left -= workOfName / 2
	}
	for _, child := range v.Children {
		if child.Name != "" {
			w.left -= workOfName
		}
		w.value(child.Value, depth+1)
	}
}

// merged subtracts the work of merging selections.
func (w *work) merged(sets []ast.SelectionSet) {
	m := merging{work: w, fields: map[string][]ast.SelectionSet{}}
	for _, set := range sets {
		m.collect(set)
	}
	for _, same := range m.fields {
		if w.left >= 0 {
			w.merged(same)
		}
	}
}

// merging has the fields that are selected in one place.
type merging struct {
	*work

	fields  map[string][]ast.SelectionSet // by their name in the response
	spreads int
}

func (m *merging) collect(set ast.SelectionSet) {
	for _, s := range set {
		if m.left -= workOfSelection; m.left < 0 {
			return
		}
		switch s := s.(type) {
		case *ast.Field:
			arguments := len(s.Arguments)
			m.left -= workOfName * (arguments + len(s.Directives))
			for _, argument := range s.Arguments {
				m.value(argument.Value, 1)
			}
			m.left -= len(m.fields[s.Alias]) * (1 + arguments*arguments/8)
			m.fields[s.Alias] = append(m.fields[s.Alias], s.SelectionSet)
		case *ast.InlineFragment:
			m.collect(s.SelectionSet)
		case *ast.FragmentSpread:
			m.left -= m.spreads * workOfSpreads
			m.spreads++
			if fragment := m.doc.Fragments.ForName(s.Name); fragment != nil && !m.open[s.Name] {
				m.open[s.Name] = true
				m.collect(fragment.SelectionSet)
				m.open[s.Name] = false
			}
		}
	}
}
