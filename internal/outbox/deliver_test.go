package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"

	"foyer/ent"
	"foyer/ent/hook"
	"foyer/ent/outboxmessage"
	"foyer/internal/outbox"
	"foyer/test/env"
)

func TestFailedDeliveryIsRetriedWithGrowingPauses(t *testing.T) {
	t.Parallel()
	settings := quick()
	settings.Backoff, settings.MaxBackoff = 40*time.Millisecond, 160*time.Millisecond
	settings.Poll = time.Hour // the pauses are not those of polling
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		times := make(chan time.Time, 9)
		o := outbox.New(db, settings)
		run(t, o, func(_ context.Context, m *ent.OutboxMessage) error {
			times <- time.Now()
			if m.Attempts == 6 {
				return nil
			}
			return errors.New("not now \x00\xff")
		})
		write(t, db, "one")
		o.Wake()
		last := env.Receive(t, times)
		for _, least := range []int{20, 40, 80, 80, 80} { // half of a pause, in milliseconds
			next := env.Receive(t, times)
			assert.GreaterOrEqual(t, next.Sub(last), time.Duration(least)*time.Millisecond)
			last = next
		}
		env.Eventually(t, func(c *assert.CollectT) {
			m := db.OutboxMessage.Query().OnlyX(t.Context())
			assert.NotNil(c, m.DeliveredAt)
			assert.Empty(c, m.LastError)
			assert.Equal(c, 6, m.Attempts)
		})
	})
}

func TestPermanentFailureIsNotRetried(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		write(t, db, "bad", "good")
		var got letters
		run(t, outbox.New(db, quick()), func(ctx context.Context, m *ent.OutboxMessage) error {
			got.add(m)
			if string(m.Payload) == `"bad"` {
				return fmt.Errorf("wrapped: %w", outbox.Permanent(errors.New("no such address")))
			}
			return nil
		})
		env.Eventually(t, func(c *assert.CollectT) {
			assert.Zero(c, db.OutboxMessage.Query().
				Where(outboxmessage.DeliveredAtIsNil(), outboxmessage.FailedAtIsNil()).CountX(t.Context()))
		})
		bad := db.OutboxMessage.Query().Where(outboxmessage.FailedAtNotNil()).OnlyX(t.Context())
		assert.JSONEq(t, `"bad"`, string(bad.Payload))
		assert.Equal(t, "wrapped: no such address", bad.LastError)
		write(t, db, "later")
		env.Eventually(t, func(c *assert.CollectT) { assert.Contains(c, got.all(), "later") })
		assert.Equal(t, map[string]int{"bad": 1, "good": 1, "later": 1}, got.all())
	})
}

func TestOldMessageIsTriedOnceMoreAndGivenUp(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		created := time.Now().Add(-patient.GiveUp - time.Minute)
		db.OutboxMessage.Create().SetKind(kind).SetPayload(json.RawMessage(`"old"`)).
			SetCreatedAt(created).SetNextAttemptAt(created).ExecX(t.Context())
		var got letters
		run(t, outbox.New(db, quick()), func(ctx context.Context, m *ent.OutboxMessage) error {
			got.add(m)
			return errors.New("still away")
		})
		env.Eventually(t, func(c *assert.CollectT) {
			m := db.OutboxMessage.Query().OnlyX(t.Context())
			assert.NotNil(c, m.FailedAt)
			assert.Equal(c, "still away", m.LastError)
		})
		assert.Equal(t, map[string]int{"old": 1}, got.all())
	})
}

func TestMessageOfAKeptKindIsNeverGivenUp(t *testing.T) {
	t.Parallel()
	settings := quick()
	settings.Kept = []string{kind, "unknown here"}
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		created := time.Now().Add(-100 * settings.GiveUp)
		for _, k := range settings.Kept {
			db.OutboxMessage.Create().SetKind(k).SetPayload(json.RawMessage(`"old"`)).
				SetCreatedAt(created).SetNextAttemptAt(created).ExecX(t.Context())
		}
		run(t, outbox.New(db, settings), func(_ context.Context, m *ent.OutboxMessage) error {
			if m.Attempts < 4 {
				return errors.New("still away")
			}
			return nil
		})
		env.Eventually(t, func(c *assert.CollectT) {
			assert.NotNil(c, db.OutboxMessage.Query().Where(outboxmessage.Kind(kind)).OnlyX(t.Context()).DeliveredAt)
		})
		unknown := db.OutboxMessage.Query().Where(outboxmessage.Kind("unknown here")).OnlyX(t.Context())
		assert.Nil(t, unknown.FailedAt, "a server that delivers it may come back")
	})
}

