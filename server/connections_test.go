package main

import (
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

// connectionFrom is a connection of somebody at an address.
type connectionFrom struct {
	net.Conn

	from   string
	closed bool
}

func (c *connectionFrom) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(c.from), 1024))
}

func (c *connectionFrom) Close() error {
	c.closed = true
	return nil
}

// TestConnectionsAreCountedByTheNetworkThatOneClientHas: of IPv6 that is a /64, whose addresses nobody can count.
func TestConnectionsAreCountedByTheNetworkThatOneClientHas(t *testing.T) {
	t.Parallel()
	bounded := &connections{most: 2, of: map[string]int{}}
	opened := func(from string) bool {
		conn := &connectionFrom{from: from}
		bounded.changed(conn, http.StateNew)
		return !conn.closed
	}
	assert.True(t, opened("2001:db8::1"))
	assert.True(t, opened("2001:db8::2"))
	assert.False(t, opened("2001:db8::ffff:3"))
	assert.True(t, opened("2001:db8:0:1::1"), "another network")
	assert.True(t, opened("192.0.2.1"))
	assert.True(t, opened("192.0.2.2"))
	assert.True(t, opened("::ffff:192.0.2.1"))
	assert.False(t, opened("192.0.2.1"))
	for _, from := range []string{"2001:db8::1", "2001:db8::2", "2001:db8::ffff:3"} {
		bounded.changed(&connectionFrom{from: from}, http.StateClosed)
	}
	assert.True(t, opened("2001:db8::4"))
}
