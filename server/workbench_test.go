package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"foyer/web"
)

// readSchema is what clients see.
func readSchema(t *testing.T) *ast.Schema {
	t.Helper()
	files, err := filepath.Glob("../schema/*.graphqls")
	require.NoError(t, err)
	var sources []*ast.Source
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		sources = append(sources, &ast.Source{Name: file, Input: string(text)})
	}
	schema, err := gqlparser.LoadSchema(sources...)
	require.NoError(t, err)
	return schema
}

// TestEveryExampleFitsTheSchemaAndEveryChangeHasOne: the examples of GraphiQL are valid, variables too,
// and there is none missing.
func TestEveryExampleFitsTheSchemaAndEveryChangeHasOne(t *testing.T) {
	t.Parallel()
	groups, err := readExamples(web.Examples())
	require.NoError(t, err)
	schema := readSchema(t)
	missing := map[string]bool{}
	for _, root := range []*ast.Definition{schema.Mutation, schema.Subscription} {
		for _, field := range root.Fields {
			missing[field.Name] = true
		}
	}
	for _, group := range groups {
		for _, example := range group.Examples {
			name := group.Name + ": " + example.Name
			document, problems := gqlparser.LoadQueryWithRules(schema, example.Query, rules.NewDefaultRules())
			require.Empty(t, problems, name)
			require.Len(t, document.Operations, 1, name)
			operation := document.Operations[0]
			assert.NotEmpty(t, operation.Name, "%s: the tab's name", name)
			variables := map[string]any{}
			if example.Variables != "" {
				require.NoError(t, json.Unmarshal([]byte(example.Variables), &variables), name)
			}
			_, err := validator.VariableValues(schema, operation, variables)
			assert.NoError(t, err, name)
			for variable := range variables {
				assert.NotNil(t, operation.VariableDefinitions.ForName(variable), "%s: $%s", name, variable)
			}
			for _, selected := range operation.SelectionSet {
				delete(missing, selected.(*ast.Field).Name)
			}
		}
	}
	assert.Empty(t, slices.Sorted(maps.Keys(missing)), "no example shows these")
}

func TestGraphiQLKeepsToItsPolicy(t *testing.T) {
	t.Parallel()
	const addr = "127.0.0.1:8080"
	header := get(openApp(t, addr).routes(), http.MethodGet, "http://"+addr+"/graphiql").Header()
	assert.Equal(t, graphiQLPolicy, header.Get("Content-Security-Policy"))
	assert.NotContains(t, graphiQLPolicy, "unsafe-eval")
	assert.NotContains(t, graphiQLPolicy, "http", "no other host")
	assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
	assert.Equal(t, "same-origin", header.Get("Referrer-Policy"))
	assert.Equal(t, "no-cache", header.Get("Cache-Control"))
}
