// Package outbox tells the outside what has happened here: e-mail servers, other people's services.
//
// What is to be told is a row, written in the same transaction as what it tells of: both are there
// or neither is. Any server that runs delivers it afterwards, again and again with growing pauses
// until it is delivered, refused for good, or too old; some kinds are never too old. Whatever breaks in between, it is delivered at
// least once, and twice only when a server ends, or loses the database for long, between a delivery
// and the note of it. The id of a message is the same in each attempt, so that receivers can tell.
//
// A message belongs to the one who moved its next attempt into the future, until that time. So a
// server that is killed keeps nothing for long, and no lock has to be cleaned up. Servers compare
// that time with their own clocks, which have to agree within Settings.Timeout.
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
	// Timeout bounds one delivery. A message whose server was killed is tried again after twice as
	// long.
	Timeout time.Duration
	// Backoff is the pause after the first failed attempt; it doubles with each, up to MaxBackoff.
	// Each pause is shortened by a random part of up to a half.
	Backoff, MaxBackoff time.Duration
	// GiveUp is how old a message is when no further attempt follows a failed one.
	GiveUp time.Duration
	// Kept are the kinds of messages that are never given up, since nothing else says what they say.
	Kept []string
	// Keep is how long messages are kept that are delivered or given up.
	Keep time.Duration
	// Poll is how often an idle server looks for what others have left.
	Poll time.Duration
	// Drain is how long deliveries may go on when the server stops.
	Drain time.Duration
	// Concurrency is how many deliveries of one kind a server has under way at most. Kinds do not
	// wait for each other.
	Concurrency int
}

// Deliver tells the outside what a message says. It may be called again for the same message, by
// another server, even after it has succeeded. It minds the end of ctx. An error is temporary unless
// it is Permanent; its text is stored and logged, so it must not name people.
type Deliver func(ctx context.Context, m *ent.OutboxMessage) error

// permanent marks an error that another attempt would meet again.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent returns an error of a Deliver after which there is no further attempt.
func Permanent(err error) error { return permanent{err} }

// IsPermanent reports whether an error of a Deliver is one after which there is no further attempt.
func IsPermanent(err error) bool {
	_, refused := errors.AsType[permanent](err)
	return refused
}

// Outbox delivers messages.
type Outbox struct {
	db       *ent.Client
	settings Settings

	mu    sync.Mutex
	lanes []chan struct{} // one for each kind that is delivered here, to wake it
}

// New returns an Outbox, which delivers while Run runs.
func New(db *ent.Client, settings Settings) *Outbox {
	return &Outbox{db: db, settings: settings}
}

// Add writes messages of one kind, a payload each, in the transaction of what they tell of. Wake has
// them delivered as soon as that is committed.
func Add[Payload any](ctx context.Context, tx *ent.Tx, kind string, payloads ...Payload) error {
	rows := make([]*ent.OutboxMessageCreate, len(payloads))
	for i, payload := range payloads {
		text, err := json.Marshal(payload)
		if err != nil {
			return fmt.Errorf("write down %s: %w", kind, err)
		}
		rows[i] = tx.OutboxMessage.Create().SetKind(kind).SetPayload(text)
	}
	if err := tx.OutboxMessage.CreateBulk(rows...).Exec(ctx); err != nil {
		return fmt.Errorf("put %s into the outbox: %w", kind, err)
	}
	return nil
}

// Wake has this server look for messages at once.
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
	default: // it will look anyway
	}
}

// Run delivers messages until ctx ends, then waits for the deliveries under way, but no longer than
// Settings.Drain. deliver has a function for each kind; messages of other kinds are left to servers
// that have one. It runs once. It always returns nil: what fails is tried again.
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

// lane returns what wakes a new lane.
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

// run begins deliveries until ctx ends, and returns when they have; they end with work at the latest.
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
			l.rest(ctx, wait)
			continue
		}
		running.Go(func() {
			defer func() { <-slots }()
			l.attempt(work, m)
		})
	}
}

// Backlog is what the outbox has to do, on all servers together.
type Backlog struct {
	// Waiting are messages that are still to be delivered, Failed those that were given up and are kept.
	Waiting, Failed int
	// Oldest is the age of the oldest that waits; zero when none does.
	Oldest time.Duration
}

// Backlog counts what there is to do.
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

// rest waits until there may be something to do.
func (l lane) rest(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-l.wake:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// warn says what went wrong with the database. There is nobody to return it to, and it will be tried
// again.
func warn(ctx context.Context, doing string, err error) {
	slog.WarnContext(ctx, "the outbox's database failed", "doing", doing, "err", err)
}
