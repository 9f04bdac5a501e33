package notifications_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/outboxmessage"
	"foyer/ent/recording"
	"foyer/ent/schema"
	"foyer/test/env"
)

func TestWebhookReportsARecording(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		e := newEndpoint(t)
		w := newWorld(t, db, withoutEmail, e)
		w.deliver()
		ada := w.person("Ada Lovelace", "ada@example.com", "en", "UTC")
		r := w.NewRoom(ada, "Ada’s room")
		rec := w.end(w.recording(r, ada, func(c *ent.RecordingCreate) {
			c.SetOptions(schema.RecordingOptions{Transcribe: true, Language: "pt-BR"}).
				SetReason("LIMIT").SetExpiresAt(time.Date(2126, 7, 14, 22, 0, 0, 0, time.UTC))
		}), recording.StatusSAVED)
		w.untilDelivered()
		require.Len(t, e.attempts(), 1)
		got := e.attempts()[0]
		verifier, err := standardwebhooks.NewWebhook(secret)
		require.NoError(t, err)
		require.NoError(t, verifier.Verify([]byte(got.body), got.header))
		assert.Equal(t, db.OutboxMessage.Query().OnlyX(t.Context()).ID.String(), got.id)
		var event map[string]any
		require.NoError(t, json.Unmarshal([]byte(got.body), &event))
		at, err := time.Parse(time.RFC3339, fmt.Sprint(event["timestamp"]))
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now(), at, time.Minute)
		delete(event, "timestamp")
		assert.Equal(t, map[string]any{"type": "recording.ready", "data": map[string]any{
			"recordingId": rec.ID.String(), "roomId": r.ID.String(), "roomSlug": r.Slug, "mode": "SCREEN",
			"options": map[string]any{"transcribe": true, "language": "pt-BR"}, "reason": "LIMIT",
			"startedAt": "2026-03-01T03:30:00Z", "endedAt": "2026-03-01T04:30:00Z",
			"expiresAt": "2126-07-14T22:00:00Z", "size": 4096.0, "duration": 61.5,
		}}, event)
		for _, name := range []string{"Ada", "ada@", ada.ID.String()} {
			assert.NotContains(t, got.body, name, "the event contains no personal data")
		}
	})
}

func TestWebhookReportsAFailure(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		e := newEndpoint(t)
		w := newWorld(t, db, withoutEmail, e)
		w.deliver()
		ada := w.person("Ada", "ada@example.com", "en", "UTC")
		r := w.NewRoom(ada, "Room")
		w.end(w.recording(r, ada, func(c *ent.RecordingCreate) {
			c.SetReason("no disk").SetSize(0).SetDuration(0)
		}), recording.StatusFAILED)
		w.end(w.recording(r, ada, nil), recording.StatusABORTED) // not reported
		w.untilDelivered()
		require.Len(t, e.attempts(), 1)
		body := e.attempts()[0].body
		assert.Contains(t, body, `"type":"recording.failed"`)
		assert.Contains(t, body, `"reason":"no disk"`)
		assert.Contains(t, body, `"options":{"transcribe":false,"language":null}`)
	})
}

// TestFailingEndpointDoesNotAffectOthers: each endpoint has its own message, whose id is the same at each attempt.
func TestFailingEndpointDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		fine, failing, gone := newEndpoint(t), newEndpoint(t), newEndpoint(t)
		failing.answer(func(attempt) int { return http.StatusServiceUnavailable })
		gone.answer(func(attempt) int { return http.StatusGone })
		w := newWorld(t, db, withoutEmail, fine, failing, gone)
		w.deliver()
		ada := w.person("Ada", "ada@example.com", "en", "UTC")
		w.end(w.recording(w.NewRoom(ada, "Room"), ada, nil), recording.StatusSAVED)
		env.Eventually(t, func(c *assert.CollectT) { assert.Greater(c, len(failing.attempts()), 3) })
		failing.answer(func(attempt) int { return http.StatusAccepted })
		w.untilDelivered()
		assert.Len(t, fine.attempts(), 1)
		assert.Len(t, gone.attempts(), 1, "410 is permanent")
		ids := map[string]bool{}
		for _, e := range []*endpoint{fine, failing, gone} {
			require.Len(t, e.byID(), 1, "the id is the same at each attempt")
			ids[e.attempts()[0].id] = true
		}
		assert.Len(t, ids, 3)
		refused := db.OutboxMessage.Query().Where(outboxmessage.FailedAtNotNil()).OnlyX(t.Context())
		assert.Contains(t, refused.LastError, "410")
	})
}

func TestWebhookIsRetriedUntilTheEndpointIsUp(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		address := fmt.Sprintf("127.0.0.1:%d", env.FreePort(t))
		e := &endpoint{url: "http://" + address, respond: func(attempt) int { return http.StatusOK }}
		w := newWorld(t, db, withoutEmail, e)
		w.deliver()
		ada := w.person("Ada", "ada@example.com", "en", "UTC")
		w.end(w.recording(w.NewRoom(ada, "Room"), ada, nil), recording.StatusSAVED)
		env.Eventually(t, func(c *assert.CollectT) {
			m := db.OutboxMessage.Query().OnlyX(t.Context())
			assert.Greater(c, m.Attempts, 2)
			assert.Contains(c, m.LastError, address)
		})
		listen(t, address, e)
		w.untilDelivered()
		assert.Len(t, e.attempts(), 1)
	})
}

