package soak

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// decisions is the log of the decisions that hosts tried, those that servers confirmed, and the guests that came.
type decisions struct {
	mu      sync.Mutex
	records map[string]*record
	opened  map[*room][]*opening
	visits  []*visit
}

// record is what hosts know of one entry.
type record struct {
	// tried are the sent decisions with the time of the first try; told are those that a server has confirmed.
	tried, told map[string]time.Time
}

// opening is the time in which a host admitted everybody.
type opening struct{ from, to time.Time }

func newDecisions() *decisions {
	return &decisions{records: map[string]*record{}, opened: map[*room][]*opening{}}
}

func (d *decisions) visited(v *visit) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.visits = append(d.visits, v)
}

// record returns the record of an entry. The caller holds the lock.
func (d *decisions) record(id string) *record {
	if d.records[id] == nil {
		d.records[id] = &record{map[string]time.Time{}, map[string]time.Time{}}
	}
	return d.records[id]
}

// tries records a decision before it is sent.
func (d *decisions) tries(id, status string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	first(d.record(id).tried, status)
}

// decided records the decision that a server confirmed.
func (d *decisions) decided(id, status string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	first(d.record(id).told, status)
}

// opens records that a host is about to admit everybody. The returned function records the end.
func (d *decisions) opens(r *room) (over func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := &opening{from: time.Now()}
	d.opened[r] = append(d.opened[r], o)
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		o.to = time.Now()
	}
}

func first(times map[string]time.Time, what string) {
	if _, before := times[what]; !before {
		times[what] = time.Now()
	}
}

// verdict is the outcome of all decisions.
type verdict struct {
	visits, admitted, denied, left, unheard int
	// lost, wrong and contradictory must be zero; examples say which they are.
	lost, wrong, contradictory int
	examples                   []string
	// delays are the times from a decision's confirmation until its guest learned it.
	delays []time.Duration
}

// judge compares the log with what the guests learned. All of them have gone.
func (d *decisions) judge() (sum verdict) {
	sum.visits = len(d.visits)
	for _, v := range d.visits {
		d.judgeOne(v, d.record(v.id), &sum)
	}
	slices.Sort(sum.delays)
	return sum
}

func (d *decisions) judgeOne(v *visit, r *record, sum *verdict) {
	complain := func(count *int, what string) {
		*count++
		if len(sum.examples) < 10 {
			sum.examples = append(sum.examples,
				fmt.Sprintf("%s %s: tried %v, confirmed %v, seen %v, %d tokens, asked at %s",
					what, v.id, stamps(r.tried), stamps(r.told), stamps(v.seen), len(v.tokens), v.askedAt.Format(clock)))
		}
	}
	known := map[string]bool{}
	for _, from := range []map[string]time.Time{r.told, v.seen} {
		for status := range from {
			known[status] = status != "WAITING"
		}
	}
	delete(known, "WAITING")
	delete(known, "ENDED")
	if len(known) > 1 {
		complain(&sum.contradictory, "contradiction")
	}
	admitted, isAdmitted := r.told["ADMITTED"]
	denied, isDenied := r.told["DENIED"]
	seen, isTold := v.seen["DENIED"]
	switch {
	case v.gone && known["LEFT"]:
		sum.left++
	case v.gone:
		sum.unheard++
	case isAdmitted && len(v.tokens) == 0, isDenied && !isTold:
		complain(&sum.lost, "lost")
	case isAdmitted:
		sum.admitted++
		sum.delays = append(sum.delays, max(0, earliest(v.tokens).Sub(admitted)))
	case isDenied:
		sum.denied++
		sum.delays = append(sum.delays, max(0, seen.Sub(denied)))
	case len(known) == 0:
		complain(&sum.lost, "nobody's decision")
	}
	if len(v.tokens) == 0 {
		return
	}
	switch {
	case v.forged != "":
		complain(&sum.wrong, v.forged)
	case isDenied || isTold || known["LEFT"]:
		complain(&sum.wrong, "a token although turned away")
	case !d.wanted(v, r):
		complain(&sum.wrong, "a token that nobody has given")
	}
}

// wanted reports whether a host had tried to admit a guest when the guest got the first token.
func (d *decisions) wanted(v *visit, r *record) bool {
	got := earliest(v.tokens)
	if tried, is := r.tried["ADMITTED"]; is && tried.Before(got) {
		return true
	}
	return slices.ContainsFunc(d.opened[v.room], func(o *opening) bool {
		return o.from.Before(got) && (o.to.IsZero() || v.askedAt.Before(o.to))
	})
}

// waiting are the guests who wait by their own account.
func (d *decisions) waiting() map[*room]map[string]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	rooms := map[*room]map[string]bool{}
	for _, v := range d.visits {
		if id := v.waiting.Load(); id != nil {
			if rooms[v.room] == nil {
				rooms[v.room] = map[string]bool{}
			}
			rooms[v.room][*id] = true
		}
	}
	return rooms
}

func earliest(times map[string]time.Time) (first time.Time) {
	for _, at := range times {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}

const clock = "15:04:05.000"

func stamps(times map[string]time.Time) map[string]string {
	texts := map[string]string{}
	for what, at := range times {
		texts[what] = at.Format(clock)
	}
	return texts
}
