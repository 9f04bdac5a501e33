package recordings

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/database"
	"foyer/ent/recording"
	"foyer/internal/livekit"
)

// limitReached is the reason of a recording that LiveKit has ended because it was long enough.
const limitReached = "it reached the limit of the media server"

// Hear takes news of an egress from LiveKit. It may be repeated, and come in any order, also before the
// call has returned that started it; of another's egress it is fine. An error means that the same news
// should come again.
func (s *Service) Hear(ctx context.Context, e *livekit.Egress) error {
	rec, err := s.find(ctx, e)
	if ent.IsNotFound(err) {
		if _, ours := idOf(e.File); ours && !e.Ended() {
			s.Wake() // nobody wants it
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the recording of an egress: %w", err)
	}
	return s.follow(ctx, rec, e)
}

// find returns the recording of an egress: by its id or, before that is stored, by its file. Where
// LiveKit does not say what was asked for, it is the one of the room that waits for its egress.
func (s *Service) find(ctx context.Context, e *livekit.Egress) (*ent.Recording, error) {
	rec, err := s.db.Recording.Query().Where(recording.EgressID(e.ID)).Only(ctx)
	if !ent.IsNotFound(err) {
		return rec, err
	}
	roomID, errRoom := uuid.Parse(e.Room)
	id, ours := idOf(e.File)
	switch {
	case errRoom != nil:
		return nil, err
	case ours:
		rec, err = s.db.Recording.Query().Where(recording.ID(id), recording.RoomID(roomID)).Only(ctx)
		if err == nil && !isFileOf(e, rec) {
			return nil, &ent.NotFoundError{}
		}
		return rec, err
	case !e.FileKnown:
		return s.db.Recording.Query().
			Where(recording.RoomID(roomID), isUnfinished(), recording.EgressIDIsNil()).Only(ctx)
	default:
		return nil, err
	}
}

// idOf returns the recording that a path of a file names.
func idOf(path string) (uuid.UUID, bool) {
	name, inFolder := strings.CutPrefix(path, folder)
	text, _, _ := strings.Cut(name, ".")
	id, err := uuid.Parse(text)
	return id, inFolder && err == nil && id.String() == text
}

// follow carries what LiveKit says of an egress over to its recording, as it is stored by then: what is
// older than what is known changes nothing.
func (s *Service) follow(ctx context.Context, rec *ent.Recording, e *livekit.Egress) error {
	if mine, err := s.claim(ctx, rec, e); err != nil || !mine {
		return err
	}
	switch e.Status {
	case livekit.EgressActive:
		return s.activate(ctx, rec, e)
	case livekit.EgressEnding:
		_, err := s.stopping(ctx, rec)
		return err
	case livekit.EgressComplete:
		return s.save(ctx, rec, file{e, e.Size, ""})
	case livekit.EgressLimitReached:
		return s.save(ctx, rec, file{e, e.Size, limitReached})
	case livekit.EgressAborted:
		return s.finish(ctx, rec, recording.StatusABORTED, reasonOf(e, "the media server aborted it"))
	case livekit.EgressFailed:
		return s.finish(ctx, rec, recording.StatusFAILED, reasonOf(e, "the media server failed to record"))
	}
	return nil
}

func reasonOf(e *livekit.Egress, otherwise string) string {
	if e.Error == "" {
		return otherwise
	}
	return e.Error
}

// claim stores which egress a recording has, and reports whether it is this one. Another for the same
// recording is not wanted.
func (s *Service) claim(ctx context.Context, rec *ent.Recording, e *livekit.Egress) (bool, error) {
	if rec.EgressID == nil {
		_, err := s.db.Recording.Update().Where(recording.ID(rec.ID), recording.EgressIDIsNil()).
			SetEgressID(e.ID).Save(ctx)
		if err != nil {
			return false, fmt.Errorf("store the egress of recording %s: %w", rec.ID, err)
		}
	}
	mine, err := s.db.Recording.Query().
		Where(recording.ID(rec.ID), recording.EgressID(e.ID)).Exist(ctx)
	if err != nil {
		return false, fmt.Errorf("find the egress of recording %s: %w", rec.ID, err)
	}
	if !mine && !e.Ended() {
		s.Wake()
	}
	return mine, nil
}

// activate notes that media are recorded. Of a recording that was to end before, or that was given up,
// that is news of something to be ended.
func (s *Service) activate(ctx context.Context, rec *ent.Recording, e *livekit.Egress) error {
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
		s.touch(ctx, rec.RoomID)
	case rec.Status != recording.StatusACTIVE:
		s.Wake()
	}
	return nil
}

// stopping notes that a recording is to end, or does, and reports whether that is new.
func (s *Service) stopping(ctx context.Context, rec *ent.Recording) (bool, error) {
	changed, err := s.db.Recording.Update().
		Where(recording.ID(rec.ID),
			recording.StatusIn(recording.StatusINITIATED, recording.StatusACTIVE)).
		SetStatus(recording.StatusSTOPPING).SetStoppingAt(time.Now()).Save(ctx)
	if err != nil {
		return false, fmt.Errorf("stop recording %s: %w", rec.ID, err)
	}
	if changed > 0 {
		s.touch(ctx, rec.RoomID)
	}
	return changed > 0, nil
}

// file is what is known of a file that is in the bucket.
type file struct {
	// egress has written it; nil when LiveKit does not know it any more.
	egress *livekit.Egress
	size   int64 // bytes; 0 when unknown
	reason string
}

// save notes that the file of a recording is in the bucket, whatever was believed of it before.
func (s *Service) save(ctx context.Context, rec *ent.Recording, f file) error {
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

// finish ends a recording of which there is no file, unless it has ended already.
func (s *Service) finish(
	ctx context.Context, rec *ent.Recording, status recording.Status, reason string,
) error {
	return s.end(ctx, rec, func(update *ent.RecordingUpdate) {
		update.Where(isUnfinished()).SetStatus(status).SetReason(reason)
	})
}

// tryFinish is finish where the comparison with LiveKit makes up for a failure.
func (s *Service) tryFinish(
	ctx context.Context, rec *ent.Recording, status recording.Status, reason string,
) {
	if err := s.finish(ctx, rec, status, reason); err != nil {
		warn(ctx, "a recording ends a little later", err, "recording", rec.ID)
		s.Wake()
	}
}

// end moves a recording to a final status, if change allows, and in the same transaction has written
// down what follows from that.
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
		s.ended(ctx, ended)
	}
	return nil
}

// ended tells those in the room that they are not recorded any more.
func (s *Service) ended(ctx context.Context, rec *ent.Recording) {
	slog.InfoContext(ctx, "a recording has ended",
		"recording", rec.ID, "room", rec.RoomID, "status", rec.Status, "reason", rec.Reason)
	if rec.EgressID != nil {
		if err := s.live.NoteEgress(ctx, rec.RoomID, *rec.EgressID, false, true); err != nil {
			warn(ctx, "who follows a room hears of the end of its recording later", err, "room", rec.RoomID)
		}
	}
	s.touch(ctx, rec.RoomID)
}

// touch tells those who follow a room that its recording has changed.
func (s *Service) touch(ctx context.Context, roomID uuid.UUID) {
	if err := s.live.Touch(context.WithoutCancel(ctx), roomID); err != nil {
		warn(ctx, "who follows a room hears of its recording later", err, "room", roomID)
	}
}

// isFinal reports whether a recording changes no more, unless it is SAVED late.
func isFinal(rec *ent.Recording) bool { return slices.Contains(final, rec.Status) }
