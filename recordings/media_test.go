package recordings_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/recording"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/recordings"
	"foyer/test/env"
)

// newWorldWithoutEvents is an idle world with a meeting that loses LiveKit's events.
func newWorldWithoutEvents(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, options{idle: true})
	w.loseEvents(true)
	w.join()
	return w
}

// reportObject reports an event of the storage.
func (w *world) reportObject(rec *ent.Recording, size int64) *ent.Recording {
	w.T.Helper()
	require.NoError(w.T, w.HandleObject(context.Background(), recordings.Key(rec), size))
	return w.reload(rec.ID)
}

func TestStorageEventDoesNotEndARunningRecording(t *testing.T) {
	t.Parallel()
	w := newWorldWithoutEvents(t)
	rec := w.start()
	env.Eventually(w.T, func(t *assert.CollectT) {
		assert.Equal(t, recording.StatusACTIVE, w.reportObject(rec, 1234).Status)
	})
	assert.EqualValues(t, 1234, *w.reload(rec.ID).Size)
	assert.Empty(t, w.ended())
}

func TestStorageEventReplacesALostEventOfLiveKit(t *testing.T) {
	t.Parallel()
	w := newWorldWithoutEvents(t)
	rec := w.start()
	env.Eventually(w.T, func(t *assert.CollectT) {
		assert.Equal(t, recording.StatusACTIVE, w.reportObject(rec, 0).Status)
	})
	_, err := w.Stop(w.Host(), w.Room.ID)
	require.NoError(t, err)
	w.untilNothingRuns()
	env.Eventually(w.T, func(t *assert.CollectT) {
		assert.Equal(t, recording.StatusSAVED, w.reportObject(rec, int64(len(env.ScreenFile))).Status)
	})
	for range 3 {
		w.reportObject(rec, int64(len(env.ScreenFile)))
	}
	rec = w.reload(rec.ID)
	assert.EqualValues(t, len(env.ScreenFile), *rec.Size)
	assert.NotNil(t, rec.EndedAt)
	assert.Equal(t, []recording.Status{recording.StatusSAVED}, w.ended(), "once")
}

// addRow adds a recording with an egress that LiveKit does not know, or without one.
func (w *world) addRow(egress string, status recording.Status) *ent.Recording {
	create := w.DB.Recording.Create().SetRoomID(w.Room.ID).SetStartedBy(w.Owner.ID).
		SetMode(recording.ModeAUDIO).SetStatus(status).SetOptions(schema.RecordingOptions{})
	if egress != "" {
		create.SetEgressID(egress)
	}
	return create.SaveX(context.Background())
}

func TestFileOfAForgottenEgressIsSaved(t *testing.T) {
	t.Parallel()
	w := newWorldWithoutEvents(t)
	for _, status := range []recording.Status{
		recording.StatusINITIATED, recording.StatusACTIVE, recording.StatusSTOPPING, recording.StatusFAILED,
	} {
		rec := w.reportObject(w.addRow("EG_"+uuid.NewString(), status), 99)
		assert.Equal(t, recording.StatusSAVED, rec.Status, status)
		assert.EqualValues(t, 99, *rec.Size)
	}
	rec := w.reportObject(w.addRow("", recording.StatusINITIATED), 99)
	assert.Equal(t, recording.StatusINITIATED, rec.Status, "none of ours wrote the file")
}

func TestFailureReportedByLiveKitIsFinal(t *testing.T) {
	t.Parallel()
	w := newWorldWithoutEvents(t)
	w.egress.Behave(env.Behavior{Then: livekitproto.EgressStatus_EGRESS_FAILED, Error: "disk full"})
	rec := w.start()
	env.Eventually(w.T, func(t *assert.CollectT) {
		assert.Equal(t, recording.StatusFAILED, w.reportObject(rec, 10).Status)
	})
	assert.Equal(t, "disk full", w.reload(rec.ID).Reason)
	assert.Equal(t, recording.StatusFAILED, w.reportObject(rec, 10).Status)
}

func TestStorageEventFailsWhileLiveKitIsDown(t *testing.T) {
	t.Parallel()
	w := newWorldWithoutEvents(t)
	rec := w.addRow("EG_gone", recording.StatusSTOPPING)
	w.toLiveKit.Cut()
	err := w.HandleObject(context.Background(), recordings.Key(rec), 99)
	env.RequireFault(t, fault.Unavailable, err)
	assert.Equal(t, recording.StatusSTOPPING, w.reload(rec.ID).Status)
	w.toLiveKit.Mend()
	assert.Equal(t, recording.StatusSAVED, w.reportObject(rec, 99).Status)
}

func TestObjectsOfOthersChangeNothing(t *testing.T) {
	t.Parallel()
	w := newWorldWithoutEvents(t)
	rec := w.addRow("EG_gone", recording.StatusSTOPPING)
	id := rec.ID.String()
	for _, key := range []string{
		"", "recordings/", "recordings/" + id, "recordings/" + id + ".mp4", "recordings/" + id + ".ogg.ogg",
		"recordings/" + id + ".ogg/", "Recordings/" + id + ".ogg", "/recordings/" + id + ".ogg", id + ".ogg",
		"recordings/x/" + id + ".ogg", "recordings/../recordings/" + id + ".ogg",
		"recordings/" + uuid.NewString() + ".ogg", "recordings/EG_gone.json",
		"recordings/{" + id + "}.ogg", "recordings/" + id + ".ogg\x00", "recordings%2F" + id + ".ogg",
	} {
		require.NoError(t, w.HandleObject(context.Background(), key, 99), key)
	}
	rec = w.reload(rec.ID)
	assert.Equal(t, recording.StatusSTOPPING, rec.Status)
	assert.Nil(t, rec.Size)
}

func TestDownloadURLExpiresWithTheRecording(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true, settings: func(s *recordings.Settings) { s.DownloadFor = time.Hour }})
	rec := w.addRow("EG_1", recording.StatusSAVED)
	soonOver := time.Now().Add(90 * time.Second)
	for _, test := range []struct {
		name      string
		expiresAt *time.Time
		want      string
	}{{"never", nil, "X-Amz-Expires=3600&"}, {"soon", &soonOver, "X-Amz-Expires=8"}} {
		rec.ExpiresAt = test.expiresAt
		url, err := w.DownloadURL(w.Host(), rec)
		require.NoError(t, err)
		assert.Contains(t, *url, test.want, test.name)
	}
	for _, status := range []recording.Status{recording.StatusACTIVE, recording.StatusFAILED} {
		rec.Status = status
		url, err := w.DownloadURL(w.Host(), rec)
		require.NoError(t, err)
		assert.Nil(t, url)
	}
}

func TestURLExpiresNoLaterThanTheRecording(t *testing.T) {
	t.Parallel()
	in := func(d time.Duration) *ent.Recording { return &ent.Recording{ExpiresAt: new(time.Now().Add(d))} }
	assert.Equal(t, time.Hour, recordings.Lifetime(&ent.Recording{}, time.Hour))
	assert.Equal(t, time.Hour, recordings.Lifetime(in(24*time.Hour), time.Hour))
	assert.InDelta(t, time.Minute, recordings.Lifetime(in(time.Minute), time.Hour), float64(30*time.Second))
	assert.Equal(t, time.Second, recordings.Lifetime(in(-time.Minute), time.Hour), "the shortest that S3 permits")
}
