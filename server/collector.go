package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// heapFloor is how many bytes the heap may have before garbage is collected, however few of them are in use.
const heapFloor = 64 << 20

// pacer is called after each collection of garbage, and says when the next is due.
type pacer struct {
	live []metrics.Sample
	// percent is by how much the heap may grow over what is in use.
	percent int
}

// paceCollector has garbage collected when the heap has doubled, as Go does by itself, but not below
// heapFloor. Of a server that few people wait on some megabytes are in use: under load Go collected thirty
// times a second, and a fifth of all work was that. Whoever sets GOGC knows better.
func paceCollector() {
	if os.Getenv("GOGC") == "" {
		c := &pacer{live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}, percent: leastPercent}
		c.collected()
	}
}

// collected hangs on to its own collection: a finalizer runs once, after the next one.
func (c *pacer) collected() {
	metrics.Read(c.live)
	if percent := heapPercent(c.live[0].Value.Uint64()); percent != c.percent {
		c.percent = percent
		debug.SetGCPercent(percent)
	}
	runtime.SetFinalizer(c, (*pacer).collected)
}

// leastPercent is Go's own, mostPercent what it never takes more than.
const (
	leastPercent = 100
	mostPercent  = 1600
)

// heapPercent returns by how much the heap may grow over what is live of it, in whole hundreds.
func heapPercent(live uint64) int {
	grown := heapFloor * 100 / max(live, 1)
	return int(min(max(grown/100*100, leastPercent+100), mostPercent+100)) - 100
}
