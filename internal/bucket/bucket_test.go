package bucket_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/bucket"
	"foyer/internal/fault"
	"foyer/test/env"
)

const key, content = "recordings/one.mp4", "what was recorded"

func settings(b env.S3Bucket) bucket.Settings {
	return bucket.Settings{
		Endpoint: b.Endpoint, PublicEndpoint: b.Endpoint, Name: b.Name, Region: "us-east-1",
		AccessKey: b.AccessKey, SecretKey: b.Secret, SessionToken: b.SessionToken,
	}
}

func open(t *testing.T, s bucket.Settings) *bucket.Bucket {
	t.Helper()
	b, err := bucket.Open(s)
	require.NoError(t, err)
	return b
}

// ask sends a signed request, and returns the answer and its body.
func ask(t *testing.T, endpoint, method string, signed bucket.Signed, more http.Header) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, endpoint+signed.Path, nil)
	require.NoError(t, err)
	request.Host, request.Header = signed.Host, signed.Header.Clone()
	for name, values := range more {
		request.Header[name] = values
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}

func TestStatReturnsTheSize(t *testing.T) {
	t.Parallel()
	real := env.Bucket(t)
	real.Put(t, key, content)
	size, err := open(t, settings(real)).Stat(t.Context(), key)
	require.NoError(t, err)
	assert.EqualValues(t, len(content), size)
}

func TestMissingObjectAndMissingBucketAreDistinguished(t *testing.T) {
	t.Parallel()
	s := settings(env.Bucket(t))
	_, err := open(t, s).Stat(t.Context(), key)
	assert.True(t, fault.Is(err, fault.NotFound), "%v", err)
	s.Name = "nowhere"
	_, err = open(t, s).Stat(t.Context(), key)
	assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
}

func TestDeleteMayBeRepeated(t *testing.T) {
	t.Parallel()
	real := env.Bucket(t)
	real.Put(t, key, content)
	b := open(t, settings(real))
	for range 2 {
		require.NoError(t, b.Delete(t.Context(), key))
		assert.False(t, real.Has(t, key))
	}
}

func TestOutageOfTheStorageIsUnavailableSoon(t *testing.T) {
	t.Parallel()
	server := env.StartMinIO(t, "", "")
	b := open(t, settings(server.Bucket(t)))
	server.Stop()
	_, err := b.Stat(t.Context(), key)
	assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	err = b.Delete(t.Context(), key)
	assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	_, err = b.Sign(http.MethodGet, key)
	assert.NoError(t, err, "signing asks nobody")
}

func TestWrongCredentialsAreNotInTheError(t *testing.T) {
	t.Parallel()
	s := settings(env.Bucket(t))
	s.SecretKey = "another-secret"
	b := open(t, s)
	err := b.Delete(t.Context(), key)
	assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	assert.NotContains(t, err.Error(), s.SecretKey)
	_, err = b.Stat(t.Context(), key)
	assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
}

func TestSignedRequestWorksForOneObjectAndMethod(t *testing.T) {
	t.Parallel()
	real := env.Bucket(t)
	real.Put(t, key, content)
	real.Put(t, "recordings/other.mp4", "not for you")
	b := open(t, settings(real))
	signed, err := b.Sign(http.MethodGet, key)
	require.NoError(t, err)

	response, body := ask(t, real.Endpoint, http.MethodGet, signed, nil)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, content, body)
	response, body = ask(t, real.Endpoint, http.MethodGet, signed, http.Header{"Range": {"bytes=5-7"}})
	assert.Equal(t, http.StatusPartialContent, response.StatusCode)
	assert.Equal(t, "was", body)

	for _, method := range []string{http.MethodHead, http.MethodPut, http.MethodDelete} {
		response, _ = ask(t, real.Endpoint, method, signed, nil)
		assert.Equal(t, http.StatusForbidden, response.StatusCode, method)
	}
	signed.Path = strings.Replace(signed.Path, "one", "other", 1)
	response, _ = ask(t, real.Endpoint, http.MethodGet, signed, nil)
	assert.Equal(t, http.StatusForbidden, response.StatusCode, "another object")
	assert.True(t, real.Has(t, key))
}

