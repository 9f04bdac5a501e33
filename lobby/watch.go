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
	"foyer/rooms"
)

const (
	// listInterval is how often a host's list is read again at most, whatever the flood.
	listInterval = 100 * time.Millisecond
	// rereadAfter is the pause before a watcher reads again what Redis could not give him.
	rereadAfter = time.Second
	// getTimeout bounds one look at a list.
	getTimeout = 5 * time.Second
	// leaveTimeout bounds what is done for a guest who is no longer there to wait for it.
	leaveTimeout = 2 * time.Second
)

// EntryWatch is a guest's look at his entry. While nothing happens it is this and no more: there is no
// goroutine and no channel. While the guest waits, it keeps his place.
type EntryWatch struct {
	service *Service
	bell    live.Bell
	// seen is what the guest has been told; before the first time, what he is to be.
	seen *live.Entry
	told bool
	// from is the span in which the look was opened; nil when there are to be no spans of it.
	from trace.Span
}

// OpenEntry opens a look at the entry of a ticket. It calls wake, which must not block, when Next may
// have something new.
func (s *Service) OpenEntry(
	ctx context.Context, ticketText string, wake func(),
) (*EntryWatch, error) {
	t, err := s.tickets.read(ticketText)
	if err != nil {
		return nil, err
	}
	w := &EntryWatch{service: s, bell: live.Bell{Ring: wake, RoomID: t.RoomID, EntryID: t.EntryID}}
	s.live.Hang(&w.bell)
	w.seen, err = s.live.Get(ctx, t.RoomID, t.EntryID, live.Reading{Lease: s.live.Lease()})
	if err == nil && w.seen.Status == live.Gone {
		err = fault.New(fault.NotFound, "this request to enter has ended; ask again")
	}
	if err != nil {
		s.live.Take(&w.bell)
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

// errReplaced ends the oldest of too many looks at one entry. It is no RateLimited, after which its client
// would come back and replace another.
var errReplaced = fault.New(fault.Conflict,
	"this request to enter is watched in too many places; this was the first of them").With("reason", "REPLACED")

// Next returns the entry when it differs from what the guest last saw, the first time in any case; else
// nil. An error ends the look.
func (w *EntryWatch) Next(ctx context.Context) (*live.Entry, error) {
	if w.bell.Replaced() {
		return nil, errReplaced
	}
	if !w.told {
		w.told = true
		return w.seen, nil
	}
	if w.from != nil {
		ctx = trace.ContextWithSpan(ctx, w.from)
	}
	pushing, span := telemetry.Because(ctx, "push entry", w.bell.Trace())
	e, err := w.service.look(pushing, w.seen)
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

// Sent says that the guest's transport has what Next returned last.
func (w *EntryWatch) Sent() { endPush(w.seen) }

// Close ends the look. It does not wait for Redis to learn of it.
func (w *EntryWatch) Close() {
	if w.leaves() {
		go w.leave(context.Background())
	}
}

// leaves takes the bell down, and reports whether the guest is to have his grace time.
func (w *EntryWatch) leaves() bool {
	w.Sent()
	return w.service.live.Take(&w.bell) && w.bell.Waits()
}

// leave gives a guest who stopped watching his grace time.
func (w *EntryWatch) leave(ctx context.Context) {
	s := w.service
	defer s.live.SweepLater(w.bell.RoomID) // his grace time begins when Redis has heard of it
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	stays := live.Reading{Lease: s.live.Grace()}
	if _, err := s.live.Get(ctx, w.bell.RoomID, w.bell.EntryID, stays); err != nil {
		slog.DebugContext(ctx, "a guest's place is kept a little longer", "err", err)
	}
}

// WatchEntry is OpenEntry for who reads from a channel: it sends the entry, now and after every change,
// until ctx ends or the look does. A slow reader misses states between, never the last one.
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
			if w.leaves() {
				w.leave(ctx)
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

// look reads the entry of a guest who watches, and puts right what Redis has lost of it.
func (s *Service) look(ctx context.Context, seen *live.Entry) (*live.Entry, error) {
	var with live.Reading
	if seen.Status == live.Waiting { // should the guest wait no more, they need a token
		with = live.Reading{Lease: s.live.Lease(), PassTTL: s.passTTL(), UserID: auth.FromContext(ctx).UserID}
	}
	e, err := s.live.Get(ctx, seen.RoomID, seen.ID, with)
	if err == nil && e.Status == live.Gone && seen.Status == live.Waiting {
		e, err = s.putBack(ctx, seen)
	}
	if err == nil && e.Status == live.Waiting && seen.Decided() && e.Changed < seen.Changed {
		// Redis has gone back to before the decision, but the guest has heard it.
		return s.decideOne(ctx, e.RoomID, e.ID, s.again(seen))
	}
	return e, err
}

// putBack gives a guest who is here the place that Redis lost, or that was given up while this server could not
// reach Redis. A decision may be lost with it. What the database says holds all the same: nobody waits in a deleted
// room, and a banned guest is told that they were denied.
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

// sent ends the span of a push: the guest's transport has it.
func endPush(e *live.Entry) {
	if e.Push != nil {
		e.Push.End()
	}
}

// again is the decision that was made on an entry.
func (s *Service) again(e *live.Entry) live.Decision {
	if e.Status == live.Denied {
		return live.Decision{To: live.Denied}
	}
	d := s.admission()
	d.ByRule = e.ByRule
	return d
}

// WatchLobby sends who waits for a room, now and after every change, until ctx ends or the viewer is no
// host any more; of that end it tells why.
func (s *Service) WatchLobby(
	ctx context.Context, roomID uuid.UUID, why func(error),
) (<-chan *live.Lobby, error) {
	if err := s.rooms.Require(ctx, roomID, rooms.DecideEntries); err != nil {
		return nil, err
	}
	if err := s.AllowList(ctx); err != nil {
		return nil, err
	}
	ring, rang := live.Signal()
	bell := &live.Bell{Ring: ring, RoomID: roomID}
	s.live.Hang(bell)
	lobby, err := s.live.List(ctx, roomID)
	if err != nil {
		s.live.Take(bell)
		return nil, err
	}
	states := make(chan *live.Lobby)
	go func() {
		defer close(states)
		defer s.live.Take(bell)
		for lobby != nil {
			select {
			case states <- lobby:
				endListPush(lobby)
				lobby = s.nextLobby(ctx, bell, rang, lobby, why)
			case <-ctx.Done():
				return
			}
		}
	}()
	return states, nil
}

// nextLobby returns the list when it differs from what the host last saw, or nil when ctx ends or he
// is no host any more.
func (s *Service) nextLobby(
	ctx context.Context, bell *live.Bell, rang <-chan struct{}, seen *live.Lobby, why func(error),
) *live.Lobby {
	for {
		select {
		case <-time.After(listInterval):
		case <-ctx.Done():
			return nil
		}
		select {
		case <-rang:
		case <-ctx.Done():
			return nil
		}
		pushing, span := telemetry.Because(ctx, "push lobby", bell.Trace())
		lobby, err := s.getSoon(pushing, bell.RoomID)
		switch {
		case fault.Is(err, fault.Forbidden), fault.Is(err, fault.NotFound):
			span.End()
			why(err)
			return nil
		case err != nil && ctx.Err() == nil:
			slog.DebugContext(ctx, "cannot read a lobby; trying again", "room", bell.RoomID, "err", err)
			time.AfterFunc(rereadAfter, bell.Ring)
		case err == nil && lobby.Version != seen.Version:
			lobby.Push = span
			return lobby
		}
		span.End()
	}
}

// told ends the span of a push: the host's transport has it.
func endListPush(l *live.Lobby) {
	if l.Push != nil {
		l.Push.End()
	}
}

// getSoon is Get for a watcher, who is told later rather than kept waiting for long; it counts against no limit.
func (s *Service) getSoon(ctx context.Context, roomID uuid.UUID) (*live.Lobby, error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	if err := s.rooms.Require(ctx, roomID, rooms.DecideEntries); err != nil {
		return nil, err
	}
	return s.live.List(ctx, roomID)
}
