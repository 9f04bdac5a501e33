package transport_test

import (
	"bufio"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/graph/transport"
	"foyer/test/env"
)

func TestHandshakeIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.socket.Origins = []string{"https://friend.example"} })
	for name, test := range map[string]struct {
		header http.Header
		status int
	}{
		"no sub-protocol":     {http.Header{"Sec-Websocket-Protocol": nil}, 400},
		"unknown protocol":    {http.Header{"Sec-Websocket-Protocol": {"wamp"}}, 400},
		"legacy protocol":     {http.Header{"Sec-Websocket-Protocol": {"graphql-ws"}}, 400},
		"foreign origin":      {http.Header{"Origin": {"https://evil.example"}}, 403},
		"origin null":         {http.Header{"Origin": {"null"}}, 403},
		"another port":        {http.Header{"Origin": {"http://127.0.0.1:1"}}, 403},
		"old version":         {http.Header{"Sec-Websocket-Version": {"8"}}, 400},
		"bad key":             {http.Header{"Sec-Websocket-Key": {"x"}}, 400},
		"our origin":          {http.Header{"Origin": {s.URL}}, 101},
		"trusted origin":      {http.Header{"Origin": {"https://friend.example"}}, 101},
		"trusted, other port": {http.Header{"Origin": {"https://friend.example:8443"}}, 403},
		"trusted, over http":  {http.Header{"Origin": {"http://friend.example"}}, 403},
		"below the trusted":   {http.Header{"Origin": {"https://a.friend.example"}}, 403},
		"no origin":           {http.Header{}, 101},
		"ours and the legacy": {http.Header{"Sec-Websocket-Protocol": {"graphql-ws, " + transport.Protocol}}, 101},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := s.upgrade(t, test.header)
			assert.Equal(t, test.status, answer.StatusCode)
			if test.status == http.StatusSwitchingProtocols {
				assert.Equal(t, transport.Protocol, answer.Header.Get("Sec-WebSocket-Protocol"))
			}
		})
	}
}

// Java's own client sends Upgrade: h2c with every request without TLS, and curl may.
func TestRequestThatOffersHTTP2IsAnsweredOverHTTP1(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	request, err := http.NewRequest(http.MethodPost, s.URL, strings.NewReader(`{"query": "{hello}"}`))
	require.NoError(t, err)
	request.Header = http.Header{
		"Connection": {"Upgrade, HTTP2-Settings"}, "Upgrade": {"h2c"}, "Content-Type": {"application/json"},
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	assert.Equal(t, http.StatusOK, answer.StatusCode)
}

func TestOverloadedServerRefusesHandshakes(t *testing.T) {
	t.Parallel()
	one := http.Header{"X-Address": {"one"}}
	other := http.Header{"X-Address": {"other"}}
	s := newServer(t, func(set *settings) {
		set.socket.Address = func(r *http.Request) string { return r.Header.Get("X-Address") }
		set.socket.MaxSockets, set.socket.MaxPerAddress = 3, 2
	})
	admitted := func(h http.Header) *websocket.Conn {
		conn, answer, err := s.handshake(h)
		require.NoError(t, err, "%v", answer)
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	refused := func(h http.Header) {
		_, answer, err := s.handshake(h)
		require.ErrorIs(t, err, websocket.ErrBadHandshake)
		assert.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
		assert.NotEmpty(t, answer.Header.Get("Retry-After"))
	}
	admitted(one)
	first := admitted(one)
	refused(one)
	admitted(other)
	refused(other)
	first.Close()
	require.Eventually(t, func() bool {
		conn, _, err := s.handshake(one)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
		}
		return err == nil
	}, env.Soon, time.Millisecond)
}

func TestSubProtocolsMayHaveSeveralHeaderLines(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, strings.Replace(handshakeText, "Sec-WebSocket-Protocol: ",
		"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: soap, ", 1))
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(env.Soon)))
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer got.Body.Close()
	assert.Equal(t, http.StatusSwitchingProtocols, got.StatusCode)
	assert.Equal(t, transport.Protocol, got.Header.Get("Sec-WebSocket-Protocol"))
}

func TestRefusedHandshakeHasAGraphQLError(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) { set.socket.MaxSockets = 1 })
	handshake := func(other http.Header) *http.Request {
		r, err := http.NewRequest(http.MethodGet, s.URL, nil)
		require.NoError(t, err)
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
			"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Protocol": {transport.Protocol}}
		maps.Copy(r.Header, other)
		return r
	}
	for name, c := range map[string]struct {
		header http.Header
		status int
		code   string
	}{
		"no sub-protocol": {http.Header{"Sec-Websocket-Protocol": nil}, http.StatusBadRequest, "INVALID"},
		"another sub-protocol": {
			http.Header{"Sec-Websocket-Protocol": {"graphql-ws"}}, http.StatusBadRequest, "INVALID",
		},
		"another origin":  {http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden, "FORBIDDEN"},
		"another version": {http.Header{"Sec-Websocket-Version": {"8"}}, http.StatusBadRequest, "INVALID"},
		"no key":          {http.Header{"Sec-Websocket-Key": nil}, http.StatusBadRequest, "INVALID"},
	} {
		refusedHandshake(t, s, handshake(c.header), c.status, c.code, name)
	}
	s.open(t)
	refusedHandshake(t, s, handshake(nil), http.StatusServiceUnavailable, "UNAVAILABLE", "one too many")
}

func refusedHandshake(t *testing.T, s *service, r *http.Request, status int, code, name string) {
	t.Helper()
	got, err := s.Client().Do(r)
	require.NoError(t, err, name)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	a := answered{t, got.StatusCode, got.Header, string(text)}
	assert.Equal(t, status, a.status, "%s: %s", name, text)
	assert.Equal(t, code, a.code(), name)
	assert.Equal(t, typeJSON, a.mediaType(), name)
}
