package query_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"foyer/auth"
	"foyer/graph"
	"foyer/graph/query"
	"foyer/test/env"
)

func TestMain(m *testing.M) {
	os.Exit(env.RunTests(m, func() error { return goleak.Find() }))
}

type object = map[string]any

// common has the defaults of Foyer's settings.
var common = query.Limits{
	Tokens: 2000, Fields: 500, Aliases: 15, Directives: 30, RootFields: 20, Depth: 12, SchemaDepth: 20,
	Complexity: 5000, LongestList: 100, Errors: 20,
}

// api returns Foyer's API without any rules behind it.
func api(introspection bool, change ...func(*graph.Settings)) http.Handler {
	settings := graph.Settings{
		Introspection: introspection, Limits: common, MaxBody: 128 << 10, OperationTimeout: env.Soon,
		Credentials: func(context.Context, string) (auth.Viewer, error) { return auth.Viewer{}, nil },
		Life:        func(ctx context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} },
	}
	for _, c := range change {
		c(&settings)
	}
	return graph.NewHandler(&graph.Resolver{}, settings)
}

// ask sends a body to a handler, without a network.
func ask(t testing.TB, h http.Handler, body string) answered {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answered{t, w.Code, w.Header(), w.Body.String()}
}

func asJSON(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

// answered is a response to a request.
type answered struct {
	t      testing.TB
	status int
	header http.Header
	text   string
}

func (a answered) body() object {
	a.t.Helper()
	var body object
	require.NoError(a.t, json.Unmarshal([]byte(a.text), &body), "%s", a.text)
	return body
}

// refusedWith fails the test unless the answer has one error of a code, and no data entry.
func (a answered) refusedWith(status int, code string) {
	a.t.Helper()
	assert.Equal(a.t, status, a.status, a.text)
	assert.NotContains(a.t, a.body(), "data")
	assert.Equal(a.t, code, a.code(), a.text)
}

// code returns the code of the only error.
func (a answered) code() any {
	a.t.Helper()
	errs, _ := a.body()["errors"].([]any)
	require.Len(a.t, errs, 1, a.text)
	return at(errs[0], "extensions", "code")
}

func at(from any, path ...string) any {
	for _, name := range path {
		from = from.(object)[name]
	}
	return from
}
