package recordings

import (
	"context"
	"time"

	"foyer/ent"
	"foyer/ent/recording"
)

// Round is one comparison with LiveKit, when nobody else compares.
func (r *Service) Round(ctx context.Context) error {
	for {
		if alone, err := r.alone(ctx, r.round); alone || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// GiveUp gives a recording up, as a comparison does.
func (r *Service) GiveUp(ctx context.Context, rec *ent.Recording) error {
	return r.giveUp(ctx, rec, recording.StatusFAILED, "given up")
}

// Woken reports whether there is to be a comparison soon, which then is not any more.
func (r *Service) Woken() bool {
	select {
	case <-r.wake:
		return true
	default:
		return false
	}
}
