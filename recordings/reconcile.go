package recordings

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"foyer/ent"
	"foyer/ent/recording"
	"foyer/internal/fault"
	"foyer/internal/lease"
	"foyer/internal/livekit"
)

const (
	// reconcileTimeout bounds one reconciliation.
	reconcileTimeout = time.Minute
	// fanOut is how many recordings are reconciled in parallel.
	fanOut = 8
	// stopTries is how often one server asks an unwanted egress to end. LiveKit lists the egress of a dead worker
	// for ever.
	stopTries = 10
)

// Wake requests a reconciliation by this server soon.
func (s *Service) Wake() {
	select {
	case s.wake <- struct{}{}:
	default: // it is requested already
	}
}

// Run reconciles unfinished recordings with LiveKit and deletes expired ones, now and every Settings.Interval,
// until ctx ends. Of all servers one does so at a time. Run retries after errors and always returns nil.
func (s *Service) Run(ctx context.Context) error {
	if s.bucket == nil {
		<-ctx.Done()
		return nil
	}
	for ctx.Err() == nil {
		wait := s.settings.Interval
		alone, err := s.withLease(ctx, s.reconcile)
		if err != nil {
			warn(ctx, "cannot compare recordings with LiveKit", err)
		} else if !alone {
			wait = min(wait, lease.Pause)
		}
		s.pause(ctx, wait)
	}
	return nil
}

// pause waits for a wake, or until the time has passed.
func (s *Service) pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-s.wake:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// withLease runs f if this server gets the lease, and reports whether it did.
func (s *Service) withLease(ctx context.Context, f func(context.Context) error) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, reconcileTimeout)
	defer cancel()
	return lease.Alone(ctx, s.redis, s.settings.KeyPrefix+"recordings:lock", f)
}

// reconcile brings every unfinished recording to the state that LiveKit reports, or to the one that follows from
// its silence, stops unwanted egresses, and deletes expired recordings. It continues after an error.
func (s *Service) reconcile(ctx context.Context) error {
	quiet := *s
	quiet.wake = nil // a reconciliation never requests the next one: LiveKit may report the same for ever
	return errors.Join(quiet.reconcileAll(ctx), quiet.deleteExpired(ctx))
}

// reconcileAll reconciles every unfinished recording, and stops unwanted egresses.
func (s *Service) reconcileAll(ctx context.Context) error {
	list, err := s.db.Recording.Query().Where(isUnfinished()).All(ctx)
	if err != nil {
		return fmt.Errorf("find unfinished recordings: %w", err)
	}
	egresses, err := s.livekit.RunningEgresses(ctx)
	if err != nil {
		return err
	}
	names := make([]string, len(list))
	for i, rec := range list {
		names[i] = rec.RoomID.String()
	}
	running, err := s.livekit.Running(ctx, names)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var failed []error
	var group errgroup.Group
	group.SetLimit(fanOut)
	for _, rec := range list {
		group.Go(func() error {
			if err := s.reconcileOne(ctx, rec, findEgress(egresses, rec), running[rec.RoomID.String()]); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, err)
			}
			return nil
		})
	}
	_ = group.Wait()
	return errors.Join(append(failed, s.stopUnwanted(ctx, egresses))...)
}

