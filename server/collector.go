package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// The heap's floor is how many bytes it may have before garbage is collected, however few of them are in
// use.
const (
	heapFloor = 64 << 20
	// crowdedFloor is that while many wait. What each of them keeps lies among the garbage of the handshakes
	// that came with his, and the more of that there was at a time, the more memory has holes ever after: 10,000
	// guests took 3.4 kB each, and take 2.4.
	crowdedFloor = 32 << 20
)

// pacer is called after each collection of garbage, and says when the next is due.
type pacer struct {
	mu sync.Mutex
	// live is what was in use at the last collection; nil while the pacer has nothing to say.
	live []metrics.Sample
	// percent is by how much the heap may grow over what is in use.
	percent int
	floor   uint64
}

// paced is the process's: there is one.
var paced = pacer{floor: heapFloor}

// paceCollector has garbage collected when the heap has doubled, as Go does by itself, but not below
// its floor. Of a server that few people wait on some megabytes are in use: under load Go collected thirty
// times a second, and a fifth of all work was that. Whoever sets GOGC knows better.
func paceCollector() {
	if os.Getenv("GOGC") == "" {
		paced.begin()
		(&collection{}).ended()
	}
}

// collection is garbage itself: its finalizer runs once, after the next collection.
type collection struct{ _ *byte }

func (c *collection) ended() {
	paced.pace()
	runtime.SetFinalizer(c, (*collection).ended)
}

func (p *pacer) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live = []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	p.percent = leastPercent
}

// crowd says that many wait, or that nobody does any more.
func (p *pacer) crowd(many bool) {
	p.mu.Lock()
	if p.floor = heapFloor; many {
		p.floor = crowdedFloor
	}
	p.mu.Unlock()
	p.pace()
}

func (p *pacer) pace() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live == nil {
		return
	}
	metrics.Read(p.live)
	if percent := heapPercent(p.live[0].Value.Uint64(), p.floor); percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
}

// leastPercent is Go's own, mostPercent what it never takes more than.
const (
	leastPercent = 100
	mostPercent  = 1600
)

// heapPercent returns by how much the heap may grow over what is live of it, in whole hundreds.
func heapPercent(live, floor uint64) int {
	grown := floor * 100 / max(live, 1)
	return int(min(max(grown/100*100, leastPercent+100), mostPercent+100)) - 100
}
