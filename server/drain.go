package main

import (
	"context"
	"net/http"
	"sync"

	"foyer/graph"
)

// drain ends WebSockets when the server stops, which net/http leaves alone.
type drain struct {
	stopping context.Context
	begin    context.CancelFunc
	sockets  *sync.WaitGroup
}

func newDrain() drain {
	stopping, begin := context.WithCancel(context.Background())
	return drain{stopping, begin, &sync.WaitGroup{}}
}

// begun reports whether the server stops.
func (d drain) begun() bool { return d.stopping.Err() != nil }

// follow passes requests on, WebSockets with a context that ends when the server stops; when it
// already does, they are refused.
func (d drain) follow(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			next.ServeHTTP(w, r)
			return
		}
		if d.begun() {
			http.Error(w, "this server stops", http.StatusServiceUnavailable)
			return
		}
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		defer context.AfterFunc(d.stopping, func() { cancel(graph.ErrStopping) })()
		d.sockets.Add(1)
		defer d.sockets.Done()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// wait returns when every socket has ended, or with the error of ctx.
func (d drain) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		d.sockets.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
