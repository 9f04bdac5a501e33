package lobby

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"foyer/auth"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/telemetry"
)

const (
	// rereadAfter is the pause before a watcher reads again after a failure of Redis.
	rereadAfter = time.Second
	// graceTimeout bounds the change that starts a guest's grace time.
	graceTimeout = 2 * time.Second
)

// EntryWatch is a guest's subscription to their entry. It needs no goroutine and no channel. While the guest waits, it
// keeps their place.
type EntryWatch struct {
	service *Service
	bell    live.Bell
	// seen is the last state that Next has returned or, before the first, will return.
	seen    *live.Entry
	started bool
	// from is the span in which the subscription began; nil to make no spans.
	from trace.Span
}

// OpenEntry subscribes to the entry of a ticket. It calls wake, which must not block, when Next may have something new.
func (s *Service) OpenEntry(
	ctx context.Context, ticketText string, wake func(),
) (*EntryWatch, error) {
	t, err := s.tickets.read(ticketText)
	if err != nil {
		return nil, err
	}
	w := &EntryWatch{service: s, bell: live.Bell{Ring: wake, RoomID: t.RoomID, EntryID: t.EntryID}}
	s.live.Watch(&w.bell)
	w.seen, err = s.live.Get(ctx, t.RoomID, t.EntryID, live.Reading{Lease: s.live.Lease()})
	if err == nil && w.seen.Status == live.Gone {
		err = fault.New(fault.NotFound, "this request to enter has ended; ask again")
	}
	if err != nil {
		s.live.Unwatch(&w.bell)
		return nil, err
	}
	w.bell.SetWaits(w.seen.Status == live.Waiting)
	if span := trace.SpanFromContext(ctx); span.SpanContext().IsValid() {
		w.from = span
	}
	return w, nil
}

// EntryOf returns the id of the entry that a ticket is for.
func (s *Service) EntryOf(ticketText string) (uuid.UUID, error) {
	t, err := s.tickets.read(ticketText)
	return t.EntryID, err
}

// errReplaced ends the oldest of too many subscriptions to one entry. It is not RateLimited, after which its client
// would come back and replace another.
var errReplaced = fault.New(fault.Conflict,
	"this request to enter is watched in too many places; this was the first of them").With("reason", "REPLACED")

// Next returns the entry when it differs from the last one that Next returned, and always the first time; else nil. An
// error ends the subscription.
func (w *EntryWatch) Next(ctx context.Context) (*live.Entry, error) {
	if w.bell.Replaced() {
		return nil, errReplaced
	}
	if !w.started {
		w.started = true
		return w.seen, nil
	}
	if w.from != nil {
		ctx = trace.ContextWithSpan(ctx, w.from)
	}
	pushing, span := telemetry.Because(ctx, "push entry", w.bell.Trace())
	e, err := w.service.reread(pushing, w.seen)
	switch {
	case err != nil && ctx.Err() == nil:
		slog.DebugContext(ctx, "cannot read an entry; trying again", "entry", w.seen.ID, "err", err)
		time.AfterFunc(rereadAfter, w.bell.Ring)
	case err == nil && e.Status != live.Gone && e.Version > w.seen.Version:
		e.Push = span
		w.bell.SetWaits(e.Status == live.Waiting)
		w.seen = e
		return e, nil
	}
	span.End()
	return nil, nil //nolint:nilnil // nothing new
}

// Sent says that the guest's transport has sent what Next returned last.
func (w *EntryWatch) Sent() { endPush(w.seen) }

// Close ends the subscription. It does not wait for Redis.
func (w *EntryWatch) Close() {
	if w.end() {
		go w.startGrace(context.Background())
	}
}

// end removes the bell, and reports whether the guest's grace time begins.
func (w *EntryWatch) end() bool {
	w.Sent()
	return w.service.live.Unwatch(&w.bell) && w.bell.Waits()
}

// startGrace starts the grace time of a guest who stopped watching.
func (w *EntryWatch) startGrace(ctx context.Context) {
	s := w.service
	defer s.live.SweepLater(w.bell.RoomID) // the grace time begins when Redis has stored it
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTimeout)
	defer cancel()
	grace := live.Reading{Lease: s.live.Grace()}
	if _, err := s.live.Get(ctx, w.bell.RoomID, w.bell.EntryID, grace); err != nil {
		slog.DebugContext(ctx, "a guest's place is kept a little longer", "err", err)
	}
}

// WatchEntry is OpenEntry with a channel: it sends the entry, now and after every change, until ctx or the subscription
// ends. A slow reader misses states in between, never the last one.
func (s *Service) WatchEntry(ctx context.Context, ticketText string) (<-chan *live.Entry, error) {
	ring, rang := live.Signal()
	w, err := s.OpenEntry(ctx, ticketText, ring)
	if err != nil {
		return nil, err
	}
	states := make(chan *live.Entry)
	go func() {
		defer close(states)
		defer func() {
			if w.end() {
				w.startGrace(ctx)
			}
		}()
		for {
			e, err := w.Next(ctx)
			if err != nil {
				return
			}
			if e != nil {
				select {
				case states <- e:
					w.Sent()
				case <-ctx.Done():
					return
				}
			}
			select {
			case <-rang:
			case <-ctx.Done():
				return
			}
		}
	}()
	return states, nil
}

// reread reads the entry of a guest who watches, and restores what Redis has lost of it.
func (s *Service) reread(ctx context.Context, seen *live.Entry) (*live.Entry, error) {
	var with live.Reading
	if seen.Status == live.Waiting { // if the guest does not wait any more, they need a token
		with = live.Reading{Lease: s.live.Lease(), PassTTL: s.passTTL(), UserID: auth.FromContext(ctx).UserID}
	}
	e, err := s.live.Get(ctx, seen.RoomID, seen.ID, with)
	if err == nil && e.Status == live.Gone && seen.Status == live.Waiting {
		e, err = s.putBack(ctx, seen)
	}
	if err == nil && e.Status == live.Waiting && seen.Decided() && e.Changed < seen.Changed {
		// Redis has gone back to before the decision, but the guest knows it.
		return s.decideOne(ctx, e.RoomID, e.ID, decisionOn(seen))
	}
	return e, err
}

// putBack gives a guest who is here the place back that Redis has lost, or that timed out while this server could not
// reach Redis. A decision may be lost with it. The database still counts: nobody waits in a deleted room, and a banned
// guest is denied.
func (s *Service) putBack(ctx context.Context, seen *live.Entry) (*live.Entry, error) {
	room, err := s.rooms.ByID(ctx, seen.RoomID)
	if fault.Is(err, fault.NotFound) {
		return seen.Became(live.Ended), nil
	}
	if err != nil {
		return nil, err
	}
	banned, err := s.rooms.Banned(ctx, room.ID, personOf(seen))
	switch {
	case err != nil:
		return nil, err
	case len(banned) > 0:
		denied, now := seen.Became(live.Denied), 0
		denied.RetryAfter = &now
		return denied, nil
	default:
		return s.live.Enqueue(ctx, seen, s.placesOf(ctx, seen.UserID))
	}
}

// endPush ends the span in which an entry is sent.
func endPush(e *live.Entry) {
	if e.Push != nil {
		e.Push.End()
	}
}

// decisionOn is the decision that was made on an entry.
func decisionOn(e *live.Entry) live.Decision {
	return live.Decision{To: e.Status, ByRule: e.ByRule && e.Status == live.Admitted}
}
