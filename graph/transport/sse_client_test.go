package transport_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// protocols are those that streams run over, and whether they are HTTP/2.
var protocols = map[string]bool{"HTTP/1.1": false, "HTTP/2": true}

// overBoth runs a test over HTTP/1.1 and over HTTP/2, each with its own client.
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

// quick is a timeout that a test waits for. patient is one that must not pass, even if the machine pauses for a while.
const quick, patient = 500 * time.Millisecond, 3 * time.Second

// stream is a client's event stream.
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

// event returns the next event, and io.EOF at the end of the stream.
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

// next returns the next response.
func (k *stream) next() object {
	k.t.Helper()
	name, data, err := k.event()
	require.NoError(k.t, err)
	require.Equal(k.t, "next", name)
	var answer object
	require.NoError(k.t, json.Unmarshal([]byte(data), &answer), "%.200s", data)
	return answer
}

// completes fails the test unless the stream ends here with complete.
func (k *stream) completes() {
	k.t.Helper()
	name, data, err := k.event()
	require.NoError(k.t, err)
	assert.Equal(k.t, [2]string{"complete", ""}, [2]string{name, data})
	_, _, err = k.event()
	assert.ErrorIs(k.t, err, io.EOF)
}

// failed returns the code of the next response's only error, and whether the response has a data entry.
func (k *stream) failed() (code any, data bool) {
	k.t.Helper()
	answer := k.next()
	errs, _ := answer["errors"].([]any)
	require.Len(k.t, errs, 1, "%v", answer)
	_, data = answer["data"]
	return at(errs[0], "extensions", "code"), data
}

// say sets the next state of the subscription values.
func (s *service) say(t testing.TB, value int) {
	t.Helper()
	select {
	case s.values <- value:
	case <-time.After(env.Soon):
		require.Fail(t, "no subscription reads the value")
	}
}
