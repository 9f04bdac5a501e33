package recordings_test

import (
	"context"
	"testing"
	"time"

	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/outboxmessage"
	"foyer/ent/recording"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/recordings"
	"foyer/test/env"
)

// TestDeletedRoomLeavesNothing: no file and no egress.
func TestDeletedRoomLeavesNothing(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, options{db: db, idle: true})
		w.join()
		w.egress.Behave(env.Behavior{Then: livekitproto.EgressStatus_EGRESS_COMPLETE})
		saved := w.until(w.start().ID, recording.StatusSAVED)
		w.egress.Behave(env.Behavior{})
		runs := w.active()
		w.toBucket.Cut()
		w.toLiveKit.Cut()
		_, err := w.meetings.DeleteRoom(w.Host(), w.Room.ID)
		require.NoError(t, err)
		assert.Zero(t, w.DB.Recording.Query().CountX(context.Background()))
		assert.Equal(t, 2, w.DB.OutboxMessage.Query().
			Where(outboxmessage.Kind(recordings.Kind)).CountX(context.Background()))
		assert.Len(t, w.egress.Running(), 1)
		w.work()
		env.Eventually(w.T, func(t *assert.CollectT) {
			assert.Equal(t, 2, w.DB.OutboxMessage.Query().Where(outboxmessage.AttemptsGTE(3)).
				CountX(context.Background()), "failed messages of this kind are not given up")
		})
		w.toBucket.Mend()
		w.toLiveKit.Mend()
		w.untilNothingRuns()
		// The egress ends and stores its file, which is deleted too.
		env.Eventually(w.T, func(t *assert.CollectT) {
			assert.False(t, w.files.Has(w.T, recordings.Key(saved)))
			assert.False(t, w.files.Has(w.T, recordings.Key(runs)))
		})
	})
}

func TestRoomDeletedDuringAStartLeavesNoEgress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.join()
	hang := make(chan struct{})
	w.egress.Behave(env.Behavior{Hang: hang})
	failed := make(chan error, 1)
	go func() { _, err := w.Start(w.Host(), w.input()); failed <- err }()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Len(t, w.egress.Running(), 1) })
	_, err := w.Rooms.Delete(w.Host(), w.Room.ID, w.AddDiscards) // the meeting continues
	require.NoError(t, err)
	close(hang)
	env.RequireFault(t, fault.NotFound, <-failed)
	w.untilNothingRuns()
}

func TestExpiredRecordingIsDeleted(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, options{db: db})
		kept := w.stored(nil)
		later := w.stored(new(time.Now().Add(time.Hour)))
		w.toBucket.Cut()
		gone := w.stored(new(time.Now().Add(-time.Second)))
		assert.Nil(t, w.URL(gone), "an expired recording has no URL although its file exists")
		assert.True(t, recordings.Expired(gone))
		assert.Error(t, w.Reconcile(context.Background()))
		w.reload(gone.ID)
		w.toBucket.Mend()
		env.Eventually(w.T, func(t *assert.CollectT) {
			assert.Equal(t, 2, w.DB.Recording.Query().CountX(context.Background()))
		})
		assert.False(t, w.files.Has(t, recordings.Key(gone)))
		for _, rec := range []*ent.Recording{kept, later} {
			assert.True(t, w.files.Has(t, recordings.Key(rec)))
			assert.Equal(t, "https://meet.example.org/media/"+recordings.Key(rec), *w.URL(rec))
		}
	})
}

// stored adds a SAVED recording with its file.
func (w *world) stored(expires *time.Time) *ent.Recording {
	w.T.Helper()
	rec := w.DB.Recording.Create().SetRoomID(w.Room.ID).SetMode(recording.ModeSCREEN).
		SetStatus(recording.StatusSAVED).SetOptions(schema.RecordingOptions{}).
		SetStartedBy(w.Owner.ID).SetEndedAt(time.Now()).SetNillableExpiresAt(expires).
		SaveX(context.Background())
	w.files.Put(w.T, recordings.Key(rec), "a film")
	return rec
}

func TestDeletedRecordingLeavesNothing(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, options{db: db})
		w.join()
		rec := w.active()
		env.RequireFault(t, fault.Conflict, w.Delete(w.Host(), rec.ID))
		w.egress.End(*rec.EgressID, livekitproto.EgressStatus_EGRESS_COMPLETE)
		rec = w.until(rec.ID, recording.StatusSAVED)
		w.toBucket.Cut()
		env.RequireFault(t, fault.Unavailable, w.Delete(w.Host(), rec.ID))
		assert.Equal(t, recording.StatusSAVED, w.reload(rec.ID).Status)
		w.toBucket.Mend()
		require.NoError(t, w.Delete(w.Host(), rec.ID))
		assert.False(t, w.files.Has(t, recordings.Key(rec)))
		env.RequireFault(t, fault.NotFound, w.Delete(w.Host(), rec.ID))

		// A deletion that was interrupted is repeated.
		half := w.stored(nil)
		require.NoError(t, w.files.Client.RemoveObject(
			context.Background(), w.files.Name, recordings.Key(half), minio.RemoveObjectOptions{}))
		require.NoError(t, w.Delete(w.Host(), half.ID))
		assert.Zero(t, w.DB.Recording.Query().CountX(context.Background()))
	})
}

// TestLateFileOfADeletedRecordingIsDeleted: the recording was given up, but its egress continued.
func TestLateFileOfADeletedRecordingIsDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{settings: func(s *recordings.Settings) { s.StopTimeout = 0 }})
	w.join()
	w.egress.Behave(env.Behavior{Deaf: true})
	rec := w.active()
	_, err := w.Stop(w.Host(), w.Room.ID)
	require.NoError(t, err)
	w.until(rec.ID, recording.StatusFAILED)
	require.NoError(t, w.Delete(w.Host(), rec.ID))
	w.egress.End(*rec.EgressID, livekitproto.EgressStatus_EGRESS_LIMIT_REACHED)
	env.Eventually(w.T, func(t *assert.CollectT) {
		assert.False(t, w.files.Has(w.T, recordings.Key(rec)))
		pending := outboxmessage.And(outboxmessage.Kind(recordings.Kind), outboxmessage.DeliveredAtIsNil())
		assert.Equal(t, 1, w.DB.OutboxMessage.Query().Where(pending).CountX(context.Background()),
			"the message stays until no egress can begin")
		last := w.DB.OutboxMessage.Query().Where(pending).OnlyX(context.Background())
		assert.Equal(t, "its egress has not ended yet", last.LastError)
	})
}
