package recordings

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/recording"
	"foyer/internal/fault"
)

// FinishTranscript stores the outcome of a transcript, READY or FAILED, for the service that makes transcripts.
// The first outcome is final, and may be reported again. Errors: Conflict for another outcome, and for a recording of
// which no transcript is expected; NotFound if the recording does not exist.
func (s *Service) FinishTranscript(ctx context.Context, id uuid.UUID, outcome recording.Transcript) error {
	if outcome != recording.TranscriptREADY && outcome != recording.TranscriptFAILED {
		return fault.Field("status", "status is READY or FAILED")
	}
	changed, err := s.db.Recording.Update().
		Where(recording.ID(id), recording.TranscriptEQ(recording.TranscriptPENDING)).
		SetTranscript(outcome).Save(ctx)
	if err != nil {
		return fmt.Errorf("note the outcome of a transcript: %w", err)
	}
	if changed == 1 {
		return nil
	}
	rec, err := s.db.Recording.Get(ctx, id)
	switch {
	case ent.IsNotFound(err):
		return fault.New(fault.NotFound, "there is no such recording")
	case err != nil:
		return fmt.Errorf("find recording: %w", err)
	case rec.Transcript == outcome:
		return nil
	case rec.Transcript == recording.TranscriptNONE:
		return fault.New(fault.Conflict, "no transcript of this recording is expected")
	default:
		return fault.New(fault.Conflict, "the transcript is %s already", rec.Transcript)
	}
}
