package meetings

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"foyer/internal/fault"
	"foyer/internal/livekit"
)

const (
	// fanOut is how many requests to LiveKit one operation makes at a time, fanOutTimeout how long they may take in
	// all: an answer that says who was not reached is better than none.
	fanOut        = 16
	fanOutTimeout = 10 * time.Second
)

// Outcome is the outcome for one participant.
type Outcome string

// Every outcome.
const (
	// Done: the participant is as requested, since now or since before.
	Done Outcome = "DONE"
	// Removed: they may not be in the meeting any more, and were disconnected.
	Removed Outcome = "REMOVED"
	// Gone: they had left.
	Gone Outcome = "GONE"
	// Failed: LiveKit did not do it; repeating is safe.
	Failed Outcome = "FAILED"
)

// Result is the outcome for one participant of an operation on many.
type Result struct {
	ParticipantID livekit.Identity
	Name          string
	Outcome       Outcome
	// Code is the API's error code, nil unless Failed.
	Code *string
	// err is the error.
	err error
}

func anyFailed(results []*Result) bool { return failure(results) != nil }

// failure returns the error of the first result that Failed.
func failure(results []*Result) error {
	for _, r := range results {
		if r.Outcome == Failed {
			return r.err
		}
	}
	return nil
}

// forEach runs do for many participants concurrently, and returns the results in their order.
func forEach(
	ctx context.Context, people []*livekit.Participant,
	do func(context.Context, int) (Outcome, error),
) []*Result {
	ctx, cancel := context.WithTimeout(ctx, fanOutTimeout)
	defer cancel()
	results := make([]*Result, len(people))
	var group errgroup.Group
	group.SetLimit(fanOut)
	for i, p := range people {
		group.Go(func() error {
			outcome, err := do(ctx, i)
			results[i] = result(ctx, p, outcome, err)
			return nil
		})
	}
	_ = group.Wait()
	return results
}

func result(ctx context.Context, p *livekit.Participant, outcome Outcome, err error) *Result {
	r := &Result{ParticipantID: p.Identity, Name: p.Name, Outcome: outcome}
	switch {
	case fault.Is(err, fault.NotFound):
		r.Outcome = Gone
	case err != nil:
		slog.WarnContext(ctx, "LiveKit did not do what was asked", "participant", p.Identity, "err", err)
		code := string(fault.Of(err).Kind)
		r.Outcome, r.Code, r.err = Failed, &code, err
	}
	return r
}
