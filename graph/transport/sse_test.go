package transport_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// streams run over both.
var protocols = map[string]bool{"HTTP/1.1": false, "HTTP/2": true}

// overBoth runs a test over HTTP/1.1 and HTTP/2, with a client of its own.
func overBoth(
	t *testing.T, test func(t *testing.T, s *service, c *http.Client), change ...func(*settings),
) {
	t.Parallel()
	for name, http2 := range protocols {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveOver(t, http2, 0, change...)
			test(t, s, s.Client())
		})
	}
}

func serveOver(
	t *testing.T, http2 bool, readTimeout time.Duration, change ...func(*settings),
) *service {
	t.Helper()
	s := &service{values: make(chan int), release: make(chan struct{})}
	s.Server = httptest.NewUnstartedServer(s.handler(t, change...))
	s.EnableHTTP2 = http2
	s.Config.ReadTimeout = readTimeout
	if http2 {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// quick is a time limit that a test waits for, patient one within which something is to happen here: the
// machine may stand still for a while.
const quick, patient = 500 * time.Millisecond, 3 * time.Second

// stream is an event stream as it is read.
type stream struct {
	t      testing.TB
	answer *http.Response
	reader *bufio.Reader
	leave  context.CancelFunc
}

// listen opens an event stream.
func (s *service) listen(t testing.TB, c *http.Client, query string, header ...string) *stream {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	body, err := json.Marshal(object{"query": query})
	require.NoError(t, err)
	header = append([]string{"Accept: text/event-stream"}, header...)
	r := request(t, http.MethodPost, s.URL, string(body), header...).WithContext(ctx)
	answer, err := c.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { leave(); answer.Body.Close() })
	return &stream{t, answer, bufio.NewReader(answer.Body), leave}
}

// event returns the next event; of a stream that is over, io.EOF.
func (k *stream) event() (name, data string, err error) {
	for {
		line, err := k.reader.ReadString('\n')
		switch {
		case err != nil:
			return "", "", err
		case strings.HasPrefix(line, "event: "):
			name = strings.TrimPrefix(line, "event: ")
		case strings.HasPrefix(line, "data:"):
			data = strings.TrimPrefix(line, "data:")
		case line == "\n" && name != "":
			return strings.TrimSpace(name), strings.TrimSpace(data), nil
		}
	}
}

// next returns the next answer.
func (k *stream) next() object {
	k.t.Helper()
	name, data, err := k.event()
	require.NoError(k.t, err)
	require.Equal(k.t, "next", name)
	var answer object
	require.NoError(k.t, json.Unmarshal([]byte(data), &answer), "%.200s", data)
	return answer
}

// completes fails the test unless the stream ends here, well.
func (k *stream) completes() {
	k.t.Helper()
	name, data, err := k.event()
	require.NoError(k.t, err)
	assert.Equal(k.t, [2]string{"complete", ""}, [2]string{name, data})
	_, _, err = k.event()
	assert.ErrorIs(k.t, err, io.EOF)
}

// failed returns the code of the only error of the next answer, and whether it has an entry for data.
func (k *stream) failed() (code any, data bool) {
	k.t.Helper()
	answer := k.next()
	errs, _ := answer["errors"].([]any)
	require.Len(k.t, errs, 1, "%v", answer)
	_, data = answer["data"]
	return at(errs[0], "extensions", "code"), data
}

// say gives the subscription values its next state.
func (s *service) say(t testing.TB, value int) {
	t.Helper()
	select {
	case s.values <- value:
	case <-time.After(soon):
		require.Fail(t, "no subscription takes the value")
	}
}

func TestStreamGivesStatesAndCompletes(t *testing.T) {
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
		assert.Equal(t, ":\n", first, "what lets proxies and clients know")
	})
}

// As EventSource does: it can but GET.
func TestStreamByGet(t *testing.T) {
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

func TestSlowReaderMissesStatesButNeverTheLast(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		const states = 250
		k := s.listen(t, c, fmt.Sprintf("subscription { fast(of: %d) }", states))
		s.begins(t, 1)
		s.runs(t, 0) // it has given them all, and nobody has read
		seen, last := 0, ""
		for {
			name, data, err := k.event()
			require.NoError(t, err)
			if name == "complete" {
				break
			}
			require.True(t, json.Valid([]byte(data)), "a state that is two")
			seen, last = seen+1, data
		}
		assert.Less(t, seen, states)
		assert.Contains(t, last, fmt.Sprintf("xx%d\"", states))
	})
}

func TestStreamTellsEveryKindOfError(t *testing.T) {
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

func TestWhoTakesStreamsAloneGetsAnyAnswerAsOne(t *testing.T) {
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

// urql names the type in each of its requests.
func TestWhoMerelyMentionsStreamsGetsOneForSubscriptions(t *testing.T) {
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

func TestStreamedQueryThatTakesTooLongIsCutOff(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		k := s.listen(t, c, "{ slow }")
		code, _ := k.failed()
		assert.Equal(t, "TEST", code)
		k.completes()
		s.runs(t, 0)
	}, func(set *settings) { set.http.Timeout = quick })
}

func TestHeartbeat(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		k := s.listen(t, c, "subscription { silent }")
		text := make([]byte, 10*len(":\n\n"))
		_, err := io.ReadFull(k.reader, text)
		require.NoError(t, err)
		assert.Equal(t, strings.Repeat(":\n\n", 10), string(text))
	}, func(set *settings) { set.http.Heartbeat = time.Millisecond })
}

// Neither the time that a write may take nor that for reading a request is one for a stream to live.
func TestIdleStreamOutlivesTheLimitsOfTime(t *testing.T) {
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

func TestClientThatNeverReadsIsLetGoOf(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		k := s.listen(t, c, "subscription { fast }")
		s.begins(t, 1)
		s.runs(t, 0)
		_, err := io.Copy(io.Discard, k.reader)
		assert.Error(t, err, "the stream is cut off, not ended")
	}, func(set *settings) { set.http.WriteTimeout = quick })
}

// What fills a server, or a client's share of it, is sockets and streams together.
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
	query.next() // it ends by itself
	s.runs(t, 2)
	first.leave()
	s.runs(t, 1)
	require.Eventually(t, func() bool { return open("one").answer.StatusCode == http.StatusOK }, soon, time.Millisecond)
}

func TestLeavingAStreamStopsItsSource(t *testing.T) {
	overBoth(t, func(t *testing.T, s *service, c *http.Client) {
		for _, query := range []string{"silent", "count", "fast", "values"} {
			k := s.listen(t, c, "subscription { "+query+" }")
			s.runs(t, 1)
			k.leave()
			s.runs(t, 0)
		}
	})
}

func TestStoppingEndsStreamsSoThatTheirClientsComeBack(t *testing.T) {
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

// What a stream has set on its connection is not to cut off the requests after it.
// Without complete, so that the client comes back with new credentials.
func TestStreamEndsWithTheCredentialsItCameWith(t *testing.T) {
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

func TestConnectionServesOnAfterAStream(t *testing.T) {
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

// A heartbeat that is written after its handler has returned ends the process over HTTP/2.
func TestClientsComeAndGoAtAnyMoment(t *testing.T) {
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
