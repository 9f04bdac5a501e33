package recordings_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/recording"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/recordings"
	"foyer/test/env"
)

// zeroTimeouts gives up immediately if LiveKit is silent.
func zeroTimeouts(s *recordings.Settings) { s.StartTimeout, s.StopTimeout = 0, 0 }

func TestRecordingThatNeverBeginsFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true, settings: zeroTimeouts})
	w.join()
	w.loseEvents(true)
	w.egress.Behave(env.Behavior{Starting: true})
	rec := w.start()
	w.work()
	rec = w.until(rec.ID, recording.StatusFAILED)
	assert.Equal(t, "it did not begin in time", rec.Reason)
	w.untilNothingRuns()
}

// TestRecordingOfADeadWorkerEnds although LiveKit lists its egress as running.
func TestRecordingOfADeadWorkerEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stored bool
		status recording.Status
	}{
		"with its file": {false, recording.StatusFAILED}, "after it was stored": {true, recording.StatusSAVED},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{settings: func(s *recordings.Settings) { s.StopTimeout = 0 }})
			w.join()
			rec := w.active()
			w.egress.Crash()
			if c.stored {
				w.files.Put(t, recordings.Key(rec), "a film")
			}
			_, err := w.Stop(w.Host(), w.Room.ID)
			if err != nil { // unless the reconciler was faster
				env.RequireFault(t, fault.Unavailable, err)
			}
			w.until(rec.ID, c.status)
			w.egress.Start()
			w.active()
		})
	}
}

func TestRecordingOfAForgottenEgressEnds(t *testing.T) {
	t.Parallel()
	for _, stored := range []bool{true, false} {
		t.Run(fmt.Sprint("stored ", stored), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{idle: true})
			w.join()
			rec := w.active()
			w.egress.Crash()
			w.egress.Forget()
			if stored {
				w.files.Put(t, recordings.Key(rec), "a film")
			}
			w.work()
			if !stored {
				rec = w.until(rec.ID, recording.StatusFAILED)
				assert.Equal(t, "the media server has lost it", rec.Reason)
				return
			}
			rec = w.until(rec.ID, recording.StatusSAVED)
			assert.EqualValues(t, len("a film"), *rec.Size)
		})
	}
}

// TestRecordingDoesNotEndWhileTheStorageIsDown: Foyer does not know whether the file exists.
func TestRecordingDoesNotEndWhileTheStorageIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.join()
	rec := w.active()
	w.egress.Crash()
	w.egress.Forget()
	w.files.Put(t, recordings.Key(rec), "a film")
	w.toBucket.Cut()
	assert.Error(t, w.Reconcile(context.Background()))
	assert.Equal(t, recording.StatusACTIVE, w.reload(rec.ID).Status)
	w.toBucket.Mend()
	assert.NoError(t, w.Reconcile(context.Background()))
	assert.Equal(t, recording.StatusSAVED, w.reload(rec.ID).Status)
}

func TestLateFileMakesAFailedRecordingSaved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true, settings: func(s *recordings.Settings) { s.StopTimeout = 0 }})
	w.join()
	w.egress.Behave(env.Behavior{Deaf: true})
	rec := w.active()
	_, err := w.Stop(w.Host(), w.Room.ID)
	require.NoError(t, err)
	require.NoError(t, w.Reconcile(context.Background()))
	rec = w.until(rec.ID, recording.StatusFAILED)
	assert.Equal(t, "the media server did not finish it in time", rec.Reason)
	other := w.active()
	w.egress.End(*rec.EgressID, livekitproto.EgressStatus_EGRESS_LIMIT_REACHED)
	w.until(rec.ID, recording.StatusSAVED)
	assert.Equal(t, recording.StatusACTIVE, w.reload(other.ID).Status, "the next recording of the room continues")
	assert.Equal(t, []recording.Status{recording.StatusFAILED, recording.StatusSAVED}, w.ended())
}

// TestUnwantedEgressIsStopped: Foyer stops egresses to its own paths without a recording, and no others.
func TestUnwantedEgressIsStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.join()
	w.loseEvents(true)
	path := "recordings/" + uuid.NewString() + ".mp4"
	_, err := w.livekit.StartEgress(context.Background(), livekit.EgressRequest{
		Room: w.Room.ID.String(), File: path,
	})
	require.NoError(t, err)
	w.untilNothingRuns()
	foreign, err := w.livekit.StartEgress(context.Background(), livekit.EgressRequest{
		Room: w.Room.ID.String(), File: "elsewhere/film.mp4",
	})
	require.NoError(t, err)
	rec := w.active()
	require.NoError(t, w.Reconcile(context.Background()))
	assert.ElementsMatch(t, []string{foreign.ID, *rec.EgressID}, w.egress.Running(), "the other egress continues")
}

// TestOneOfTwoServersReconciles at a time.
func TestOneOfTwoServersReconciles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	second := recordings.New(w.dependencies, w.settings)
	env.Run(w.T, second.Run)
	w.join()
	w.loseEvents(true)
	w.egress.Behave(env.Behavior{Then: livekitproto.EgressStatus_EGRESS_COMPLETE})
	w.until(w.start().ID, recording.StatusSAVED)
	assert.Equal(t, []recording.Status{recording.StatusSAVED}, w.ended(), "it ends once")
}

// TestReconciliationDoesNotRequestTheNext: LiveKit lists the egress of a dead worker for ever, and reconciling
// it in a loop would not help.
func TestReconciliationDoesNotRequestTheNext(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.join()
	rec := w.active()
	w.egress.Crash()
	_, err := w.Stop(w.Host(), w.Room.ID)
	env.RequireFault(t, fault.Unavailable, err)
	require.Equal(t, recording.StatusSTOPPING, w.reload(rec.ID).Status)
	assert.True(t, w.Woken(), "the failed stop requests a reconciliation")
	_ = w.Reconcile(context.Background())
	assert.Equal(t, recording.StatusSTOPPING, w.reload(rec.ID).Status)
	assert.False(t, w.Woken(), "the reconciliation requests no other")
}
