package transport

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
)

// Long responses would otherwise be chunked.
func TestResponsesHaveAContentLength(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 100, unbuffered, 2 * unbuffered, 2 * maxPooled} {
		data := strconv.Quote(strings.Repeat("x", size))
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Vary"] = []string{"Origin"}
			write(w, typeJSON, http.StatusOK, &graphql.Response{Data: []byte(data)}, true)
		}))
		for range 2 { // the second one uses a pooled buffer
			got, err := http.Get(server.URL)
			if assert.NoError(t, err) {
				assert.EqualValues(t, len(`{"data":}`)+len(data), got.ContentLength)
				assert.Equal(t, []string{"Origin", "Accept"}, got.Header["Vary"])
				_ = got.Body.Close()
			}
		}
		server.Close()
	}
	assert.Equal(t, []string{"Accept"}, varyAccept)
}

func TestShortAcceptHeadersAreCached(t *testing.T) {
	t.Parallel()
	short := []string{"application/json;q=0.5", "text/event-stream;x=" + strings.Repeat("y", 20)}
	long := []string{"application/json;q=0.5", "text/event-stream;x=" + strings.Repeat("y", maxNegotiated)}
	for range 2 {
		assert.Equal(t, accepted{json: 0.5, events: 1, namesEvents: true}, negotiate(short))
		assert.Equal(t, accepted{json: 0.5, events: 1, namesEvents: true}, negotiate(long))
	}
	assert.True(t, negotiated.Contains(strings.Join(short, ",")))
	assert.False(t, negotiated.Contains(strings.Join(long, ",")))
}
