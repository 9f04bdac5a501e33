package announcements_test

import (
	"context"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/accounts"
	"foyer/announcements"
	"foyer/auth"
	"foyer/ent"
	"foyer/ent/outboxmessage"
	"foyer/ent/recording"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/ent/schema"
	"foyer/internal/mail"
	"foyer/internal/outbox"
	"foyer/internal/webhook"
	"foyer/rooms"
	"foyer/test/env"
)

// soon is how long a test waits for what should happen at once, on a busy machine.
const soon = 2 * time.Minute

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// world is a server that tells people through an SMTP server, which is yet to be started, and services
// at their endpoints.
type world struct {
	*announcements.Service

	t        *testing.T
	db       *ent.Client
	accounts *accounts.Service
	rooms    *rooms.Service
	outbox   *outbox.Outbox
	smtp     *env.SMTP
}

// onEach runs a test in an empty world on each database, with what endpoints the test starts.
func onEach(t *testing.T, test func(t *testing.T, db *ent.Client)) {
	t.Helper()
	env.OnEachDatabase(t, test)
}

func newWorld(
	t *testing.T, db *ent.Client, change func(*announcements.Settings), endpoints ...*endpoint,
) *world {
	t.Helper()
	w := &world{t: t, db: db, smtp: env.NewSMTP(t)}
	server, err := mail.ParseServer("smtp://" + w.smtp.Addr() + "?tls=none")
	require.NoError(t, err)
	from, err := mail.ParseFrom("Foyer <foyer@example.org>")
	require.NoError(t, err)
	settings := announcements.Settings{
		PublicURL: "https://meet.example.org/", Send: mail.NewSender(server, from).Send,
	}
	if change != nil {
		change(&settings)
	}
	hooks := webhook.Settings{Secrets: []string{secret}}
	for _, e := range endpoints {
		hooks.URLs = append(hooks.URLs, e.url)
	}
	sender, err := webhook.NewSender(hooks)
	require.NoError(t, err)
	w.accounts = accounts.New(db, accounts.Settings{})
	w.rooms = rooms.New(db, w.accounts, rooms.Settings{DefaultAccessLevel: room.AccessLevelRESTRICTED})
	w.outbox = outbox.New(db, outbox.Settings{
		Timeout: soon, Backoff: 5 * time.Millisecond, MaxBackoff: 100 * time.Millisecond,
		GiveUp: time.Hour, Keep: time.Hour, Poll: time.Hour, Drain: time.Second, Concurrency: 2,
	})
	w.Service, err = announcements.New(db, sender, settings)
	require.NoError(t, err)
	return w
}

// deliver delivers until the test ends.
func (w *world) deliver() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.outbox.Run(ctx, w.Deliveries()) }()
	w.t.Cleanup(func() { cancel(); assert.NoError(w.t, <-done) })
}

// person makes an account whose address is verified, with a language and a time zone.
func (w *world) person(name, email, language, zone string) *ent.User {
	w.t.Helper()
	u, err := w.accounts.SignIn(w.t.Context(), auth.Identity{
		Subject: uuid.NewString(), Email: email, EmailVerified: true, FullName: name,
	})
	require.NoError(w.t, err)
	return u.Update().SetLanguage(language).SetTimeZone(zone).SaveX(w.t.Context())
}

func (w *world) room(owner *ent.User, name string) *ent.Room {
	w.t.Helper()
	ctx := auth.NewContext(w.t.Context(), auth.Viewer{UserID: owner.ID})
	r, err := w.rooms.Create(ctx, rooms.CreateInput{Name: name})
	require.NoError(w.t, err)
	return r
}

func (w *world) give(r *ent.Room, u *ent.User, role roomaccess.Role) {
	w.t.Helper()
	w.db.RoomAccess.Create().SetRoom(r).SetUser(u).SetRole(role).ExecX(w.t.Context())
}

// startedAt is a moment that is on different days in New York, and in Paris.
var startedAt = time.Date(2026, 3, 1, 3, 30, 0, 0, time.UTC)

// recording makes one that is not final yet.
func (w *world) recording(r *ent.Room, by *ent.User, change func(*ent.RecordingCreate)) *ent.Recording {
	w.t.Helper()
	create := w.db.Recording.Create().SetRoom(r).SetStartedBy(by.ID).SetMode(recording.ModeSCREEN).
		SetStatus(recording.StatusSTOPPING).SetStartedAt(startedAt).SetSize(4096).SetDuration(61_500)
	create.SetOptions(schema.RecordingOptions{})
	if change != nil {
		change(create)
	}
	return create.SaveX(w.t.Context())
}

// end moves a recording to a final status, and tells of it.
func (w *world) end(rec *ent.Recording, status recording.Status) *ent.Recording {
	w.t.Helper()
	tx := w.write(rec, status)
	require.NoError(w.t, tx.Commit())
	w.outbox.Wake()
	return w.db.Recording.GetX(w.t.Context(), rec.ID)
}

// write does what end does without the end of it.
func (w *world) write(rec *ent.Recording, status recording.Status) *ent.Tx {
	w.t.Helper()
	tx, err := w.db.Tx(w.t.Context())
	require.NoError(w.t, err)
	ended, err := tx.Recording.UpdateOne(rec).SetStatus(status).SetEndedAt(startedAt.Add(time.Hour)).
		Save(w.t.Context())
	require.NoError(w.t, err)
	require.NoError(w.t, w.Ended(w.t.Context(), tx, ended))
	return tx
}

// settled waits until nothing is left to be delivered.
func (w *world) settled() {
	w.t.Helper()
	w.eventually(func(c *assert.CollectT) {
		assert.Zero(c, w.db.OutboxMessage.Query().
			Where(outboxmessage.DeliveredAtIsNil(), outboxmessage.FailedAtIsNil()).
			CountX(w.t.Context()))
	})
}

func (w *world) eventually(f func(c *assert.CollectT)) {
	w.t.Helper()
	env.Eventually(w.t, f)
}

// letter is an e-mail as somebody reads it.
type letter struct{ subject, text, html string }

// letters returns what each address has got.
func (w *world) letters() map[string][]letter {
	w.t.Helper()
	all := map[string][]letter{}
	for _, m := range w.smtp.Received() {
		parsed := m.Parse(w.t)
		subject, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
		require.NoError(w.t, err)
		_, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
		require.NoError(w.t, err)
		l := letter{subject: subject}
		for reader := multipart.NewReader(parsed.Body, params["boundary"]); ; {
			part, err := reader.NextPart()
			if err == io.EOF {
				break
			}
			require.NoError(w.t, err)
			text, err := io.ReadAll(part)
			require.NoError(w.t, err)
			if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
				l.html = strings.ReplaceAll(string(text), "\r\n", "\n")
			} else {
				l.text = strings.ReplaceAll(string(text), "\r\n", "\n")
			}
		}
		all[m.To] = append(all[m.To], l)
	}
	return all
}

// endpoint is a service that is told. It answers 200, unless respond says otherwise.
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

// listen has an endpoint listen at its address.
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
