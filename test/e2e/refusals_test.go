package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const inputsSecret = "a-secret-of-more-than-thirty-two-characters"

// TestEveryRefusalOfTheAPIHasOneShape: clients need to know only this one and OAuth's.
func TestEveryRefusalOfTheAPIHasOneShape(t *testing.T) {
	t.Parallel()
	s := startServer(t, "FOYER_TRANSCRIPT_WEBHOOK_SECRET="+inputsSecret)
	evil := http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}
	gzip := http.Header{"Content-Encoding": {"gzip"}, "Authorization": {"Bearer " + inputsSecret}}
	socket := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
	twice := http.Header{"Authorization": {"Bearer a", "Bearer b"}, "Content-Type": {"application/json"}}
	type refusal struct {
		method, path string
		header       http.Header
		status       int
	}
	refusals := []refusal{
		{http.MethodGet, "/graphql?query={viewer{id}}", evil, http.StatusForbidden},
		{http.MethodPost, "/graphql", evil, http.StatusForbidden},
		{http.MethodPut, "/graphql", nil, http.StatusMethodNotAllowed},
		{http.MethodPost, "/graphql", nil, http.StatusUnsupportedMediaType},
		{http.MethodGet, "/graphql", nil, http.StatusBadRequest},
		{http.MethodGet, "/graphql", socket, http.StatusBadRequest},
		{http.MethodGet, "/graphql", http.Header{"Accept": {"image/png"}}, http.StatusNotAcceptable},
		{http.MethodPost, "/graphql", twice, http.StatusUnauthorized},
		{http.MethodPost, "/webhooks/livekit", http.Header{"X": nil}, http.StatusUnauthorized},
		{http.MethodPost, "/webhooks/transcript", nil, http.StatusUnauthorized},
		{http.MethodPost, "/webhooks/storage", nil, http.StatusNotFound},
		{http.MethodPost, "/dev/login", nil, http.StatusBadRequest},
	}
	for _, path := range []string{
		"/graphql", "/webhooks/livekit", "/webhooks/storage", "/webhooks/transcript", "/dev/login", "/oauth/token",
	} {
		header := gzip.Clone()
		if path == "/graphql" { // the secret is no token there
			header.Del("Authorization")
		}
		refusals = append(refusals, refusal{http.MethodPost, path, header, http.StatusUnsupportedMediaType})
		if path != "/graphql" {
			refusals = append(refusals, refusal{http.MethodGet, path, nil, http.StatusMethodNotAllowed},
				refusal{http.MethodPut, path, nil, http.StatusMethodNotAllowed})
		}
		refusals = append(refusals, refusal{http.MethodPost, path, evil, http.StatusForbidden})
	}
	for _, r := range refusals {
		name := fmt.Sprint(r.method, " ", r.path, " ", r.header)
		request, err := http.NewRequest(r.method, s.url+r.path, strings.NewReader("\x1f\x8b"))
		require.NoError(t, err)
		if r.header != nil {
			request.Header = r.header.Clone()
		}
		got, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		var answer response
		var plain struct {
			Error       string
			Description string `json:"error_description"`
		}
		assert.Contains(t, got.Header.Get("Content-Type"), "json", name)
		if r.path == "/oauth/token" && r.status == http.StatusUnsupportedMediaType {
			assert.NoError(t, json.NewDecoder(got.Body).Decode(&plain), name)
			assert.Equal(t, "invalid_request", plain.Error, name)
		} else if assert.NoError(t, json.NewDecoder(got.Body).Decode(&answer), name) {
			assert.NotContains(t, []string{"", "<nil>", "INTERNAL"}, answer.code(), name)
		}
		got.Body.Close()
		assert.Equal(t, r.status, got.StatusCode, name)
	}
}

// TestAuthorizationIsGivenOnce: a proxy might check another value than Foyer.
func TestAuthorizationIsGivenOnce(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	token := s.login("Olga Owner")
	for name, lines := range map[string][]string{
		"the same": {"Bearer " + token, "Bearer " + token}, "another behind": {"Bearer " + token, "Basic eDp5"},
		"another before": {"Basic eDp5", "Bearer " + token},
	} {
		request, err := http.NewRequest(http.MethodGet, s.url+"/graphql?query="+url.QueryEscape("{viewer{id}}"), nil)
		require.NoError(t, err)
		request.Header["Authorization"] = lines
		got, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		got.Body.Close()
		assert.Equal(t, http.StatusUnauthorized, got.StatusCode, name)
	}
}
