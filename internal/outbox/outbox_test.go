package outbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/outboxmessage"
	"foyer/internal/outbox"
	"foyer/test/env"
)

const kind = "letter"

// patient are settings with which nothing happens during a test without a call of Wake.
var patient = outbox.Settings{
	Timeout: time.Hour, Backoff: time.Hour, MaxBackoff: time.Hour, GiveUp: 24 * time.Hour,
	Keep: 24 * time.Hour, Poll: time.Hour, Drain: time.Minute, Concurrency: 4,
}

// quick are settings with which everything happens soon.
func quick() outbox.Settings {
	s := patient
	s.Backoff, s.MaxBackoff, s.Poll = time.Millisecond, 50*time.Millisecond, 20*time.Millisecond
	return s
}

// letters counts how often each text was delivered.
type letters struct {
	mu    sync.Mutex
	count map[string]int
}

func (l *letters) add(m *ent.OutboxMessage) {
	var text string
	if err := json.Unmarshal(m.Payload, &text); err != nil {
		panic(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == nil {
		l.count = map[string]int{}
	}
	l.count[text]++
}

func (l *letters) all() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]int{}
	for text, n := range l.count {
		all[text] = n
	}
	return all
}

func (l *letters) deliver(_ context.Context, m *ent.OutboxMessage) error { l.add(m); return nil }

// run runs an outbox until the test ends or the returned function is called, which waits for its end.
func run(t *testing.T, o *outbox.Outbox, deliver outbox.Deliver) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx, map[string]outbox.Deliver{kind: deliver}) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			assert.NoError(t, err)
		case <-time.After(env.Soon):
			assert.Fail(t, "it does not stop")
		}
	})
	t.Cleanup(stop)
	return stop
}

// write commits messages of another server.
func write(t *testing.T, db *ent.Client, texts ...string) {
	t.Helper()
	writeBy(t, outbox.New(db, outbox.Settings{}), db, texts...)
}

// writeBy commits messages of the server that has the outbox.
func writeBy(t *testing.T, o *outbox.Outbox, db *ent.Client, texts ...string) {
	t.Helper()
	tx, err := db.Tx(t.Context())
	require.NoError(t, err)
	payloads := make([]any, len(texts))
	for i, text := range texts {
		payloads[i] = text
	}
	require.NoError(t, o.Add(t.Context(), tx, kind, payloads...))
	require.NoError(t, tx.Commit())
}

func TestMessageIsDeliveredImmediately(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		o, delivered := outbox.New(db, patient), make(chan *ent.OutboxMessage, 9)
		run(t, o, func(_ context.Context, m *ent.OutboxMessage) error { delivered <- m; return nil })
		writeBy(t, o, db, "one")
		first := env.Receive(t, delivered)
		assert.JSONEq(t, `"one"`, string(first.Payload))
		assert.Equal(t, 1, first.Attempts)
		writeBy(t, o, db, "two", "three")
		env.Receive(t, delivered)
		env.Receive(t, delivered)
		env.Eventually(t, func(c *assert.CollectT) {
			for _, m := range db.OutboxMessage.Query().AllX(t.Context()) {
				assert.NotNil(c, m.DeliveredAt)
				assert.Nil(c, m.FailedAt)
				assert.Equal(c, 1, m.Attempts)
			}
		})
	})
}

func TestMessageOfAnotherServerIsFoundByPolling(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		var got letters
		run(t, outbox.New(db, quick()), got.deliver)
		write(t, db, "one")
		env.Eventually(t, func(c *assert.CollectT) { assert.Equal(c, map[string]int{"one": 1}, got.all()) })
	})
}

func TestMessageIsPartOfItsTransaction(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		tx, err := db.Tx(t.Context())
		require.NoError(t, err)
		require.NoError(t, outbox.New(db, outbox.Settings{}).Add(t.Context(), tx, kind, "never"))
		require.NoError(t, tx.Rollback())
		write(t, db, "committed")
		var got letters
		run(t, outbox.New(db, quick()), got.deliver)
		env.Eventually(t, func(c *assert.CollectT) { assert.Contains(c, got.all(), "committed") })
		assert.NotContains(t, got.all(), "never")
		assert.Equal(t, 1, db.OutboxMessage.Query().CountX(t.Context()))
	})
}

