package main

import (
	"net"
	"net/http"
	"sync"

	"foyer/server/config"
)

// spareConnections are the connections that one address may have besides its sockets and streams.
const spareConnections = 256

// remoteAddress is the client address of a connection, as limits count it.
func remoteAddress(conn net.Conn) string {
	ip, err := parseNode(conn.RemoteAddr().String())
	if err != nil {
		return unknownAddress
	}
	return limitedBy(ip)
}

// connections counts HTTP connections by client address, including idle ones and those without a request yet. Behind
// trusted proxies it is not used: their address would be the client's, and they have limits of their own.
type connections struct {
	most int

	mu sync.Mutex
	of map[string]int
}

// boundConnections lets a server close the connections of an address that has too many.
func boundConnections(c *config.Config, server *http.Server) {
	if c.Server.TrustedProxies > 0 || c.Server.SocketsPerAddress == 0 {
		return
	}
	bounded := &connections{most: c.Server.SocketsPerAddress + spareConnections, of: map[string]int{}}
	server.ConnState = bounded.changed
}

func (c *connections) changed(conn net.Conn, state http.ConnState) {
	address := remoteAddress(conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		if c.of[address]++; c.of[address] > c.most {
			_ = conn.Close() // it counts until the server notices
		}
	case http.StateHijacked, http.StateClosed:
		if c.of[address]--; c.of[address] == 0 {
			delete(c.of, address)
		}
	}
}
