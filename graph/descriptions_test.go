package graph_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/vektah/gqlparser/v2/ast"

	"foyer/graph/generated"
)

func schemaOfClients() *ast.Schema {
	return generated.NewExecutableSchema(generated.Config{}).Schema()
}

// TestEverythingInTheSchemaHasADescription also holds for arguments, enum values and input fields.
func TestEverythingInTheSchemaHasADescription(t *testing.T) {
	t.Parallel()
	for _, definition := range schemaOfClients().Types {
		if definition.BuiltIn {
			continue
		}
		assert.NotEmpty(t, definition.Description, definition.Name)
		for _, value := range definition.EnumValues {
			assert.NotEmpty(t, value.Description, "%s.%s", definition.Name, value.Name)
		}
		for _, field := range definition.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			assert.NotEmpty(t, field.Description, "%s.%s", definition.Name, field.Name)
			for _, argument := range field.Arguments {
				assert.NotEmpty(t, argument.Description, "%s.%s(%s)", definition.Name, field.Name, argument.Name)
			}
		}
	}
}

func TestEveryMutationListsItsErrors(t *testing.T) {
	t.Parallel()
	for _, field := range schemaOfClients().Mutation.Fields {
		assert.Contains(t, field.Description, "Errors: ", field.Name)
	}
}