func TestLaterWebhookMayArriveFirst(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		e := newEndpoint(t)
		w := newWorld(t, db, withoutEmail, e)
		w.deliver()
		ada := w.person("Ada", "ada@example.com", "en", "UTC")
		r := w.NewRoom(ada, "Room")
		first := w.recording(r, ada, nil)
		var refuse atomic.Bool
		refuse.Store(true)
		e.answer(func(a attempt) int {
			if refuse.Load() && strings.Contains(a.body, first.ID.String()) {
				return http.StatusInternalServerError
			}
			return http.StatusOK
		})
		w.end(first, recording.StatusSAVED)
		env.Eventually(t, func(c *assert.CollectT) { assert.NotEmpty(c, e.attempts()) })
		second := w.end(w.recording(r, ada, nil), recording.StatusSAVED)
		env.Eventually(t, func(c *assert.CollectT) {
			var found bool
			for _, a := range e.attempts() {
				found = found || strings.Contains(a.body, second.ID.String())
			}
			assert.True(c, found)
		})
		refuse.Store(false)
		w.untilDelivered()
		assert.Len(t, e.byID(), 2)
		assert.Equal(t, 2, db.OutboxMessage.Query().Where(outboxmessage.DeliveredAtNotNil()).CountX(t.Context()))
	})
}

// TestSlowEndpointDoesNotDelayOthers: neither other endpoints nor e-mail.
func TestSlowEndpointDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		slow, fine := newEndpoint(t), newEndpoint(t)
		release := make(chan struct{})
		slow.answer(func(attempt) int { <-release; return http.StatusOK })
		w := newWorld(t, db, nil, slow, fine)
		w.smtp.Start()
		w.deliver()
		ada := w.person("Ada", "ada@example.com", "en", "UTC")
		r := w.NewRoom(ada, "Room")
		const many = concurrency + 3
		for range many {
			w.end(w.recording(r, ada, nil), recording.StatusSAVED)
		}
		env.Eventually(t, func(c *assert.CollectT) {
			assert.Len(c, fine.byID(), many)
			assert.Len(c, w.smtp.Received(), many)
			assert.Len(c, slow.attempts(), concurrency)
		})
		close(release)
		w.untilDelivered()
		assert.Len(t, slow.byID(), many)
		assert.Len(t, slow.attempts(), many)
	})
}

// TestDownloadURLIsMadeForEachAttemptAndNotStored: the URL expires, and opens the file without authentication.
func TestDownloadURLIsMadeForEachAttemptAndNotStored(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		e := newEndpoint(t)
		e.answer(func(a attempt) int {
			if strings.Contains(a.body, `"downloadUrl":"https://bucket.example/3"`) {
				return http.StatusOK
			}
			return http.StatusBadGateway
		})
		var made atomic.Int64
		w := newWorld(t, db, func(s *setup) {
			s.Send = nil
			s.DownloadURL = func(_ context.Context, r *ent.Recording) (string, error) {
				n := made.Add(1)
				if n == 2 {
					return "", errors.New("the bucket is away")
				}
				return fmt.Sprint("https://bucket.example/", n), nil
			}
		}, e)
		w.deliver()
		ada := w.person("Ada", "ada@example.com", "en", "UTC")
		w.end(w.recording(w.NewRoom(ada, "Room"), ada, nil), recording.StatusSAVED)
		w.untilDelivered()
		assert.Len(t, e.attempts(), 2, "the attempt without a URL sends nothing")
		m := db.OutboxMessage.Query().OnlyX(t.Context())
		assert.NotNil(t, m.DeliveredAt)
		assert.NotContains(t, string(m.Payload), "bucket.example")
	})
}

func TestDeletedRecordingIsNotReported(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		e := newEndpoint(t)
		w := newWorld(t, db, withoutEmail, e)
		ada := w.person("Ada", "ada@example.com", "en", "UTC")
		r := w.NewRoom(ada, "Room")
		deleted := w.end(w.recording(r, ada, nil), recording.StatusSAVED)
		expired := w.end(w.recording(r, ada, nil), recording.StatusSAVED)
		db.Recording.DeleteOne(deleted).ExecX(t.Context())
		expired.Update().SetExpiresAt(time.Now().Add(-time.Second)).ExecX(t.Context())
		w.deliver()
		w.untilDelivered()
		assert.Empty(t, e.attempts())
		for _, m := range db.OutboxMessage.Query().AllX(t.Context()) {
			assert.NotNil(t, m.FailedAt)
			assert.Equal(t, "the recording is gone", m.LastError)
		}
	})
}
