package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// heapFloor is the size of the heap in bytes below which Go does not collect garbage.
const heapFloor = 64 << 20

// pacer sets the target of the next garbage collection after each one.
type pacer struct {
	live []metrics.Sample
	// percent is how much the heap may grow above the live heap, as GOGC.
	percent int
}

// paceCollector lets Go collect garbage when the heap has doubled, as is Go's default, but not below heapFloor. A
// server with few waiting guests uses a few megabytes: under load Go collected thirty times a second, which was a fifth
// of all work. GOGC turns this off.
func paceCollector() {
	if os.Getenv("GOGC") == "" {
		c := &pacer{live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}, percent: leastPercent}
		c.collected()
	}
}

// collected sets itself as a finalizer again: a finalizer runs once, after the next collection.
func (c *pacer) collected() {
	metrics.Read(c.live)
	if percent := heapPercent(c.live[0].Value.Uint64()); percent != c.percent {
		c.percent = percent
		debug.SetGCPercent(percent)
	}
	runtime.SetFinalizer(c, (*pacer).collected)
}

// The bounds of percent. The least is Go's default.
const (
	leastPercent = 100
	mostPercent  = 1600
)

// heapPercent returns how much the heap may grow above the live heap, in whole hundreds.
func heapPercent(live uint64) int {
	grown := heapFloor * 100 / max(live, 1)
	return int(min(max(grown/100*100, leastPercent+100), mostPercent+100)) - 100
}
