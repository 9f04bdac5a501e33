package env

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// longTTL is the TTL, in seconds, that Docker's own DNS puts on its answers, although they change with every
// container.
const longTTL = 600

// DNS is a name server on 127.0.0.1 for names of services, like Docker's: a name has the IPv4 addresses of all
// containers of that service.
type DNS struct {
	conn net.PacketConn

	mu    sync.Mutex
	names map[string][]netip.Addr
}

// StartDNS starts a name server that knows no name yet. It ends when the test ends.
func StartDNS(t testing.TB) *DNS {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &DNS{conn: conn, names: map[string][]netip.Addr{}}
	var serving sync.WaitGroup
	serving.Go(func() { d.serve(t) })
	t.Cleanup(func() {
		conn.Close()
		serving.Wait()
	})
	return d
}

// Address is its host:port.
func (d *DNS) Address() string { return d.conn.LocalAddr().String() }

// Set changes the addresses of a name.
func (d *DNS) Set(name string, addresses ...netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names[name] = slices.Clone(addresses)
}

func (d *DNS) serve(t testing.TB) {
	buffer := make([]byte, 512)
	for {
		n, from, err := d.conn.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			t.Errorf("read a question of DNS: %v", err)
			return
		}
		answer, err := d.answer(buffer[:n])
		if err != nil {
			t.Errorf("answer a question of DNS: %v", err)
			continue
		}
		_, _ = d.conn.WriteTo(answer, from)
	}
}

func (d *DNS) answer(question []byte) ([]byte, error) {
	var message dnsmessage.Message
	if err := message.Unpack(question); err != nil || len(message.Questions) != 1 {
		return nil, errors.Join(err, errors.New("want one question"))
	}
	asked := message.Questions[0]
	d.mu.Lock()
	addresses, known := d.names[strings.TrimSuffix(asked.Name.String(), ".")]
	d.mu.Unlock()
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: message.ID, Response: true, RecursionAvailable: true},
		Questions: message.Questions,
	}
	if !known {
		reply.RCode = dnsmessage.RCodeNameError
	}
	for _, address := range addresses {
		if asked.Type == dnsmessage.TypeA {
			reply.Answers = append(reply.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: asked.Name, Class: asked.Class, TTL: longTTL},
				Body:   &dnsmessage.AResource{A: address.As4()},
			})
		}
	}
	return reply.Pack()
}