func TestSeveralServersDeliverEachMessageOnce(t *testing.T) {
	t.Parallel()
	const messages = 1000
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		texts, want := make([]string, messages), map[string]int{}
		for i := range texts {
			texts[i] = fmt.Sprint("letter ", i)
			want[texts[i]] = 1
		}
		write(t, db, texts...)
		var got letters
		var both sync.WaitGroup // both servers deliver some
		both.Add(2)
		for range 2 {
			begins := sync.OnceFunc(both.Done)
			run(t, outbox.New(db, patient), func(ctx context.Context, m *ent.OutboxMessage) error {
				begins()
				both.Wait()
				return got.deliver(ctx, m)
			})
		}
		unfinished := db.OutboxMessage.Query().Where(outboxmessage.DeliveredAtIsNil())
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			assert.Zero(c, unfinished.Clone().CountX(t.Context()))
		}, 4*env.Soon, 50*time.Millisecond)
		assert.Equal(t, want, got.all())
	})
}

func TestStopWaitsForRunningDeliveriesAndStartsNone(t *testing.T) {
	t.Parallel()
	settings := quick()
	settings.Concurrency = 1
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		write(t, db, "one", "two")
		var begun atomic.Int64
		underWay, finish := make(chan struct{}, 9), make(chan struct{})
		stop := run(t, outbox.New(db, settings), func(ctx context.Context, _ *ent.OutboxMessage) error {
			begun.Add(1)
			underWay <- struct{}{}
			<-finish
			return ctx.Err()
		})
		env.Receive(t, underWay)
		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		select {
		case <-stopped:
			assert.Fail(t, "it did not wait")
		case <-time.After(100 * time.Millisecond): // to show that it does not end
		}
		close(finish)
		env.Receive(t, stopped)
		assert.EqualValues(t, 1, begun.Load())
		delivered := db.OutboxMessage.Query().Where(outboxmessage.DeliveredAtNotNil())
		assert.Equal(t, 1, delivered.CountX(t.Context()), "its outcome is noted")
	})
}

func TestStopCancelsSlowDeliveries(t *testing.T) {
	t.Parallel()
	settings := patient
	settings.Drain = 20 * time.Millisecond
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		write(t, db, "one")
		underWay := make(chan struct{}, 1)
		stop := run(t, outbox.New(db, settings), func(ctx context.Context, _ *ent.OutboxMessage) error {
			underWay <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		})
		env.Receive(t, underWay)
		stop()
		m := db.OutboxMessage.Query().OnlyX(t.Context())
		assert.Nil(t, m.DeliveredAt)
		assert.Nil(t, m.FailedAt, "another server will try it")
		assert.Equal(t, "context canceled", m.LastError)
	})
}

func TestConcurrencyIsLimited(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		texts := make([]string, 40)
		for i := range texts {
			texts[i] = fmt.Sprint(i)
		}
		write(t, db, texts...)
		var now, most, done atomic.Int64
		begun, release := make(chan struct{}, len(texts)), make(chan struct{})
		run(t, outbox.New(db, patient), func(context.Context, *ent.OutboxMessage) error {
			defer now.Add(-1)
			n := now.Add(1)
			for high := most.Load(); n > high && !most.CompareAndSwap(high, n); high = most.Load() {
			}
			begun <- struct{}{}
			<-release
			done.Add(1)
			return nil
		})
		for range patient.Concurrency {
			env.Receive(t, begun)
		}
		close(release)
		env.Eventually(t, func(c *assert.CollectT) { assert.EqualValues(c, len(texts), done.Load()) })
		assert.EqualValues(t, patient.Concurrency, most.Load())
	})
}

