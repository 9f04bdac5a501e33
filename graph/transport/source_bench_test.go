package transport_test

import (
	"runtime"
	"testing"
)

// BenchmarkMemoryOfWaitingSocket reports the live heap of a waiting subscription, including the client's side of the
// connection.
func BenchmarkMemoryOfWaitingSocket(b *testing.B) {
	s, w := newWatched(b, nil)
	w.waiting(b, s)
	before := count(b)
	for b.Loop() {
		w.waiting(b, s)
	}
	now := count(b)
	b.ReportMetric(float64(now.heap-before.heap)/float64(b.N), "B/socket")
	b.ReportMetric(float64(now.goroutines-before.goroutines)/float64(b.N), "goroutines/socket")
	runtime.KeepAlive(s)
}

// BenchmarkMemoryOfWaitingStream reports the same for an event stream, and its stacks.
func BenchmarkMemoryOfWaitingStream(b *testing.B) {
	s, w := newWatched(b, nil)
	w.streams(b, s)
	stacks := func() uint64 {
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		return memory.StackInuse
	}
	before, stacksBefore := count(b), stacks()
	for b.Loop() {
		w.streams(b, s)
	}
	now := count(b)
	b.ReportMetric(float64(now.heap-before.heap)/float64(b.N), "B/stream")
	b.ReportMetric(float64(stacks()-stacksBefore)/float64(b.N), "stackB/stream")
	b.ReportMetric(float64(now.goroutines-before.goroutines)/float64(b.N), "goroutines/stream")
	runtime.KeepAlive(s)
}

// BenchmarkPush measures from a wake-up until the client has the state.
func BenchmarkPush(b *testing.B) {
	s, w := newWatched(b, nil)
	c, source := w.waiting(b, s)
	state := int64(1)
	b.ReportAllocs()
	for b.Loop() {
		state++
		source.set(state)
		if _, _, err := c.conn.ReadMessage(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPing measures a client's message to a parked socket, and the response.
func BenchmarkPing(b *testing.B) {
	s, w := newWatched(b, nil)
	c, _ := w.waiting(b, s)
	b.ReportAllocs()
	for b.Loop() {
		c.send(`{"type": "ping"}`)
		if _, _, err := c.conn.ReadMessage(); err != nil {
			b.Fatal(err)
		}
	}
}
