package webhook_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/webhook"
)

const (
	oldSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	newSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// got is a request that an endpoint received.
type got struct {
	header http.Header
	body   []byte
}

// endpoint starts an endpoint with a given answer, and returns the requests that it receives.
func endpoint(t *testing.T, answer http.HandlerFunc) (url string, requests <-chan got) {
	t.Helper()
	seen := make(chan got, 9)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Header.Set("method", r.Method)
		r.Header.Set("url", r.URL.String())
		seen <- got{r.Header, body}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, seen
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func sender(t *testing.T, url string, secrets ...string) (s *webhook.Sender, endpoint string) {
	t.Helper()
	if secrets == nil {
		secrets = []string{newSecret}
	}
	s, err := webhook.NewSender(webhook.Settings{URLs: []string{url}, Secrets: secrets})
	require.NoError(t, err)
	require.Len(t, s.Endpoints(), 1)
	return s, s.Endpoints()[0]
}

var message = webhook.Message{ID: "0d5e8d1e-3a52-4d2e-9b6e-0c0d7a6a9f10", Body: []byte(`{"type":"test","é":"🦊"}`)}

func verify(secret string, g got) error {
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return err
	}
	return verifier.Verify(g.body, g.header)
}

func TestMessageIsPostedAndSigned(t *testing.T) {
	t.Parallel()
	url, requests := endpoint(t, status(http.StatusNoContent))
	s, name := sender(t, url+"/hooks?key=value")
	before := time.Now().Unix()
	require.NoError(t, s.Send(t.Context(), name, message))
	g := <-requests
	assert.Equal(t, message.Body, g.body)
	assert.Equal(t, "POST", g.header.Get("method"))
	assert.Equal(t, "/hooks?key=value", g.header.Get("url"))
	assert.Equal(t, "application/json", g.header.Get("Content-Type"))
	assert.Equal(t, message.ID, g.header.Get("webhook-id"))
	at, err := strconv.ParseInt(g.header.Get("webhook-timestamp"), 10, 64)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, at, before)
	assert.LessOrEqual(t, at, time.Now().Unix())
	assert.NoError(t, verify(newSecret, g))
}

func TestEveryChangeBreaksTheSignature(t *testing.T) {
	t.Parallel()
	url, requests := endpoint(t, status(http.StatusOK))
	s, name := sender(t, url)
	require.NoError(t, s.Send(t.Context(), name, message))
	g := <-requests
	require.NoError(t, verify(newSecret, g))
	assert.Error(t, verify(oldSecret, g), "another secret")
	assert.Error(t, verify(newSecret, got{g.header, append([]byte(" "), g.body...)}), "another body")
	for header, value := range map[string]string{
		"webhook-id": "another", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA",
	} {
		changed := got{g.header.Clone(), g.body}
		changed.header.Set(header, value)
		assert.Error(t, verify(newSecret, changed), header)
	}
}

// TestEachSecretSignsDuringARotation: receivers may have the old secret or the new one.
func TestEachSecretSignsDuringARotation(t *testing.T) {
	t.Parallel()
	url, requests := endpoint(t, status(http.StatusOK))
	s, name := sender(t, url, newSecret, oldSecret)
	require.NoError(t, s.Send(t.Context(), name, message))
	g := <-requests
	assert.NoError(t, verify(oldSecret, g))
	assert.NoError(t, verify(newSecret, g))
	assert.Error(t, verify("whsec_"+strings.Repeat("A", 32), g))
	assert.Len(t, strings.Fields(g.header.Get("webhook-signature")), 2)
}

// TestOnlySuccessIsSuccess, and only final refusals are ErrRefused.
func TestOnlySuccessIsSuccess(t *testing.T) {
	t.Parallel()
	for code, refused := range map[int]bool{
		http.StatusGone: true, http.StatusRequestEntityTooLarge: true, http.StatusUnprocessableEntity: true,
		http.StatusMovedPermanently: false, http.StatusNotModified: false, http.StatusBadRequest: false,
		http.StatusUnauthorized: false, http.StatusForbidden: false, http.StatusNotFound: false,
		http.StatusRequestTimeout: false, http.StatusTooManyRequests: false,
		http.StatusInternalServerError: false, http.StatusServiceUnavailable: false,
	} {
		url, _ := endpoint(t, status(code))
		s, name := sender(t, url)
		err := s.Send(t.Context(), name, message)
		if assert.Error(t, err, code) {
			assert.Equal(t, refused, errors.Is(err, webhook.ErrRefused), "%d: %v", code, err)
			assert.Contains(t, err.Error(), strconv.Itoa(code))
		}
	}
	for _, code := range []int{200, 201, 202, 204, 299} {
		url, _ := endpoint(t, status(code))
		s, name := sender(t, url)
		assert.NoError(t, s.Send(t.Context(), name, message), code)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	other, seen := endpoint(t, status(http.StatusOK))
	for _, code := range []int{301, 302, 303, 307, 308} {
		url, _ := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other, code)
		})
		s, name := sender(t, url)
		assert.ErrorContains(t, s.Send(t.Context(), name, message), "redirects are not followed", code)
	}
	assert.Empty(t, seen)
}

