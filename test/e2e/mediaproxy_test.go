package e2e

import (
	"crypto/x509"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/recording"
	"foyer/test/env"
)

// strayPaths are paths that differ from a recording's own address.
func strayPaths(rec, other *ent.Recording, bucket string) []string {
	id := rec.ID.String()
	return []string{
		"/media/recordings/" + strings.ToUpper(id) + ".mp4",
		"/media/recordings/" + id,
		"/media/recordings/" + id + ".",
		"/media/recordings/" + id + ".ogg",
		"/media/recordings/" + id + ".MP4",
		"/media/recordings/" + id + ".mp4.mp4",
		"/media/recordings/" + id + ".mp4/",
		"/media/recordings/" + id + ".mp4/..%2F" + other.ID.String() + ".mp4",
		"/media/recordings/" + id + ".mp4?",
		"/media/recordings/" + id + ".mp4?response-content-type=text/html",
		"/media/recordings/" + id + ".mp4?X-Amz-Signature=0",
		"/media/recordings/" + id + ".mp4%3Fa=b",
		"/media/recordings/" + id + ".mp4%23",
		"/media/recordings/" + id + ".mp4%00",
		"/media/recordings/" + id + ".mp4%00.mp4",
		"/media/recordings/" + id + ".mp4%0a",
		"/media/recordings/" + id + ".mp4%20",
		"/media/recordings/%20" + id + ".mp4",
		"/media/recordings/" + id + "%2Emp4%2E",
		"/media/recordings/" + id + "%252Emp4",
		"/media/recordings%2F" + id + ".mp4",
		"/media%2Frecordings%2F" + id + ".mp4",
		"/media/recordings%5C" + id + ".mp4",
		"/media/recordings%252F" + id + ".mp4",
		"/media/%2572ecordings/" + id + ".mp4",
		"/media//recordings/" + id + ".mp4",
		"//media/recordings/" + id + ".mp4",
		"/media/recordings/./" + id + ".mp4",
		"/media/recordings/../recordings/" + id + ".mp4",
		"/media/recordings/%2e%2e/recordings/" + id + ".mp4",
		"/media/recordings/..%2Frecordings%2F" + id + ".mp4",
		"/x/../media/recordings/" + id + ".mp4",
		"/media/recordings/../" + bucket + "/recordings/" + id + ".mp4",
		"/media/" + bucket + "/recordings/" + id + ".mp4",
		"/media/another/recordings/" + id + ".mp4",
		"/media/recordings/../../another/recordings/" + id + ".mp4",
		"/media/recordings/" + strings.ReplaceAll(id, "-", "") + ".mp4",
		"/media/recordings/{" + id + "}.mp4",
		"/media/recordings/urn:uuid:" + id + ".mp4",
		"/media/recordings/" + uuid.Nil.String() + ".mp4",
		"/media/recordings/", "/media/recordings", "/media/", "/media/recordings/.mp4",
		"/media/recordings/" + strings.Repeat("a", 4000) + ".mp4",
		"/media/auth", "/media/auth/", "/media//auth", "/media/%61uth", "/media/recordings/../auth",
		"/media/auth?x=y", "//media/auth", "/x/../media/auth", "/media%2Fauth",
		"/" + bucket + "/recordings/" + id + ".mp4", "/recordings/" + id + ".mp4",
	}
}

func TestOnlyTheExactAddressOfARecordingGetsIt(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t))
	rec, other := a.saved(nil), a.saved(nil)
	paths := strayPaths(rec, other, a.bucket.Name)
	for _, path := range paths {
		got := a.fetch(http.MethodGet, a.host, path)
		assert.Contains(t, []int{400, 401, 403, 404}, got.status, path)
		assert.NotContains(t, got.body, recorded(rec), path)
		assert.NotContains(t, got.body, recorded(other), path)
		assert.NotContains(t, got.body, a.bucket.Name, path)
		assert.Empty(t, got.header.Get("X-Amz-Date"), path)
	}
	// Each part is decoded once.
	encoded := strings.Replace(file(rec), "recordings", "%72ecordings", 1)
	assert.Equal(t, recorded(rec), a.fetch(http.MethodGet, a.host, encoded).body)
}

