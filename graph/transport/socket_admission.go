package transport

import (
	"context"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// admit counts a socket, unless there are too many or the server stops.
func (t *WebSocket) admit(s *socket, exec graphql.GraphExecutor) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.countAddress(s.address) {
		return false
	}
	if t.admitted++; t.admitted == 1 {
		t.poller = newPoller()
	}
	if t.exec == nil {
		t.exec = exec // there is only one
	}
	t.sockets.Add(1)
	return true
}

// release undoes admit.
func (t *WebSocket) release(s *socket) {
	t.wheel.remove(s)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.uncountAddress(s.address)
	if t.admitted--; t.admitted == 0 {
		t.poller.close()
	}
	t.sockets.Done()
}

// countAddress counts one more connection of an address, unless there are too many or the server stops. The mutex is
// held.
func (t *WebSocket) countAddress(address string) bool {
	full := t.settings.MaxSockets > 0 && t.admitted+t.streams >= t.settings.MaxSockets
	addressFull := t.settings.MaxPerAddress > 0 && t.addresses[address] >= t.settings.MaxPerAddress
	if t.draining || full || addressFull {
		return false
	}
	t.addresses[address]++
	return true
}

// uncountAddress undoes countAddress. The mutex is held.
func (t *WebSocket) uncountAddress(address string) {
	if t.addresses[address]--; t.addresses[address] == 0 {
		delete(t.addresses, address)
	}
}

// AdmitStream counts an event stream like a socket, unless there are too many. leave undoes it.
func (t *WebSocket) AdmitStream(r *http.Request) (leave func(), ok bool) {
	address := t.settings.Address(r)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.countAddress(address) {
		return nil, false
	}
	t.streams++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.streams--
		t.uncountAddress(address)
	}, true
}

// Open returns how many sockets are open.
func (t *WebSocket) Open() int { return t.wheel.len() }

// isDraining reports whether Drain has been called. A socket that opens too late for Drain to see it in the wheel
// checks this itself.
func (t *WebSocket) isDraining() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.draining
}

// Drain refuses new sockets and ends the open ones with 1012, spread over a time so that their clients do not all
// reconnect at the same moment. Each ends after its queries and mutations have been answered. Drain returns when all
// have ended, or with ctx's error.
func (t *WebSocket) Drain(ctx context.Context, spread time.Duration) error {
	t.mu.Lock()
	t.draining = true
	t.mu.Unlock()
	open := t.wheel.all()
	begin := time.Now()
	for i, s := range open {
		due := begin.Add(spread * time.Duration(i) / time.Duration(len(open)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(due)):
			go s.retire(closeRestart)
		}
	}
	done := make(chan struct{})
	go func() {
		t.sockets.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