func TestOnlyGETAndHEADAreSigned(t *testing.T) {
	t.Parallel()
	real := env.Bucket(t)
	real.Put(t, key, content)
	b := open(t, settings(real))
	signed, err := b.Sign(http.MethodHead, key)
	require.NoError(t, err)
	response, _ := ask(t, real.Endpoint, http.MethodHead, signed, nil)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.EqualValues(t, len(content), response.ContentLength)
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPost, "", "get"} {
		_, err := b.Sign(method, key)
		assert.Error(t, err, method)
	}
}

func TestTemporaryCredentialsWork(t *testing.T) {
	t.Parallel()
	real := env.Bucket(t)
	real.Put(t, key, content)
	s := settings(real.Temporary(t))
	withoutToken := s
	withoutToken.SessionToken = ""
	b := open(t, s)

	size, err := b.Stat(t.Context(), key)
	require.NoError(t, err)
	assert.EqualValues(t, len(content), size)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		signed, err := b.Sign(method, key)
		require.NoError(t, err)
		assert.Equal(t, s.SessionToken, signed.Header.Get("X-Amz-Security-Token"))
		response, _ := ask(t, real.Endpoint, method, signed, nil)
		assert.Equal(t, http.StatusOK, response.StatusCode, method)
	}
	at, err := b.Presign(t.Context(), key, "a.mp4", time.Minute)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status(t, at))

	signed, err := open(t, withoutToken).Sign(http.MethodGet, key)
	require.NoError(t, err)
	response, _ := ask(t, real.Endpoint, http.MethodGet, signed, nil)
	assert.Equal(t, http.StatusForbidden, response.StatusCode, "the token is part of the credentials")
}

func status(t *testing.T, url string) int {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	response.Body.Close()
	return response.StatusCode
}

func TestPresignedURLDownloadsOneObjectForAShortTime(t *testing.T) {
	t.Parallel()
	real := env.Bucket(t)
	real.Put(t, key, content)
	b := open(t, settings(real))
	at, err := b.Presign(t.Context(), key, "abc-defg-hij 2026-11-02.mp4", time.Minute)
	require.NoError(t, err)
	response, err := http.Get(at)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Equal(t, content, string(body))
	assert.Equal(t, `attachment; filename="abc-defg-hij 2026-11-02.mp4"`, response.Header.Get("Content-Disposition"))
	assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	assert.NotContains(t, at, real.Secret)

	longer := strings.Replace(at, "X-Amz-Expires=60", "X-Amz-Expires=6000", 1)
	require.NotEqual(t, at, longer)
	assert.Equal(t, http.StatusForbidden, status(t, longer))
	short, err := b.Presign(t.Context(), key, "a.mp4", time.Second)
	require.NoError(t, err)
	assert.Eventually(t, func() bool { return status(t, short) == http.StatusForbidden },
		time.Minute, 100*time.Millisecond, "it ends")
}

func TestPresignedURLHasThePublicEndpoint(t *testing.T) {
	t.Parallel()
	s := settings(env.Bucket(t))
	s.PublicEndpoint = "https://files.example.org"
	at, err := open(t, s).Presign(t.Context(), key, "a.mp4", time.Minute)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(at, "https://files.example.org/"+s.Name+"/"+key+"?"), at)
}

func TestEndpointIsAnOrigin(t *testing.T) {
	t.Parallel()
	for text, host := range map[string]string{
		"http://minio:9000": "minio:9000", "https://s3.example.org": "s3.example.org",
		"https://s3.example.org/": "s3.example.org", "https://s3.example.org:443": "s3.example.org",
		"http://s3.example.org:80": "s3.example.org", "http://s3.example.org:443": "s3.example.org:443",
		"http://[::1]:9000": "[::1]:9000",
	} {
		at, err := bucket.Endpoint(text)
		require.NoError(t, err, text)
		assert.Equal(t, host, at.Host, text)
	}
	for _, text := range []string{
		"", "minio:9000", "minio", "ftp://minio", "http://", "http://:9000", "https://s3.example.org/bucket",
		"https://key:secret@s3.example.org", "https://s3.example.org?a=b", "https://s3.example.org#a",
		"http://a b", "http://minio:port",
	} {
		_, err := bucket.Endpoint(text)
		require.Error(t, err, text)
		assert.NotContains(t, err.Error(), "secret")
	}
}
