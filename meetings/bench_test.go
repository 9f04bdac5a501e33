package meetings_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent/room"
	"foyer/internal/livekit"
	"foyer/meetings"
	"foyer/test/env"
)

// BenchmarkMuteAll200 silences the microphones of 200 people by one request. They would have to speak up
// by themselves before another, so it is one request whatever b.N, and the time is in ms/call.
func BenchmarkMuteAll200(b *testing.B) {
	w := newWorld(b, options{accessLevel: room.AccessLevelPUBLIC})
	for i := range 200 {
		w.enter(w.token(env.Guest(), fmt.Sprintf("Guest %d", i))).publish(livekitproto.TrackSource_MICROPHONE)
	}
	w.silent(b, 0)
	start := time.Now()
	results, err := w.MuteAll(w.Host(), meetings.MuteAllInput{RoomID: w.Room.ID})
	took := time.Since(start)
	require.NoError(b, err)
	require.Equal(b, 200, doneOf(results))
	w.silent(b, 200)
	b.ReportMetric(float64(took.Milliseconds()), "ms/call")
	b.ReportMetric(0, "ns/op")
}

// silent waits until so many microphones are silent.
func (w *world) silent(b *testing.B, wanted int) {
	b.Helper()
	require.EventuallyWithT(b, func(t *assert.CollectT) {
		people, err := w.livekit.Participants(context.Background(), w.Room.ID.String())
		assert.NoError(t, err)
		silent := 0
		for _, p := range people {
			for _, track := range p.Tracks {
				if track.Muted {
					silent++
				}
			}
		}
		assert.Equal(t, wanted, silent)
	}, time.Minute, 50*time.Millisecond)
}

func doneOf(results []*meetings.Result) int {
	n := 0
	for _, r := range results {
		if r.Outcome == meetings.Done {
			n++
		}
	}
	return n
}

// BenchmarkJudge judges a person who joins as the rules say: it reads Redis and SQLite,
// LiveKit is not.
func BenchmarkJudge(b *testing.B) {
	w := newWorld(b, options{accessLevel: room.AccessLevelPUBLIC})
	anna := w.token(env.Guest(), "Anna")
	for i := 0; b.Loop(); i++ {
		require.NoError(b, w.ReceiveEvent(context.Background(),
			w.news(livekit.ParticipantJoined, anna, fmt.Sprintf("PA_%d", i))))
	}
	require.Equal(b, 1, w.meeting().Inside)
}
