package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

func TestGraphiQLIsForDevelopmentAndWhereTheSettingSaysSo(t *testing.T) {
	t.Parallel()
	require.NotNil(t, web.GraphiQL(), "GraphiQL is not built: make test does that, or make web/graphiql/dist/graphiql.js")
	for _, test := range []struct {
		environ []string
		shown   bool
	}{
		{nil, true}, {[]string{"FOYER_GRAPHIQL=false"}, false},
		{productionEnv, false}, {append(slices.Clone(productionEnv), "FOYER_GRAPHIQL=true"), true},
	} {
		s := startServer(t, test.environ...)
		b := newBrowser(t).open(s.url + "/graphiql")
		isThere := b.status == http.StatusOK && strings.Contains(b.text, "Foyer: GraphiQL")
		assert.Equal(t, test.shown, isThere, "%v", test.environ)
		assert.Equal(t, test.shown, b.open(s.url+"/graphiql/dist/graphiql.js").status == http.StatusOK)
		assert.Equal(t, test.shown, b.open(s.url+"/graphiql/examples.json").status == http.StatusOK)
		assert.Equal(t, test.shown, strings.Contains(s.log(), "GraphiQL  "+s.url+"/graphiql"))
		assert.Equal(t, http.StatusNotFound, b.open(s.url+"/graphiql/workbench.go").status)
	}
}

func TestGraphiQLKeepsToItsPolicy(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b := newBrowser(t).open(s.url + "/graphiql")
	assert.Equal(t, graphiQLPolicy, b.header.Get("Content-Security-Policy"))
	assert.NotContains(t, graphiQLPolicy, "unsafe-eval")
	assert.NotContains(t, graphiQLPolicy, "http", "no other host")
	assert.Equal(t, "nosniff", b.header.Get("X-Content-Type-Options"))
	assert.Equal(t, "same-origin", b.header.Get("Referrer-Policy"))
	assert.Equal(t, "no-cache", b.header.Get("Cache-Control"))
}
