package main

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/server/config"
)

// script is long enough to be compressed.
var script = strings.Repeat("console.log('hello');\n", 100)

var build = fstest.MapFS{
	"index.html":          {Data: []byte("<!doctype html><title>Foyer</title>" + strings.Repeat("<p>hello", 100))},
	".gitkeep":            {},
	"favicon.svg":         {Data: []byte("<svg/>")},
	"assets/index-1a2.js": {Data: []byte(script)},
	"assets/index-1a2.x":  {Data: []byte("what is this?")},
	"assets/logo-1a2.png": {Data: []byte(strings.Repeat("png", 100))},
	"assets/font.woff2":   {Data: []byte("woff2")},
}

// serves returns what answers for a build and a few addresses beside it.
func serves(t *testing.T, build fs.FS) http.Handler {
	t.Helper()
	p, err := newPage(build, "wss://livekit.example.org")
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("/graphql", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "graphql") })
	mux.HandleFunc("POST /webhook", func(http.ResponseWriter, *http.Request) {})
	return p.in(mux)
}

// get asks with headers, each a name and its value.
func get(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPageIsWhereItsScriptKnowsTheAddressAndNowhereElse(t *testing.T) {
	t.Parallel()
	h := serves(t, build)
	for _, path := range []string{
		"/", "/abc-defg-hij", "/Mon%20Salon", "/recordings", "/recordings/6ba7b810-9dad-11d1-80b4-00c04fd430c8",
	} {
		got := get(h, http.MethodGet, path)
		assert.Equal(t, http.StatusOK, got.Code, path)
		assert.Contains(t, got.Body.String(), "<title>Foyer", path)
		assert.Equal(t, "text/html; charset=utf-8", got.Header().Get("Content-Type"))
		assert.Equal(t, "no-cache", got.Header().Get("Cache-Control"))
		assert.Empty(t, get(h, http.MethodHead, path).Body.String())
	}
	for _, path := range []string{
		"/a/b", "/recordings/", "/recordings/a/b", "/index.html", "/.gitkeep", "/robots.txt", "/assets/",
		"/assets/gone-1a2.js", "/assets/../index.html", "/webhook/a", "/abc-defg-hij/", "/.env", "/a//b",
	} {
		got := get(h, http.MethodGet, path)
		assert.NotContains(t, got.Body.String(), "<title>Foyer", path)
		assert.Contains(t, []int{
			http.StatusNotFound, http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect,
		}, got.Code, path)
	}
	assert.Equal(t, "graphql", get(h, http.MethodGet, "/graphql").Body.String())
	assert.Equal(t, http.StatusNotFound, get(h, http.MethodPost, "/abc-defg-hij").Code)
	assert.Equal(t, http.StatusNotFound, get(h, http.MethodDelete, "/").Code)
}

func TestLinkWithASlashOrADotAtItsEndLeadsToItsRoom(t *testing.T) {
	t.Parallel()
	h := serves(t, build)
	for path, want := range map[string]string{
		"/abc-defg-hij/": "/abc-defg-hij", "/abc-defg-hij.": "/abc-defg-hij", "/abc-defg-hij...": "/abc-defg-hij",
		"/abc-defg-hij./": "/abc-defg-hij", "/Mon%20Salon/": "/Mon%20Salon", "/assets/": "/assets",
		"/abc-defg-hij/?utm_source=x&y=%20z": "/abc-defg-hij?utm_source=x&y=%20z",
		"/recordings/":                       "/recordings", "/recordings/6ba7b810/": "/recordings/6ba7b810",
		`/%5Cevil.example/`: "", `/%5Cevil/`: "/%5Cevil", "/%2Fevil.example/": "", "/%2Fevil/": "", "//evil/": "/evil/",
	} {
		got := get(h, http.MethodGet, path)
		assert.Equal(t, want, got.Header().Get("Location"), path)
		switch want {
		case "":
			assert.Equal(t, http.StatusNotFound, got.Code, path)
		case "/evil/": // the mux's own
		default:
			assert.Equal(t, http.StatusPermanentRedirect, got.Code, path)
		}
	}
	assert.Equal(t, http.StatusNotFound, get(h, http.MethodPost, "/abc-defg-hij/").Code)
}

func TestBrowserGetsThePageWhereThereIsNothingAndProgramsDoNot(t *testing.T) {
	t.Parallel()
	h := serves(t, build)
	for _, path := range []string{"/a/b", "/recordings/a/b", "/robots.txt", "/.env", "/index.html", "/webhook/a", "/%2Fevil/"} {
		const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
		got := get(h, http.MethodGet, path, "Accept", browser, "If-None-Match", "*", "Range", "bytes=0-1")
		assert.Equal(t, http.StatusNotFound, got.Code, path)
		assert.Contains(t, got.Body.String(), "<title>Foyer", path)
		assert.Equal(t, "no-store", got.Header().Get("Cache-Control"))
		assert.Contains(t, got.Header().Get("Content-Security-Policy"), "script-src 'self'")
		assert.Contains(t, got.Header().Values("Vary"), "Accept")
		head := get(h, http.MethodHead, path, "Accept", browser, "Accept-Encoding", "gzip")
		assert.Equal(t, http.StatusNotFound, head.Code)
		assert.Empty(t, head.Body.String())
		assert.Equal(t, "gzip", head.Header().Get("Content-Encoding"))
		for _, program := range []string{"", "*/*", "application/json", "image/avif,image/webp,*/*"} {
			got := get(h, http.MethodGet, path, "Accept", program)
			assert.Equal(t, http.StatusNotFound, got.Code, path)
			assert.Equal(t, "404 page not found\n", got.Body.String(), path)
		}
	}
	got := get(serves(t, nil), http.MethodGet, "/a/b", "Accept", "text/html")
	assert.Equal(t, "404 page not found\n", got.Body.String(), "without a page there is none to show")
}

func TestPageKeepsToItsPolicies(t *testing.T) {
	t.Parallel()
	header := get(serves(t, build), http.MethodGet, "/abc-defg-hij").Header()
	assert.Equal(t, "same-origin", header.Get("Referrer-Policy"), "a room's address is not for others")
	assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
	assert.Equal(t, "same-origin", header.Get("Cross-Origin-Opener-Policy"))
	for _, device := range []string{"camera=(self)", "microphone=(self)", "display-capture=(self)"} {
		assert.Contains(t, header.Get("Permissions-Policy"), device)
	}
	policy := map[string]string{}
	for directive := range strings.SplitSeq(header.Get("Content-Security-Policy"), "; ") {
		name, sources, _ := strings.Cut(directive, " ")
		policy[name] = sources
	}
	assert.Equal(t, map[string]string{
		"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "font-src": "'self'",
		"img-src": "'self' data: blob:", "media-src": "'self' blob:", "worker-src": "'self' blob:",
		"manifest-src": "'self'", "form-action": "'self'", "frame-ancestors": "'none'", "base-uri": "'none'",
		"connect-src": "'self' wss://livekit.example.org https://livekit.example.org",
	}, policy)
	p, err := newPage(build, "ws://127.0.0.1:7880/path")
	require.NoError(t, err)
	assert.Contains(t, p.policy, "connect-src 'self' ws://127.0.0.1:7880 http://127.0.0.1:7880;")
}

func TestFilesComeWithTheirTypesAndAreKept(t *testing.T) {
	t.Parallel()
	h := serves(t, build)
	for path, want := range map[string]struct{ mediaType, kept string }{
		"/assets/index-1a2.js": {"text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		"/assets/index-1a2.x":  {"application/octet-stream", "public, max-age=31536000, immutable"},
		"/assets/logo-1a2.png": {"image/png", "public, max-age=31536000, immutable"},
		"/assets/font.woff2":   {"font/woff2", "public, max-age=31536000, immutable"},
		"/favicon.svg":         {"image/svg+xml", "no-cache"},
	} {
		header := get(h, http.MethodGet, path).Header()
		assert.Equal(t, want.mediaType, header.Get("Content-Type"), path)
		assert.Equal(t, want.kept, header.Get("Cache-Control"), path)
		assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"), path)
	}
}

func TestFilesAreCompressedAndNotSentTwice(t *testing.T) {
	t.Parallel()
	h := serves(t, build)
	const path = "/assets/index-1a2.js"
	plain := get(h, http.MethodGet, path)
	assert.Equal(t, script, plain.Body.String())
	assert.Empty(t, plain.Header().Get("Content-Encoding"))
	zipped := get(h, http.MethodGet, path, "Accept-Encoding", "br, gzip")
	assert.Equal(t, "gzip", zipped.Header().Get("Content-Encoding"))
	assert.Less(t, zipped.Body.Len(), plain.Body.Len()/4)
	reader, err := gzip.NewReader(zipped.Body)
	require.NoError(t, err)
	text, err := io.ReadAll(reader)
	require.NoError(t, err)
	assert.Equal(t, script, string(text))
	assert.NotEqual(t, plain.Header().Get("Etag"), zipped.Header().Get("Etag"), "they are other bytes")
	for _, got := range []*httptest.ResponseRecorder{plain, zipped} {
		assert.Equal(t, "Accept-Encoding", got.Header().Get("Vary"))
		again := get(h, http.MethodGet, path, "If-None-Match", got.Header().Get("Etag"),
			"Accept-Encoding", got.Header().Get("Content-Encoding"))
		assert.Equal(t, http.StatusNotModified, again.Code)
		assert.Empty(t, again.Body.String())
	}
	for _, refuses := range []string{"gzip;q=0", "gzip; q=0.0", "br", "identity", "gzipped"} {
		assert.Empty(t, get(h, http.MethodGet, path, "Accept-Encoding", refuses).Header().Get("Content-Encoding"), refuses)
	}
	assert.Equal(t, "gzip", get(h, http.MethodGet, path, "Accept-Encoding", "GZIP;q=0.5").Header().Get("Content-Encoding"))
	for _, path := range []string{"/assets/logo-1a2.png", "/favicon.svg"} {
		assert.Empty(t, get(h, http.MethodGet, path, "Accept-Encoding", "gzip").Header().Get("Content-Encoding"),
			"%s gains nothing", path)
	}
}

func TestServerWithoutABuildSaysSo(t *testing.T) {
	t.Parallel()
	h := serves(t, nil)
	got := get(h, http.MethodGet, "/")
	assert.Equal(t, http.StatusOK, got.Code)
	assert.Contains(t, got.Body.String(), "Foyer runs without its page")
	assert.Contains(t, got.Header().Get("Content-Security-Policy"), "default-src 'none'")
	assert.Equal(t, http.StatusNotFound, get(h, http.MethodGet, "/abc-defg-hij").Code)
	assert.Equal(t, "graphql", get(h, http.MethodGet, "/graphql").Body.String())

	var out strings.Builder
	greet(&out, &config.Config{Server: config.Server{Secret: "production"}}, "127.0.0.1:8080", "", false)
	assert.Contains(t, out.String(), "not built")
}

// TestNoFrenchLineBeginsWithPunctuation: the space before it, and inside of guillemets, does not break.
func TestNoFrenchLineBeginsWithPunctuation(t *testing.T) {
	t.Parallel()
	words, err := os.ReadFile("../web/src/words/fr.ts")
	require.NoError(t, err)
	breaks := regexp.MustCompile(`.*(?:[\p{L}}] [:;?!»]|« ).*`)
	assert.Empty(t, breaks.FindAllString(string(words), -1), "these need U+00A0")
}
