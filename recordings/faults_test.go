package recordings_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/outboxmessage"
	"foyer/ent/recording"
	"foyer/ent/roomaccess"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/internal/live"
	"foyer/internal/livekit"
	"foyer/internal/ratelimit"
	"foyer/recordings"
	"foyer/test/env"
)

// impatient gives recordings up at once of which LiveKit says nothing.
func impatient(s *recordings.Settings) { s.StartTimeout, s.StopTimeout = 0, 0 }

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
		"failed without a word": {livekitproto.EgressStatus_EGRESS_FAILED, "", recording.StatusFAILED,
			"the media server failed to record"},
		"aborted": {livekitproto.EgressStatus_EGRESS_ABORTED, "", recording.StatusABORTED,
			"the media server aborted it"},
	} {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, events lost %v", name, lost), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, options{})
				w.call()
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

func TestAudioAloneIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{settings: func(s *recordings.Settings) { s.KeptFor = time.Hour }})
	w.call()
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

func TestCredentialsAreInTheRequestWhereTheSettingSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{settings: func(s *recordings.Settings) {
		s.RequestS3 = &livekit.S3{Endpoint: "http://minio", Bucket: "b", AccessKey: "key", SecretKey: "secret"}
	}})
	w.call()
	w.active()
	asked := w.egress.Asked()[0].GetRoomComposite()
	assert.Equal(t, "speaker", asked.GetLayout())
	assert.True(t, asked.GetFileOutputs()[0].GetDisableManifest())
	assert.Equal(t, "secret", asked.GetFileOutputs()[0].GetS3().GetSecret())
}

func TestLiveKitThatIsAwayFailsAStartAndFreesTheRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.call()
	w.toLiveKit.Cut()
	require.Eventually(t, func() bool {
		_, err := w.rtc.Egresses(t.Context(), w.Room.ID.String())
		network, is := errors.AsType[*net.OpError](err)
		return is && network.Op == "dial"
	}, env.Soon, time.Millisecond, "connections that were open before are known to be broken")
	_, err := w.Start(w.Host(), w.input())
	env.RequireFault(t, fault.Unavailable, err)
	assert.Equal(t, recording.StatusFAILED, w.only().Status, "it was never asked")
	assert.Equal(t, w.only().ID, fault.Of(err).Details["recordingId"])
	w.toLiveKit.Mend()
	w.active()
}

func TestNobodyIsRecordedWhenNobodyIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	_, err := w.Start(w.Host(), w.input())
	env.RequireFault(t, fault.Conflict, err)
	assert.Equal(t, recording.StatusFAILED, w.only().Status)
	assert.Equal(t, "there is nobody in the meeting to record", w.only().Reason)
}

func TestWorkerThatRefusesFailsAStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.call()
	w.egress.Behave(env.Behavior{Refuse: "no room on this machine"})
	_, err := w.Start(w.Host(), w.input())
	env.RequireFault(t, fault.Unavailable, err)
	assert.Equal(t, recording.StatusFAILED, w.only().Status)
}

// TestUnansweredStartIsNoFailureWhileItMayHaveBegun: the worker records, and LiveKit's answer is lost.
func TestUnansweredStartIsNoFailureWhileItMayHaveBegun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.call()
	w.loseEvents(true)
	w.toLiveKit.Hang()
	_, err := w.Start(w.Host(), w.input())
	env.RequireFault(t, fault.Unavailable, err)
	assert.Equal(t, recording.StatusINITIATED, w.only().Status)
	assert.Len(t, w.egress.Running(), 1, "it records")
	_, err = w.Start(w.Host(), w.input())
	env.RequireFault(t, fault.Conflict, err)
	w.toLiveKit.Resume()
	w.toLiveKit.Cut() // what hung stays so otherwise
	w.toLiveKit.Mend()
	w.work()
	w.until(w.only().ID, recording.StatusACTIVE)
}

// TestStartThatIsAnsweredLateIsFound: LiveKit answers that it takes too long, and the worker records.
func TestStartThatIsAnsweredLateIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.call()
	w.loseEvents(true)
	hang := make(chan struct{})
	defer close(hang)
	w.egress.Behave(env.Behavior{Hang: hang})
	rec, err := w.Start(w.Host(), w.input())
	require.NoError(t, err)
	assert.NotNil(t, rec.EgressID)
}

