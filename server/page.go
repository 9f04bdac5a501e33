package main

import (
	_ "embed"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
)

//go:embed nopage.html
var noPageHTML []byte

// page is Foyer's web page for people: one HTML file, whose script chooses by the address what to show, and the other
// files of the build.
type page struct {
	// files are nil without a build.
	files  static
	policy string
}

// newPage returns the page of a build, or a replacement without one. Browsers reach LiveKit at liveKitURL.
func newPage(build fs.FS, liveKitURL string) (*page, error) {
	p := &page{policy: pagePolicy(liveKitURL)}
	if build == nil {
		return p, nil
	}
	var err error
	p.files, err = newStatic(build)
	return p, err
}

// in answers addresses of the page that a mux has no pattern for, and leaves the others to the mux. Browsers get the
// page also for unknown addresses: it says that nothing is there.
func (p *page) in(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			if _, pattern := mux.Handler(r); pattern == "" && p.answers(w, r) {
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}

// answers reports whether it answered: with the page, with a redirect to it, or with 404 for a browser.
func (p *page) answers(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case p.serve(w, r):
		return true
	case p.files == nil || !isClean(r.URL.EscapedPath()): // the mux redirects
		return false
	}
	if name, trimmed := trimmedName(r.URL.Path); trimmed && isPageAddress(name) {
		to := url.URL{Path: "/" + name, RawQuery: r.URL.RawQuery}
		http.Redirect(w, r, to.String(), http.StatusPermanentRedirect)
		return true
	}
	w.Header().Add("Vary", "Accept")
	if !acceptsHTML(r) {
		return false
	}
	secure(w.Header(), p.policy)
	p.files.notFound(w, r, "index.html")
	return true
}

// isClean reports whether a path has no empty segment and none that is . or ..
func isClean(escaped string) bool {
	clean := path.Clean(escaped)
	return escaped == clean || escaped == clean+"/"
}

// trimmedName returns a path without its first slash and without slashes and dots at its end, which mail programs and
// people add, and whether there were any.
func trimmedName(of string) (name string, trimmed bool) {
	whole := strings.TrimPrefix(of, "/")
	name = strings.TrimRight(whole, "/.")
	return name, name != whole && name != ""
}

// acceptsHTML reports whether a client accepts HTML: browsers say so when they open a page, and only then.
func acceptsHTML(r *http.Request) bool {
	return strings.Contains(strings.Join(r.Header.Values("Accept"), ","), "text/html")
}

// serve answers if the page has the address, and reports whether it does.
func (p *page) serve(w http.ResponseWriter, r *http.Request) bool {
	name := strings.TrimPrefix(r.URL.Path, "/")
	switch {
	case p.files == nil && name == "":
		w.Header().Set("Cache-Control", "no-store")
		secure(w.Header(), fallbackPolicy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(noPageHTML)
	case p.files == nil:
		return false
	case name == "index.html":
		return false // the page has other addresses
	case p.files[name] != nil:
		p.files.serve(w, r, name, keepFor(name))
	case isPageAddress(name):
		secure(w.Header(), p.policy)
		p.files.serve(w, r, "index.html", askAgain)
	default:
		return false
	}
	return true
}

func keepFor(name string) string {
	if strings.HasPrefix(name, "assets/") {
		return keepForever
	}
	return askAgain
}

// isPageAddress reports whether the page's script knows a path, given without its first slash: home, a room's slug in
// any spelling, the recordings. A name with a dot is a file's.
func isPageAddress(name string) bool {
	first, rest, deeper := strings.Cut(name, "/")
	if strings.Contains(name, ".") {
		return false
	}
	return !deeper || first == "recordings" && rest != "" && !strings.Contains(rest, "/")
}

// fallbackPolicy is for pages of HTML and inline style only.
const fallbackPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'"

// pagePolicy is the page's Content-Security-Policy: everything comes from this origin, except LiveKit's connections.
func pagePolicy(liveKitURL string) string {
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "font-src 'self'",
		"img-src 'self' data: blob:", "media-src 'self' blob:", "worker-src 'self' blob:",
		"manifest-src 'self'", "connect-src 'self' " + strings.Join(origins(liveKitURL), " "),
		"form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
	}, "; ")
}

// origins are the origins of LiveKit for a client, which asks over HTTP why a socket was refused.
func origins(liveKitURL string) []string {
	at, err := url.Parse(liveKitURL)
	if err != nil {
		return nil // config.Load has checked it
	}
	if at.Scheme == "wss" || at.Scheme == "https" {
		return []string{"wss://" + at.Host, "https://" + at.Host}
	}
	return []string{"ws://" + at.Host, "http://" + at.Host}
}

// secure sets a page's security headers.
func secure(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), "+
		"geolocation=(), payment=(), usb=()")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}
