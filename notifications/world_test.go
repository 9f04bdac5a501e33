package notifications_test

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/outboxmessage"
	"foyer/internal/mail"
	"foyer/internal/outbox"
	"foyer/internal/ratelimit"
	"foyer/internal/webhook"
	"foyer/notifications"
	"foyer/test/env"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// concurrency is how many messages of one kind the outbox delivers concurrently.
const concurrency = 2

// world is a Service that sends e-mail through an SMTP server, which the test starts, and webhooks to endpoints
// of the test.
type world struct {
	*env.World
	*notifications.Service

	outbox *outbox.Outbox
	smtp   *env.SMTP
}

// setup is what tests may change before the Service is made.
type setup struct {
	notifications.Dependencies
	notifications.Settings
}

// withoutEmail is for a Service that sends no e-mail.
func withoutEmail(s *setup) { s.Send = nil }

// onEachDatabase runs a test in an empty world on each database.
func onEachDatabase(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) { test(t, newWorld(t, db, nil)) })
}

func newWorld(t *testing.T, db *ent.Client, change func(*setup), endpoints ...*endpoint) *world {
	t.Helper()
	w := &world{World: env.EmptyWorld(t, env.Setup{DB: db}), smtp: env.NewSMTP(t)}
	server, err := mail.ParseServer("smtp://" + w.smtp.Addr() + "?tls=none")
	require.NoError(t, err)
	from, err := mail.ParseFrom("Foyer <foyer@example.org>")
	require.NoError(t, err)
	hooks := webhook.Settings{Secrets: []string{secret}}
	for _, e := range endpoints {
		hooks.URLs = append(hooks.URLs, e.url)
	}
	sender, err := webhook.NewSender(hooks)
	require.NoError(t, err)
	w.outbox = newOutbox(db, time.Hour) // the Service wakes it
	s := setup{
		notifications.Dependencies{
			DB: db, Accounts: w.People, Rooms: w.Rooms.Service, Outbox: w.outbox,
			Limiter: ratelimit.New(env.Embedded(t)), Webhooks: sender, Send: mail.NewSender(server, from).Send,
		},
		notifications.Settings{PublicURL: "https://meet.example.org/", MaxInvited: 50},
	}
	if change != nil {
		change(&s)
	}
	w.Service, err = notifications.New(s.Dependencies, s.Settings)
	require.NoError(t, err)
	return w
}

func newOutbox(db *ent.Client, poll time.Duration) *outbox.Outbox {
	return outbox.New(db, outbox.Settings{
		Timeout: 2 * time.Minute, Backoff: 5 * time.Millisecond, MaxBackoff: 100 * time.Millisecond,
		GiveUp: time.Hour, Keep: time.Hour, Poll: poll, Drain: time.Second, Concurrency: concurrency,
	})
}

// deliver delivers notifications until the test ends.
func (w *world) deliver() { w.deliverBy(w.outbox) }

func (w *world) deliverBy(o *outbox.Outbox) {
	env.Run(w.T, func(ctx context.Context) error { return o.Run(ctx, w.Deliveries()) })
}

// person makes an account with a verified address, a language and a time zone.
func (w *world) person(name, email, language, zone string) *ent.User {
	w.T.Helper()
	u := w.UserLike(auth.Identity{Email: email, EmailVerified: true, FullName: name})
	return u.Update().SetLanguage(language).SetTimeZone(zone).SaveX(w.T.Context())
}

// untilDelivered waits until every message is delivered or has failed.
func (w *world) untilDelivered() {
	w.T.Helper()
	env.Eventually(w.T, func(c *assert.CollectT) {
		assert.Zero(c, w.DB.OutboxMessage.Query().
			Where(outboxmessage.DeliveredAtIsNil(), outboxmessage.FailedAtIsNil()).
			CountX(w.T.Context()))
	})
}

// email is an e-mail as its reader sees it.
type email struct{ subject, text, html string }

// emails returns the e-mails that each address has received.
func (w *world) emails() map[string][]email {
	w.T.Helper()
	all := map[string][]email{}
	for _, m := range w.smtp.Received() {
		subject, parts := read(w.T, m)
		all[m.To] = append(all[m.To], email{subject, parts["text/plain"], parts["text/html"]})
	}
	return all
}

// read returns the subject of an e-mail, and its parts by their media type.
func read(t testing.TB, m env.Mail) (subject string, parts map[string]string) {
	t.Helper()
	parsed := m.Parse(t)
	subject, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
	require.NoError(t, err)
	_, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	require.NoError(t, err)
	parts = map[string]string{}
	for reader := multipart.NewReader(parsed.Body, params["boundary"]); ; {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return subject, parts
		}
		require.NoError(t, err)
		text, err := io.ReadAll(part)
		require.NoError(t, err)
		kind, _, _ := strings.Cut(part.Header.Get("Content-Type"), ";")
		parts[kind] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
}
