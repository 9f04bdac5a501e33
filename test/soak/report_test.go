package soak

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
)

// counts are the numbers of events by name.
type counts struct {
	mu sync.Mutex
	of map[string]int
}

func newCounts() *counts { return &counts{of: map[string]int{}} }

func (c *counts) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[what]++
}

// all returns a copy of the counts.
func (c *counts) all() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.of)
}

// sum is the sum of all counts whose name has a prefix.
func (c *counts) sum(prefix string) (sum int) {
	for what, n := range c.all() {
		if strings.HasPrefix(what, prefix) {
			sum += n
		}
	}
	return sum
}

// findings are the results of a soak.
type findings struct {
	decisions              verdict
	shownWrongly, notShown int
	leaks                  leaks
}

// must are the rows that have to be 0.
func (w *world) must() []row {
	f, bad := w.findings, 0
	for _, s := range w.servers {
		bad += len(s.bad())
	}
	return []row{
		{"lost decisions", f.decisions.lost},
		{"wrong admissions", f.decisions.wrong},
		{"contradictory decisions", f.decisions.contradictory},
		{"guests shown who left", f.shownWrongly},
		{"guests not shown who wait", f.notShown},
		{"leaked goroutines", f.leaks.goroutines},
		{"leaked descriptors", f.leaks.descriptors},
		{"leaked Redis keys", f.leaks.keys},
		{"leaked Redis channels", f.leaks.channels},
		{"answers INTERNAL", w.counts.all()["answers INTERNAL"]},
		{"errors, panics and races in the logs", bad},
	}
}

type row struct {
	what string
	n    int
}

// report returns everything as a table.
func (w *world) report() string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(what string, n any) { fmt.Fprintf(table, "%v\t  %s\t\n", n, what) }
	d := w.findings.decisions
	fmt.Fprintf(&text, "\n%v of load on %d servers, %d cores; %d guests, %d rooms, %d hosts; seed %d\n\n",
		w.length, len(w.servers), runtime.NumCPU(), w.guests, len(w.rooms), tabs*len(w.rooms), w.seed)
	line("visits", d.visits)
	line("of them admitted, with a token", d.admitted)
	line("denied", d.denied)
	line("taken back", d.left)
	line("gone without a word", d.unheard)
	for _, what := range slices.Sorted(maps.Keys(w.counts.all())) {
		line(what, w.counts.all()[what])
	}
	unrecorded := 0
	for _, s := range w.servers {
		unrecorded += strings.Count(s.said(), missing)
	}
	line("decisions missing in the audit", unrecorded)
	for _, share := range []int{50, 99, 100} {
		line(fmt.Sprintf("until %d %% of guests knew what was decided", share), d.delay(share).Round(time.Millisecond))
	}
	line("", "")
	for _, must := range w.must() {
		line(must.what, must.n)
	}
	table.Flush()
	return text.String()
}

// delay is the delay that a share (%) of guests did not exceed.
func (d verdict) delay(share int) time.Duration {
	if len(d.delays) == 0 {
		return 0
	}
	return d.delays[(len(d.delays)-1)*share/100]
}

// verdict fails the test when a row is not 0 that must be, or when the load did nothing.
func (w *world) verdict() {
	for _, must := range w.must() {
		assert.Zero(w.t, must.n, must.what)
	}
	for _, example := range slices.Concat(w.findings.decisions.examples, w.findings.leaks.examples) {
		w.t.Log(example)
	}
	for _, s := range w.servers {
		for _, line := range s.bad()[:min(len(s.bad()), 3)] {
			w.t.Logf("server %d: %s", s.number, line)
		}
	}
	d := w.findings.decisions
	for _, tried := range []row{
		{"guests admitted", d.admitted}, {"guests denied", d.denied}, {"guests who took it back", d.left},
		{"guests who went away", d.unheard}, {"servers killed", w.counts.all()["servers killed"]},
		{"faults", w.counts.sum("faults: ")}, {"faults of Redis", w.counts.sum("faults: redis")},
	} {
		assert.NotZero(w.t, tried.n, "%s: the soak tries nothing", tried.what)
	}
}
