package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// host is one tab of a room's owner: it watches the list and decides on the guests in it.
type host struct {
	*world
	room   *room
	chance *rand.Rand

	mu   sync.Mutex
	list []string
	live bool
}

func (w *world) newHost(r *room, name string) *host {
	return &host{world: w, room: r, chance: w.chance(name)}
}

// hosts are all hosts.
type hosts struct {
	all []*host
	// decided waits for those who decide, watching for those who watch.
	decided, watching sync.WaitGroup
}

// seatHosts lets hosts watch until ctx ends, and decide until the world closes.
func (w *world) seatHosts(ctx context.Context) *hosts {
	var seated hosts
	for i, r := range w.rooms {
		for tab := range tabs {
			h := w.newHost(r, fmt.Sprintf("host %d %d", i, tab))
			seated.all = append(seated.all, h)
			seated.watching.Go(func() { h.watch(ctx) })
			seated.decided.Go(func() { h.decideAll(ctx) })
		}
	}
	return &seated
}

// lobby is a list as hosts see it.
type lobby struct{ Entries []struct{ ID string } }

func (l lobby) ids() []string {
	ids := make([]string, len(l.Entries))
	for i, e := range l.Entries {
		ids[i] = e.ID
	}
	return ids
}

// watch keeps the list of the server's last message, until ctx ends.
func (h *host) watch(ctx context.Context) {
	for ctx.Err() == nil {
		if s, err := h.subscribe(ctx, h.room.owner, watchLobby, object{"roomId": h.room.id}); err == nil {
			h.hear(ctx, s)
			s.close()
		}
		h.show(nil, false)
		rest(ctx, 100*time.Millisecond+rand.N(time.Second))
	}
}

func (h *host) hear(ctx context.Context, s *stream) {
	for {
		select {
		case a, on := <-s.answers:
			var got struct{ Lobby lobby }
			if err := h.read(a, &got); !on || err != nil {
				return
			}
			h.show(got.Lobby.ids(), true)
		case <-ctx.Done():
			return
		}
	}
}

func (h *host) show(list []string, live bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list, h.live = list, live
}

// shown is the list that the host sees now.
func (h *host) shown() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.list)
}

// decideAll decides now and then until the world closes. It finishes what it has started.
func (h *host) decideAll(ctx context.Context) {
	for {
		select {
		case <-time.After(between(h.chance, 300*time.Millisecond, 1500*time.Millisecond)):
			if list := h.shown(); len(list) > 0 {
				h.decide(ctx, list)
			}
		case <-h.closing:
			return
		}
	}
}

func (h *host) decide(ctx context.Context, list []string) {
	id := list[h.chance.IntN(len(list))]
	switch n := h.chance.IntN(100); {
	case n < 65:
		h.admit(ctx, id)
	case n < 80:
		h.deny(ctx, id)
	case n < 90: // two hosts together, with different decisions
		var both sync.WaitGroup
		both.Go(func() { h.admit(ctx, id) })
		both.Go(func() { h.deny(ctx, id) })
		both.Wait()
	case n < 97:
		h.admitMany(ctx, list[:min(len(list), 5)])
	default:
		h.admitMany(ctx, nil)
	}
}

func (h *host) admit(ctx context.Context, id string) { h.one(ctx, id, "ADMITTED", admitEntry) }
func (h *host) deny(ctx context.Context, id string)  { h.one(ctx, id, "DENIED", denyEntry) }

// one decides on one guest, and repeats the request until the outcome is known.
func (h *host) one(ctx context.Context, id, status, mutation string) {
	h.log.tries(id, status)
	input := object{"input": object{"roomId": h.room.id, "entryId": id}}
	err := h.patiently(ctx, func() error { return h.ask(ctx, h.room.owner, mutation, input, nil) })
	switch refused, is := errors.AsType[*refusal](err); {
	case err == nil:
		h.log.decided(id, status)
	case is && refused.Extensions.Code == "CONFLICT":
		h.log.decided(id, refused.Extensions.Decision)
	case is && refused.Extensions.Code != "NOT_FOUND":
		h.t.Errorf("a host cannot decide: %v", err)
	}
}

// admitMany admits several guests in one request; without ids everybody who waits.
func (h *host) admitMany(ctx context.Context, ids []string) {
	if ids == nil {
		defer h.log.opens(h.room)()
	}
	for _, id := range ids {
		h.log.tries(id, "ADMITTED")
	}
	input := object{"roomId": h.room.id}
	if ids != nil {
		input["entryIds"] = ids
	}
	var got struct{ AdmitAllEntries lobby }
	err := h.patiently(ctx, func() error {
		return h.ask(ctx, h.room.owner, admitAll, object{"input": input}, &got)
	})
	if err != nil && ctx.Err() == nil {
		h.t.Errorf("a host cannot let all in: %v", err)
	}
	for _, id := range got.AdmitAllEntries.ids() {
		h.log.decided(id, "ADMITTED")
	}
}

// letInTheRest admits everybody who still waits.
func (w *world) letInTheRest(ctx context.Context) {
	var all sync.WaitGroup
	for _, r := range w.rooms {
		all.Go(func() { w.newHost(r, "last").admitMany(ctx, nil) })
	}
	all.Wait()
}

// compareLists compares the lists with the guests who really wait, until they agree or patience ends: the leases of
// everybody who has left end earlier. It counts guests who are shown but have left, and guests who wait but are not
// shown, both in the answer to a query and in each tab.
func (w *world) compareLists(ctx context.Context, all []*host) (left, missing int) {
	for deadline := time.Now().Add(beforeSilenceIsNoticed + patience); ; {
		left, missing = 0, 0
		waiting := w.log.waiting()
		for _, r := range w.rooms {
			var got struct{ Room struct{ Lobby lobby } }
			if err := w.patiently(ctx, func() error {
				return w.ask(ctx, r.owner, readLobby, object{"id": r.id}, &got)
			}); err != nil {
				w.t.Errorf("a host cannot read the list: %v", err)
			}
			compare(waiting[r], got.Room.Lobby.ids(), &left, &missing)
		}
		for _, h := range all {
			compare(waiting[h.room], h.shown(), &left, &missing)
		}
		if left+missing == 0 || time.Now().After(deadline) {
			return left, missing
		}
		rest(ctx, 200*time.Millisecond)
	}
}

func compare(waiting map[string]bool, shown []string, left, missing *int) {
	for _, id := range shown {
		if !waiting[id] {
			*left++
		}
	}
	for id := range waiting {
		if !slices.Contains(shown, id) {
			*missing++
		}
	}
}