// TestEndlessAnswerIsNotAwaited: the status is enough.
func TestEndlessAnswerIsNotAwaited(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	url, _ := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(gone)
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	})
	s, name := sender(t, url)
	assert.NoError(t, s.Send(t.Context(), name, message))
	select {
	case <-gone:
	case <-time.After(30 * time.Second):
		assert.Fail(t, "the connection is still there")
	}
}

func TestEndlessHeadersAreRefused(t *testing.T) {
	t.Parallel()
	url, _ := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
	})
	s, name := sender(t, url)
	assert.Error(t, s.Send(t.Context(), name, message))
}

func TestSilentEndpointTimesOut(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and sends nothing
	require.NoError(t, err)
	t.Cleanup(func() { silent.Close() })
	s, name := sender(t, "http://"+silent.Addr().String()+"/?token=hunter2")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = s.Send(ctx, name, message)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NotErrorIs(t, err, webhook.ErrRefused)
}

func TestErrorsContainOnlyTheHostOfAURL(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(nil)
	closed.Close()
	unknownCA := httptest.NewTLSServer(status(http.StatusOK))
	t.Cleanup(unknownCA.Close)
	failing, _ := endpoint(t, status(http.StatusInternalServerError))
	for _, base := range []string{closed.URL, unknownCA.URL, failing} {
		s, name := sender(t, base+"/hunter2?token=hunter2")
		err := s.Send(t.Context(), name, message)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "hunter2")
		assert.Contains(t, err.Error(), "127.0.0.1:")
		assert.NotErrorIs(t, err, webhook.ErrRefused)
		assert.NotContains(t, name, "hunter2")
	}
}

func TestNamesOfEndpointsDependOnTheirURLs(t *testing.T) {
	t.Parallel()
	one, two := "https://one.example", "https://two.example"
	a, err := webhook.NewSender(webhook.Settings{URLs: []string{one, two}, Secrets: []string{oldSecret}})
	require.NoError(t, err)
	b, err := webhook.NewSender(webhook.Settings{URLs: []string{two, one}, Secrets: []string{newSecret}})
	require.NoError(t, err)
	assert.Len(t, a.Endpoints(), 2)
	assert.Equal(t, a.Endpoints(), b.Endpoints(), "every server names them alike")
	assert.Error(t, a.Send(t.Context(), "another", message))
	none, err := webhook.NewSender(webhook.Settings{})
	require.NoError(t, err)
	assert.Empty(t, none.Endpoints())
	_, err = webhook.NewSender(webhook.Settings{URLs: []string{one}})
	assert.Error(t, err, "nothing is sent without a signature")
}

func TestURLsOfEndpointsAreChecked(t *testing.T) {
	t.Parallel()
	for url, good := range map[string][2]bool{ // without and with plain http
		"https://hooks.example.org":             {true, true},
		"https://hooks.example.org:8443/a/b?c=": {true, true},
		"http://127.0.0.1:9000/hook":            {true, true},
		"http://localhost:9000":                 {true, true},
		"http://[::1]:9000":                     {true, true},
		"http://hooks.example.org":              {false, true},
		"http://transcripts:8000/foyer":         {false, true},
		"http://127.0.0.1.example.org":          {false, true},
		"https://user:hunter2@example.org":      {},
		"https://example.org/#fragment":         {},
		"ftp://example.org":                     {},
		"example.org/hooks":                     {},
		"https://":                              {},
		"https:///hook":                         {},
		"":                                      {},
		"://hunter2":                            {},
	} {
		for i, allowHTTP := range []bool{false, true} {
			err := webhook.CheckURL(url, allowHTTP)
			assert.Equal(t, good[i], err == nil, "%s %t", url, allowHTTP)
			if err != nil {
				assert.NotContains(t, err.Error(), "hunter2")
			}
		}
	}
}

func TestSecretsFollowTheSpecification(t *testing.T) {
	t.Parallel()
	of := func(size int) string {
		return "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, size))
	}
	for secret, good := range map[string]bool{
		oldSecret: true, of(24): true, of(64): true, of(23): false, of(65): false, "": false,
		"whsec_": false, strings.TrimPrefix(oldSecret, "whsec_"): false, "whsec_hunter2!": false,
	} {
		err := webhook.CheckSecret(secret)
		assert.Equal(t, good, err == nil, secret)
		if err != nil {
			assert.NotContains(t, err.Error(), "hunter2")
		}
	}
}
