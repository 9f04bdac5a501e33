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
	// healthyTimeout is longer than a server takes to find out that something is away.
	healthyTimeout = 5 * time.Second
	maxHealth      = 4 << 10 // bytes
)

// healthy asks the server that runs here with these settings whether it is ready, and fails when it is
// not: for containers, in which there is no other program to ask with.
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

// clientOf returns a client of the server that listens at an address, under whatever name and through no
// proxy. Of one that listens everywhere it takes this machine.
func clientOf(addr string) *http.Client {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}
