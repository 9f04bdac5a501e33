package soak

import (
	"context"
	"time"
)

// step is an action of a waiting guest.
type step int

const (
	reload  step = iota // comes back immediately with the ticket
	offline             // loses the network without a word, and comes back with the ticket
	try                 // asks for a token without an admission
	flap                // watches and stops repeatedly
	cancel              // cancels the request
	leave               // closes the page and never comes back
)

// planned is a visit to some room with a plan.
func (g *guest) planned() *visit {
	v := &visit{room: g.rooms[g.chance.IntN(len(g.rooms))]}
	for range g.chance.IntN(3) {
		v.plan = append(v.plan, []step{reload, offline, try, flap}[g.chance.IntN(4)])
	}
	switch g.chance.IntN(10) {
	case 0:
		v.plan = append(v.plan, cancel)
	case 1:
		v.plan = append(v.plan, leave)
	}
	return v
}

// nextStep is when the next step of the plan is due.
func (g *guest) nextStep(v *visit) <-chan time.Time {
	if len(v.plan) == 0 {
		return nil
	}
	return time.After(between(g.chance, time.Second, 8*time.Second))
}

// does takes a step, and reports whether it ends the subscription.
func (g *guest) does(ctx context.Context, v *visit, s *stream, todo step) (ends bool) {
	switch todo {
	case reload:
		g.counts.add("guests reload")
		return true
	case offline:
		g.counts.add("guests lose the network")
		if time.Now().Before(g.silentUntil) {
			g.vanish(s)
		} else {
			s.close()
		}
		rest(ctx, between(g.chance, 0, 5*time.Second))
		return true
	case try:
		g.try(ctx, v)
		return false
	case flap:
		g.flap(ctx, v)
		return false
	case cancel:
		g.cancels(ctx, v)
		return true
	default:
		v.goes()
		g.counts.add("guests go away")
		return true
	}
}

// try asks for a token.
func (g *guest) try(ctx context.Context, v *visit) {
	var got struct {
		CreateRoomToken *struct {
			ConnectionDetails struct{ ParticipantToken string }
		}
	}
	err := g.ask(ctx, "", createRoomToken,
		object{"input": object{"roomId": v.room.id, "ticket": v.ticket}}, &got)
	if err == nil && got.CreateRoomToken != nil {
		g.takes(v, got.CreateRoomToken.ConnectionDetails.ParticipantToken)
	}
	g.counts.add("tokens tried for")
}

// flap opens a second subscription to the entry and closes it immediately. It would be a fault if others saw that, or
// if it ended the guest's own subscription.
func (g *guest) flap(ctx context.Context, v *visit) {
	for range 5 {
		s, err := g.subscribe(ctx, "", watchEntry, object{"ticket": v.ticket})
		if err != nil {
			return // its server is away
		}
		s.close()
	}
	g.counts.add("guests flap")
}

// cancels cancels the request. If a host has decided already, the guest goes on to learn the decision.
func (g *guest) cancels(ctx context.Context, v *visit) {
	err := g.patiently(ctx, func() error {
		return g.ask(ctx, "", cancelEntry, object{"input": object{"ticket": v.ticket}}, nil)
	})
	switch {
	case err == nil:
		g.log.decided(v.id, "LEFT")
		g.counts.add("guests cancel")
		v.goes()
		g.try(ctx, v)
	case code(err) == "NOT_FOUND":
		v.goes()
	}
}

// goes: the guest waits no longer.
func (v *visit) goes() {
	v.gone = true
	v.waiting.Store(nil)
}