// reconcileOne reconciles one recording. e is its egress in LiveKit's list of running ones, nil if it is not
// there; inMeeting says that the room's meeting is running.
func (s *Service) reconcileOne(
	ctx context.Context, rec *ent.Recording, e *livekit.Egress, inMeeting bool,
) (err error) {
	if e == nil {
		if e, err = s.egressOf(ctx, rec); err != nil {
			return err
		}
	}
	if e == nil {
		return s.reconcileUnknown(ctx, rec)
	}
	if err := s.apply(ctx, rec, e); err != nil || e.Ended() {
		return err
	}
	if rec, err = s.db.Recording.Get(ctx, rec.ID); err != nil {
		return fmt.Errorf("find recording again: %w", err)
	}
	switch {
	case isFinal(rec):
		return nil
	case rec.Status == recording.StatusSTOPPING && timedOut(rec.StoppingAt, s.settings.StopTimeout):
		return s.giveUp(ctx, rec, recording.StatusFAILED, "the media server did not finish it in time")
	case rec.Status == recording.StatusSTOPPING && e.Status != livekit.EgressEnding:
		return s.requestStop(ctx, rec.ID)
	case rec.Status == recording.StatusINITIATED && timedOut(&rec.CreatedAt, s.settings.StartTimeout):
		err := s.giveUp(ctx, rec, recording.StatusFAILED, "it did not begin in time")
		return errors.Join(err, s.requestStop(ctx, rec.ID))
	case rec.Status == recording.StatusACTIVE && !inMeeting:
		_, err := s.markStopping(ctx, rec)
		return err
	}
	return nil
}

// timedOut reports whether a timeout has passed.
func timedOut(since *time.Time, timeout time.Duration) bool {
	return since != nil && time.Since(*since) >= timeout
}

// reconcileUnknown ends a recording whose egress LiveKit does not know, unless it may still begin.
func (s *Service) reconcileUnknown(ctx context.Context, rec *ent.Recording) error {
	switch {
	case rec.EgressID != nil:
		return s.giveUp(ctx, rec, recording.StatusFAILED, "the media server has lost it")
	case !timedOut(&rec.CreatedAt, s.settings.StartTimeout):
		return nil
	case rec.Status == recording.StatusSTOPPING:
		return s.giveUp(ctx, rec, recording.StatusABORTED, "it was stopped before it began")
	default:
		return s.giveUp(ctx, rec, recording.StatusFAILED, "it did not begin in time")
	}
}

// giveUp ends a recording about which LiveKit will report nothing more. If its file is in the bucket, the recording
// becomes SAVED.
func (s *Service) giveUp(
	ctx context.Context, rec *ent.Recording, status recording.Status, reason string,
) error {
	size, err := s.bucket.Stat(ctx, Key(rec))
	switch {
	case err == nil:
		return s.markSaved(ctx, rec, file{size: size})
	case fault.Is(err, fault.NotFound):
		return s.fail(ctx, rec, status, reason)
	default:
		return err
	}
}

// stopUnwanted stops running egresses that isWanted rejects.
func (s *Service) stopUnwanted(ctx context.Context, running []*livekit.Egress) error {
	maps.DeleteFunc(s.stops, func(id string, _ int) bool {
		return !slices.ContainsFunc(running, func(e *livekit.Egress) bool { return e.ID == id })
	})
	var failed []error
	for _, e := range running {
		wanted, err := s.isWanted(ctx, e)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if wanted || s.stops[e.ID] >= stopTries {
			continue
		}
		s.stops[e.ID]++
		failed = append(failed, s.stopEgress(ctx, e.ID))
	}
	return errors.Join(failed...)
}

// isWanted reports whether an egress may run. Foyer rejects its own egresses whose recording has ended, has
// another egress, or was deleted from an existing room. Egresses of unknown rooms may belong to other products.
func (s *Service) isWanted(ctx context.Context, e *livekit.Egress) (bool, error) {
	id, ours := idOf(e.File)
	roomID, err := uuid.Parse(e.Room)
	if !ours || err != nil {
		return true, nil
	}
	rec, err := s.db.Recording.Get(ctx, id)
	if ent.IsNotFound(err) {
		_, err := s.rooms.ByID(ctx, roomID)
		return fault.Is(err, fault.NotFound), ignoreNotFound(err)
	}
	if err != nil {
		return true, fmt.Errorf("find the recording of an egress: %w", err)
	}
	other := rec.EgressID != nil && *rec.EgressID != e.ID
	return isFileOf(e, rec) && !isFinal(rec) && !other, nil
}

func ignoreNotFound(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}
