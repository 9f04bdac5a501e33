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
	// candidates is among how many messages servers choose at random, so as not to want the same one.
	candidates = 16
	// databaseTimeout bounds what is asked of the database at once.
	databaseTimeout = 10 * time.Second
	// recordPause lies between two tries to note the outcome of a delivery.
	recordPause = 200 * time.Millisecond
	// cleanEvery is the time between two looks for what is no longer needed.
	cleanEvery = time.Hour
	maxError   = 500 // bytes kept of an error
)

func unfinished() predicate.OutboxMessage {
	return outboxmessage.And(outboxmessage.DeliveredAtIsNil(), outboxmessage.FailedAtIsNil())
}

// claim makes a message of a kind that is due this server's own for the length of a lease, or says after what
// time to look again. One conditional update decides who of several has it.
func (o *Outbox) claim(ctx context.Context, kind string) (*ent.OutboxMessage, time.Duration) {
	// A claim is not broken off half-way: what is claimed is delivered.
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
	case due > 0: // others had them all; there may be more
		return nil, 0
	case len(list) > 0:
		return nil, min(list[0].NextAttemptAt.Sub(now), o.settings.Poll)
	default:
		return nil, o.settings.Poll
	}
}

// attempt delivers a message that this server has claimed, and notes the outcome.
func (l lane) attempt(ctx context.Context, m *ent.OutboxMessage) {
	defer wake(l.wake) // it may be due again before the next look
	limited, cancel := context.WithTimeout(ctx, l.settings.Timeout)
	defer cancel()
	outcome := l.outcome(ctx, m, recovered(limited, l.deliver, m))
	// The lease lasts a Timeout longer than the delivery may.
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
			return // the lease will end, and it will be tried again
		case <-time.After(recordPause):
		}
	}
}

// recovered delivers a message; a panic is an error like others.
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

// outcome returns the change of a message after an attempt that ended with err. A failure does not
// touch what somebody else has claimed since; a delivery is one whoever has it now.
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

// backoff is the pause after so many attempts.
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

// stored returns what is kept of an error's text, as any database takes it.
func stored(err error) string {
	text := strings.ReplaceAll(err.Error(), "\x00", "")
	return strings.ToValidUTF8(text[:min(len(text), maxError)], "")
}

// keepClean removes what is no longer needed, now and every hour, until ctx ends.
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

// clean removes messages that ended long ago, and gives those up that nobody has delivered in time
// because no server knows their kind any more.
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