// TestMediaEndpointIsStrictByItself: Foyer also refuses what nginx would not pass on.
func TestMediaEndpointIsStrictByItself(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t))
	rec, other := a.saved(nil), a.saved(nil)
	ask := func(token, original string, headers ...string) reply {
		headers = append(headers, "X-Original-URL", original, "X-Media-Secret", mediaSecret)
		return fetch(t, http.MethodGet, a.url+"/media/auth", append(headers, bearer(token)...)...)
	}
	for _, path := range strayPaths(rec, other, a.bucket.Name) {
		for _, origin := range []string{"", "https://meet.example.org"} {
			got := ask(a.host, origin+path)
			assert.Equal(t, http.StatusForbidden, got.status, path)
			assert.Empty(t, got.body)
			assert.Empty(t, got.header.Get("Authorization"))
		}
	}
	for _, original := range []string{"", " ", "*", "media/recordings/x.mp4", "mailto:" + file(rec), "%", "https://"} {
		assert.Equal(t, http.StatusForbidden, ask(a.host, original).status, original)
	}
	assert.Equal(t, http.StatusForbidden, ask(a.host, file(rec), "X-Original-URL", file(rec)).status, "twice")
	assert.Equal(t, http.StatusForbidden, ask(a.host, file(rec), "X-Media-Secret", mediaSecret).status, "twice")
	for _, method := range []string{"PUT", "DELETE", "POST", "get", "GET "} {
		got := ask(a.host, file(rec), "X-Original-Method", method)
		assert.Equal(t, method == "GET ", got.status == http.StatusOK, method) // a header's value is trimmed
	}
	for _, original := range []string{file(rec), "https://meet.example.org" + file(rec)} {
		got := ask(a.host, original)
		require.Equal(t, http.StatusOK, got.status, original)
		assert.Empty(t, got.body)
		assert.Equal(t, "no-store", got.header.Get("Cache-Control"))
		assert.Equal(t, "/"+a.bucket.Name+"/recordings/"+rec.ID.String()+".mp4", got.header.Get("X-Media-Path"))
		assert.Contains(t, got.header.Get("Authorization"), "SignedHeaders=host;x-amz-content-sha256;x-amz-date")
	}
	got := ask("", file(rec))
	assert.Equal(t, http.StatusUnauthorized, got.status)
	assert.Empty(t, got.body)
}

func TestMediaEndpointSignsOnlyForNginx(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t))
	rec := a.saved(nil)
	for _, secret := range []string{"", "wrong", mediaSecret[1:], mediaSecret + "x", strings.ToUpper(mediaSecret)} {
		headers := append(bearer(a.host), "X-Original-URL", file(rec))
		if secret != "" {
			headers = append(headers, "X-Media-Secret", secret)
		}
		got := fetch(t, http.MethodGet, a.url+"/media/auth", headers...)
		assert.Equal(t, http.StatusForbidden, got.status, secret)
		assert.Empty(t, got.header.Get("Authorization"))
	}
	// Through nginx, the client's own headers about the request and the secret are ignored.
	stray := file(a.saved(func(c *ent.RecordingCreate) { c.SetStatus(recording.StatusFAILED) }))
	got := a.fetch(http.MethodGet, a.host, stray, "X-Original-URL", file(rec), "X-Original-Url", file(rec))
	assert.Equal(t, http.StatusForbidden, got.status)
	got = a.fetch(http.MethodGet, a.host, file(rec), "X-Original-URL", stray, "X-Original-Method", "DELETE",
		"X-Media-Secret", "wrong", "X-Media-Path", "/other", "X-Amz-Security-Token", "x", "Host", "other")
	assert.Equal(t, recorded(rec), got.body)
	for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodOptions,
		"PROPFIND"} {
		got := a.fetch(method, a.host, file(rec))
		assert.Equal(t, http.StatusForbidden, got.status, method)
	}
	assert.True(t, a.bucket.Has(t, "recordings/"+rec.ID.String()+".mp4"))

	off := startServer(t, a.bucket.Environ()...)
	got = fetch(t, http.MethodGet, off.url+"/media/auth", "X-Original-URL", file(rec), "X-Media-Secret", "")
	assert.Equal(t, http.StatusForbidden, got.status, "without a secret of its own it signs for nobody")
}

