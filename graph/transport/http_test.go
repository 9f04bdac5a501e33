package transport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	typeJSON     = "application/json; charset=utf-8"
	typeResponse = "application/graphql-response+json; charset=utf-8"
	typeStream   = "text/event-stream; charset=utf-8"
)

// answered is what came back of a request.
type answered struct {
	t      testing.TB
	status int
	header http.Header
	text   string
}

// request makes a request of lines "Name: value"; a POST is one of JSON unless they say otherwise.
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

// code is that of the only error.
func (a answered) code() any {
	a.t.Helper()
	errs, _ := a.body()["errors"].([]any)
	require.Len(a.t, errs, 1, a.text)
	return at(errs[0], "extensions", "code")
}

const hello = `{"query": "{hello}"}`

func TestMediaTypeIsTheOneTheClientLikesBest(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const urql = "application/graphql-response+json, application/graphql+json, application/json, " +
		"text/event-stream, multipart/mixed"
	for accept, want := range map[string]string{
		"":                                  typeJSON,
		"   ":                               typeJSON,
		"*/*":                               typeJSON,
		"application/*":                     typeJSON,
		"application/json":                  typeJSON,
		"APPLICATION/JSON":                  typeJSON,
		"application/graphql-response+json": typeResponse,
		"application/graphql-response+json; charset=utf-8":                      typeResponse,
		"application/json, application/graphql-response+json":                   typeResponse,
		"application/graphql-response+json;q=0.5, application/json;q=0.4":       typeResponse,
		"application/graphql-response+json;q=0.4, application/json;q=0.5":       typeJSON,
		"application/graphql-response+json;q=0.4, application/json ; q=0.5":     typeJSON,
		"application/graphql-response+json;q=0, */*":                            typeJSON,
		"application/json;q=0, */*":                                             typeResponse,
		"application/json;q=0, application/*;q=0.1":                             typeResponse,
		"*/*;q=0.1, application/*;q=0, application/graphql-response+json;q=0.2": typeResponse,
		"text/html, */*;q=0.1":                                                  typeJSON,
		"text/html, application/json;q=0.001":                                   typeJSON,
		"nonsense, /, ;;;, application/json":                                    typeJSON,
		"text/event-stream;q=0.5, application/json":                             typeJSON,
		"text/event-stream, application/json":                                   typeJSON,
		"text/*, application/json":                                              typeJSON,
		urql:                                                                    typeResponse,
	} {
		t.Run(accept, func(t *testing.T) {
			t.Parallel()
			got := s.post(t, hello, "Accept: "+accept)
			assert.Equal(t, http.StatusOK, got.status)
			assert.Equal(t, want, got.mediaType())
			assert.JSONEq(t, `{"data": {"hello": "world"}}`, got.text)
		})
	}
}

func TestSeveralAcceptHeadersAreOne(t *testing.T) {
	t.Parallel()
	r := request(t, http.MethodPost, newServer(t).URL, hello)
	r.Header["Accept"] = []string{"text/html", "application/graphql-response+json"}
	assert.Equal(t, typeResponse, answerTo(t, r).mediaType())
}

func TestNothingAcceptableIs406(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, accept := range []string{
		"text/html", "application/json;q=0", "*/*;q=0", "application/json;q=2",
		"application/json;q=-1", "application/json;q=x", "application/*;q=0, image/*", "nonsense", "text/*",
		"text/event-stream;q=0",
		strings.Repeat("text/html, ", 400) + "application/json", // nobody reads as far
	} {
		got := s.post(t, hello, "Accept: "+accept)
		assert.Equal(t, http.StatusNotAcceptable, got.status, accept)
		assert.Equal(t, "INVALID", got.code(), accept)
	}
}

// secret stands in every bad request, and in no answer.
const secret = "hunter2"

