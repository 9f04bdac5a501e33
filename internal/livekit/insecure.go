package livekit

import (
	"crypto/tls"
	"net/http"
	"strings"
	"sync"
)

// insecureScheme is https without checking the certificate. The SDK always uses Go's default transport. A separate
// scheme is the only way in that does not affect other requests of the process.
const insecureScheme = "https-unverified"

var registerInsecure = sync.OnceFunc(func() {
	shared := http.DefaultTransport.(*http.Transport)
	unverified := shared.Clone()
	unverified.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	shared.RegisterProtocol(insecureScheme, insecureTransport{unverified})
})

// insecure returns a URL that reaches a server with any certificate. A URL without TLS is returned unchanged.
func insecure(url string) string {
	rest, ok := strings.CutPrefix(url, "wss://")
	if !ok {
		rest, ok = strings.CutPrefix(url, "https://")
	}
	if !ok {
		return url
	}
	registerInsecure()
	return insecureScheme + "://" + rest
}

type insecureTransport struct{ base http.RoundTripper }

func (t insecureTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme = "https"
	return t.base.RoundTrip(r)
}
