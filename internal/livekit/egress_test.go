package livekit

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/fault"
)

func TestErrorMessagesOfLiveKitContainNoSecrets(t *testing.T) {
	t.Parallel()
	c := New(Settings{URL: "ws://127.0.0.1:1", Secrets: []string{"hunter2", ""}})
	for said, shown := range map[string]string{
		"":              "",
		"no space left": "no space left",
		"a\nb\x00\tc":   "a b c",
		"PUT https://u:p@h/b?X-Amz-Signature=ab refused": "PUT (address) refused",
		"rtmp://x/key, s3://bucket/key":                  "(address) (address)",
		"key hunter2 is wrong":                           "key (secret) is wrong",
		strings.Repeat("x", 600):                         strings.Repeat("x", 500),
		strings.Repeat("é", 300):                         strings.Repeat("é", 250),
		"bad \xff text":                                  "bad text",
	} {
		assert.Equal(t, shown, c.egressOf(&livekitproto.EgressInfo{Error: said}).Error, "%q", said)
	}
}

func TestEgressIsReadFromLiveKit(t *testing.T) {
	t.Parallel()
	c := New(Settings{URL: "ws://127.0.0.1:1"})
	e := c.egressOf(&livekitproto.EgressInfo{
		EgressId: "EG_1", RoomName: "room", Status: livekitproto.EgressStatus_EGRESS_LIMIT_REACHED,
		StartedAt: 5e9, FileResults: []*livekitproto.FileInfo{{Size: 42, Duration: 3e9}},
		Request: &livekitproto.EgressInfo_RoomComposite{RoomComposite: EgressRequest{
			Room: "room", File: "recordings/x.mp4", Layout: "grid",
		}.request()},
	})
	assert.Equal(t, &Egress{
		ID: "EG_1", Room: "room", Status: EgressLimitReached, File: "recordings/x.mp4", FileKnown: true,
		StartedAt: time.Unix(5, 0), Size: 42, Duration: 3 * time.Second,
	}, e)
	assert.True(t, e.Ended())
	assert.False(t, e.Records())
	for status := range livekitproto.EgressStatus_name {
		e := c.egressOf(&livekitproto.EgressInfo{Status: livekitproto.EgressStatus(status)})
		assert.Equal(t, livekitproto.EgressStatus(status) >= livekitproto.EgressStatus_EGRESS_COMPLETE, e.Ended())
	}
}

// TestStartMayHaveHappenedUnlessLiveKitWasNotReached: no connection, or a connection without an answer.
func TestStartMayHaveHappenedUnlessLiveKitWasNotReached(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client is gone
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer silent.Close()
	hangsUp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer hangsUp.Close()
	go func() {
		for {
			conn, err := hangsUp.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	for address, want := range map[string]bool{
		"127.0.0.1:1": false, silent.Listener.Addr().String(): true, hangsUp.Addr().String(): true,
	} {
		c := New(Settings{URL: "ws://" + address, APIKey: "key", APISecret: strings.Repeat("s", 32)})
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			select {
			case <-asked: // and there will be no answer
				cancel()
			case <-ctx.Done():
			}
		}()
		_, err := c.StartEgress(ctx, EgressRequest{Room: "room", File: "recordings/x.mp4"})
		cancel()
		assert.Equal(t, fault.Unavailable, fault.Of(err).Kind, "%v", err)
		assert.Equal(t, want, MayHaveHappened(err), "%v", err)
	}
}