func TestPanicOfADeliveryIsAFailure(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		write(t, db, "one")
		run(t, outbox.New(db, quick()), func(_ context.Context, m *ent.OutboxMessage) error {
			if m.Attempts == 1 {
				panic("oh")
			}
			return nil
		})
		env.Eventually(t, func(c *assert.CollectT) {
			m := db.OutboxMessage.Query().OnlyX(t.Context())
			assert.NotNil(c, m.DeliveredAt)
			assert.Equal(c, 2, m.Attempts)
		})
	})
}

// A server that is killed or paused after claiming a message leaves it to another server. Its late result does no harm.
func TestPausedServerLosesItsMessageToAnother(t *testing.T) {
	t.Parallel()
	settings := quick()
	settings.Concurrency = 1
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		claimed, wakeUp := make(chan uuid.UUID, 1), make(chan struct{})
		stopFirst := run(t, outbox.New(db, settings), func(_ context.Context, m *ent.OutboxMessage) error {
			claimed <- m.ID
			<-wakeUp // it ignores the end of ctx
			return outbox.Permanent(errors.New("it would never be tried again"))
		})
		write(t, db, "one")
		id := env.Receive(t, claimed)
		lease := db.OutboxMessage.GetX(t.Context(), id).NextAttemptAt
		assert.WithinDuration(t, time.Now().Add(2*settings.Timeout), lease, env.Soon)
		db.OutboxMessage.UpdateOneID(id).SetNextAttemptAt(time.Now()).ExecX(t.Context()) // the lease has expired
		second := make(chan uuid.UUID, 9)
		stopSecond := run(t, outbox.New(db, settings), func(_ context.Context, m *ent.OutboxMessage) error {
			second <- m.ID
			return nil
		})
		assert.Equal(t, id, env.Receive(t, second), "the same id, so that receivers can tell")
		env.Eventually(t, func(c *assert.CollectT) {
			assert.NotNil(c, db.OutboxMessage.GetX(t.Context(), id).DeliveredAt)
		})
		stopSecond()
		close(wakeUp)
		stopFirst()
		m := db.OutboxMessage.GetX(t.Context(), id)
		assert.NotNil(t, m.DeliveredAt)
		assert.Nil(t, m.FailedAt)
		assert.Equal(t, 2, m.Attempts)
		assert.Empty(t, second)
	})
}

func TestClaimedMessageIsNotTakenByAnotherServer(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		underWay, finish := make(chan struct{}, 9), make(chan struct{})
		stop := run(t, outbox.New(db, quick()), func(context.Context, *ent.OutboxMessage) error {
			underWay <- struct{}{}
			<-finish
			return nil
		})
		write(t, db, "one")
		env.Receive(t, underWay)
		var others letters
		run(t, outbox.New(db, quick()), others.deliver)
		for i := range 20 { // so that the other server has polled often
			text := fmt.Sprint("later ", i)
			db.OutboxMessage.Create().SetKind(kind).SetPayload(json.RawMessage(`"` + text + `"`)).
				ExecX(t.Context())
			env.Eventually(t, func(c *assert.CollectT) {
				assert.Equal(c, i+1, len(others.all())+len(underWay))
			})
		}
		close(finish)
		stop()
		assert.NotContains(t, others.all(), "one")
		assert.Equal(t, 1, db.OutboxMessage.Query().Order(outboxmessage.ByCreatedAt()).FirstX(t.Context()).Attempts)
	})
}

// TestShortOutageOfTheDatabaseDoesNotRepeatADelivery: the result is recorded a little later.
func TestShortOutageOfTheDatabaseDoesNotRepeatADelivery(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		var refused atomic.Int64
		db.OutboxMessage.Use(func(next ent.Mutator) ent.Mutator {
			return hook.OutboxMessageFunc(func(ctx context.Context, m *ent.OutboxMessageMutation) (ent.Value, error) {
				if _, notes := m.DeliveredAt(); notes && refused.Add(1) <= 3 {
					return nil, errors.New("the database is away")
				}
				return next.Mutate(ctx, m)
			})
		})
		var got letters
		run(t, outbox.New(db, quick()), got.deliver)
		write(t, db, "one", "two")
		env.Eventually(t, func(c *assert.CollectT) {
			for _, m := range db.OutboxMessage.Query().AllX(t.Context()) {
				assert.NotNil(c, m.DeliveredAt)
				assert.Equal(c, 1, m.Attempts)
			}
		})
		assert.Equal(t, map[string]int{"one": 1, "two": 1}, got.all())
		assert.EqualValues(t, 5, refused.Load())
	})
}

func TestSlowDeliveryIsCancelledAndRetried(t *testing.T) {
	t.Parallel()
	settings := quick()
	settings.Timeout = time.Second // which is also the time to record a result
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		write(t, db, "one")
		run(t, outbox.New(db, settings), func(ctx context.Context, m *ent.OutboxMessage) error {
			if m.Attempts == 1 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		env.Eventually(t, func(c *assert.CollectT) {
			assert.NotNil(c, db.OutboxMessage.Query().OnlyX(t.Context()).DeliveredAt)
		})
	})
}