// TestNewsBeforeTheAnswer: LiveKit tells of the egress while the call that started it goes on.
func TestNewsBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.call()
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
	assert.Equal(t, recording.StatusSAVED, (<-started).Status, "the answer undoes nothing")
	assert.Equal(t, []recording.Status{recording.StatusSAVED}, w.ended())
}

func TestRecordingThatNeverBeginsExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true, settings: impatient})
	w.call()
	w.loseEvents(true)
	w.egress.Behave(env.Behavior{Starting: true})
	rec := w.start()
	w.work()
	rec = w.until(rec.ID, recording.StatusFAILED)
	assert.Equal(t, "it did not begin in time", rec.Reason)
	w.unwanted()
}

func TestLiveKitThatIsAwayIsAskedToStopAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.call()
	rec := w.active()
	w.toLiveKit.Cut()
	_, err := w.Stop(w.Host(), w.Room.ID)
	env.RequireFault(t, fault.Unavailable, err)
	assert.Equal(t, recording.StatusSTOPPING, w.now(rec.ID).Status)
	w.toLiveKit.Mend()
	w.until(rec.ID, recording.StatusSAVED)
}

// TestStopOfWhatHasJustEndedLosesNothing: LiveKit refuses to stop what is over.
func TestStopOfWhatHasJustEndedLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.call()
	rec := w.active()
	w.loseEvents(true)
	w.egress.End(*rec.EgressID, livekitproto.EgressStatus_EGRESS_COMPLETE)
	rec, err := w.Stop(w.Host(), w.Room.ID)
	require.NoError(t, err)
	assert.Equal(t, recording.StatusSAVED, rec.Status)
	_, err = w.Stop(w.Host(), w.Room.ID)
	env.RequireFault(t, fault.NotFound, err)
}

// TestStopBeforeItBegins: the start goes on while it is stopped.
func TestStopBeforeItBegins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.call()
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
	w.unwanted()
	w.work()
	w.until(rec.ID, recording.StatusABORTED)
}

// TestWorkerThatDied: LiveKit goes on saying that it records.
func TestWorkerThatDied(t *testing.T) {
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
			w.call()
			rec := w.active()
			w.egress.Crash()
			if c.stored {
				w.files.Put(t, recordings.Key(rec), "a film")
			}
			_, err := w.Stop(w.Host(), w.Room.ID)
			if err != nil { // or the comparison was faster
				env.RequireFault(t, fault.Unavailable, err)
			}
			w.until(rec.ID, c.status)
			w.egress.Start()
			w.active()
		})
	}
}

func TestLiveKitThatForgets(t *testing.T) {
	t.Parallel()
	for _, stored := range []bool{true, false} {
		t.Run(fmt.Sprint("stored ", stored), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{idle: true})
			w.call()
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

// TestStorageThatIsAwayDecidesNothing: whether the file is there is not known.
func TestStorageThatIsAwayDecidesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.call()
	rec := w.active()
	w.egress.Crash()
	w.egress.Forget()
	w.files.Put(t, recordings.Key(rec), "a film")
	w.toBucket.Cut()
	assert.Error(t, w.Reconcile(context.Background()))
	assert.Equal(t, recording.StatusACTIVE, w.now(rec.ID).Status)
	w.toBucket.Mend()
	assert.NoError(t, w.Reconcile(context.Background()))
	assert.Equal(t, recording.StatusSAVED, w.now(rec.ID).Status)
}

// TestLateFileWins over what was believed of its recording.
func TestLateFileWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true, settings: func(s *recordings.Settings) { s.StopTimeout = 0 }})
	w.call()
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
	assert.Equal(t, recording.StatusACTIVE, w.now(other.ID).Status, "and the room's next one goes on")
	assert.Equal(t, []recording.Status{recording.StatusFAILED, recording.StatusSAVED}, w.ended())
}

