package testenv

import (
	"errors"
	"math/rand/v2"
	"net"
	"testing"
)

// Ports are taken from below the range that Linux takes the ports of outgoing connections from
// (32768 and up): no passing connection then sits on a port while its server is being restarted.
const firstPort, lastPort = 12000, 32000

// FreePort returns a port of 127.0.0.1 that nobody uses.
func FreePort(t testing.TB) int {
	t.Helper()
	ports, err := FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	return ports[0]
}

// FreePorts returns n different ports of 127.0.0.1 that nobody uses, for TCP or UDP. Nothing keeps
// them free: start their servers at once.
func FreePorts(n int) ([]int, error) {
	var ports []int
	for range 100 + n {
		port := firstPort + rand.IntN(lastPort-firstPort)
		release, ok := hold(port)
		if !ok {
			continue
		}
		defer release() // all at the end: no port is found twice
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, errors.New("found no free ports on 127.0.0.1")
}

// hold takes a port until release is called; it is not ok when the port is in use.
func hold(port int) (release func(), ok bool) {
	ip := net.IPv4(127, 0, 0, 1)
	tcp, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: ip, Port: port})
	if err != nil {
		return nil, false
	}
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: ip, Port: port})
	if err != nil {
		tcp.Close()
		return nil, false
	}
	return func() { tcp.Close(); udp.Close() }, true
}
