package recordings

import (
	"context"
	"time"

	"foyer/ent"
	"foyer/ent/recording"
)

// Reconcile reconciles once, after other servers.
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

// GiveUp gives up a recording as the reconciler does.
func (s *Service) GiveUp(ctx context.Context, rec *ent.Recording) error {
	return s.giveUp(ctx, rec, recording.StatusFAILED, "given up")
}

// Woken reports whether a reconciliation is requested, and withdraws the request.
func (s *Service) Woken() bool {
	select {
	case <-s.wake:
		return true
	default:
		return false
	}
}
