package graph

import (
	"github.com/vektah/gqlparser/v2/ast"

	"foyer/auth"
)

// What stands between resolvers and clients.
var (
	PresentError = presentError
	RecoverPanic = recoverPanic
)

// Opens reports whether scopes open a field of a type.
func Opens(scopes []auth.Scope, of *ast.Definition, field string) bool {
	selection := ast.SelectionSet{&ast.Field{Name: field, ObjectDefinition: of}}
	return closedField(selection, openFields(scopes), map[string]bool{}) == ""
}
