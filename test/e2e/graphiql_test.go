package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/web"
)

func TestGraphiQLIsServedInDevelopmentOrBySetting(t *testing.T) {
	t.Parallel()
	require.NotNil(t, web.GraphiQL(),
		"GraphiQL is not built: make test does that, or make web/graphiql/dist/graphiql.js")
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
