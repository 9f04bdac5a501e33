package main

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/internal/outbox"
	"foyer/recordings"
	"foyer/server/config"
	"foyer/test/env"
)

// invitationKind is the outbox kind of invitations.
const invitationKind = "invitation"

// TestOutboxPausesAsDocumented: 5 seconds, then pauses that double up to half an hour, each up to a half shorter by
// chance; what says which file to delete is never given up. These are the settings of a real server.
func TestOutboxPausesAsDocumented(t *testing.T) {
	t.Parallel()
	c, err := config.Load(nil)
	require.NoError(t, err)
	db := env.SQLite(t)
	o := outbox.New(db, outboxSettings(c))
	created := time.Now().Add(-365 * 24 * time.Hour)
	m := db.OutboxMessage.Create().SetKind(recordings.Kind).SetPayload(json.RawMessage(`{}`)).
		SetCreatedAt(created).SetNextAttemptAt(created).SaveX(t.Context())
	old := db.OutboxMessage.Create().SetKind(invitationKind).SetPayload(json.RawMessage(`{}`)).
		SetCreatedAt(time.Now().Add(-24 * time.Hour)).SetNextAttemptAt(created).SaveX(t.Context())
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		away := func(context.Context, *ent.OutboxMessage) error { return errors.New("away") }
		_ = o.Run(ctx, map[string]outbox.Deliver{recordings.Kind: away, invitationKind: away})
	}()
	defer func() { stop(); <-stopped }()
	pause := 5 * time.Second
	for attempt := 1; attempt <= 15; attempt++ {
		var now *ent.OutboxMessage
		env.Eventually(t, func(t *assert.CollectT) {
			now = db.OutboxMessage.GetX(context.Background(), m.ID)
			assert.Equal(t, attempt, now.Attempts)
			assert.Equal(t, "away", now.LastError)
		})
		wait := now.NextAttemptAt.Sub(now.UpdatedAt)
		assert.GreaterOrEqual(t, wait, pause/2-time.Second, "after attempt %d", attempt)
		assert.LessOrEqual(t, wait, pause+time.Second, "after attempt %d", attempt)
		assert.Nil(t, now.FailedAt)
		pause = min(2*pause, 30*time.Minute)
		now.Update().SetNextAttemptAt(time.Now()).SetLastError("").ExecX(t.Context())
		o.Wake()
	}
	env.Eventually(t, func(t *assert.CollectT) {
		assert.NotNil(t, db.OutboxMessage.GetX(context.Background(), old.ID).FailedAt, "a day is enough for the others")
	})
}
