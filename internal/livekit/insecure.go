package livekit

import (
	"crypto/tls"
	"net/http"
	"strings"
	"sync"
)

// insecureScheme is https without a look at the certificate. The SDK always uses Go's default
// transport and takes no other; a scheme of its own is the one way in that leaves every other
// request of the process alone.
const insecureScheme = "https-unverified"

var registerInsecure = sync.OnceFunc(func() {
	shared := http.DefaultTransport.(*http.Transport)
	unverified := shared.Clone()
	unverified.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	shared.RegisterProtocol(insecureScheme, insecureTransport{unverified})
})

// insecure returns a URL under which a server with any certificate is reached. A URL without TLS
// is returned as it is.
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
