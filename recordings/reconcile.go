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
	// roundTimeout bounds one comparison with LiveKit.
	roundTimeout = time.Minute
	// fanOut is how many recordings are looked at at a time.
	fanOut = 8
	// stopTries is how often a server asks an egress to end that nobody wants: LiveKit goes on listing one
	// whose worker died.
	stopTries = 10
)

// Wake has this server compare recordings with LiveKit soon.
func (s *Service) Wake() {
	select {
	case s.wake <- struct{}{}:
	default: // it will
	}
}

// Run compares unfinished recordings with LiveKit, and removes those whose time is over, now and every
// Settings.Interval, until ctx ends: of all servers one at a time. It always returns nil: what fails is
// tried again.
func (s *Service) Run(ctx context.Context) error {
	if s.bucket == nil {
		<-ctx.Done()
		return nil
	}
	for ctx.Err() == nil {
		wait := s.settings.Interval
		alone, err := s.alone(ctx, s.round)
		if err != nil {
			warn(ctx, "cannot compare recordings with LiveKit", err)
		} else if !alone {
			wait = min(wait, lease.Pause)
		}
		s.rest(ctx, wait)
	}
	return nil
}

// rest waits until there may be something to do.
func (s *Service) rest(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-s.wake:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// alone runs f unless another server does at this moment, which it reports.
func (s *Service) alone(ctx context.Context, f func(context.Context) error) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	return lease.Alone(ctx, s.redis, s.settings.KeyPrefix+"recordings:lock", f)
}

// round makes every unfinished recording what LiveKit says, or what follows from its silence; it ends
// egresses that nobody wants, and removes what has expired. One failure does not keep it from the rest.
func (s *Service) round(ctx context.Context) error {
	quiet := *s
	quiet.wake = nil // what it finds it sees to, or the next one in its time: LiveKit may go on saying the same
	return errors.Join(quiet.compare(ctx), quiet.sweep(ctx))
}

func (s *Service) compare(ctx context.Context) error {
	list, err := s.db.Recording.Query().Where(isUnfinished()).All(ctx)
	if err != nil {
		return fmt.Errorf("find unfinished recordings: %w", err)
	}
	egresses, err := s.rtc.RunningEgresses(ctx)
	if err != nil {
		return err
	}
	names := make([]string, len(list))
	for i, rec := range list {
		names[i] = rec.RoomID.String()
	}
	running, err := s.rtc.Running(ctx, names)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var failed []error
	var group errgroup.Group
	group.SetLimit(fanOut)
	for _, rec := range list {
		group.Go(func() error {
			if err := s.settle(ctx, rec, among(egresses, rec), running[rec.RoomID.String()]); err != nil {
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

// settle compares one recording with its egress, of which LiveKit believes that it runs (nil when it
// does not); called is whether its room's call goes on.
func (s *Service) settle(
	ctx context.Context, rec *ent.Recording, e *livekit.Egress, called bool,
) (err error) {
	if e == nil {
		if e, err = s.egressOf(ctx, rec); err != nil {
			return err
		}
	}
	if e == nil {
		return s.settleUnknown(ctx, rec)
	}
	if err := s.follow(ctx, rec, e); err != nil || e.Ended() {
		return err
	}
	if rec, err = s.db.Recording.Get(ctx, rec.ID); err != nil {
		return fmt.Errorf("find recording again: %w", err)
	}
	switch {
	case isFinal(rec):
		return nil
	case rec.Status == recording.StatusSTOPPING && over(rec.StoppingAt, s.settings.StopTimeout):
		return s.giveUp(ctx, rec, recording.StatusFAILED, "the media server did not finish it in time")
	case rec.Status == recording.StatusSTOPPING && e.Status != livekit.EgressEnding:
		return s.requestStop(ctx, rec.ID)
	case rec.Status == recording.StatusINITIATED && over(&rec.CreatedAt, s.settings.StartTimeout):
		err := s.giveUp(ctx, rec, recording.StatusFAILED, "it did not begin in time")
		return errors.Join(err, s.requestStop(ctx, rec.ID))
	case rec.Status == recording.StatusACTIVE && !called:
		_, err := s.stopping(ctx, rec)
		return err
	}
	return nil
}

// over reports whether a time out has passed since then.
func over(since *time.Time, timeout time.Duration) bool {
	return since != nil && time.Since(*since) >= timeout
}

// settleUnknown ends a recording whose egress LiveKit does not know, unless it may be about to begin.
func (s *Service) settleUnknown(ctx context.Context, rec *ent.Recording) error {
	switch {
	case rec.EgressID != nil:
		return s.giveUp(ctx, rec, recording.StatusFAILED, "the media server has lost it")
	case !over(&rec.CreatedAt, s.settings.StartTimeout):
		return nil
	case rec.Status == recording.StatusSTOPPING:
		return s.giveUp(ctx, rec, recording.StatusABORTED, "it was stopped before it began")
	default:
		return s.giveUp(ctx, rec, recording.StatusFAILED, "it did not begin in time")
	}
}

// giveUp ends a recording of which LiveKit tells no more: if its file is in the bucket it is saved.
func (s *Service) giveUp(
	ctx context.Context, rec *ent.Recording, status recording.Status, reason string,
) error {
	size, err := s.bucket.Stat(ctx, Key(rec))
	switch {
	case err == nil:
		return s.save(ctx, rec, file{size: size})
	case fault.Is(err, fault.NotFound):
		return s.finish(ctx, rec, status, reason)
	default:
		return err
	}
}

// stopUnwanted ends running egresses of ours whose recording has ended, has another egress, or is not
// there though its room is. Of rooms that are not there they may be another's.
func (s *Service) stopUnwanted(ctx context.Context, running []*livekit.Egress) error {
	maps.DeleteFunc(s.stops, func(id string, _ int) bool {
		return !slices.ContainsFunc(running, func(e *livekit.Egress) bool { return e.ID == id })
	})
	var failed []error
	for _, e := range running {
		wanted, err := s.wanted(ctx, e)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if wanted || s.stops[e.ID] >= stopTries {
			continue
		}
		s.stops[e.ID]++
		failed = append(failed, s.halt(ctx, e.ID))
	}
	return errors.Join(failed...)
}

func (s *Service) wanted(ctx context.Context, e *livekit.Egress) (bool, error) {
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
