// Package outbox delivers notifications to the outside: to e-mail servers and to other services.
//
// Each notification is a row, written in the same transaction as the change it reports. Any server delivers it later,
// and retries with growing pauses until it is delivered, refused permanently, or too old; some kinds are never too old.
// Whatever fails, it is delivered at least once. It is delivered twice only if a server stops, or loses the database
// for long, between the delivery and its record. The id of a message is the same in each attempt, so that receivers can
// recognise it.
//
// A server claims a message by moving its next attempt into the future, until that time. So a killed server keeps a
// message only for a while, and there are no locks to clean up. Servers compare that time with their own clocks, which
// must agree within Settings.Timeout.
package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"foyer/ent"
	"foyer/ent/outboxmessage"
)

// Settings of an Outbox.
type Settings struct {
	// Timeout is the time limit of one delivery. A message whose server was killed is tried again after twice that
	// time.
	Timeout time.Duration
	// Backoff is the pause after the first failed attempt. It doubles with each attempt, up to MaxBackoff. Each pause
	// is shortened by a random part of up to one half.
	Backoff, MaxBackoff time.Duration
	// GiveUp is the age of a message after which a failed attempt is the last.
	GiveUp time.Duration
	// Kept are the kinds of messages that are never given up, because their content exists nowhere else.
	Kept []string
	// Keep is how long messages are kept after they were delivered or given up.
	Keep time.Duration
	// Poll is how often an idle server looks for messages of other servers.
	Poll time.Duration
	// Drain is how long deliveries may continue when the server stops.
	Drain time.Duration
	// Concurrency is the maximum number of concurrent deliveries of one kind on a server. Kinds do not wait for each
	// other.
	Concurrency int
}

// Deliver delivers a message. It may be called again for the same message, on another server, even after it has
// succeeded. It returns when ctx ends. An error is temporary unless it is Permanent. Its text is stored and logged, so
// it must not name people.
type Deliver func(ctx context.Context, m *ent.OutboxMessage) error

// permanent marks an error that every further attempt would return too.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent makes an error of a Deliver permanent: there is no further attempt.
func Permanent(err error) error { return permanent{err} }

// IsPermanent reports whether an error of a Deliver is permanent.
func IsPermanent(err error) bool {
	_, refused := errors.AsType[permanent](err)
	return refused
}

// Outbox delivers messages.
type Outbox struct {
	db       *ent.Client
	settings Settings

	mu    sync.Mutex
	lanes []chan struct{} // one for each kind that this server delivers, to wake it
}

// New returns an Outbox. It delivers while Run runs.
func New(db *ent.Client, settings Settings) *Outbox {
	return &Outbox{db: db, settings: settings}
}

// Add adds messages of one kind, one for each payload, in the transaction of the change that they report. Each
// payload is stored as JSON. The commit wakes this server's deliveries.
func (o *Outbox) Add(ctx context.Context, tx *ent.Tx, kind string, payloads ...any) error {
	rows := make([]*ent.OutboxMessageCreate, len(payloads))
	for i, payload := range payloads {
		text, err := json.Marshal(payload)
		if err != nil {
			return fmt.Errorf("encode a payload of %s: %w", kind, err)
		}
		rows[i] = tx.OutboxMessage.Create().SetKind(kind).SetPayload(text)
	}
	if err := tx.OutboxMessage.CreateBulk(rows...).Exec(ctx); err != nil {
		return fmt.Errorf("put %s into the outbox: %w", kind, err)
	}
	tx.OnCommit(func(next ent.Committer) ent.Committer {
		return ent.CommitFunc(func(ctx context.Context, tx *ent.Tx) error {
			err := next.Commit(ctx, tx)
			if err == nil {
				o.Wake()
			}
			return err
		})
	})
	return nil
}

// Wake makes this server look for messages now instead of at its next poll.
func (o *Outbox) Wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, lane := range o.lanes {
		wake(lane)
	}
}

func wake(lane chan<- struct{}) {
	select {
	case lane <- struct{}{}:
	default: // it is going to look anyway
	}
}

// Run delivers messages until ctx ends, and then waits for running deliveries, at most for Settings.Drain. Deliver has
// a function for each kind; messages of other kinds are left to servers that have one. It can run only once. It always
// returns nil, because failures are retried.
func (o *Outbox) Run(ctx context.Context, deliver map[string]Deliver) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(o.settings.Drain, stopWork) })()
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { o.keepClean(ctx, slices.Collect(maps.Keys(deliver))) })
	for kind, deliver := range deliver {
		l := lane{o, kind, deliver, o.lane()}
		running.Go(func() { l.run(ctx, work) })
	}
	return nil
}

// lane returns the channel that wakes a new lane.
func (o *Outbox) lane() chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	wake := make(chan struct{}, 1)
	o.lanes = append(o.lanes, wake)
	return wake
}

// lane delivers the messages of one kind.
type lane struct {
	*Outbox
	kind    string
	deliver Deliver
	wake    chan struct{}
}

// run starts deliveries until ctx ends, and returns when they have ended; they end with work at the latest.
func (l lane) run(ctx, work context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, l.settings.Concurrency)
	for ctx.Err() == nil {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		m, wait := l.claim(ctx, l.kind)
		if m == nil {
			<-slots
			l.idle(ctx, wait)
			continue
		}
		running.Go(func() {
			defer func() { <-slots }()
			l.attempt(work, m)
		})
	}
}

// Backlog describes the messages in the outbox of all servers.
type Backlog struct {
	// Waiting is the number of messages to deliver, Failed that of the messages that were given up and are still
	// stored.
	Waiting, Failed int
	// Oldest is the age of the oldest waiting message; zero if none waits.
	Oldest time.Duration
}

// Backlog reads the backlog.
func (o *Outbox) Backlog(ctx context.Context) (b Backlog, err error) {
	b.Failed, err = o.db.OutboxMessage.Query().Where(outboxmessage.FailedAtNotNil()).Count(ctx)
	if err != nil {
		return b, err
	}
	waiting := o.db.OutboxMessage.Query().Where(unfinished())
	if b.Waiting, err = waiting.Clone().Count(ctx); err != nil || b.Waiting == 0 {
		return b, err
	}
	oldest, err := waiting.Order(outboxmessage.ByCreatedAt()).Limit(1).All(ctx)
	if err == nil && len(oldest) > 0 { // it may have been delivered by now
		b.Oldest = max(0, time.Since(oldest[0].CreatedAt))
	}
	return b, err
}

// idle waits until there may be a message to deliver.
func (l lane) idle(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-l.wake:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// warn logs a failure of the database. It is retried, and there is no caller to return it to.
func warn(ctx context.Context, doing string, err error) {
	slog.WarnContext(ctx, "the outbox's database failed", "doing", doing, "err", err)
}
