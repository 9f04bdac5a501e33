package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"foyer/server/config"
)

const (
	// healthyTimeout is longer than readyTimeout, so that a server can report what is away.
	healthyTimeout = 5 * time.Second
	maxHealth      = 4 << 10 // bytes
)

// healthy asks the server that runs on this machine with these settings whether it is ready, and fails if it is not. It
// is the health check of containers, which have no other program for it.
func healthy(ctx context.Context, environ []string, out io.Writer) error {
	c, err := config.Load(environ)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthyTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := clientOf(c.Server.Addr).Do(request)
	if err != nil {
		return fmt.Errorf("no server answers at FOYER_ADDR: %w", err)
	}
	defer answer.Body.Close()
	state, err := io.ReadAll(io.LimitReader(answer.Body, maxHealth))
	if answer.StatusCode != http.StatusOK {
		return errors.Join(fmt.Errorf("not ready: %s", bytes.TrimSpace(state)), err)
	}
	_, _ = out.Write(state)
	return err
}

// clientOf returns a client that connects to an address, whatever the host of a URL, and without a proxy. It connects
// to this machine if the address is unspecified.
func clientOf(addr string) *http.Client {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}
