package env

import (
	"context"
	"fmt"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Line is a connection to a service that a test can cut or block.
type Line struct {
	t     testing.TB
	proxy *toxiproxy.Proxy
}

// Through returns a line to a URL, and the URL of its other end. It ends with the test.
func Through(t testing.TB, url string) (*Line, string) {
	t.Helper()
	scheme, address, _ := strings.Cut(url, "://")
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	here := fmt.Sprintf("127.0.0.1:%d", FreePort(t))
	l := &Line{t, toxiproxy.NewProxy(server, "line", here, address)}
	l.Mend()
	t.Cleanup(l.Cut)
	return l, scheme + "://" + l.proxy.Listen
}

// Cut ends every connection and refuses new ones until Mend.
func (l *Line) Cut() { l.proxy.Stop() }

// Mend accepts connections again.
func (l *Line) Mend() {
	l.t.Helper()
	must(l.t, l.proxy.Start())
}

// Hang holds back all answers until Resume.
func (l *Line) Hang() {
	l.t.Helper()
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(`{"name": "hang", "type": "timeout",
		"stream": "downstream", "toxicity": 1, "attributes": {"timeout": 0}}`))
	must(l.t, err)
}

// Resume passes answers on again.
func (l *Line) Resume() { l.proxy.Toxics.ResetToxics(context.Background()) }
