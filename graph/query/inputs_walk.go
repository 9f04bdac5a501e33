package query

import (
	"cmp"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// PlaceOf returns the name of the argument or input field that has a variable as its value, or within its value. If
// there are several it is the first; for an unused variable it is empty.
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

func usesVariable(v *ast.Value) bool {
	return v.Kind == ast.Variable ||
		slices.ContainsFunc(v.Children, func(c *ast.ChildValue) bool { return usesVariable(c.Value) })
}

// arguments calls a function with the arguments of each field and directive of an operation, until it returns false.
// Their definitions are nil until the document has been validated.
func arguments(
	doc *ast.QueryDocument, o *ast.OperationDefinition, each func(ast.ArgumentDefinitionList, ast.ArgumentList) bool,
) {
	w := argumentWalk{doc: doc, each: each}
	_ = w.directives(o.Directives) && w.selection(o.SelectionSet)
}

// argumentWalk visits the arguments of an operation. Its methods return false to stop.
type argumentWalk struct {
	doc  *ast.QueryDocument
	each func(known ast.ArgumentDefinitionList, given ast.ArgumentList) bool
	// seen are the fragments that have been visited.
	seen []string
}

func (w *argumentWalk) selection(set ast.SelectionSet) bool {
	return !slices.ContainsFunc(set, func(s ast.Selection) bool { return !w.one(s) })
}

func (w *argumentWalk) one(s ast.Selection) bool {
	switch s := s.(type) {
	case *ast.Field:
		var known ast.ArgumentDefinitionList
		if s.Definition != nil {
			known = s.Definition.Arguments
		}
		return w.each(known, s.Arguments) && w.directives(s.Directives) && w.selection(s.SelectionSet)
	case *ast.InlineFragment:
		return w.directives(s.Directives) && w.selection(s.SelectionSet)
	case *ast.FragmentSpread:
		fragment := w.doc.Fragments.ForName(s.Name)
		if fragment == nil || slices.Contains(w.seen, s.Name) {
			return w.directives(s.Directives)
		}
		w.seen = append(w.seen, s.Name)
		return w.directives(s.Directives) && w.directives(fragment.Directives) && w.selection(fragment.SelectionSet)
	}
	return true
}

func (w *argumentWalk) directives(list ast.DirectiveList) bool {
	for _, directive := range list {
		var known ast.ArgumentDefinitionList
		if directive.Definition != nil {
			known = directive.Definition.Arguments
		}
		if !w.each(known, directive.Arguments) {
			return false
		}
	}
	return true
}
