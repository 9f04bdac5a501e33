package recordings

import (
	"context"
	"time"

	"foyer/ent"
	"foyer/ent/recording"
)

// Round is one comparison with LiveKit, when nobody else compares.
func (s *Service) Reconcile(ctx context.Context) error {
	for {
		if alone, err := s.withLease(ctx, s.reconcile); alone || err != nil {
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
func (s *Service) GiveUp(ctx context.Context, rec *ent.Recording) error {
	return s.giveUp(ctx, rec, recording.StatusFAILED, "given up")
}

// Woken reports whether there is to be a comparison soon, which then is not any more.
func (s *Service) Woken() bool {
	select {
	case <-s.wake:
		return true
	default:
		return false
	}
}
