package transport_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMediaTypeIsTheClientsPreferredOne(t *testing.T) {
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

func TestSeveralAcceptHeadersAreJoined(t *testing.T) {
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
		strings.Repeat("text/html, ", 400) + "application/json", // beyond maxAccept
	} {
		got := s.post(t, hello, "Accept: "+accept)
		assert.Equal(t, http.StatusNotAcceptable, got.status, accept)
		assert.Equal(t, "INVALID", got.code(), accept)
	}
}
