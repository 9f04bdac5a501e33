package transport_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// secret is in every bad request, and may be in no response.
const secret = "hunter2"

func TestMalformedRequestIs400AndIsNotRepeated(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for name, body := range map[string]string{
		"nothing":                   ``,
		"spaces":                    `   `,
		"no JSON":                   `hunter2`,
		"cut off":                   `{"query": "{hunter2`,
		"null":                      `null`,
		"text":                      `"hunter2"`,
		"number":                    `1`,
		"no query":                  `{"hunter2": 1}`,
		"empty query":               `{"query": ""}`,
		"null query":                `{"query": null}`,
		"query a number":            `{"query": 1}`,
		"query an object":           `{"query": {"hunter2": 1}}`,
		"query a list":              `{"query": ["hunter2"]}`,
		"name a number":             `{"query": "{hello}", "operationName": 1}`,
		"variables a list":          `{"query": "{hello}", "variables": ["hunter2"]}`,
		"variables a text":          `{"query": "{hello}", "variables": "hunter2"}`,
		"extensions a text":         `{"query": "{hello}", "extensions": "hunter2"}`,
		"extensions a list":         `{"query": "{hello}", "extensions": []}`,
		"two values":                `{"query": "{hello}"} {"query": "{hunter2}"}`,
		"garbage after":             `{"query": "{hello}"} hunter2`,
		"a batch":                   `[{"query": "{hello}"}, {"query": "{hunter2: hello}"}]`,
		"an empty batch":            `[]`,
		"nested deeper than a tree": strings.Repeat("[", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, accept := range []string{"application/json", "application/graphql-response+json"} {
				got := s.post(t, body, "Accept: "+accept)
				got.refusedWith(http.StatusBadRequest, "INVALID")
				assert.Equal(t, accept+"; charset=utf-8", got.mediaType())
				assert.NotContains(t, got.text, secret)
			}
		})
	}
}

func TestNullsCountAsAbsent(t *testing.T) {
	t.Parallel()
	got := newServer(t).post(t,
		`{"query": "{hello}", "operationName": null, "variables": null, "extensions": null}`)
	assert.Equal(t, http.StatusOK, got.status)
	assert.JSONEq(t, `{"data": {"hello": "world"}}`, got.text)
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, good := range []string{
		"application/json", "application/json; charset=utf-8", `application/json; charset="UTF-8"`,
		"Application/JSON;charset=Utf-8",
	} {
		assert.Equal(t, http.StatusOK, s.post(t, hello, "Content-Type: "+good).status, good)
	}
	for _, bad := range []string{
		"", "nonsense", "text/plain", "application/graphql", "application/x-www-form-urlencoded",
		"multipart/form-data; boundary=x", "application/json; charset=iso-8859-1",
		"application/json; charset=utf-16", "application/graphql-response+json", "application/json; =",
	} {
		s.post(t, hello, "Content-Type: "+bad).refusedWith(http.StatusUnsupportedMediaType, "INVALID")
	}
}

func TestBodyLargerThanMaxBodyIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.http.MaxBody = 100 })
	padded := func(bytes int) string { return hello + strings.Repeat(" ", bytes-len(hello)) }

	assert.Equal(t, http.StatusOK, s.post(t, padded(100)).status)
	s.post(t, padded(101)).refusedWith(http.StatusRequestEntityTooLarge, "INVALID")
	chunked := request(t, http.MethodPost, s.URL, "")
	chunked.Body = io.NopCloser(strings.NewReader(padded(1 << 20)))
	chunked.ContentLength = -1
	answerTo(t, chunked).refusedWith(http.StatusRequestEntityTooLarge, "INVALID")

	values := url.Values{"query": {"{hello}"}, "variables": {"{}"}}
	assert.Equal(t, http.StatusOK, s.get(t, values).status)
	values.Set("variables", "{"+strings.Repeat(" ", 100)+"}")
	s.get(t, values).refusedWith(http.StatusRequestURITooLong, "INVALID")
}