// TestKindsDoNotWaitForEachOther: a kind whose deliveries all hang does not delay others.
func TestKindsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	settings := quick()
	settings.Concurrency = 2
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		hanging, release := make(chan struct{}, 9), make(chan struct{})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		var got letters
		go func() {
			done <- outbox.New(db, settings).Run(ctx, map[string]outbox.Deliver{
				kind: got.deliver,
				"parcel": func(context.Context, *ent.OutboxMessage) error {
					hanging <- struct{}{}
					<-release
					return nil
				},
			})
		}()
		for i := range 5 {
			db.OutboxMessage.Create().SetKind("parcel").
				SetPayload(json.RawMessage(fmt.Sprint(i))).ExecX(t.Context())
		}
		env.Receive(t, hanging)
		env.Receive(t, hanging)
		write(t, db, "one", "two", "three")
		env.Eventually(t, func(c *assert.CollectT) {
			assert.Equal(c, map[string]int{"one": 1, "two": 1, "three": 1}, got.all())
		})
		assert.Empty(t, hanging, "two at once and no more")
		close(release)
		env.Eventually(t, func(c *assert.CollectT) {
			assert.Zero(c, db.OutboxMessage.Query().Where(outboxmessage.DeliveredAtIsNil()).CountX(t.Context()))
		})
		cancel()
		require.NoError(t, env.Receive(t, done))
	})
}

func TestMessageOfAnUnknownKindIsGivenUpOnlyWhenTooOld(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		strange := func(created time.Time) uuid.UUID {
			return db.OutboxMessage.Create().SetKind("telegram").SetPayload(json.RawMessage(`{}`)).
				SetCreatedAt(created).SetNextAttemptAt(created).SaveX(t.Context()).ID
		}
		young, old := strange(time.Now()), strange(time.Now().Add(-25*time.Hour))
		var got letters
		run(t, outbox.New(db, quick()), got.deliver)
		write(t, db, "one")
		env.Eventually(t, func(c *assert.CollectT) {
			assert.Equal(c, map[string]int{"one": 1}, got.all())
			assert.NotNil(c, db.OutboxMessage.GetX(t.Context(), old).FailedAt)
		})
		m := db.OutboxMessage.GetX(t.Context(), young)
		assert.Nil(t, m.FailedAt)
		assert.Zero(t, m.Attempts)
	})
}

func TestOldMessagesAreRemoved(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		row := func() *ent.OutboxMessageCreate {
			return db.OutboxMessage.Create().SetKind(kind).SetPayload(json.RawMessage(`"x"`))
		}
		long, recent := time.Now().Add(-25*time.Hour), time.Now().Add(-23*time.Hour)
		row().SetDeliveredAt(long).ExecX(t.Context())
		row().SetFailedAt(long).ExecX(t.Context())
		keep := []uuid.UUID{
			row().SetDeliveredAt(recent).SaveX(t.Context()).ID,
			row().SetFailedAt(recent).SaveX(t.Context()).ID,
			row().SetCreatedAt(long).SetNextAttemptAt(time.Now().Add(time.Hour)).SaveX(t.Context()).ID,
		}
		run(t, outbox.New(db, patient), new(letters).deliver)
		env.Eventually(t, func(c *assert.CollectT) {
			assert.ElementsMatch(c, keep, db.OutboxMessage.Query().IDsX(t.Context()))
		})
	})
}

func TestBacklogCountsWaitingAndFailedMessages(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		o := outbox.New(db, patient)
		b, err := o.Backlog(t.Context())
		require.NoError(t, err)
		assert.Equal(t, outbox.Backlog{}, b)
		write(t, db, "one", "two", "three", "four")
		all, err := db.OutboxMessage.Query().All(t.Context())
		require.NoError(t, err)
		require.NoError(t, all[0].Update().SetDeliveredAt(time.Now()).Exec(t.Context()))
		require.NoError(t, all[1].Update().SetFailedAt(time.Now()).Exec(t.Context()))
		env.Eventually(t, func(c *assert.CollectT) {
			b, err := o.Backlog(t.Context())
			require.NoError(c, err)
			assert.Equal(c, []int{2, 1}, []int{b.Waiting, b.Failed})
			assert.Positive(c, b.Oldest)
			assert.Less(c, b.Oldest, time.Hour)
		})
	})
}
