package recordings_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"foyer/ent"
	"foyer/ent/recording"
	"foyer/ent/schema"
	"foyer/internal/livekit"
	"foyer/recordings"
	"foyer/test/env"
)

// initiated adds an INITIATED recording.
func (w *world) initiated() *ent.Recording {
	return w.DB.Recording.Create().SetRoomID(w.Room.ID).SetMode(recording.ModeSCREEN).
		SetOptions(schema.RecordingOptions{}).SetStartedBy(w.Owner.ID).SaveX(context.Background())
}

// egressOf is what LiveKit reports of the egress of a recording.
func egressOf(rec *ent.Recording, status livekit.EgressStatus) *livekit.Egress {
	e := &livekit.Egress{
		ID: "EG_" + rec.ID.String(), Room: rec.RoomID.String(), FileKnown: true, File: recordings.Key(rec),
		Status: status,
	}
	if status != livekit.EgressStarting {
		e.StartedAt = time.Now()
	}
	if status == livekit.EgressComplete || status == livekit.EgressLimitReached {
		e.Size, e.Duration = 42, time.Second
	}
	return e
}

// TestEventsInAnyOrderLeadToOneEnd draws events of one egress in any order and number. The status never goes
// back, and the recording ends once.
func TestEventsInAnyOrderLeadToOneEnd(t *testing.T) {
	t.Parallel()
	w := newIdleWorld(t, nil)
	ends := map[livekit.EgressStatus]recording.Status{
		livekit.EgressComplete: recording.StatusSAVED, livekit.EgressLimitReached: recording.StatusSAVED,
		livekit.EgressFailed: recording.StatusFAILED, livekit.EgressAborted: recording.StatusABORTED,
	}
	before := map[recording.Status]int{
		recording.StatusINITIATED: 0, recording.StatusACTIVE: 1, recording.StatusSTOPPING: 2,
		recording.StatusFAILED: 3, recording.StatusABORTED: 3, recording.StatusSAVED: 4,
	}
	rapid.Check(t, func(rt *rapid.T) {
		rec := w.initiated()
		w.mu.Lock()
		w.ends = nil
		w.mu.Unlock()
		end := rapid.SampledFrom([]livekit.EgressStatus{
			livekit.EgressComplete, livekit.EgressLimitReached, livekit.EgressFailed, livekit.EgressAborted,
		}).Draw(rt, "end")
		given := rapid.SliceOfN(rapid.SampledFrom([]string{
			"STARTING", "ACTIVE", "ENDING", "end", "stop", "give up",
		}), 1, 10).Draw(rt, "events")
		level, ended, gaveUp := 0, false, false
		for _, name := range append(given, "end") {
			now := w.DB.Recording.GetX(context.Background(), rec.ID)
			switch name {
			case "stop":
				require.NoError(rt, w.EndMeeting(context.Background(), w.Room.ID, time.Now()))
			case "give up":
				gaveUp = gaveUp || !ended && before[now.Status] < 3
				require.NoError(rt, w.GiveUp(context.Background(), now))
			case "end":
				require.NoError(rt, w.HandleEgress(context.Background(), egressOf(rec, end)))
				ended = true
			default:
				require.NoError(rt, w.HandleEgress(context.Background(), egressOf(rec, livekit.EgressStatus(name))))
			}
			now = w.DB.Recording.GetX(context.Background(), rec.ID)
			require.GreaterOrEqual(rt, before[now.Status], level, "%s after %s", now.Status, name)
			level = before[now.Status]
		}
		now := w.DB.Recording.GetX(context.Background(), rec.ID)
		require.NotNil(rt, now.EndedAt)
		switch {
		case ends[end] == recording.StatusSAVED:
			require.Equal(rt, recording.StatusSAVED, now.Status)
			require.EqualValues(rt, 42, *now.Size)
			require.EqualValues(rt, 1000, *now.Duration)
		case gaveUp:
			require.Equal(rt, recording.StatusFAILED, now.Status)
		default:
			require.Equal(rt, ends[end], now.Status)
		}
		saved := 0
		for _, status := range w.ended() {
			if status == recording.StatusSAVED {
				saved++
			}
		}
		require.LessOrEqual(rt, saved, 1, "a file is announced once")
		require.LessOrEqual(rt, len(w.ended()), 2)
	})
}

func TestEventsOfOtherEgressesChangeNothing(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newIdleWorld(t, db)
		rec := w.initiated()
		for name, change := range map[string]func(*livekit.Egress){
			"elsewhere":      func(e *livekit.Egress) { e.File = "films/" + rec.ID.String() + ".mp4" },
			"no file":        func(e *livekit.Egress) { e.File = "" },
			"another type":   func(e *livekit.Egress) { e.File = "recordings/" + rec.ID.String() + ".ogg" },
			"another folder": func(e *livekit.Egress) { e.File = "recordings/x/" + rec.ID.String() + ".mp4" },
			"another room":   func(e *livekit.Egress) { e.Room = uuid.NewString() },
			"temporary room": func(e *livekit.Egress) { e.Room = "abc-defg-hij" },
			"another file":   func(e *livekit.Egress) { e.File = "recordings/" + uuid.NewString() + ".mp4" },
			"unknown file":   func(e *livekit.Egress) { e.FileKnown, e.File, e.Room = false, "", uuid.NewString() },
		} {
			e := egressOf(rec, livekit.EgressComplete)
			change(e)
			require.NoError(t, w.HandleEgress(context.Background(), e), name)
			assert.Equal(t, recording.StatusINITIATED, w.reload(rec.ID).Status, name)
			assert.Nil(t, w.reload(rec.ID).EgressID, name)
		}
		require.NoError(t, w.HandleEgress(context.Background(), egressOf(rec, livekit.EgressActive)))
		second := egressOf(rec, livekit.EgressComplete)
		second.ID = "EG_second"
		require.NoError(t, w.HandleEgress(context.Background(), second))
		assert.Equal(t, recording.StatusACTIVE, w.reload(rec.ID).Status)
	})
}

func TestEventWithoutAFileBelongsToTheRecordingWithoutAnEgress(t *testing.T) {
	t.Parallel()
	w := newIdleWorld(t, nil)
	rec := w.initiated()
	e := egressOf(rec, livekit.EgressActive)
	e.FileKnown, e.File = false, ""
	require.NoError(t, w.HandleEgress(context.Background(), e))
	assert.Equal(t, recording.StatusACTIVE, w.reload(rec.ID).Status)
	e.Status = livekit.EgressComplete
	require.NoError(t, w.HandleEgress(context.Background(), e))
	assert.Equal(t, recording.StatusSAVED, w.reload(rec.ID).Status)
}
