package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/livekit/protocol/auth"
)

// beforeSilenceIsNoticed is how long a server may take a broken connection for a working one.
const beforeSilenceIsNoticed = 50 * time.Second

// visit is one request of a guest, from the knock to the end. Only its guest uses it until the guest is gone.
type visit struct {
	room *room
	plan []step
	// stays: the guest waits for a decision, however long.
	stays bool

	id, ticket string
	askedAt    time.Time
	// waiting is the entry's id while the guest believes to wait, for the comparison of lists.
	waiting atomic.Pointer[string]
	// seen are the statuses that the guest was shown, with the time of the first.
	seen map[string]time.Time
	// tokens are the guest's tokens and their times.
	tokens map[string]time.Time
	// forged says what is wrong with one of them.
	forged string
	// gone: the guest waits no longer, whatever hosts decide.
	gone bool
}

// guest is a guest who comes and goes.
type guest struct {
	*world
	name   string
	chance *rand.Rand
}

func (w *world) newGuest(number int) *guest {
	name := fmt.Sprintf("Guest %d", number)
	return &guest{world: w, name: name, chance: w.chance(name)}
}

// admitGuests lets all guests come and go until the world closes.
func (w *world) admitGuests(ctx context.Context) *sync.WaitGroup {
	var all sync.WaitGroup
	for i := range w.guests {
		g := w.newGuest(i)
		all.Go(func() {
			pause := between(g.chance, 0, arrivals)
			for g.outside(pause) {
				g.come(ctx, g.planned())
				pause = between(g.chance, 500*time.Millisecond, 6*time.Second)
			}
		})
	}
	return &all
}

// outside reports whether the world is still open after a pause.
func (g *guest) outside(pause time.Duration) bool {
	select {
	case <-time.After(pause):
		return true
	case <-g.closing:
		return false
	}
}

// entry is the entry of a guest, as the guest sees it.
type entry struct {
	ID, Status        string
	Version           int
	ConnectionDetails *struct{ ParticipantToken string }
}

// come asks to enter and waits, as client/guest.mjs does, until the visit is over.
func (g *guest) come(ctx context.Context, v *visit) {
	v.askedAt, v.seen, v.tokens = time.Now(), map[string]time.Time{}, map[string]time.Time{}
	g.log.visited(v)
	for ctx.Err() == nil && !v.gone {
		e, err := g.knocks(ctx, v)
		if err != nil {
			return // ctx has ended
		}
		if e.Status == "WAITING" {
			e = g.wait(ctx, v)
		}
		if e == nil {
			continue
		}
		if e.Status == "DENIED" {
			g.try(ctx, v)
			return
		}
		if e.Status != "ADMITTED" || e.ConnectionDetails != nil {
			return
		}
		rest(ctx, between(g.chance, 200*time.Millisecond, time.Second))
	}
}

// knocks asks to enter, with the ticket if there is one.
func (g *guest) knocks(ctx context.Context, v *visit) (*entry, error) {
	var got struct {
		RequestEntry struct {
			Ticket string
			Entry  *entry
		}
	}
	input := object{"roomId": v.room.id, "displayName": g.name}
	if v.ticket != "" {
		input["ticket"] = v.ticket
	}
	err := g.patiently(ctx, func() error {
		err := g.ask(ctx, "", requestEntry, object{"input": input}, &got)
		if got.RequestEntry.Entry != nil {
			return nil // at most the connection details are missing
		}
		if err != nil && ctx.Err() == nil && code(err) == "NOT_FOUND" {
			g.t.Errorf("a guest cannot ask: %v", err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if v.ticket != "" && got.RequestEntry.Entry.ID != v.id {
		v.forged = "the ticket gives another id"
	}
	v.ticket, v.id = got.RequestEntry.Ticket, got.RequestEntry.Entry.ID
	g.sees(v, got.RequestEntry.Entry)
	return got.RequestEntry.Entry, nil
}

// sees records what a guest was shown.
func (g *guest) sees(v *visit, e *entry) {
	first(v.seen, e.Status)
	v.waiting.Store(nil)
	if e.Status == "WAITING" {
		v.waiting.Store(&v.id)
	}
	if e.ConnectionDetails != nil {
		g.takes(v, e.ConnectionDetails.ParticipantToken)
	}
}

// takes records a token, and what is wrong with it.
func (g *guest) takes(v *visit, token string) {
	first(v.tokens, token)
	claims, err := auth.ParseAPIToken(token)
	if err != nil {
		v.forged = "no token: " + err.Error()
		return
	}
	_, grants, err := claims.Verify(g.liveKit.Secret())
	switch {
	case err != nil:
		v.forged = "a token that LiveKit refuses: " + err.Error()
	case grants.Identity != v.id || grants.Video.Room != v.room.id || !grants.Video.RoomJoin:
		v.forged = "a token of somebody else's, or for another room"
	case v.forged == "" && g.chance.IntN(5) == 0:
		v.forged = g.showLiveKit(token)
	}
}

// showLiveKit checks whether a token opens the meeting. The result is empty if it does.
func (g *guest) showLiveKit(token string) string {
	request, err := http.NewRequest(http.MethodGet, "http"+strings.TrimPrefix(g.liveKit.URL(), "ws")+"/rtc/validate",
		nil)
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Authorization", "Bearer "+token)
	got, err := g.http.Do(request)
	if err != nil {
		return err.Error()
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusOK {
		return "LiveKit answers " + got.Status
	}
	g.counts.add("tokens shown to LiveKit")
	return ""
}

// wait watches the entry and follows the plan. It returns the entry once it is decided, or nil when the guest has to
// ask again.
func (g *guest) wait(ctx context.Context, v *visit) *entry {
	s, err := g.subscribe(ctx, "", watchEntry, object{"ticket": v.ticket})
	if err != nil {
		rest(ctx, between(g.chance, 100*time.Millisecond, time.Second))
		return nil
	}
	defer func() {
		if !s.dumb.Load() {
			s.close()
		}
	}()
	closing := g.closing
	if v.stays {
		closing = nil
	}
	next := g.nextStep(v)
	for {
		select {
		case a, on := <-s.answers:
			e, again := g.hears(v, a, on)
			if e != nil || again {
				return e
			}
		case <-next:
			todo := v.plan[0]
			v.plan = v.plan[1:]
			if g.does(ctx, v, s, todo) {
				return nil
			}
			next = g.nextStep(v)
		case <-closing:
			next, closing, v.plan, v.stays = nil, nil, nil, g.chance.IntN(3) > 0
			if !v.stays && g.does(ctx, v, s, []step{cancel, leave}[g.chance.IntN(2)]) {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// hears handles a message of the subscription: a decided entry, or that the guest has to ask again.
func (g *guest) hears(v *visit, a answer, on bool) (decided *entry, again bool) {
	var got struct{ Entry *entry }
	if err := g.read(a, &got); !on || err != nil {
		if code(err) == "NOT_FOUND" {
			g.counts.add("places lost")
		}
		if got.Entry != nil {
			g.sees(v, got.Entry)
		}
		return nil, true
	}
	g.sees(v, got.Entry)
	if got.Entry.Status == "WAITING" {
		return nil, false
	}
	g.counts.add("decisions pushed")
	return got.Entry, false
}
