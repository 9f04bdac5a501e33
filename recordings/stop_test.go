package recordings_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/recording"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/recordings"
	"foyer/test/env"
)

func TestEveryEndOfAnEgressEndsItsRecording(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then   livekitproto.EgressStatus
		says   string
		status recording.Status
		reason string
	}{
		"complete": {livekitproto.EgressStatus_EGRESS_COMPLETE, "", recording.StatusSAVED, ""},
		"limit": {livekitproto.EgressStatus_EGRESS_LIMIT_REACHED, "", recording.StatusSAVED,
			"it reached the limit of the media server"},
		"failed": {livekitproto.EgressStatus_EGRESS_FAILED,
			"no\nspace at https://minio/?X-Amz-Signature=secret left", recording.StatusFAILED,
			"no space at (address) left"},
		"failed without a reason": {livekitproto.EgressStatus_EGRESS_FAILED, "", recording.StatusFAILED,
			"the media server failed to record"},
		"aborted": {livekitproto.EgressStatus_EGRESS_ABORTED, "", recording.StatusABORTED,
			"the media server aborted it"},
	} {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, events lost %v", name, lost), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, options{})
				w.join()
				w.loseEvents(lost)
				w.egress.Behave(env.Behavior{Then: c.then, Error: c.says})
				rec := w.until(w.start().ID, c.status)
				assert.Equal(t, c.reason, rec.Reason)
				assert.Equal(t, []recording.Status{c.status}, w.ended())
				assert.Equal(t, c.status == recording.StatusSAVED, w.files.Has(t, recordings.Key(rec)))
				env.Eventually(w.T, func(t *assert.CollectT) { assert.False(t, w.meeting().Recording) })
				w.egress.Behave(env.Behavior{})
				w.active() // the room is free again
			})
		}
	}
}

func (w *world) meeting() *live.Meeting {
	w.T.Helper()
	m, err := w.live.Meeting(context.Background(), w.Room.ID)
	require.NoError(w.T, err)
	return m
}

func TestStopIsRetriedUntilLiveKitIsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.join()
	rec := w.active()
	w.toLiveKit.Cut()
	_, err := w.Stop(w.Host(), w.Room.ID)
	env.RequireFault(t, fault.Unavailable, err)
	assert.Equal(t, recording.StatusSTOPPING, w.reload(rec.ID).Status)
	w.toLiveKit.Mend()
	w.until(rec.ID, recording.StatusSAVED)
}

// TestStopOfAnEndedEgressSavesItsFile: LiveKit refuses to stop an egress that has ended.
func TestStopOfAnEndedEgressSavesItsFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.join()
	rec := w.active()
	w.loseEvents(true)
	w.egress.End(*rec.EgressID, livekitproto.EgressStatus_EGRESS_COMPLETE)
	rec, err := w.Stop(w.Host(), w.Room.ID)
	require.NoError(t, err)
	assert.Equal(t, recording.StatusSAVED, rec.Status)
	_, err = w.Stop(w.Host(), w.Room.ID)
	env.RequireFault(t, fault.NotFound, err)
}

// TestRecordingCanBeStoppedBeforeItBegins stops a recording during its start.
func TestRecordingCanBeStoppedBeforeItBegins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.join()
	hang := make(chan struct{})
	w.loseEvents(true)
	w.egress.Behave(env.Behavior{Hang: hang, Starting: true})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := w.Start(w.Host(), w.input())
		assert.NoError(t, err)
	}()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Len(t, w.egress.Running(), 1) })
	rec, err := w.Stop(w.Host(), w.Room.ID)
	require.NoError(t, err)
	assert.Equal(t, recording.StatusSTOPPING, rec.Status)
	close(hang)
	<-done
	w.untilNothingRuns()
	w.work()
	w.until(rec.ID, recording.StatusABORTED)
}

// TestEndOfTheMeetingEndsItsRecording, also when LiveKit's events are lost.
func TestEndOfTheMeetingEndsItsRecording(t *testing.T) {
	t.Parallel()
	byHost := func(w *world) error {
		_, err := w.meetings.End(w.Host(), w.Room.ID)
		return err
	}
	byItself := func(w *world) error {
		return w.livekit.EndRoom(context.Background(), w.Room.ID.String())
	}
	for name, c := range map[string]struct {
		lost bool
		end  func(w *world) error
	}{
		"a host ends it":                {false, byHost},
		"a host ends it, events lost":   {true, byHost},
		"the meeting ends":              {false, byItself},
		"the meeting ends, events lost": {true, byItself},
		"the worker dies before": {false, func(w *world) error {
			w.egress.Crash()
			return byHost(w)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{settings: func(s *recordings.Settings) {
				s.StopTimeout = 2 * time.Second
			}})
			w.join()
			rec := w.active()
			w.loseEvents(c.lost)
			require.NoError(t, c.end(w))
			env.Eventually(w.T, func(t *assert.CollectT) {
				assert.Contains(t, []recording.Status{recording.StatusSAVED, recording.StatusFAILED},
					w.reload(rec.ID).Status)
			})
			w.untilNothingRuns()
		})
	}
}
