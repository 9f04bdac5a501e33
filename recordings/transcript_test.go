package recordings_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"

	"foyer/ent"
	"foyer/ent/recording"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/recordings"
	"foyer/test/env"
)

// transcripts is a world for the transcripts of one room.
type transcripts struct {
	*env.World
	service
}

func newTranscripts(t *testing.T, db *ent.Client) *transcripts {
	t.Helper()
	w := env.NewWorld(t, env.Setup{DB: db})
	s := recordings.New(recordings.Dependencies{DB: db, Rooms: w.Rooms.Service}, recordings.Settings{})
	return &transcripts{w, service{s}}
}

func (w *transcripts) saved(transcript recording.Transcript) uuid.UUID {
	w.T.Helper()
	return w.DB.Recording.Create().SetRoom(w.Room).SetStartedBy(w.Owner.ID).SetMode(recording.ModeAUDIO).
		SetOptions(schema.RecordingOptions{Transcribe: true}).SetStatus(recording.StatusSAVED).
		SetTranscript(transcript).SetEndedAt(time.Now()).SaveX(w.T.Context()).ID
}

func TestFirstOutcomeOfATranscriptIsFinal(t *testing.T) {
	t.Parallel()
	none, pending := recording.TranscriptNONE, recording.TranscriptPENDING
	ready, failed := recording.TranscriptREADY, recording.TranscriptFAILED
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newTranscripts(t, db)
		for _, test := range []struct {
			before, outcome, after recording.Transcript
			kind                   fault.Kind
		}{
			{pending, ready, ready, ""}, {pending, failed, failed, ""},
			{ready, ready, ready, ""}, {failed, failed, failed, ""},
			{ready, failed, ready, fault.Conflict}, {failed, ready, failed, fault.Conflict},
			{none, ready, none, fault.Conflict}, {none, failed, none, fault.Conflict},
			{pending, none, pending, fault.Invalid}, {pending, pending, pending, fault.Invalid},
			{pending, "", pending, fault.Invalid}, {pending, "DONE", pending, fault.Invalid},
		} {
			id := w.saved(test.before)
			err := w.FinishTranscript(t.Context(), id, test.outcome)
			if test.kind == "" {
				assert.NoError(t, err, "%v", test)
			} else {
				assert.True(t, fault.Is(err, test.kind), "%v: %v", test, err)
			}
			assert.Equal(t, test.after, db.Recording.GetX(t.Context(), id).Transcript, "%v", test)
		}
		assert.True(t, fault.Is(w.FinishTranscript(t.Context(), uuid.New(), ready), fault.NotFound))
	})
}

// TestOneOfManyConcurrentOutcomesWins: calls with the same outcome succeed, the others fail.
func TestOneOfManyConcurrentOutcomesWins(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newTranscripts(t, db)
		id := w.saved(recording.TranscriptPENDING)
		outcomes := []recording.Transcript{recording.TranscriptREADY, recording.TranscriptFAILED}
		var taken [2]atomic.Int64
		var all sync.WaitGroup
		const each = 10
		for i := range 2 * each {
			all.Go(func() {
				err := w.FinishTranscript(t.Context(), id, outcomes[i%2])
				if err == nil {
					taken[i%2].Add(1)
				} else {
					assert.True(t, fault.Is(err, fault.Conflict), "%v", err)
				}
			})
		}
		all.Wait()
		stored := db.Recording.GetX(t.Context(), id).Transcript
		for i, outcome := range outcomes {
			want := int64(0)
			if outcome == stored {
				want = each
			}
			assert.Equal(t, want, taken[i].Load(), "%s, stored %s", outcome, stored)
		}
	})
}
