package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHeapGrowsToItsFloorAndThenDoubles(t *testing.T) {
	t.Parallel()
	for live, percent := range map[uint64]int{
		0: 1600, 1 << 20: 1600, 4 << 20: 1500, 8 << 20: 700, 20 << 20: 200, 31 << 20: 100, 32 << 20: 100,
		64 << 20: 100, 1 << 40: 100,
	} {
		assert.Equal(t, percent, heapPercent(live), "%d MiB", live>>20)
	}
}

func TestCollectorIsPacedAfterEachCollection(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetGCPercent(debug.SetGCPercent(leastPercent))
	heap := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/gogc:percent"}}
	paced := func(want func(percent int) bool) {
		t.Helper()
		require.Eventually(t, func() bool {
			runtime.GC()
			metrics.Read(heap)
			percent := int(heap[1].Value.Uint64())
			return percent == heapPercent(heap[0].Value.Uint64()) && want(percent)
		}, 10*time.Second, 10*time.Millisecond)
	}
	anything := func(int) bool { return true }
	paceCollector()
	paced(anything)
	much := make([]byte, 2*heapFloor)
	paced(func(percent int) bool { return percent == leastPercent })
	runtime.KeepAlive(much)
	paced(anything)
}