// TestEndOfTheMeetingEndsItsRecording, whoever ends it, also when LiveKit's news of it is lost.
func TestEndOfTheMeetingEndsItsRecording(t *testing.T) {
	t.Parallel()
	byHost := func(w *world) error {
		_, err := w.calls.End(w.Host(), w.Room.ID)
		return err
	}
	byItself := func(w *world) error {
		return w.rtc.EndRoom(context.Background(), w.Room.ID.String())
	}
	for name, c := range map[string]struct {
		lost bool
		end  func(w *world) error
	}{
		"a host ends it":              {false, byHost},
		"a host ends it, events lost": {true, byHost},
		"the call ends":               {false, byItself},
		"the call ends, events lost":  {true, byItself},
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
			w.call()
			rec := w.active()
			w.loseEvents(c.lost)
			require.NoError(t, c.end(w))
			env.Eventually(w.T, func(t *assert.CollectT) {
				assert.Contains(t, []recording.Status{recording.StatusSAVED, recording.StatusFAILED},
					w.now(rec.ID).Status)
			})
			w.unwanted()
		})
	}
}

// TestDeletedRoomLeavesNothing: neither files nor an egress.
func TestDeletedRoomLeavesNothing(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, options{db: db, idle: true})
		w.call()
		w.egress.Behave(env.Behavior{Then: livekitproto.EgressStatus_EGRESS_COMPLETE})
		saved := w.until(w.start().ID, recording.StatusSAVED)
		w.egress.Behave(env.Behavior{})
		runs := w.active()
		w.toBucket.Cut()
		w.toLiveKit.Cut()
		_, err := w.calls.DeleteRoom(w.Host(), w.Room.ID)
		require.NoError(t, err)
		assert.Zero(t, w.DB.Recording.Query().CountX(context.Background()))
		assert.Equal(t, 2, w.DB.OutboxMessage.Query().
			Where(outboxmessage.Kind(recordings.Kind)).CountX(context.Background()))
		assert.Len(t, w.egress.Running(), 1)
		w.work()
		env.Eventually(w.T, func(t *assert.CollectT) {
			assert.Equal(t, 2, w.DB.OutboxMessage.Query().Where(outboxmessage.AttemptsGTE(3)).
				CountX(context.Background()), "it has failed, and is older than what is given up")
		})
		w.toBucket.Mend()
		w.toLiveKit.Mend()
		w.unwanted()
		// Its file comes now, and goes.
		env.Eventually(w.T, func(t *assert.CollectT) {
			assert.False(t, w.files.Has(w.T, recordings.Key(saved)))
			assert.False(t, w.files.Has(w.T, recordings.Key(runs)))
		})
	})
}

// TestRoomThatIsDeletedWhileItsRecordingBegins leaves no egress.
func TestRoomThatIsDeletedWhileItsRecordingBegins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.call()
	hang := make(chan struct{})
	w.egress.Behave(env.Behavior{Hang: hang})
	failed := make(chan error, 1)
	go func() { _, err := w.Start(w.Host(), w.input()); failed <- err }()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Len(t, w.egress.Running(), 1) })
	_, err := w.Rooms.Delete(w.Host(), w.Room.ID, w.AddDiscards) // its call goes on
	require.NoError(t, err)
	close(hang)
	env.RequireFault(t, fault.NotFound, <-failed)
	w.unwanted()
}

// TestUnwantedEgressIsEnded: one of a recording that is over, and one of a recording that nobody knows.
func TestUnwantedEgressIsEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.call()
	w.loseEvents(true)
	path := "recordings/" + uuid.NewString() + ".mp4"
	_, err := w.rtc.StartEgress(context.Background(), livekit.EgressRequest{
		Room: w.Room.ID.String(), File: path,
	})
	require.NoError(t, err)
	w.unwanted()
	foreign, err := w.rtc.StartEgress(context.Background(), livekit.EgressRequest{
		Room: w.Room.ID.String(), File: "elsewhere/film.mp4",
	})
	require.NoError(t, err)
	rec := w.active()
	require.NoError(t, w.Reconcile(context.Background()))
	assert.ElementsMatch(t, []string{foreign.ID, *rec.EgressID}, w.egress.Running(), "others' goes on")
}

func TestOfAHundredStartsOneWins(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, options{db: db})
		w.call()
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

// TestServersTakeTurns: of two that compare at once one does.
func TestServersTakeTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	second := recordings.New(w.dependencies, w.settings)
	env.Run(w.T, second.Run)
	w.call()
	w.loseEvents(true)
	w.egress.Behave(env.Behavior{Then: livekitproto.EgressStatus_EGRESS_COMPLETE})
	w.until(w.start().ID, recording.StatusSAVED)
	assert.Equal(t, []recording.Status{recording.StatusSAVED}, w.ended(), "it ends once")
}

