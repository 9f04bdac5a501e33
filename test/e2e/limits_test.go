package e2e

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// from requests a page as a proxy does for a client at some address, and returns the answer.
func (s *server) from(address, path string) *http.Response {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodGet, s.url+path, nil)
	require.NoError(s.t, err)
	request.Header.Set("X-Forwarded-For", address)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	got, err := client.Do(request)
	require.NoError(s.t, err)
	got.Body.Close()
	return got
}

// TestSignInsAreLimitedByAddress, also while Redis is away: the start of a sign-in does not need it.
func TestSignInsAreLimitedByAddress(t *testing.T) {
	t.Parallel()
	store := env.StartRedis(t)
	s := startServer(t, "REDIS_URL="+store.URL(), "FOYER_TRUSTED_PROXIES=1", "FOYER_SIGN_INS_PER_ADDRESS=3")
	limited := func(path string, status int) {
		t.Helper()
		for range 3 {
			assert.Equal(t, status, s.from("192.0.2.1", path).StatusCode)
		}
		refused := s.from("192.0.2.1", path)
		assert.Equal(t, http.StatusTooManyRequests, refused.StatusCode)
		seconds, err := strconv.Atoi(refused.Header.Get("Retry-After"))
		require.NoError(t, err)
		assert.InDelta(t, 20, seconds, 19)
		assert.Equal(t, status, s.from("192.0.2.2", path).StatusCode, "another address is not concerned")
	}
	limited("/login", http.StatusSeeOther)
	limited("/callback?state=x&code=y", http.StatusBadRequest)
	store.Stop(t)
	limited("/login", http.StatusSeeOther)
}

// TestRateLimitedRequestsLearnHowLongToWait in GraphQL.
func TestRateLimitedRequestsLearnHowLongToWait(t *testing.T) {
	t.Parallel()
	s := startServer(t, "FOYER_KNOCKS_PER_ROOM=1", "FOYER_TOKENS_PER_USER=1", "FOYER_GRANTS_PER_ROOM=1")
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	refused := func(token, query string, input object) {
		t.Helper()
		assert.Empty(t, s.ask(token, query, object{"input": input}).Errors)
		answer := s.ask(token, query, object{"input": input})
		if assert.Equal(t, "RATE_LIMITED", answer.code(), query) {
			wait := answer.Errors[0].Extensions["retryAfter"].(float64)
			assert.Positive(t, wait)
			assert.Equal(t, float64(int(wait)), wait, "whole seconds")
		}
	}
	refused("", requestEntry, object{"roomId": roomID, "displayName": "Anna"})
	refused(host, createRoomToken, object{"roomId": roomID})
	refused(host, `mutation($input: GrantRoomAccessInput!) { grantRoomAccess(input: $input) { roomAccess { id } } }`,
		object{"roomId": roomID, "email": "bob@example.org", "role": "MEMBER"})
}
