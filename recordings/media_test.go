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

// lonely is a world in which nothing is heard of LiveKit: only the storage tells.
func lonely(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, options{idle: true})
	w.loseEvents(true)
	w.call()
	return w
}

func (w *world) told(rec *ent.Recording, size int64) *ent.Recording {
	w.T.Helper()
	require.NoError(w.T, w.HandleObject(context.Background(), recordings.Key(rec), size))
	return w.now(rec.ID)
}

func TestStorageAloneSavesNoRecordingThatGoesOn(t *testing.T) {
	t.Parallel()
	w := lonely(t)
	rec := w.start()
	env.Eventually(w.T, func(t *assert.CollectT) {
		assert.Equal(t, recording.StatusACTIVE, w.told(rec, 1234).Status)
	})
	assert.EqualValues(t, 1234, *w.now(rec.ID).Size)
	assert.Empty(t, w.ended())
}

func TestStorageTellsOfAnEndOfWhichLiveKitsNewsWasLost(t *testing.T) {
	t.Parallel()
	w := lonely(t)
	rec := w.start()
	env.Eventually(w.T, func(t *assert.CollectT) {
		assert.Equal(t, recording.StatusACTIVE, w.told(rec, 0).Status)
	})
	_, err := w.Stop(w.Host(), w.Room.ID)
	require.NoError(t, err)
	w.unwanted()
	env.Eventually(w.T, func(t *assert.CollectT) {
		assert.Equal(t, recording.StatusSAVED, w.told(rec, int64(len(env.ScreenFile))).Status)
	})
	for range 3 {
		w.told(rec, int64(len(env.ScreenFile)))
	}
	rec = w.now(rec.ID)
	assert.EqualValues(t, len(env.ScreenFile), *rec.Size)
	assert.NotNil(t, rec.EndedAt)
	assert.Equal(t, []recording.Status{recording.StatusSAVED}, w.ended(), "once")
}

// of makes a row as if it had been recorded by an egress that LiveKit does not know, if any.
func (w *world) of(egress string, status recording.Status) *ent.Recording {
	create := w.DB.Recording.Create().SetRoomID(w.Room.ID).SetStartedBy(w.Owner.ID).
		SetMode(recording.ModeAUDIO).SetStatus(status).SetOptions(schema.RecordingOptions{})
	if egress != "" {
		create.SetEgressID(egress)
	}
	return create.SaveX(context.Background())
}

func TestFileOfAnEgressThatLiveKitHasForgottenIsSaved(t *testing.T) {
	t.Parallel()
	w := lonely(t)
	for _, status := range []recording.Status{
		recording.StatusINITIATED, recording.StatusACTIVE, recording.StatusSTOPPING, recording.StatusFAILED,
	} {
		rec := w.told(w.of("EG_"+uuid.NewString(), status), 99)
		assert.Equal(t, recording.StatusSAVED, rec.Status, status)
		assert.EqualValues(t, 99, *rec.Size)
	}
	rec := w.told(w.of("", recording.StatusINITIATED), 99)
	assert.Equal(t, recording.StatusINITIATED, rec.Status, "nobody has begun to record it")
}

func TestFailureThatLiveKitTellsOfStands(t *testing.T) {
	t.Parallel()
	w := lonely(t)
	w.egress.Behave(env.Behavior{Then: livekitproto.EgressStatus_EGRESS_FAILED, Error: "disk full"})
	rec := w.start()
	env.Eventually(w.T, func(t *assert.CollectT) {
		assert.Equal(t, recording.StatusFAILED, w.told(rec, 10).Status)
	})
	assert.Equal(t, "disk full", w.now(rec.ID).Reason)
	assert.Equal(t, recording.StatusFAILED, w.told(rec, 10).Status)
}

func TestNewsOfTheStorageWaitsForLiveKit(t *testing.T) {
	t.Parallel()
	w := lonely(t)
	rec := w.of("EG_gone", recording.StatusSTOPPING)
	w.toLiveKit.Cut()
	err := w.HandleObject(context.Background(), recordings.Key(rec), 99)
	env.RequireFault(t, fault.Unavailable, err)
	assert.Equal(t, recording.StatusSTOPPING, w.now(rec.ID).Status)
	w.toLiveKit.Mend()
	assert.Equal(t, recording.StatusSAVED, w.told(rec, 99).Status)
}

func TestObjectsThatAreNoRecordingsChangeNothing(t *testing.T) {
	t.Parallel()
	w := lonely(t)
	rec := w.of("EG_gone", recording.StatusSTOPPING)
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
	rec = w.now(rec.ID)
	assert.Equal(t, recording.StatusSTOPPING, rec.Status)
	assert.Nil(t, rec.Size)
}

func TestDownloadURLEndsWithTheRecording(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true, settings: func(s *recordings.Settings) { s.DownloadFor = time.Hour }})
	rec := w.of("EG_1", recording.StatusSAVED)
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

func TestURLOfARecordingLivesNoLongerThanTheRecording(t *testing.T) {
	t.Parallel()
	in := func(d time.Duration) *ent.Recording { return &ent.Recording{ExpiresAt: new(time.Now().Add(d))} }
	assert.Equal(t, time.Hour, recordings.Lifetime(&ent.Recording{}, time.Hour))
	assert.Equal(t, time.Hour, recordings.Lifetime(in(24*time.Hour), time.Hour))
	assert.InDelta(t, time.Minute, recordings.Lifetime(in(time.Minute), time.Hour), float64(30*time.Second))
	assert.Equal(t, time.Second, recordings.Lifetime(in(-time.Minute), time.Hour), "storage takes no less")
}
