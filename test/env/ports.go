package env

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Ports come from below the range that Linux uses for outgoing connections (32768 and up), so that no connection
// takes a port while its server restarts.
const firstPort, lastPort, blockSize = 12000, 32000, 500

// block is the range that this process takes its ports from. Other processes that test at the same time have other
// blocks. A port is ours even while no server listens on it: before the server is up, and while it is stopped.
var block struct {
	sync.Mutex
	first int // 0 without a block
	taken int // how many ports are in use
	// ours reserves the block: an abstract socket, which ends with the process.
	ours net.Listener
}

// FreePort returns a free port of 127.0.0.1.
func FreePort(t testing.TB) int {
	t.Helper()
	ports, err := FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	return ports[0]
}

// FreePorts returns n different free ports of 127.0.0.1, for TCP or UDP. It returns a port again only after some
// hundreds of others.
func FreePorts(n int) ([]int, error) {
	block.Lock()
	defer block.Unlock()
	if block.first == 0 {
		if err := takeBlock(); err != nil {
			return nil, err
		}
	}
	var ports []int
	for range blockSize {
		port := block.first + block.taken%blockSize
		block.taken++
		if !free(port) {
			continue
		}
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, errors.New("found no free ports on 127.0.0.1")
}

// takeBlock finds ports for this process. The caller holds the lock.
func takeBlock() error {
	for _, i := range rand.Perm((lastPort - firstPort) / blockSize) {
		// A name that begins with @ is abstract and, like a port, belongs to this network namespace.
		ours, err := net.Listen("unix", fmt.Sprintf("@foyer-test-ports-%d", i))
		if err == nil {
			block.first, block.ours = firstPort+i*blockSize, ours
			return nil
		}
	}
	return errors.New("found no ports on 127.0.0.1 that no other process keeps for itself")
}

// free reports whether a port is free.
func free(port int) bool {
	ip := net.IPv4(127, 0, 0, 1)
	tcp, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: ip, Port: port})
	if err != nil {
		return false
	}
	defer tcp.Close()
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: ip, Port: port})
	if err != nil {
		return false
	}
	udp.Close()
	return true
}
