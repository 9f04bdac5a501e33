package lobby_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/lobby"
	"foyer/test/env"
)

// history drives a lobby and a plain model of it side by side: entries in a list, a status each, no
// concurrency, no Redis. After every step both say the same, to guests and to hosts.
type history struct {
	*world

	servers  []node
	requests []*lobby.Request // the newest of each guest
	status   map[uuid.UUID]live.Status
	order    []uuid.UUID // who waits, by arrival
	watches  map[uuid.UUID]*watch[*live.Entry]
	host     *watch[*live.Lobby]
}

// TestRandomHistories: knock, poll, watch, leave, admit, deny, clear in any order, at two servers.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		first := newWorld(t, rdb, prefix, calm)
		servers := []node{first.node, first.server(t, rdb, calm)}
		rapid.Check(t, func(rt *rapid.T) {
			h := &history{
				world: first.withNewRoom(), servers: servers,
				status: map[uuid.UUID]live.Status{}, watches: map[uuid.UUID]*watch[*live.Entry]{},
			}
			h.host = h.watchLobby(t, servers[1].Service)
			defer h.end()
			rt.Repeat(map[string]func(*rapid.T){
				"knock": h.knocks, "poll": h.polls, "watch": h.watchesIt, "unwatch": h.stopsWatching,
				"leave": h.leaves, "admit": h.admits, "deny": h.denies, "admitAll": h.admitsAll,
				"clear": h.clears, "catch up": h.catchUp, "": h.agree,
			})
			h.catchUp(rt)
		})
	})
}

func (h *history) server(rt *rapid.T) node {
	return rapid.SampledFrom(h.servers).Draw(rt, "server")
}

func (h *history) any(rt *rapid.T) *lobby.Request {
	if len(h.requests) == 0 {
		rt.Skip("nobody has knocked")
	}
	return rapid.SampledFrom(h.requests).Draw(rt, "guest")
}

func (h *history) knocks(rt *rapid.T) {
	name := fmt.Sprint("Guest ", len(h.requests))
	r, err := h.server(rt).RequestEntry(env.Guest(),
		lobby.RequestEntryInput{RoomID: &h.Room.ID, DisplayName: &name})
	must(rt, err)
	h.requests = append(h.requests, r)
	h.arrive(r.Entry.ID)
}

func (h *history) arrive(id uuid.UUID) {
	h.status[id] = live.Waiting
	h.order = append(h.order, id)
}

func (h *history) move(id uuid.UUID, to live.Status) {
	h.status[id] = to
	h.order = slices.DeleteFunc(h.order, func(other uuid.UUID) bool { return other == id })
}

func (h *history) polls(rt *rapid.T) {
	r := h.any(rt)
	again, err := h.server(rt).RequestEntry(env.Guest(),
		lobby.RequestEntryInput{RoomID: &h.Room.ID, Ticket: &r.Ticket})
	must(rt, err)
	id := r.Entry.ID
	if was := h.status[id]; was == live.Left || was == live.Ended {
		h.arrive(id)
	}
	if again.Entry.ID != id || again.Entry.Status != h.status[id] {
		rt.Fatalf("asking again gives %v %s, want %v %s", again.Entry.ID, again.Entry.Status, id, h.status[id])
	}
}

func (h *history) watchesIt(rt *rapid.T) {
	r, at := h.any(rt), h.server(rt)
	if h.watches[r.Entry.ID] == nil {
		h.watches[r.Entry.ID] = h.watchEntry(h.host.t, at.Service, r)
	}
}

func (h *history) stopsWatching(rt *rapid.T) {
	id := h.any(rt).Entry.ID
	if w := h.watches[id]; w != nil {
		w.end()
		delete(h.watches, id)
	}
}

func (h *history) leaves(rt *rapid.T) {
	r := h.any(rt)
	_, err := h.server(rt).Cancel(env.Guest(), r.Ticket)
	h.decided(rt, r.Entry.ID, live.Left, err)
}

func (h *history) admits(rt *rapid.T) {
	r := h.any(rt)
	_, err := h.server(rt).Admit(h.world.Host(), h.decide(r))
	h.decided(rt, r.Entry.ID, live.Admitted, err)
}

func (h *history) denies(rt *rapid.T) {
	r := h.any(rt)
	_, err := h.server(rt).Deny(h.world.Host(), h.decide(r))
	h.decided(rt, r.Entry.ID, live.Denied, err)
}

// decided checks the outcome of a decision: the first one wins, and others learn which it was.
func (h *history) decided(rt *rapid.T, id uuid.UUID, to live.Status, err error) {
	was := h.status[id]
	switch {
	case was == live.Waiting || was == to:
		must(rt, err)
		h.move(id, to)
	case !fault.Is(err, fault.Conflict) || fault.Of(err).Details["decision"] != string(was):
		rt.Fatalf("%s after %s: %v", to, was, err)
	}
}

func (h *history) admitsAll(rt *rapid.T) {
	entries, err := h.server(rt).AdmitAll(h.world.Host(), lobby.AdmitAllInput{RoomID: h.Room.ID})
	must(rt, err)
	if got := ids(entries); !slices.Equal(got, h.order) {
		rt.Fatalf("admitted %v, want %v", got, h.order)
	}
	for _, id := range slices.Clone(h.order) {
		h.move(id, live.Admitted)
	}
}

func (h *history) clears(rt *rapid.T) {
	_, err := h.server(rt).live.End(context.Background(), h.Room.ID)
	must(rt, err)
	for id, status := range h.status {
		if status == live.Waiting || status == live.Admitted {
			h.move(id, live.Ended)
		}
	}
}

// agree checks that both servers list the model's state.
func (h *history) agree(rt *rapid.T) {
	for _, s := range h.servers {
		l, err := s.Get(h.world.Host(), h.Room.ID)
		must(rt, err)
		if got := ids(l.Entries); !slices.Equal(got, h.order) {
			rt.Fatalf("listed %v, want %v", got, h.order)
		}
	}
}

// catchUp checks that all watchers arrive at the model's state, in however many steps.
func (h *history) catchUp(rt *rapid.T) {
	h.host.catchUp(rt, func(l *live.Lobby) bool { return slices.Equal(ids(l.Entries), h.order) })
	for id, w := range h.watches {
		w.catchUp(rt, is(h.status[id]))
	}
}

func (h *history) end() {
	h.host.end()
	for _, w := range h.watches {
		w.end()
	}
}

func ids(entries []*live.Entry) []uuid.UUID {
	var list []uuid.UUID
	for _, e := range entries {
		list = append(list, e.ID)
	}
	return list
}

func must(rt *rapid.T, err error) {
	if err != nil {
		rt.Fatal(err)
	}
}
