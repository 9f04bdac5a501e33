// Package batch does at once what many ask for at the same time: one query, one pipeline or one
// insert costs several times what one thing more in it does.
//
// Nothing is remembered. Only a round that has not begun is joined, so nobody is given an answer that is
// older than his question. Who asks alone waits for nobody.
package batch

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// Most is how many questions a round has at most. Who asks more has them answered by themselves.
	Most = 64
	// patience bounds a round that several wait for: one of them may have less, and does not wait for it.
	patience = 10 * time.Second
	// longest is how long a round waits for others that run: one that hangs holds up nobody for longer.
	longest = 50 * time.Millisecond
)

var errPanicked = errors.New("what several asked for panicked")

// Rounds answer questions of one kind. They are safe for concurrent use.
type Rounds[Q, A any] struct {
	// do returns an answer to each of some questions, of which several may be alike.
	do func(ctx context.Context, questions []Q) ([]A, error)

	running chan struct{} // has a place for each round that may run
	longest time.Duration
	mu      sync.Mutex
	next    *round[Q, A] // not begun yet; nil when nobody waits for it
}

// round is what is done at once, and what came of it once it is done.
type round[Q, A any] struct {
	questions []Q
	askers    int
	done      chan struct{}
	answers   []A
	err       error
}

// New returns Rounds of which so many run at once, unless they take long.
func New[Q, A any](
	atOnce int, do func(ctx context.Context, questions []Q) (answers []A, err error),
) *Rounds[Q, A] {
	return &Rounds[Q, A]{do: do, running: make(chan struct{}, atOnce), longest: longest}
}

// One returns the answer to a question.
func (r *Rounds[Q, A]) One(ctx context.Context, question Q) (answer A, err error) {
	answers, err := r.Ask(ctx, question)
	if err == nil {
		answer = answers[0]
	}
	return answer, err
}

// Ask returns the answers to questions, in their order. What they refer to is shared with others who asked
// the same. An error is that of the whole round.
func (r *Rounds[Q, A]) Ask(ctx context.Context, questions ...Q) ([]A, error) {
	if err := ctx.Err(); err != nil || len(questions) == 0 {
		return nil, err
	}
	if len(questions) > Most {
		return r.do(ctx, questions)
	}
	mine, at := r.join(questions)
	if at == 0 {
		r.begin(ctx, mine)
	}
	select {
	case <-mine.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if mine.err != nil {
		return nil, mine.err
	}
	return mine.answers[at : at+len(questions)], nil
}

// join adds questions to the next round, and returns where they stand in it. Whose stand first is to begin
// it.
func (r *Rounds[Q, A]) join(questions []Q) (mine *round[Q, A], at int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil || len(r.next.questions)+len(questions) > Most {
		r.next = &round[Q, A]{done: make(chan struct{})}
	}
	mine, at = r.next, len(r.next.questions)
	mine.questions, mine.askers = append(mine.questions, questions...), mine.askers+1
	return mine, at
}

// begin runs a round as soon as it may run. When its first asker has no more time, those who have joined
// him have it run nevertheless.
func (r *Rounds[Q, A]) begin(ctx context.Context, mine *round[Q, A]) {
	if r.place(ctx) {
		defer func() { <-r.running }()
	}
	if ctx.Err() == nil {
		r.run(ctx, mine)
		return
	}
	go func() {
		defer func() {
			if reason := recover(); reason != nil {
				slog.Error("a round panicked", "reason", reason, "stack", string(debug.Stack()))
			}
		}()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		r.run(ctx, mine)
	}()
}

// place waits for a place to run in, but not for long, and reports whether it has one.
func (r *Rounds[Q, A]) place(ctx context.Context) bool {
	select {
	case r.running <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(r.longest)
	defer timer.Stop()
	select {
	case r.running <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

func (r *Rounds[Q, A]) run(ctx context.Context, mine *round[Q, A]) {
	defer close(mine.done)
	mine.err = errPanicked // until it has not
	runtime.Gosched()      // who is about to ask joins
	if r.close(mine) > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
	}
	mine.answers, mine.err = r.do(ctx, mine.questions)
}

// close has nobody join a round any more, and returns how many have.
func (r *Rounds[Q, A]) close(mine *round[Q, A]) (askers int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == mine {
		r.next = nil
	}
	return mine.askers
}
