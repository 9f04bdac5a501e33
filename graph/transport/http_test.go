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

	"foyer/test/env"
)

// Old clients look only at the body of a response that was not executed, new ones at the status.
func TestInvalidDocumentHasNoDataAndAStatusByMediaType(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for name, body := range map[string]string{
		"does not parse":    `{"query": "{"}`,
		"does not validate": `{"query": "{nothing}"}`,
		"variable missing":  `{"query": "query($a: Int!) { a: __typename @skip(if: false) __type(name: $a) {name} }"}`,
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

func TestResponseOfAFailingFieldHasData(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, accept := range []string{"application/json", "application/graphql-response+json"} {
		got := s.post(t, `{"query": "{hello fails}"}`, "Accept: "+accept)
		assert.Equal(t, http.StatusOK, got.status)
		assert.Equal(t, object{"hello": "world", "fails": nil}, got.body()["data"])
		assert.Equal(t, "TEST", got.code())
	}
}

func TestResponseHasAtMostTheAllowedErrors(t *testing.T) {
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

func TestSubscriptionRequiresAClientThatAcceptsStreams(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const count = "subscription { count(to: 1) }"
	for _, accept := range []string{"", "*/*", "application/json", "application/graphql-response+json"} {
		s.post(t, `{"query": "`+count+`"}`, "Accept: "+accept).refusedWith(http.StatusBadRequest, "INVALID")
		s.get(t, url.Values{"query": {count}}, "Accept: "+accept).refusedWith(http.StatusBadRequest, "INVALID")
	}
	s.runs(t, 0)
}

func TestNoResponseIsCachedOrSniffed(t *testing.T) {
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

func TestOperationEndsAfterItsTimeout(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.http.Timeout = 20 * time.Millisecond })
	got := s.post(t, `{"query": "{slow}"}`)
	assert.Equal(t, http.StatusOK, got.status)
	assert.Equal(t, object{"slow": nil}, got.body()["data"])
	assert.Equal(t, "TEST", got.code())
	s.runs(t, 0)
}

// ended cancels an operation before it begins.
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

func TestOperationWhoseTimeIsUpBeforeItBeginsFails(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.use = append(set.use, ended{}) })
	got := s.post(t, hello)
	assert.Equal(t, http.StatusOK, got.status)
	assert.Equal(t, "UNAVAILABLE", got.code())
}

func TestDisconnectingStopsTheQuery(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := http.DefaultClient.Do(request(t, http.MethodPost, s.URL, `{"query": "{slow}"}`).WithContext(ctx))
		gone <- err
	}()
	require.Eventually(t, func() bool { return s.running.Load() == 1 }, env.Soon, time.Millisecond)
	leave()
	assert.ErrorIs(t, <-gone, context.Canceled)
	s.runs(t, 0)
}

func TestPanicIsOneErrorAndTheServerContinues(t *testing.T) {
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

// FuzzHTTP checks that every request is answered with JSON or a stream.
func FuzzHTTP(f *testing.F) {
	f.Add("POST", "/", "application/json", "", hello)
	f.Add("POST", "/", "application/json; charset=utf-8", "text/event-stream",
		`{"query": "subscription { count(to: 2) }"}`)
	f.Add("GET", "/?query={hello}&variables={}", "", "*/*;q=0.1, application/json;q=0", "")
	f.Add("POST", "/", "application/json", "application/graphql-response+json", `{"query": "{`)
	f.Add("POST", "/", "application/json", "",
		`{"query": "", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "x"}}}`)
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
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // some stream for ever
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

// recorder records a response, and accepts deadlines as a connection does.
type recorder struct{ *httptest.ResponseRecorder }

func (recorder) SetWriteDeadline(time.Time) error { return nil }