func TestExpiredRecordingIsRemoved(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, options{db: db})
		kept := w.stored(nil)
		later := w.stored(new(time.Now().Add(time.Hour)))
		w.toBucket.Cut()
		gone := w.stored(new(time.Now().Add(-time.Second)))
		assert.Nil(t, w.URL(gone), "also while its file is there")
		assert.True(t, recordings.Expired(gone))
		assert.Error(t, w.Reconcile(context.Background()))
		w.now(gone.ID)
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

// stored is a recording that is saved, until a time.
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
		w.call()
		rec := w.active()
		env.RequireFault(t, fault.Conflict, w.Delete(w.Host(), rec.ID))
		w.egress.End(*rec.EgressID, livekitproto.EgressStatus_EGRESS_COMPLETE)
		rec = w.until(rec.ID, recording.StatusSAVED)
		w.toBucket.Cut()
		env.RequireFault(t, fault.Unavailable, w.Delete(w.Host(), rec.ID))
		assert.Equal(t, recording.StatusSAVED, w.now(rec.ID).Status)
		w.toBucket.Mend()
		require.NoError(t, w.Delete(w.Host(), rec.ID))
		assert.False(t, w.files.Has(t, recordings.Key(rec)))
		env.RequireFault(t, fault.NotFound, w.Delete(w.Host(), rec.ID))

		// What was half deleted is deleted again.
		half := w.stored(nil)
		require.NoError(t, w.files.Client.RemoveObject(
			context.Background(), w.files.Name, recordings.Key(half), minio.RemoveObjectOptions{}))
		require.NoError(t, w.Delete(w.Host(), half.ID))
		assert.Zero(t, w.DB.Recording.Query().CountX(context.Background()))
	})
}

// TestFileOfADeletedRecordingThatComesLateIsRemoved: it was given up, and recorded all the same.
func TestFileOfADeletedRecordingThatComesLateIsRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{settings: func(s *recordings.Settings) { s.StopTimeout = 0 }})
	w.call()
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
			"until no egress can begin any more")
		last := w.DB.OutboxMessage.Query().Where(pending).OnlyX(context.Background())
		assert.Equal(t, "its egress has not ended yet", last.LastError)
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

// TestComparisonDoesNotCallForTheNext: what LiveKit goes on listing, though its worker died, is looked at
// again when it is time, and not at once and for ever.
func TestComparisonDoesNotCallForTheNext(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	w.call()
	rec := w.active()
	w.egress.Crash()
	_, err := w.Stop(w.Host(), w.Room.ID)
	env.RequireFault(t, fault.Unavailable, err)
	require.Equal(t, recording.StatusSTOPPING, w.now(rec.ID).Status)
	assert.True(t, w.Woken(), "it is to be asked again soon")
	_ = w.Reconcile(context.Background())
	assert.Equal(t, recording.StatusSTOPPING, w.now(rec.ID).Status)
	assert.False(t, w.Woken(), "but not again and again")
}

// TestStartsAreLimited: each that fails is a row, an e-mail and an event to every service.
func TestStartsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{idle: true})
	rdb, prefix := env.Redis(t)
	w.dependencies.Limiter, w.settings.StartsPerUser = ratelimit.New(rdb, prefix), 2
	w.Service = recordings.New(w.dependencies, w.settings)
	start := func(as context.Context) error {
		_, err := w.Start(as, w.input()) // nobody is in the call
		return err
	}
	env.RequireFault(t, fault.Forbidden, start(env.As(w.User("Stranger"))))
	env.RequireFault(t, fault.Conflict, start(w.Host()))
	env.RequireFault(t, fault.Conflict, start(w.Host()))
	err := start(w.Host())
	env.RequireFault(t, fault.RateLimited, err)
	assert.Positive(t, fault.Of(err).Details["retryAfter"])
	assert.Len(t, w.ended(), 2, "nothing more is told of")
	assert.Equal(t, 2, w.DB.Recording.Query().CountX(context.Background()))
	another := env.As(w.NewMember("Adam", roomaccess.RoleADMINISTRATOR))
	env.RequireFault(t, fault.Conflict, start(another))
}
