package recordings

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/database"
	"foyer/ent/recording"
	"foyer/internal/livekit"
)

// markActive moves an INITIATED recording to ACTIVE. If the recording was stopped or given up before, the
// reconciler stops its egress.
func (s *Service) markActive(ctx context.Context, rec *ent.Recording, e *livekit.Egress) error {
	at := e.StartedAt
	if at.IsZero() {
		at = time.Now()
	}
	changed, err := s.db.Recording.Update().
		Where(recording.ID(rec.ID), recording.StatusEQ(recording.StatusINITIATED)).
		SetStatus(recording.StatusACTIVE).SetStartedAt(at).Save(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("activate recording %s: %w", rec.ID, err)
	case changed > 0:
		s.notifyWatchers(ctx, rec.RoomID)
	case rec.Status != recording.StatusACTIVE:
		s.Wake()
	}
	return nil
}

// markStopping moves a recording to STOPPING, and reports whether that changed it.
func (s *Service) markStopping(ctx context.Context, rec *ent.Recording) (bool, error) {
	changed, err := s.db.Recording.Update().
		Where(recording.ID(rec.ID),
			recording.StatusIn(recording.StatusINITIATED, recording.StatusACTIVE)).
		SetStatus(recording.StatusSTOPPING).SetStoppingAt(time.Now()).Save(ctx)
	if err != nil {
		return false, fmt.Errorf("stop recording %s: %w", rec.ID, err)
	}
	if changed > 0 {
		s.notifyWatchers(ctx, rec.RoomID)
	}
	return changed > 0, nil
}

// file is what Foyer knows of a file in the bucket.
type file struct {
	// egress wrote the file; nil if LiveKit no longer knows the egress.
	egress *livekit.Egress
	size   int64 // bytes; 0 when unknown
	reason string
}

// markSaved moves a recording to SAVED from any other status.
func (s *Service) markSaved(ctx context.Context, rec *ent.Recording, f file) error {
	return s.end(ctx, rec, func(update *ent.RecordingUpdate) {
		update.Where(recording.StatusNEQ(recording.StatusSAVED)).
			SetStatus(recording.StatusSAVED).SetReason(f.reason)
		if f.size > 0 {
			update.SetSize(f.size)
		}
		if f.egress != nil && f.egress.Duration > 0 {
			update.SetDuration(f.egress.Duration.Milliseconds())
		}
		if f.egress != nil && !f.egress.StartedAt.IsZero() {
			update.SetStartedAt(f.egress.StartedAt)
		}
		if s.settings.KeptFor > 0 {
			update.SetExpiresAt(time.Now().Add(s.settings.KeptFor))
		}
		if rec.Options.Transcribe {
			update.SetTranscript(recording.TranscriptPENDING)
		}
	})
}

// fail moves an unfinished recording to a final status without a file, FAILED or ABORTED.
func (s *Service) fail(
	ctx context.Context, rec *ent.Recording, status recording.Status, reason string,
) error {
	return s.end(ctx, rec, func(update *ent.RecordingUpdate) {
		update.Where(isUnfinished()).SetStatus(status).SetReason(reason)
	})
}

// tryFail is fail that logs an error, and leaves the retry to the reconciler.
func (s *Service) tryFail(
	ctx context.Context, rec *ent.Recording, status recording.Status, reason string,
) {
	if err := s.fail(ctx, rec, status, reason); err != nil {
		warn(ctx, "a recording ends later", err, "recording", rec.ID)
		s.Wake()
	}
}

// end moves a recording to a final status if change allows that. OnEnd runs in the same transaction.
func (s *Service) end(
	ctx context.Context, rec *ent.Recording, change func(*ent.RecordingUpdate),
) error {
	var ended *ent.Recording
	err := database.InTx(ctx, s.db, func(tx *ent.Tx) error {
		update := tx.Recording.Update().Where(recording.ID(rec.ID)).SetEndedAt(time.Now())
		change(update)
		changed, err := update.Save(ctx)
		if err != nil || changed == 0 {
			return err
		}
		if ended, err = tx.Recording.Get(ctx, rec.ID); err != nil {
			return err
		}
		if s.onEnd == nil {
			return nil
		}
		return s.onEnd(ctx, tx, ended)
	})
	if err != nil {
		return fmt.Errorf("end recording %s: %w", rec.ID, err)
	}
	if ended != nil {
		s.notifyEnd(ctx, ended)
	}
	return nil
}

// notifyEnd logs the end of a recording, and notifies the watchers of its room.
func (s *Service) notifyEnd(ctx context.Context, rec *ent.Recording) {
	slog.InfoContext(ctx, "a recording has ended",
		"recording", rec.ID, "room", rec.RoomID, "status", rec.Status, "reason", rec.Reason)
	if rec.EgressID != nil {
		if err := s.live.NoteEgress(ctx, rec.RoomID, *rec.EgressID, false, true); err != nil {
			warn(ctx, "the watchers of a room get the end of its recording later", err, "room", rec.RoomID)
		}
	}
	s.notifyWatchers(ctx, rec.RoomID)
}

// notifyWatchers notifies the watchers of a room that its recording has changed.
func (s *Service) notifyWatchers(ctx context.Context, roomID uuid.UUID) {
	if err := s.live.Touch(context.WithoutCancel(ctx), roomID); err != nil {
		warn(ctx, "the watchers of a room get its recording later", err, "room", roomID)
	}
}

// isFinal reports whether a recording has ended. It may still become SAVED.
func isFinal(rec *ent.Recording) bool { return slices.Contains(final, rec.Status) }
