package notifications_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/recording"
	"foyer/ent/schema"
)

// startedAt is on different days in New York and in Paris.
var startedAt = time.Date(2026, 3, 1, 3, 30, 0, 0, time.UTC)

// recording adds a recording that is STOPPING.
func (w *world) recording(r *ent.Room, by *ent.User, change func(*ent.RecordingCreate)) *ent.Recording {
	w.T.Helper()
	create := w.DB.Recording.Create().SetRoom(r).SetStartedBy(by.ID).SetMode(recording.ModeSCREEN).
		SetStatus(recording.StatusSTOPPING).SetStartedAt(startedAt).SetSize(4096).SetDuration(61_500)
	create.SetOptions(schema.RecordingOptions{})
	if change != nil {
		change(create)
	}
	return create.SaveX(w.T.Context())
}

// end moves a recording to a final status, and adds its notifications.
func (w *world) end(rec *ent.Recording, status recording.Status) *ent.Recording {
	w.T.Helper()
	tx := w.endInTx(rec, status)
	require.NoError(w.T, tx.Commit())
	return w.DB.Recording.GetX(w.T.Context(), rec.ID)
}

// endInTx is end without the commit.
func (w *world) endInTx(rec *ent.Recording, status recording.Status) *ent.Tx {
	w.T.Helper()
	tx, err := w.DB.Tx(w.T.Context())
	require.NoError(w.T, err)
	ended, err := tx.Recording.UpdateOne(rec).SetStatus(status).SetEndedAt(startedAt.Add(time.Hour)).
		Save(w.T.Context())
	require.NoError(w.T, err)
	require.NoError(w.T, w.RecordingEnded(w.T.Context(), tx, ended))
	return tx
}

// endpoint is a webhook endpoint. It answers with the status of respond, 200 by default.
type endpoint struct {
	url string

	mu      sync.Mutex
	respond func(attempt) int
	got     []attempt
}

// attempt is one request to an endpoint.
type attempt struct {
	id     string
	header http.Header
	body   string
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{respond: func(attempt) int { return http.StatusOK }}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a := attempt{r.Header.Get("webhook-id"), r.Header, string(body)}
	e.mu.Lock()
	e.got = append(e.got, a)
	respond := e.respond
	e.mu.Unlock()
	w.WriteHeader(respond(a))
}

func (e *endpoint) answer(respond func(attempt) int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.respond = respond
}

func (e *endpoint) attempts() []attempt {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.got)
}

// listen starts an endpoint at an address.
func listen(t *testing.T, address string, e *endpoint) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	server := &http.Server{Handler: e}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
}

// byID counts the attempts of each message.
func (e *endpoint) byID() map[string]int {
	count := map[string]int{}
	for _, a := range e.attempts() {
		count[a.id]++
	}
	return count
}
