package transport

import (
	"sync"
	"time"
)

// workers execute woken operations, each once. As many run concurrently as are needed, up to maxWorkers, so that a
// change that ten thousand sockets watch does not take a stack for each of them.
type workers struct {
	// free gives an operation to an idle worker.
	free chan *operation

	mu    sync.Mutex
	count int
	queue []*operation
}

const (
	// maxWorkers is more than a single Redis that hangs can hold up.
	maxWorkers = 1000
	// workerIdle is how long an idle worker waits for an operation before it ends. A new worker has to grow its stack
	// first, which takes a tenth of its time.
	workerIdle = 100 * time.Millisecond
)

func newWorkers() workers { return workers{free: make(chan *operation)} }

func (w *workers) add(o *operation) {
	select {
	case w.free <- o:
		return
	default:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count == maxWorkers {
		w.queue = append(w.queue, o)
		return
	}
	w.count++
	go w.work(o)
}

func (w *workers) work(o *operation) {
	for ; o != nil; o = w.next() {
		o.event()
	}
}

// next returns the next operation, or nil after workerIdle without one: then the worker ends.
func (w *workers) next() *operation {
	if o := w.dequeue(false); o != nil {
		return o
	}
	select {
	case o := <-w.free:
		return o
	case <-time.After(workerIdle):
		return w.dequeue(true)
	}
}

// dequeue returns the first operation of the queue; nil when it is empty, and then the worker may end.
func (w *workers) dequeue(end bool) *operation {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.queue = nil
		if end {
			w.count--
		}
		return nil
	}
	o := w.queue[0]
	w.queue[0], w.queue = nil, w.queue[1:]
	return o
}
