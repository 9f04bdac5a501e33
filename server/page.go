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

// page is what people see who hold a meeting: one HTML file, whose script finds out by the address what
// to show, and the files that it leads to.
type page struct {
	// files are nil without a build.
	files  static
	policy string
}

// newPage returns the page of a build, nil for none, for calls at a LiveKit server that browsers find
// at a URL.
func newPage(build fs.FS, liveKitURL string) (*page, error) {
	p := &page{policy: pagePolicy(liveKitURL)}
	if build == nil {
		return p, nil
	}
	var err error
	p.files, err = newStatic(build)
	return p, err
}

// in answers what a mux has no pattern for and the page has, and leaves the rest to the mux. Browsers get the page
// for addresses that nothing has: it says that there is nothing.
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

// answers reports whether it has answered: with the page, the way to it, or, to a browser, that there is nothing.
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

// isClean reports whether a path has no empty segments and no dots for segments.
func isClean(escaped string) bool {
	clean := path.Clean(escaped)
	return escaped == clean || escaped == clean+"/"
}

// trimmedName returns an address without its first slash and without slashes and dots at its end, as mail programs
// and people add them, and whether it had any.
func trimmedName(of string) (name string, trimmed bool) {
	whole := strings.TrimPrefix(of, "/")
	name = strings.TrimRight(whole, "/.")
	return name, name != whole && name != ""
}

// acceptsHTML reports whether a client says that it reads HTML, as browsers do of a page and of nothing else.
func acceptsHTML(r *http.Request) bool {
	return strings.Contains(strings.Join(r.Header.Values("Accept"), ","), "text/html")
}

// serve reports whether the page has the address, and then has answered.
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
		return false // it has other addresses
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

// isPageAddress reports whether an address without its first slash is one that the page's script
// knows: home, a room's slug in whatever spelling, the recordings. What looks like a file is none.
func isPageAddress(name string) bool {
	first, rest, deeper := strings.Cut(name, "/")
	if strings.Contains(name, ".") {
		return false
	}
	return !deeper || first == "recordings" && rest != "" && !strings.Contains(rest, "/")
}

// fallbackPolicy is for pages that are HTML and its own style alone.
const fallbackPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'"

// pagePolicy is the page's Content-Security-Policy: everything comes from here, but for the calls.
func pagePolicy(liveKitURL string) string {
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "font-src 'self'",
		"img-src 'self' data: blob:", "media-src 'self' blob:", "worker-src 'self' blob:",
		"manifest-src 'self'", "connect-src 'self' " + strings.Join(origins(liveKitURL), " "),
		"form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
	}, "; ")
}

// origins are those at which a client speaks to LiveKit: it asks over HTTP why a socket was refused.
func origins(liveKitURL string) []string {
	at, err := url.Parse(liveKitURL)
	if err != nil {
		return nil // checked with the configuration
	}
	if at.Scheme == "wss" || at.Scheme == "https" {
		return []string{"wss://" + at.Host, "https://" + at.Host}
	}
	return []string{"ws://" + at.Host, "http://" + at.Host}
}

// secure sets what a browser is to keep to on a page of ours.
func secure(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), "+
		"geolocation=(), payment=(), usb=()")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}
