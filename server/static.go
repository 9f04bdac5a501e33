package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How long a browser may cache a file: for ever if its name has a hash of its content; others it has to revalidate.
const (
	keepForever = "public, max-age=31536000, immutable"
	askAgain    = "no-cache"
)

// mediaTypes are the media types by extension. They do not depend on the tables of the machine.
var mediaTypes = map[string]string{
	".css":         "text/css; charset=utf-8",
	".html":        "text/html; charset=utf-8",
	".ico":         "image/x-icon",
	".js":          "text/javascript; charset=utf-8",
	".json":        "application/json",
	".mp3":         "audio/mpeg",
	".ogg":         "audio/ogg",
	".png":         "image/png",
	".svg":         "image/svg+xml",
	".txt":         "text/plain; charset=utf-8",
	".wasm":        "application/wasm",
	".wav":         "audio/wav",
	".webmanifest": "application/manifest+json",
	".webp":        "image/webp",
	".woff2":       "font/woff2",
}

// packed are the extensions of formats that are compressed already.
var packed = map[string]bool{
	".mp3": true, ".ogg": true, ".png": true, ".webp": true, ".woff2": true,
}

// static serves the files of a build. Each is read, hashed and compressed at its first request.
type static map[string]*staticFile

type staticFile struct {
	mediaType string
	plain     func() content
	// gzipped has no bytes if compression does not make the file smaller.
	gzipped func() content
}

// content is the body of an answer.
type content struct {
	bytes []byte
	etag  string
}

// newStatic returns the files of a folder, except those whose names begin with a dot.
func newStatic(files fs.FS) (static, error) {
	s := static{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		s[name] = newStaticFile(files, name)
		return nil
	})
	return s, err
}

func newStaticFile(files fs.FS, name string) *staticFile {
	extension := path.Ext(name)
	f := &staticFile{mediaType: mediaTypes[extension]}
	if f.mediaType == "" {
		f.mediaType = "application/octet-stream"
	}
	f.plain = sync.OnceValue(func() content {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			panic(err) // the file is embedded
		}
		return content{text, etag(text, "")}
	})
	f.gzipped = sync.OnceValue(func() content {
		text := f.plain().bytes
		if packed[extension] {
			return content{}
		}
		zipped := compress(text)
		if len(zipped) >= len(text) {
			return content{}
		}
		return content{zipped, etag(text, "-gzip")}
	})
	return f
}

func etag(text []byte, encoding string) string {
	hash := sha256.Sum256(text)
	return `"` + base64.RawURLEncoding.EncodeToString(hash[:12]) + encoding + `"`
}

func compress(text []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = w.Write(text) // into memory
	_ = w.Close()
	return out.Bytes()
}

// serve answers with an existing file, and how long to cache it.
func (s static) serve(w http.ResponseWriter, r *http.Request, name, cacheControl string) {
	sent := s.choose(w, r, name)
	w.Header().Set("Cache-Control", cacheControl)
	w.Header().Set("Etag", sent.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(sent.bytes))
}

// notFound answers 404 with an existing file, which clients must not cache.
func (s static) notFound(w http.ResponseWriter, r *http.Request, name string) {
	sent := s.choose(w, r, name)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(sent.bytes)))
	w.WriteHeader(http.StatusNotFound)
	if r.Method != http.MethodHead {
		_, _ = w.Write(sent.bytes)
	}
}

// choose returns a file in an encoding that the client accepts, and sets the headers for it.
func (s static) choose(w http.ResponseWriter, r *http.Request, name string) content {
	f := s[name]
	h := w.Header()
	h.Set("Content-Type", f.mediaType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept-Encoding")
	sent := f.plain()
	if acceptsGzip(r) {
		if zipped := f.gzipped(); len(zipped.bytes) > 0 {
			h.Set("Content-Encoding", "gzip")
			sent = zipped
		}
	}
	return sent
}

// acceptsGzip reports whether a client accepts gzip, without q=0.
func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";")
		if strings.EqualFold(name, "gzip") {
			return strings.Trim(strings.ToLower(weight), "q=0.") != "" || weight == ""
		}
	}
	return false
}
