package transport_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	typeJSON     = "application/json; charset=utf-8"
	typeResponse = "application/graphql-response+json; charset=utf-8"
	typeStream   = "text/event-stream; charset=utf-8"
)

// answered is the response to a request.
type answered struct {
	t      testing.TB
	status int
	header http.Header
	text   string
}

// request makes a request with header lines "Name: value". A POST has JSON unless they say otherwise.
func request(t testing.TB, method, address, body string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	return r
}

func answerTo(t testing.TB, r *http.Request) answered {
	t.Helper()
	got, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	return answered{t, got.StatusCode, got.Header, string(text)}
}

func (s *service) post(t testing.TB, body string, header ...string) answered {
	t.Helper()
	return answerTo(t, request(t, http.MethodPost, s.URL, body, header...))
}

func (s *service) get(t testing.TB, values url.Values, header ...string) answered {
	t.Helper()
	return answerTo(t, request(t, http.MethodGet, s.URL+"?"+values.Encode(), "", header...))
}

func (a answered) mediaType() string { return a.header.Get("Content-Type") }

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

const hello = `{"query": "{hello}"}`