func TestGetAcceptsVariablesExtensionsAndOperationName(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	got := s.get(t, url.Values{
		"query":         {`query A { fails } query B($no: Boolean!) { hello fails @include(if: $no) }`},
		"operationName": {"B"}, "variables": {`{"no": false}`}, "extensions": {`{"a": {"b": 1}}`},
	})
	assert.Equal(t, http.StatusOK, got.status)
	assert.JSONEq(t, `{"data": {"hello": "world"}}`, got.text)
	assert.Equal(t, http.StatusOK, s.get(t, url.Values{"query": {"{hello}"}, "variables": {""}}).status)
	for name, bad := range map[string]url.Values{
		"no query":         {},
		"empty query":      {"query": {""}},
		"variables":        {"query": {"{hello}"}, "variables": {secret}},
		"list":             {"query": {"{hello}"}, "variables": {`["hunter2"]`}},
		"extensions":       {"query": {"{hello}"}, "extensions": {secret}},
		"null extensions?": {"query": {""}, "extensions": {`null`}},
	} {
		got := s.get(t, bad)
		got.refusedWith(http.StatusBadRequest, "INVALID")
		assert.NotContains(t, got.text, secret, name)
	}
}

// A browser sends its cookies with a GET, whatever page sends it.
func TestGetFromAPageOfAnotherSiteIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.http.Origins = []string{"https://friend.example"} })
	values := url.Values{"query": {"{hello}"}}
	for _, foreign := range []string{
		"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: https://evil.example",
	} {
		s.get(t, values, foreign).refusedWith(http.StatusForbidden, "FORBIDDEN")
		got := s.get(t, url.Values{"query": {"subscription { silent }"}}, foreign, "Accept: text/event-stream")
		assert.Equal(t, http.StatusForbidden, got.status)
	}
	for _, own := range []string{
		"Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none", "Origin: " + s.URL, "X-Nothing: said",
		"Origin: https://friend.example",
	} {
		assert.Equal(t, http.StatusOK, s.get(t, values, own).status, own)
	}
}

func TestCompressedBodyIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, coding := range []string{"gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "identity, gzip", "nonsense"} {
		got := s.post(t, "\x1f\x8b\x08\x00", "Content-Encoding: "+coding)
		got.refusedWith(http.StatusUnsupportedMediaType, "INVALID")
		assert.Contains(t, got.text, "Content-Encoding", coding)
		assert.Equal(t, "identity", got.header.Get("Accept-Encoding"))
	}
	for _, coding := range []string{"identity", "Identity", ""} {
		assert.Equal(t, http.StatusOK, s.post(t, hello, "Content-Encoding: "+coding).status, coding)
	}
}

func TestJSONWithTooManyValuesOrLevelsIsNotDecoded(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.http.MaxBody = 1 << 20 })
	around := func(value string) string { return `{"query":"{hello}","extensions":{"a":` + value + `}}` }
	for name, value := range map[string]string{
		"lists in lists":     strings.Repeat("[", 190_000) + strings.Repeat("]", 190_000),
		"objects in objects": strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000),
		"201 levels":         strings.Repeat("[", 201) + strings.Repeat("]", 201),
		"empty objects":      "[" + strings.Repeat("{},", 30_000) + "1]",
		"empty lists":        "[" + strings.Repeat("[],", 30_000) + "1]",
		"numbers":            "[" + strings.Repeat("1,", 30_000) + "1]",
		"escapes":            `["\u0041"` + strings.Repeat(",1", 30_000) + "]",
		"lists never closed": strings.Repeat("[", 190_000),
	} {
		got := s.post(t, around(value))
		got.refusedWith(http.StatusBadRequest, "INVALID")
		assert.Contains(t, got.text, "too much", name)
		got = s.get(t, url.Values{"query": {"{hello}"}, "extensions": {`{"a":` + value[:min(len(value), 60_000)]}})
		assert.Equal(t, http.StatusBadRequest, got.status, name)
	}
	deep := strings.Repeat("[", 150) + `"` + strings.Repeat(`\"[`, 1000) + `"` + strings.Repeat("]", 150)
	assert.Equal(t, http.StatusOK, s.post(t, around(deep)).status, "brackets in a string do not count")
}
