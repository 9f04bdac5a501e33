package env

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Ports are taken from below the range that Linux takes the ports of outgoing connections from
// (32768 and up): no passing connection then sits on a port while its server is being restarted.
const firstPort, lastPort, blockSize = 12000, 32000, 500

// block is where this process takes its ports from. Other processes that test at the same time have other
// blocks, so that a port is ours also while nobody listens there: before its server has come up, and while
// it is stopped.
var block struct {
	sync.Mutex
	first int // 0 before there is a block
	taken int // how many ports have been given
	// ours is what shows that the block is ours: a socket in no folder, that ends with the process.
	ours net.Listener
}

// FreePort returns a port of 127.0.0.1 that nobody uses.
func FreePort(t testing.TB) int {
	t.Helper()
	ports, err := FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	return ports[0]
}

// FreePorts returns n different ports of 127.0.0.1 that nobody uses, for TCP or UDP. They are not given to
// anybody else before some hundreds of others have been.
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
		// A name that begins with @ is one of the kernel's, and like the ports of this network alone.
		ours, err := net.Listen("unix", fmt.Sprintf("@foyer-test-ports-%d", i))
		if err == nil {
			block.first, block.ours = firstPort+i*blockSize, ours
			return nil
		}
	}
	return errors.New("found no ports on 127.0.0.1 that no other process keeps for itself")
}

// free reports whether nobody uses a port.
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
