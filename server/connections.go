package main

import (
	"net"
	"net/http"
	"sync"

	"foyer/server/config"
)

// spareConnections is how many connections an address may have beside those that sockets and streams may take.
const spareConnections = 256

// remoteAddress is what limits count a connection's other end by.
func remoteAddress(conn net.Conn) string {
	ip, err := parseNode(conn.RemoteAddr().String())
	if err != nil {
		return unknownAddress
	}
	return limitedBy(ip)
}

// connections counts those that HTTP holds, by the address at the other end: also idle ones, and such as have not
// asked for anything yet. Where proxies are trusted theirs is that address, and they have limits of their own.
type connections struct {
	most int

	mu sync.Mutex
	of map[string]int
}

// boundConnections has a server close what an address has too much of.
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
			_ = conn.Close() // it counts until the server has noticed
		}
	case http.StateHijacked, http.StateClosed:
		if c.of[address]--; c.of[address] == 0 {
			delete(c.of, address)
		}
	}
}
