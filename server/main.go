// Command server runs Foyer. Without any settings it serves on 127.0.0.1:8080, with everything that it needs except
// LiveKit inside the process. "foyer help" lists the other commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // the time zones that users may choose

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"foyer/server/config"
)

const (
	headerTimeout = 5 * time.Second
	readTimeout   = 30 * time.Second // of a whole request; WebSockets have limits of their own
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10 // bytes; parsed, they may take 17 times as much
	// answerTimeout is how long writing one part of an answer may take: at most answerPart bytes.
	answerTimeout = 30 * time.Second
	answerPart    = 64 << 10
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run serves until ctx ends. It then closes sockets, and lets requests in flight finish.
func run(ctx context.Context, environ []string, out io.Writer) error {
	c, err := config.Load(environ)
	if err != nil {
		return err
	}
	paceCollector()
	slog.SetDefault(newLogger(c))
	redis.SetLogger(redisLogger{})
	// The first step, because a port in use is the likeliest mistake: then nothing else has changed.
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Server.Addr)
	if err != nil {
		return fmt.Errorf("cannot serve at FOYER_ADDR: %w", err)
	}
	defer listener.Close()
	admin, err := listenAdmin(ctx, c)
	if err != nil {
		return err
	}
	defer admin.Close()
	a, err := newApp(ctx, c, listener.Addr().String())
	if err != nil {
		return err
	}
	defer a.close()
	greet(out, c, listener.Addr().String(), admin.address(), a.page.files != nil)
	return a.serve(ctx, listener, admin)
}

// serve runs all parts until ctx ends or one of them fails. The lobby works until the last answer; the outbox begins no
// delivery once the server stops.
func (a *app) serve(ctx context.Context, listener net.Listener, admin adminListener) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	group, work := errgroup.WithContext(work)
	server := &http.Server{
		Handler:           a.routes(),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
		WriteTimeout:   answerTimeout, // for what net/http itself writes; Foyer's answers extend it
		MaxHeaderBytes: maxHeader,
		ConnContext:    func(ctx context.Context, conn net.Conn) context.Context { boundUnread(conn); return ctx },
	}
	boundConnections(a.config, server)
	group.Go(func() error { return a.live.Run(work) })
	group.Go(func() error { return a.lobby.Run(work) })
	delivering, stopDelivering := context.WithCancel(work)
	defer context.AfterFunc(ctx, stopDelivering)()
	group.Go(func() error { return a.outbox.Run(delivering, a.deliveries()) })
	group.Go(func() error { return a.recordings.Run(delivering) })
	group.Go(func() error { return a.meetings.Run(delivering) })
	group.Go(func() error { return a.sessions.Run(work) })
	group.Go(func() error { return a.serveAdmin(work, admin) })
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		defer stopWork()
		select {
		case <-ctx.Done():
		case <-work.Done():
		}
		return a.stop(server)
	})
	return group.Wait()
}

// stop closes sockets, so that their clients reconnect to another server, and waits for requests in flight, for
// FOYER_DRAIN_TIMEOUT at most.
func (a *app) stop(server *http.Server) error {
	slog.Info("stopping, once everything in flight has ended", "at_most", a.config.Server.DrainTimeout)
	grace, cancel := context.WithTimeout(context.Background(), a.config.Server.DrainTimeout)
	defer cancel()
	a.stopping.Store(true)
	// Sockets first, while /readyz still says that this server stops. Once every socket has its close frame, the server
	// accepts no more requests: those in flight have the time that is left, however slow the client of a socket is.
	var drained error
	done := make(chan struct{})
	go func() {
		defer close(done)
		drained = a.api.Drain(grace, a.config.Server.DrainSpread)
	}()
	select {
	case <-done:
	case <-time.After(a.config.Server.DrainSpread):
	}
	err := server.Shutdown(grace)
	<-done
	err = errors.Join(drained, err)
	if errors.Is(err, context.DeadlineExceeded) {
		slog.Warn("some requests did not finish in time", "timeout", a.config.Server.DrainTimeout)
		return server.Close()
	}
	return err
}
