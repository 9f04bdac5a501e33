package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"foyer/ent"
	"foyer/ent/outboxmessage"
	"foyer/ent/predicate"
)

const (
	// candidates is the number of messages from which a server chooses at random, so that servers rarely choose the
	// same one.
	candidates = 16
	// databaseTimeout is the time limit of one step in the database.
	databaseTimeout = 10 * time.Second
	// recordPause is the pause between attempts to record the result of a delivery.
	recordPause = 200 * time.Millisecond
	// cleanEvery is the time between two cleanups.
	cleanEvery = time.Hour
	maxError   = 500 // bytes stored of an error
)

func unfinished() predicate.OutboxMessage {
	return outboxmessage.And(outboxmessage.DeliveredAtIsNil(), outboxmessage.FailedAtIsNil())
}

// claim reserves a due message of a kind for this server, for the length of a lease. If there is none, it returns the
// time until the next attempt. One conditional update decides which server gets a message.
func (o *Outbox) claim(ctx context.Context, kind string) (*ent.OutboxMessage, time.Duration) {
	// A claim is not cancelled half-way: a claimed message is delivered.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), databaseTimeout)
	defer cancel()
	list, err := o.db.OutboxMessage.Query().
		Where(unfinished(), outboxmessage.Kind(kind)).
		Order(outboxmessage.ByNextAttemptAt()).Limit(candidates).All(ctx)
	if err != nil {
		warn(ctx, "look for messages", err)
		return nil, o.settings.Poll
	}
	now := time.Now()
	due := 0
	for due < len(list) && !list[due].NextAttemptAt.After(now) {
		due++
	}
	for _, i := range rand.Perm(due) {
		won, err := o.db.OutboxMessage.Update().
			Where(outboxmessage.ID(list[i].ID), outboxmessage.Attempts(list[i].Attempts), unfinished()).
			AddAttempts(1).SetNextAttemptAt(now.Add(2 * o.settings.Timeout)).Save(ctx)
		if err != nil {
			warn(ctx, "claim a message", err)
			return nil, o.settings.Poll
		}
		if won == 1 {
			list[i].Attempts++
			return list[i], 0
		}
	}
	switch {
	case due > 0: // other servers took them all; there may be more
		return nil, 0
	case len(list) > 0:
		return nil, min(list[0].NextAttemptAt.Sub(now), o.settings.Poll)
	default:
		return nil, o.settings.Poll
	}
}

// attempt delivers a message that this server has claimed, and records the result.
func (l lane) attempt(ctx context.Context, m *ent.OutboxMessage) {
	defer wake(l.wake) // it may be due again before the next poll
	limited, cancel := context.WithTimeout(ctx, l.settings.Timeout)
	defer cancel()
	outcome := l.outcome(ctx, m, recovered(limited, l.deliver, m))
	// The lease lasts one Timeout longer than the delivery.
	ctx, cancelRecord := context.WithTimeout(context.WithoutCancel(ctx), l.settings.Timeout)
	defer cancelRecord()
	for {
		err := outcome.Exec(ctx)
		if err == nil {
			return
		}
		warn(ctx, "note the outcome of a delivery", err)
		select {
		case <-ctx.Done():
			return // the lease will expire, and the message will be tried again
		case <-time.After(recordPause):
		}
	}
}

// recovered delivers a message, and turns a panic into an error.
func recovered(ctx context.Context, deliver Deliver, m *ent.OutboxMessage) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			slog.ErrorContext(ctx, "a delivery panicked", "kind", m.Kind, "id", m.ID,
				"stack", string(debug.Stack()))
			err = errors.New("it panicked")
		}
	}()
	return deliver(ctx, m)
}

// outcome returns the update of a message after an attempt that ended with err. A failure does not change a message
// that another server has claimed since; a delivery counts in any case.
func (o *Outbox) outcome(ctx context.Context, m *ent.OutboxMessage, err error) *ent.OutboxMessageUpdate {
	now := time.Now()
	update := o.db.OutboxMessage.Update().Where(outboxmessage.ID(m.ID))
	if err == nil {
		return update.SetDeliveredAt(now).ClearFailedAt().SetLastError("")
	}
	update.Where(outboxmessage.Attempts(m.Attempts), unfinished()).SetLastError(stored(err))
	log := slog.With("kind", m.Kind, "id", m.ID, "attempt", m.Attempts, "err", err)
	switch {
	case IsPermanent(err):
		log.WarnContext(ctx, "a message was refused for good")
		return update.SetFailedAt(now)
	case now.Sub(m.CreatedAt) >= o.settings.GiveUp && !slices.Contains(o.settings.Kept, m.Kind):
		log.ErrorContext(ctx, "a message was given up", "age", now.Sub(m.CreatedAt).Round(time.Second))
		return update.SetFailedAt(now)
	default:
		wait, level := o.backoff(m.Attempts), slog.LevelWarn
		if now.Sub(m.CreatedAt) >= o.settings.GiveUp {
			level = slog.LevelError
		}
		log.Log(ctx, level, "a message was not delivered", "again", wait.Round(time.Millisecond))
		return update.SetNextAttemptAt(now.Add(wait))
	}
}

// backoff returns the pause after a number of attempts.
func (o *Outbox) backoff(attempts int) time.Duration {
	wait := o.settings.Backoff
	for range attempts - 1 {
		if wait *= 2; wait >= o.settings.MaxBackoff {
			wait = o.settings.MaxBackoff
			break
		}
	}
	return wait - rand.N(wait/2+1)
}

// stored returns the text of an error that is stored, in a form that every database accepts.
func stored(err error) string {
	text := strings.ReplaceAll(err.Error(), "\x00", "")
	return strings.ToValidUTF8(text[:min(len(text), maxError)], "")
}

// keepClean runs clean now and every hour, until ctx ends.
func (o *Outbox) keepClean(ctx context.Context, kinds []string) {
	ticker := time.NewTicker(cleanEvery)
	defer ticker.Stop()
	for {
		if err := o.clean(ctx, kinds); err != nil && ctx.Err() == nil {
			warn(ctx, "clean up", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// clean deletes messages that ended long ago. It gives up messages that are too old and of a kind that no server knows
// any more.
func (o *Outbox) clean(ctx context.Context, kinds []string) error {
	now := time.Now()
	abandoned, err := o.db.OutboxMessage.Update().
		Where(unfinished(), outboxmessage.KindNotIn(slices.Concat(kinds, o.settings.Kept)...),
			outboxmessage.CreatedAtLT(now.Add(-o.settings.GiveUp))).
		SetFailedAt(now).SetLastError("no server delivers this kind").Save(ctx)
	if err != nil {
		return fmt.Errorf("give up messages of unknown kinds: %w", err)
	}
	if abandoned > 0 {
		slog.ErrorContext(ctx, "messages were given up that no server delivers", "count", abandoned)
	}
	_, err = o.db.OutboxMessage.Delete().Where(endedBefore(now.Add(-o.settings.Keep))).Exec(ctx)
	if err != nil {
		return fmt.Errorf("remove old messages: %w", err)
	}
	return nil
}

func endedBefore(when time.Time) predicate.OutboxMessage {
	return outboxmessage.Or(outboxmessage.DeliveredAtLT(when), outboxmessage.FailedAtLT(when))
}
