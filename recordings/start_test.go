package recordings_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/recording"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/internal/ratelimit"
	"foyer/recordings"
	"foyer/test/env"
)

func TestAudioAloneIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{settings: func(s *recordings.Settings) { s.KeptFor = time.Hour }})
	w.join()
	in := w.input()
	in.Mode, in.Options = recording.ModeAUDIO, &recordings.Options{
		Transcribe: new(true), Language: new("fr-fr"),
	}
	w.egress.Behave(env.Behavior{Then: livekitproto.EgressStatus_EGRESS_COMPLETE})
	rec, err := w.Start(w.Host(), in)
	require.NoError(t, err)
	rec = w.until(rec.ID, recording.StatusSAVED)
	asked := w.egress.Asked()[0].GetRoomComposite()
	assert.True(t, asked.GetAudioOnly())
	assert.Empty(t, asked.GetLayout())
	file := asked.GetFileOutputs()[0]
	assert.Equal(t, livekitproto.EncodedFileType_OGG, file.GetFileType())
	assert.Equal(t, "recordings/"+rec.ID.String()+".ogg", file.GetFilepath())
	assert.Nil(t, file.GetOutput(), "no credentials in the request")
	assert.EqualValues(t, len(env.AudioFile), *rec.Size)
	assert.True(t, w.files.Has(t, file.GetFilepath()))
	assert.Equal(t, "fr-FR", rec.Options.Language)
	assert.Equal(t, recording.TranscriptPENDING, rec.Transcript)
	assert.WithinDuration(t, time.Now().Add(time.Hour), *rec.ExpiresAt, time.Minute)
}

func TestRequestCarriesCredentialsIfTheSettingHasThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{settings: func(s *recordings.Settings) {
		s.RequestS3 = &livekit.S3{Endpoint: "http://minio", Bucket: "b", AccessKey: "key", SecretKey: "secret"}
	}})
	w.join()
	w.active()
	asked := w.egress.Asked()[0].GetRoomComposite()
	assert.Equal(t, "speaker", asked.GetLayout())
	assert.True(t, asked.GetFileOutputs()[0].GetDisableManifest())
	assert.Equal(t, "secret", asked.GetFileOutputs()[0].GetS3().GetSecret())
}

func TestStartFailsAndFreesTheRoomWhileLiveKitIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.join()
	w.toLiveKit.Cut()
	require.Eventually(t, func() bool {
		_, err := w.livekit.Egresses(t.Context(), w.Room.ID.String())
		network, is := errors.AsType[*net.OpError](err)
		return is && network.Op == "dial"
	}, env.Soon, time.Millisecond, "the client has noticed that its connections are broken")
	_, err := w.Start(w.Host(), w.input())
	env.RequireFault(t, fault.Unavailable, err)
	assert.Equal(t, recording.StatusFAILED, w.only().Status, "LiveKit never got the request")
	assert.Equal(t, w.only().ID, fault.Of(err).Details["recordingId"])
	w.toLiveKit.Mend()
	w.active()
}

func TestEmptyMeetingIsNotRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	_, err := w.Start(w.Host(), w.input())
	env.RequireFault(t, fault.Conflict, err)
	assert.Equal(t, recording.StatusFAILED, w.only().Status)
	assert.Equal(t, "there is nobody in the meeting to record", w.only().Reason)
}

func TestStartFailsIfTheWorkerRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.join()
	w.egress.Behave(env.Behavior{Refuse: "no room on this machine"})
	_, err := w.Start(w.Host(), w.input())
	env.RequireFault(t, fault.Unavailable, err)
	assert.Equal(t, recording.StatusFAILED, w.only().Status)
}

// TestUnansweredStartIsNotAFailure: the worker records, and LiveKit's answer is lost.
func TestUnansweredStartIsNotAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.join()
	w.loseEvents(true)
	w.toLiveKit.Hang()
	_, err := w.Start(w.Host(), w.input())
	env.RequireFault(t, fault.Unavailable, err)
	assert.Equal(t, recording.StatusINITIATED, w.only().Status)
	assert.Len(t, w.egress.Running(), 1, "the egress runs")
	_, err = w.Start(w.Host(), w.input())
	env.RequireFault(t, fault.Conflict, err)
	w.toLiveKit.Resume()
	w.toLiveKit.Cut() // requests that hang do not continue otherwise
	w.toLiveKit.Mend()
	w.work()
	w.until(w.only().ID, recording.StatusACTIVE)
}