func TestMalformedRequestIs400AndEchoesNothing(t *testing.T) {
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

func TestNullsStandForNothing(t *testing.T) {
	t.Parallel()
	got := newServer(t).post(t,
		`{"query": "{hello}", "operationName": null, "variables": null, "extensions": null}`)
	assert.Equal(t, http.StatusOK, got.status)
	assert.JSONEq(t, `{"data": {"hello": "world"}}`, got.text)
}

// Of what does not run, old clients look at the body alone, and new ones at the status.
func TestDocumentThatCannotRunHasNoDataAndAStatusByMediaType(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for name, body := range map[string]string{
		"does not parse":    `{"query": "{"}`,
		"does not validate": `{"query": "{nothing}"}`,
		"variable missing":  `{"query": "query($a: Int!) { a: __typename @skip(if: false) __type(name: $a) { name } }"}`,
		"variable no fit":   `{"query": "subscription($to: Int) { count(to: $to) }", "variables": {"to": "many"}}`,
		"no such operation": `{"query": "query A {hello} query B {hello}", "operationName": "C"}`,
		"which operation":   `{"query": "query A {hello} query B {hello}"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.post(t, body, "Accept: application/json").refusedWith(http.StatusOK, "TEST")
			got := s.post(t, body, "Accept: application/graphql-response+json")
			got.refusedWith(http.StatusBadRequest, "TEST")
			assert.Equal(t, typeResponse, got.mediaType())
		})
	}
}

func TestFailingFieldIsAnAnswerWithData(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, accept := range []string{"application/json", "application/graphql-response+json"} {
		got := s.post(t, `{"query": "{hello fails}"}`, "Accept: "+accept)
		assert.Equal(t, http.StatusOK, got.status)
		assert.Equal(t, object{"hello": "world", "fails": nil}, got.body()["data"])
		assert.Equal(t, "TEST", got.code())
	}
}

func TestAnswerHasSoManyErrorsAndNoMore(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.limits.Errors, set.limits.RootFields = 3, 10 })
	errorsIn := func(query string) int {
		errs, _ := s.post(t, `{"query": "`+query+`"}`).body()["errors"].([]any)
		return len(errs)
	}
	assert.Equal(t, 3, errorsIn("{a b c}"))
	assert.Equal(t, 3, errorsIn("{a b c d e}"), "of validation")
	assert.Equal(t, 3, errorsIn("{a: fails b: fails c: fails}"))
	assert.Equal(t, 3, errorsIn("{a: fails b: fails c: fails d: fails}"), "of resolvers")
}

func TestMethods(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	mutation := url.Values{"query": {"mutation { bump }"}}

	got := s.get(t, mutation)
	got.refusedWith(http.StatusMethodNotAllowed, "INVALID")
	assert.Equal(t, "POST", got.header.Get("Allow"))
	got = s.get(t, mutation, "Accept: text/event-stream")
	assert.Equal(t, http.StatusMethodNotAllowed, got.status, "nor as a stream")
	assert.Zero(t, s.bumps.Load())

	assert.JSONEq(t, `{"data": {"bump": 1}}`, s.post(t, `{"query": "mutation { bump }"}`).text)
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"} {
		got := answerTo(t, request(t, method, s.URL, hello))
		got.refusedWith(http.StatusMethodNotAllowed, "INVALID")
		assert.Equal(t, "GET, POST", got.header.Get("Allow"))
	}
	got = answerTo(t, request(t, http.MethodHead, s.URL, ""))
	assert.Equal(t, http.StatusMethodNotAllowed, got.status)
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

func TestBodyOfAtMostSoManyBytes(t *testing.T) {
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

func TestSubscriptionNeedsSomebodyWhoTakesAStream(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const count = "subscription { count(to: 1) }"
	for _, accept := range []string{"", "*/*", "application/json", "application/graphql-response+json"} {
		s.post(t, `{"query": "`+count+`"}`, "Accept: "+accept).refusedWith(http.StatusBadRequest, "INVALID")
		s.get(t, url.Values{"query": {count}}, "Accept: "+accept).refusedWith(http.StatusBadRequest, "INVALID")
	}
	s.runs(t, 0)
}

func TestGetTakesVariablesExtensionsAndAName(t *testing.T) {
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

// A browser sends its cookies with a GET to whatever page asks for it.
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

func TestEveryAnswerTellsCachesAndBrowsersToKeepOff(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for name, got := range map[string]answered{
		"answer":        s.post(t, hello),
		"refusal":       s.post(t, `{`),
		"not valid":     s.post(t, `{"query": "{nothing}"}`),
		"unacceptable":  s.post(t, hello, "Accept: text/html"),
		"other method":  answerTo(t, request(t, http.MethodPut, s.URL, "")),
		"event stream":  s.post(t, `{"query": "subscription { count(to: 1) }"}`, "Accept: text/event-stream"),
		"panic":         s.post(t, `{"query": "{panics}"}`),
		"not a request": s.get(t, url.Values{}),
	} {
		assert.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"), name)
		assert.Equal(t, "no-store", got.header.Get("Cache-Control"), name)
		assert.Equal(t, "Accept", got.header.Get("Vary"), name)
	}
}

func TestOperationHasSoMuchTime(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.http.Timeout = 20 * time.Millisecond })
	got := s.post(t, `{"query": "{slow}"}`)
	assert.Equal(t, http.StatusOK, got.status)
	assert.Equal(t, object{"slow": nil}, got.body()["data"])
	assert.Equal(t, "TEST", got.code())
	s.runs(t, 0)
}

// ended ends the time of an operation before it begins.
type ended struct{ named }

func (ended) InterceptOperation(
	ctx context.Context, next graphql.OperationHandler,
) graphql.ResponseHandler {
	respond := next(ctx)
	return func(ctx context.Context) *graphql.Response {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return respond(ctx)
	}
}

type named struct{}

func (named) ExtensionName() string                   { return "a test's" }
func (named) Validate(graphql.ExecutableSchema) error { return nil }

func TestOperationWhoseTimeIsUpBeforeItBeginsIsAnError(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.use = append(set.use, ended{}) })
	got := s.post(t, hello)
	assert.Equal(t, http.StatusOK, got.status)
	assert.Equal(t, "UNAVAILABLE", got.code())
}

func TestLeavingStopsTheQuery(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := http.DefaultClient.Do(request(t, http.MethodPost, s.URL, `{"query": "{slow}"}`).WithContext(ctx))
		gone <- err
	}()
	require.Eventually(t, func() bool { return s.running.Load() == 1 }, soon, time.Millisecond)
	leave()
	assert.ErrorIs(t, <-gone, context.Canceled)
	s.runs(t, 0)
}

func TestPanicIsOneErrorAndTheServerLives(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, query := range []string{"{hello panics}", "query { panics }"} {
		got := s.post(t, `{"query": "`+query+`"}`, "Accept: application/graphql-response+json")
		assert.Equal(t, http.StatusInternalServerError, got.status)
		assert.Equal(t, typeResponse, got.mediaType())
		assert.Equal(t, "TEST", got.code())
		assert.NotContains(t, got.text, "a resolver panics")
	}
	assert.Equal(t, http.StatusOK, s.post(t, hello).status)
}

// FuzzHTTP wants an answer in JSON, or a stream, of whatever is sent.
func FuzzHTTP(f *testing.F) {
	f.Add("POST", "/", "application/json", "", hello)
	f.Add("POST", "/", "application/json; charset=utf-8", "text/event-stream", `{"query": "subscription { count(to: 2) }"}`)
	f.Add("GET", "/?query={hello}&variables={}", "", "*/*;q=0.1, application/json;q=0", "")
	f.Add("POST", "/", "application/json", "application/graphql-response+json", `{"query": "{`)
	f.Add("POST", "/", "application/json", "", `{"query": "", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "x"}}}`)
	f.Add("GET", "/?query=mutation{bump}", "", "text/event-stream", "")
	s := &service{values: make(chan int), release: make(chan struct{})}
	h := s.handler(f, func(set *settings) {
		set.http.Timeout, set.http.Heartbeat = 10*time.Millisecond, time.Millisecond
	})
	f.Fuzz(func(t *testing.T, method, address, contentType, accept, body string) {
		to, err := url.ParseRequestURI(address)
		if err != nil {
			t.Skip()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // of what streams for ever
		defer cancel()
		r := (&http.Request{
			Method: method, URL: to, Body: io.NopCloser(strings.NewReader(body)),
			Header: http.Header{"Content-Type": {contentType}, "Accept": {accept}},
		}).WithContext(ctx)
		w := &recorder{ResponseRecorder: httptest.NewRecorder()}
		h.ServeHTTP(w, r)
		switch w.Header().Get("Content-Type") {
		case typeJSON, typeResponse:
			require.True(t, json.Valid(w.Body.Bytes()), "%s", w.Body)
		case typeStream:
			require.True(t, bytes.HasPrefix(w.Body.Bytes(), []byte(":\n\n")), "%s", w.Body)
		default:
			require.Fail(t, "another media type", "%v", w.Header())
		}
		s.runs(t, 0)
	})
}

// recorder records, and takes deadlines as a connection does.
type recorder struct{ *httptest.ResponseRecorder }

func (recorder) SetWriteDeadline(time.Time) error { return nil }

func TestCompressedBodyIsRefusedAsSuch(t *testing.T) {
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

func TestBodyThatWouldBeDecodedToTooMuchIsNotDecoded(t *testing.T) {
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
	assert.Equal(t, http.StatusOK, s.post(t, around(deep)).status, "what stands in a string counts for nothing")
}
