package soak

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// links are the links of one server, each of which can fail alone.
type links struct {
	redis, postgres, liveKit          *toxiproxy.Proxy
	redisURL, postgresURL, liveKitURL string
}

// linker makes links.
type linker struct {
	t       *testing.T
	proxies *toxiproxy.ApiServer
}

func newLinker(t *testing.T) linker {
	zerolog.SetGlobalLevel(zerolog.Disabled) // the slow link logs every pause
	return linker{t, toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())}
}

// link returns a proxy to a URL's address, and the URL through it.
func (l linker) link(name, to string) (*toxiproxy.Proxy, string) {
	l.t.Helper()
	u, err := url.Parse(to)
	require.NoError(l.t, err)
	here := fmt.Sprintf("127.0.0.1:%d", env.FreePort(l.t))
	proxy := toxiproxy.NewProxy(l.proxies, name, here, u.Host)
	require.NoError(l.t, proxy.Start())
	l.t.Cleanup(proxy.Stop)
	u.Host = proxy.Listen
	return proxy, u.String()
}

func (l linker) links(redisURL, postgresURL, liveKitURL string) (made links) {
	made.redis, made.redisURL = l.link("redis", redisURL)
	made.postgres, made.postgresURL = l.link("postgres", postgresURL)
	made.liveKit, made.liveKitURL = l.link("livekit", liveKitURL)
	return made
}

// toxics are the faults that toxiproxy knows, by their name in a report.
var toxics = map[string]string{
	"latency": `{"name": "x", "type": "latency", "attributes": {"latency": 400, "jitter": 300}}`,
	"slow":    `{"name": "x", "type": "bandwidth", "attributes": {"rate": 20}}`,
	"reset":   `{"name": "x", "type": "reset_peer", "attributes": {"timeout": 0}}`,
	"mute":    `{"name": "x", "type": "timeout", "attributes": {"timeout": 0}}`,
	"deaf":    `{"name": "x", "type": "timeout", "stream": "upstream", "attributes": {"timeout": 0}}`,
}

// faults are all faults of a link; cut refuses connections.
var faults = []string{"latency", "slow", "reset", "mute", "deaf", "cut"}

// fail makes a link fail for a while.
func (w *world) fail(link *toxiproxy.Proxy, fault string, lasts time.Duration) {
	if fault == "cut" {
		link.Stop()
		time.Sleep(lasts)
		if err := link.Start(); err != nil {
			w.t.Errorf("mend a link: %v", err)
		}
		return
	}
	if _, err := link.Toxics.AddToxicJson(strings.NewReader(toxics[fault])); err != nil {
		w.t.Errorf("break a link: %v", err)
	}
	time.Sleep(lasts)
	link.Toxics.ResetToxics(context.Background())
}

// breakThings breaks links and kills servers until the end of the load, and repairs everything.
func (w *world) breakThings() {
	until := time.Now().Add(w.length)
	var both sync.WaitGroup
	both.Go(func() { w.breakLinks(until) })
	both.Go(func() { w.killServers(until) })
	both.Wait()
}

// breakLinks breaks the links of one service at a time, of one server or of all.
func (w *world) breakLinks(until time.Time) {
	chance := w.chance("links")
	for w.pause(chance, until, time.Second, 3*time.Second) {
		fault := faults[chance.IntN(len(faults))]
		service := []string{"redis", "redis", "postgres", "livekit"}[chance.IntN(4)]
		lasts := between(chance, 500*time.Millisecond, 4*time.Second)
		concerned := w.servers
		if chance.IntN(3) > 0 {
			one := chance.IntN(len(w.servers))
			concerned = w.servers[one : one+1]
		}
		w.counts.add("faults: " + service + " " + fault)
		var all sync.WaitGroup
		for _, s := range concerned {
			all.Go(func() { w.fail(w.linkOf(s, service), fault, lasts) })
		}
		all.Wait()
	}
}

func (w *world) linkOf(s *server, service string) *toxiproxy.Proxy {
	of := w.links[s.number]
	return map[string]*toxiproxy.Proxy{
		"redis": of.redis, "postgres": of.postgres, "livekit": of.liveKit,
	}[service]
}

// killServers kills one server after the other with -9, and starts each again after a moment.
func (w *world) killServers(until time.Time) {
	chance := w.chance("kills")
	for turn := 0; w.pause(chance, until, 3*time.Second, 9*time.Second); turn++ {
		s := w.servers[turn%len(w.servers)]
		s.kill()
		w.counts.add("servers killed")
		time.Sleep(between(chance, 0, 2*time.Second))
		s.start()
	}
}

// pause waits for some time and reports whether the load goes on.
func (w *world) pause(chance *rand.Rand, until time.Time, from, to time.Duration) bool {
	time.Sleep(between(chance, from, to))
	return time.Now().Before(until)
}

func between(chance *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(chance.Int64N(int64(to-from)))
}

// pass passes LiveKit's events to any server, as a load balancer does.
func (w *world) pass(answer http.ResponseWriter, news *http.Request) {
	to := "http://" + w.anyServer() + news.URL.Path
	request, err := http.NewRequestWithContext(news.Context(), news.Method, to, news.Body)
	if err != nil {
		http.Error(answer, "", http.StatusBadGateway)
		return
	}
	request.Header = news.Header.Clone()
	got, err := w.http.Do(request)
	if err != nil {
		http.Error(answer, "", http.StatusBadGateway)
		return
	}
	defer got.Body.Close()
	answer.WriteHeader(got.StatusCode)
	_, _ = io.Copy(answer, got.Body)
	w.counts.add(fmt.Sprintf("LiveKit's news answered %d", got.StatusCode))
}