// TestEgressOfALateAnswerIsFound: LiveKit answers with a timeout, and the worker records.
func TestEgressOfALateAnswerIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.join()
	w.loseEvents(true)
	hang := make(chan struct{})
	defer close(hang)
	w.egress.Behave(env.Behavior{Hang: hang})
	rec, err := w.Start(w.Host(), w.input())
	require.NoError(t, err)
	assert.NotNil(t, rec.EgressID)
}

// TestEventMayArriveBeforeTheAnswer: LiveKit reports the egress before it answers the start.
func TestEventMayArriveBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.join()
	hang := make(chan struct{})
	w.egress.Behave(env.Behavior{Hang: hang, Then: livekitproto.EgressStatus_EGRESS_COMPLETE})
	started := make(chan *ent.Recording, 1)
	go func() {
		rec, err := w.Start(w.Host(), w.input())
		assert.NoError(t, err)
		started <- rec
	}()
	env.Eventually(w.T, func(t *assert.CollectT) {
		list := w.DB.Recording.Query().AllX(context.Background())
		if assert.Len(t, list, 1) {
			assert.Equal(t, recording.StatusSAVED, list[0].Status)
		}
	})
	close(hang)
	assert.Equal(t, recording.StatusSAVED, (<-started).Status, "the answer does not move the status back")
	assert.Equal(t, []recording.Status{recording.StatusSAVED}, w.ended())
}

func TestOneOfAHundredConcurrentStartsWins(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, options{db: db})
		w.join()
		second := recordings.New(w.dependencies, w.settings)
		var won []*ent.Recording
		var all sync.WaitGroup
		var mu sync.Mutex
		for i := range 100 {
			all.Go(func() {
				by := w.Service
				if i%2 == 0 {
					by = second
				}
				rec, err := by.Start(w.Host(), w.input())
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, rec)
					return
				}
				if assert.Equal(t, fault.Conflict, fault.Of(err).Kind, "%v", err) {
					assert.IsType(t, uuid.UUID{}, fault.Of(err).Details["recordingId"])
				}
			})
		}
		all.Wait()
		require.Len(t, won, 1)
		assert.Equal(t, won[0].ID, w.only().ID)
		assert.Len(t, w.egress.Asked(), 1)
	})
}

func TestServerWithoutABucketRecordsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.dependencies.Bucket = nil
	off := recordings.New(w.dependencies, w.settings)
	_, err := off.Start(w.Host(), w.input())
	env.RequireFault(t, fault.Unavailable, err)
	assert.Contains(t, err.Error(), "records nothing")
	saved := w.stored(nil)
	env.RequireFault(t, fault.Unavailable, off.Delete(w.Host(), saved.ID))
	_, err = off.Get(w.Host(), saved.ID)
	require.NoError(t, err)
}

// TestStartsAreLimited: each start that fails adds a row, an e-mail and webhook events.
func TestStartsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	rdb, prefix := env.Redis(t)
	w.dependencies.Limiter, w.settings.StartsPerUser = ratelimit.New(rdb, prefix), 2
	w.Service = recordings.New(w.dependencies, w.settings)
	start := func(as context.Context) error {
		_, err := w.Start(as, w.input()) // nobody is in the meeting
		return err
	}
	env.RequireFault(t, fault.Forbidden, start(env.As(w.User("Stranger"))))
	env.RequireFault(t, fault.Conflict, start(w.Host()))
	env.RequireFault(t, fault.Conflict, start(w.Host()))
	err := start(w.Host())
	env.RequireFault(t, fault.RateLimited, err)
	assert.Positive(t, fault.Of(err).Details["retryAfter"])
	assert.Len(t, w.ended(), 2, "the refused start adds no notification")
	assert.Equal(t, 2, w.DB.Recording.Query().CountX(context.Background()))
	another := env.As(w.NewMember("Adam", roomaccess.RoleADMINISTRATOR))
	env.RequireFault(t, fault.Conflict, start(another))
}
