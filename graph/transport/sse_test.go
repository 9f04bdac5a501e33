package transport_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

func TestStreamSendsStatesAndCompletes(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		k := s.listen(t, c, "subscription { a: values }")
		assert.Equal(t, http.StatusOK, k.answer.StatusCode)
		assert.Equal(t, typeStream, k.answer.Header.Get("Content-Type"))
		assert.Equal(t, "no", k.answer.Header.Get("X-Accel-Buffering"))
		assert.Equal(t, s.EnableHTTP2, k.answer.ProtoMajor == 2)
		for i := range 3 {
			s.say(t, i)
			assert.Equal(t, object{"data": object{"a": float64(i)}}, k.next())
		}
		close(s.values)
		rest, err := io.ReadAll(k.reader)
		require.NoError(t, err)
		assert.Equal(t, "event: complete\ndata:\n\n", string(rest))
	})
}

func TestStreamOpensBeforeThereIsAState(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		first, err := s.listen(t, c, "subscription { silent }").reader.ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, ":\n", first, "a comment opens the stream")
	})
}

// EventSource sends only GET.
func TestGetOpensAStream(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		values := url.Values{"query": {"subscription($to: Int) { count(to: $to) }"}, "variables": {`{"to": 1}`}}
		answer, err := c.Do(request(t, http.MethodGet, s.URL+"?"+values.Encode(), "",
			"Accept: text/event-stream", "Sec-Fetch-Site: same-origin"))
		require.NoError(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		assert.Equal(t, ":\n\nevent: next\ndata: {\"data\":{\"count\":1}}\n\nevent: complete\ndata:\n\n", string(text))
	})
}

func TestSlowReaderMissesStatesButNeverTheLastOne(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		const states = 250
		k := s.listen(t, c, fmt.Sprintf("subscription { fast(of: %d) }", states))
		s.begins(t, 1)
		s.runs(t, 0) // it has sent them all, and the client has read none
		seen, last := 0, ""
		for {
			name, data, err := k.event()
			require.NoError(t, err)
			if name == "complete" {
				break
			}
			require.True(t, json.Valid([]byte(data)), "two states in one event")
			seen, last = seen+1, data
		}
		assert.Less(t, seen, states)
		assert.Contains(t, last, fmt.Sprintf("xx%d\"", states))
	})
}

func TestStreamSendsEveryKindOfError(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		for query, executed := range map[string]bool{
			"subscription {":                      false,
			"subscription { nothing }":            false,
			"subscription { count(to: \"many\")}": false,
			"subscription { fails }":              true,
			"subscription { panics }":             true,
			"{ hello fails }":                     true,
			"{ panics }":                          true,
		} {
			k := s.listen(t, c, query)
			assert.Equal(t, typeStream, k.answer.Header.Get("Content-Type"), query)
			code, data := k.failed()
			assert.Equal(t, "TEST", code, query)
			assert.Equal(t, executed, data, "data entry of "+query)
			k.completes()
		}
		s.runs(t, 0)
	})
}

func TestErrorThatEndsAStreamComesAfterItsLastState(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		for query, last := range map[string]float64{
			"subscription { n: endsWith }":         1,
			"subscription { n: panics(after: 1) }": 1,
		} {
			k := s.listen(t, c, query)
			assert.Equal(t, object{"data": object{"n": last}}, k.next(), query)
			code, _ := k.failed()
			assert.Equal(t, "TEST", code, query)
			k.completes()
		}
		s.runs(t, 0)
	})
}

func TestClientThatPrefersStreamsGetsEveryResponseAsOne(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		for _, accept := range []string{
			"text/event-stream", "text/event-stream, application/json;q=0.9", "text/event-stream, */*;q=0.1",
		} {
			k := s.listen(t, c, "{ hello }", "Accept: "+accept)
			assert.Equal(t, object{"data": object{"hello": "world"}}, k.next())
			k.completes()
		}
		k := s.listen(t, c, "mutation { bump }")
		assert.Equal(t, object{"data": object{"bump": 1.0}}, k.next())
		k.completes()
	})
}

// urql names text/event-stream in each of its requests.
func TestClientThatAcceptsStreamsGetsThemForSubscriptions(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		const urql = "Accept: application/graphql-response+json, application/graphql+json, " +
			"application/json, text/event-stream, multipart/mixed"
		query := s.listen(t, c, "{ hello }", urql)
		assert.Equal(t, typeResponse, query.answer.Header.Get("Content-Type"))
		refused := s.listen(t, c, "subscription { nothing }", urql)
		assert.Equal(t, typeResponse, refused.answer.Header.Get("Content-Type"))
		k := s.listen(t, c, "subscription { count(to: 1) }", urql)
		assert.Equal(t, object{"data": object{"count": 1.0}}, k.next())
		k.completes()
	})
}

func TestStreamedQueryEndsAfterItsTimeout(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		k := s.listen(t, c, "{ slow }")
		code, _ := k.failed()
		assert.Equal(t, "TEST", code)
		k.completes()
		s.runs(t, 0)
	}, func(set *settings) { set.http.Timeout = quick })
}

func TestIdleStreamSendsHeartbeats(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		k := s.listen(t, c, "subscription { silent }")
		text := make([]byte, 10*len(":\n\n"))
		_, err := io.ReadFull(k.reader, text)
		require.NoError(t, err)
		assert.Equal(t, strings.Repeat(":\n\n", 10), string(text))
	}, func(set *settings) { set.http.Heartbeat = time.Millisecond })
}