func TestBucketRefusesRequestsWithoutCredentials(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t))
	rec := a.saved(nil)
	object := a.bucket.Endpoint + "/" + a.bucket.Name + "/recordings/" + rec.ID.String() + ".mp4"
	for _, url := range []string{object, a.bucket.Endpoint + "/" + a.bucket.Name + "/"} {
		for _, headers := range [][]string{nil, bearer(a.host)} {
			got := fetch(t, http.MethodGet, url, headers...)
			assert.Contains(t, []int{http.StatusBadRequest, http.StatusForbidden}, got.status)
			assert.NotContains(t, got.body, recorded(rec))
		}
	}
}

func TestTemporaryCredentialsReachTheStorageThroughNginx(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t).Temporary(t))
	rec := a.saved(nil)
	assert.Equal(t, recorded(rec), a.fetch(http.MethodGet, a.host, file(rec)).body)
	assert.Equal(t, http.StatusOK, a.fetch(http.MethodHead, a.host, file(rec)).status)
	part := a.fetch(http.MethodGet, a.host, file(rec), "Range", "bytes=0-2")
	assert.Equal(t, "the", part.body)
}

func TestNginxChecksTheCertificateOfAnHTTPSStorage(t *testing.T) {
	t.Parallel()
	bucket := env.Bucket(t)
	plain, err := url.Parse(bucket.Endpoint)
	require.NoError(t, err)
	storage := secured(t, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(plain)
		r.Out.Host = r.In.Host // it is signed
	}})
	status := func(name string, ca *x509.Certificate) reply {
		a := newArchive(t, bucket, "S3_ENDPOINT=https://"+name)
		a.nginx = startNginx(t, a.url, storage.URL, ca)
		rec := a.saved(nil)
		got := a.fetch(http.MethodGet, a.host, file(rec))
		assert.Equal(t, got.status == http.StatusOK, got.body == recorded(rec))
		return got
	}
	assert.Equal(t, http.StatusOK, status("example.com:9443", storage.Certificate()).status)
	assert.Equal(t, http.StatusOK, status("example.com", storage.Certificate()).status)
	assert.Equal(t, http.StatusServiceUnavailable, status("another.example", storage.Certificate()).status)
}

func TestNginxPassesOnEverythingElse(t *testing.T) {
	t.Parallel()
	a := newArchive(t, env.Bucket(t), "FOYER_TRUSTED_PROXIES=1")
	through := &server{t: t, url: a.nginx.URL()}
	meet(t, through, through)
	stream := through.stream(a.host, watchLobby, object{"roomId": a.roomID})
	line, err := stream.ReadString('\n')
	require.NoError(t, err)
	assert.NotEmpty(t, line, "as it comes")
	assert.Equal(t, http.StatusOK, through.get("/healthz"))
	got := fetch(t, http.MethodPost, a.nginx.URL()+"/graphql", "Content-Type", "application/json",
		"Origin", "https://elsewhere.example.org", "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, http.StatusForbidden, got.status)
}

// TestClientsDoNotNameTheirRequestsThroughNginx: the request id in the log is the proxy's.
func TestClientsDoNotNameTheirRequestsThroughNginx(t *testing.T) {
	t.Parallel()
	foyer := startServer(t, append(shared(t), "FOYER_TRUSTED_PROXIES=1")...)
	certificate := secured(t, http.NotFoundHandler()).Certificate()
	nginx := startNginx(t, foyer.url, "http://127.0.0.1:1", certificate)
	got := fetch(t, http.MethodGet, nginx.URL()+"/healthz", "X-Request-Id", "another-persons")
	require.Equal(t, http.StatusOK, got.status, nginx.Log(t))
	assert.Regexp(t, `^[0-9a-f]{32}$`, got.header.Get("X-Request-Id"))
}
