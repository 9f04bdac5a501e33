package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// lengthEnv is the length of the load, guestsEnv the number of guests, and seedEnv the seed. The same seed gives
	// the same faults and plans, but not the same timing.
	lengthEnv = "FOYER_SOAK"
	guestsEnv = "FOYER_SOAK_GUESTS"
	seedEnv   = "FOYER_SOAK_SEED"

	// aroundRoom is how many guests come to one room.
	aroundRoom = 40
	// tabs is how many hosts watch one room.
	tabs = 2
	// arrivals is the time over which guests come for the first time.
	arrivals = 10 * time.Second
	// patience is how long guests may take to learn the last decisions, when nothing is broken any more.
	patience = time.Minute
)

// scale is the size of the load.
type scale struct {
	length        time.Duration
	guests, rooms int
	seed          uint64
}

// scaleOf reads it from the environment.
func scaleOf(t *testing.T) scale {
	t.Helper()
	s := scale{length: time.Minute, guests: 120, seed: rand.Uint64()}
	var err error
	if text := os.Getenv(lengthEnv); text != "" {
		s.length, err = time.ParseDuration(text)
		require.NoError(t, err, lengthEnv)
		s.guests = 1000
	}
	if text := os.Getenv(guestsEnv); text != "" {
		s.guests, err = strconv.Atoi(text)
		require.NoError(t, err, guestsEnv)
	}
	if text := os.Getenv(seedEnv); text != "" {
		s.seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, seedEnv)
	}
	s.rooms = max(2, s.guests/aroundRoom)
	return s
}

// TestNothingIsLostWhateverBreaks is the soak.
func TestNothingIsLostWhateverBreaks(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a minute and more")
	}
	w := newWorld(t, scaleOf(t))
	w.warmUp()
	before := w.measure()
	w.openRooms()
	w.silentUntil = time.Now().Add(max(w.length/4, w.length-beforeSilenceIsNoticed))

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	guests, hosts := w.admitGuests(ctx), w.seatHosts(ctx)
	w.breakThings()

	close(w.closing)
	hosts.decided.Wait()
	w.findings.shownWrongly, w.findings.notShown = w.compareLists(ctx, hosts.all)
	w.letInTheRest(ctx)
	w.await(guests, patience)
	stop()
	guests.Wait()
	hosts.watching.Wait()

	w.endMeetings()
	w.findings.decisions = w.log.judge()
	w.findings.leaks = w.leaks(before)
	fmt.Print(w.report())
	w.verdict()
}

// await returns when all guests have gone, or when patience ends.
func (w *world) await(guests *sync.WaitGroup, patience time.Duration) {
	gone := make(chan struct{})
	go func() { guests.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-time.After(patience):
	}
}