func TestIdleStreamOutlivesReadAndWriteTimeouts(t *testing.T) {
	t.Parallel()
	for name, http2 := range protocols {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveOver(t, http2, patient, func(set *settings) { set.http.WriteTimeout = patient })
			k := s.listen(t, s.Client(), "subscription { values }")
			time.AfterFunc(2*patient, func() { s.say(t, 1) })
			assert.Equal(t, object{"data": object{"values": 1.0}}, k.next())
			k.leave()
			s.runs(t, 0)
		})
	}
}

func TestClientThatNeverReadsIsDisconnected(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		k := s.listen(t, c, "subscription { fast }")
		s.begins(t, 1)
		s.runs(t, 0)
		_, err := io.Copy(io.Discard, k.reader)
		assert.Error(t, err, "the stream is cut off, not ended")
	}, func(set *settings) { set.http.WriteTimeout = quick })
}

func TestStreamsCountAsSockets(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(set *settings) {
		set.socket.Address = func(r *http.Request) string { return r.Header.Get("X-Address") }
		set.socket.MaxSockets, set.socket.MaxPerAddress = 3, 2
	})
	open := func(address string) *stream {
		return s.listen(t, s.Client(), "subscription { silent }", "X-Address: "+address)
	}
	refused := func(address string) {
		k := open(address)
		assert.Equal(t, http.StatusServiceUnavailable, k.answer.StatusCode)
		assert.NotEmpty(t, k.answer.Header.Get("Retry-After"))
		_, answer, err := s.handshake(http.Header{"X-Address": {address}})
		require.ErrorIs(t, err, websocket.ErrBadHandshake)
		assert.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	}
	first := open("one")
	conn, _, err := s.handshake(http.Header{"X-Address": {"one"}})
	require.NoError(t, err)
	defer conn.Close()
	refused("one")
	open("other")
	refused("other")
	query := s.listen(t, s.Client(), "{ hello }", "X-Address: one")
	query.next() // its stream ends, and does not count
	s.runs(t, 2)
	first.leave()
	s.runs(t, 1)
	require.Eventually(t, func() bool { return open("one").answer.StatusCode == http.StatusOK }, env.Soon, time.Millisecond)
}

func TestClosingAStreamStopsItsSource(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		for _, query := range []string{"silent", "count", "fast", "values"} {
			k := s.listen(t, c, "subscription { "+query+" }")
			s.runs(t, 1)
			k.leave()
			s.runs(t, 0)
		}
	})
}

func TestStoppingEndsStreamsSoThatTheirClientsReconnect(t *testing.T) {
	t.Parallel()
	for name, http2 := range protocols {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stopping, stop := context.WithCancel(t.Context())
			defer stop()
			s := serveOver(t, http2, 0, func(set *settings) { set.http.Stopping = stopping })
			k := s.listen(t, s.Client(), "subscription { silent }")
			s.runs(t, 1)
			stop()
			_, _, err := k.event()
			assert.ErrorIs(t, err, io.EOF, "no complete, which would be the end for the client")
			s.runs(t, 0)
		})
	}
}

// The stream ends without complete, so that the client reconnects with new credentials.
func TestStreamEndsWithItsCredentials(t *testing.T) {
	t.Parallel()
	revoke, freed := make(chan context.CancelFunc, 1), make(chan struct{})
	s := newServer(t, func(set *settings) {
		set.http.Life = func(ctx context.Context) (context.Context, context.CancelFunc) {
			life, end := context.WithCancel(ctx)
			revoke <- end
			return life, func() { end(); close(freed) }
		}
	})
	k := s.listen(t, s.Client(), `subscription { silent }`)
	(<-revoke)()
	_, _, err := k.event()
	require.Error(t, err)
	<-freed
	s.runs(t, 0)
}

func TestConnectionServesRequestsAfterAStream(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		k := s.listen(t, c, "subscription { count(to: 1) }")
		k.next()
		k.completes()
		reused := false
		trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }}
		r := request(t, http.MethodPost, s.URL, `{"query": "{slow}"}`)
		answer, err := c.Do(r.WithContext(httptrace.WithClientTrace(t.Context(), trace)))
		require.NoError(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		assert.Contains(t, string(text), "deadline", "the query's time was longer than a write's")
		assert.True(t, reused)
	}, func(set *settings) { set.http.WriteTimeout, set.http.Timeout = patient, 2*patient })
}

// Over HTTP/2, a heartbeat that is written after its handler has returned would panic.
func TestClientsConnectAndDisconnectAtAnyMoment(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		queries := []string{"silent", "count", "count(to: 3)", "fast", "endsWith", "panics", "fails"}
		var clients sync.WaitGroup
		for range 20 {
			clients.Go(func() {
				for range 10 {
					k := s.listen(t, c, "subscription { "+queries[rand.IntN(len(queries))]+" }")
					_, _ = io.CopyN(io.Discard, k.reader, rand.Int64N(200))
					if rand.IntN(2) == 0 {
						k.leave()
					}
					k.answer.Body.Close()
				}
			})
		}
		clients.Wait()
		s.runs(t, 0)
		k := s.listen(t, c, "{ hello }")
		assert.Equal(t, object{"data": object{"hello": "world"}}, k.next())
		k.completes()
	}, func(set *settings) { set.http.Heartbeat = 50 * time.Microsecond })
}
