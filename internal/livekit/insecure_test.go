package livekit_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twitchtv/twirp"

	"foyer/internal/livekit"
)

// played stands in for LiveKit where the real one does not show which requests it got.
type played struct {
	livekitproto.RoomService // no other method is called

	ended atomic.Pointer[livekitproto.DeleteRoomRequest]
	sent  atomic.Pointer[livekitproto.SendDataRequest]
	list  []*livekitproto.ParticipantInfo
	// listErr is the error of listing participants, err that of all other requests.
	listErr, err error
}

func (p *played) DeleteRoom(
	_ context.Context, r *livekitproto.DeleteRoomRequest,
) (*livekitproto.DeleteRoomResponse, error) {
	p.ended.Store(r)
	return &livekitproto.DeleteRoomResponse{}, p.err
}

func (p *played) ListParticipants(
	context.Context, *livekitproto.ListParticipantsRequest,
) (*livekitproto.ListParticipantsResponse, error) {
	return &livekitproto.ListParticipantsResponse{Participants: p.list}, p.listErr
}

func (p *played) SendData(
	_ context.Context, r *livekitproto.SendDataRequest,
) (*livekitproto.SendDataResponse, error) {
	p.sent.Store(r)
	return &livekitproto.SendDataResponse{}, p.err
}

// play serves the stand-in over TLS, with a certificate that nobody trusts.
func play(t *testing.T, p *played) (host string) {
	t.Helper()
	server := httptest.NewUnstartedServer(livekitproto.NewRoomServiceServer(p))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of refused handshakes
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestLiveKitsCertificateIsCheckedByDefault(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"wss", "https"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			p := &played{}
			host, s := play(t, p), offline()
			s.URL = scheme + "://" + host
			err := livekit.New(s).EndRoom(t.Context(), roomName)
			assert.ErrorContains(t, err, "certificate")
			assert.Nil(t, p.ended.Load())

			s.InsecureSkipVerify = true
			require.NoError(t, livekit.New(s).EndRoom(t.Context(), roomName))
			assert.Equal(t, roomName, p.ended.Load().GetRoom())

			s.InsecureSkipVerify = false
			assert.Error(t, livekit.New(s).EndRoom(t.Context(), roomName), "the setting is one Client's")
			_, err = http.Get("https://" + host)
			assert.ErrorContains(t, err, "certificate", "the setting is LiveKit's alone")
		})
	}
}

func TestInsecureSettingHasNoEffectWithoutTLS(t *testing.T) {
	t.Parallel()
	s := online(t)
	require.True(t, strings.HasPrefix(s.URL, "ws://"))
	s.InsecureSkipVerify = true
	assert.NoError(t, livekit.New(s).EndRoom(t.Context(), uuid.NewString()))
}

// participant returns a participant with a role. Their name is always "owner".
func participant(role string) *livekitproto.ParticipantInfo {
	return &livekitproto.ParticipantInfo{
		Identity: uuid.NewString(), Name: "owner", State: livekitproto.ParticipantInfo_ACTIVE,
		Attributes: map[string]string{"room_role": role},
	}
}

func TestMessagesToHostsAreReliable(t *testing.T) {
	t.Parallel()
	owner, administrator := participant("owner"), participant("administrator")
	owner.JoinedAt, administrator.JoinedAt = 1, 2
	p := &played{list: []*livekitproto.ParticipantInfo{
		owner, participant("member"), administrator, participant(""), {Identity: "recorder"},
	}}
	s := offline()
	s.URL, s.InsecureSkipVerify = "wss://"+play(t, p), true
	require.NoError(t, livekit.New(s).SendToHosts(t.Context(), roomName, []byte("hello")))
	sent := p.sent.Load()
	assert.Equal(t, livekitproto.DataPacket_RELIABLE, sent.GetKind())
	assert.Equal(t, []string{owner.Identity, administrator.Identity}, sent.GetDestinationIdentities())
	assert.Equal(t, roomName, sent.GetRoom())
	assert.Equal(t, "hello", string(sent.GetData()))
}

func TestRoomThatEndsMeanwhileIsNoError(t *testing.T) {
	t.Parallel()
	gone, broken := twirp.NotFoundError("room"), twirp.InternalError("out of order")
	tests := []struct {
		name         string
		listErr, err error
		works        bool
	}{
		{"all is well", nil, nil, true},
		{"the room ends before we ask who is there", gone, gone, true},
		{"the room ends before we tell them", nil, gone, true},
		{"LiveKit cannot say who is there", broken, broken, false},
		{"LiveKit cannot do it", nil, broken, false},
	}
	for _, test := range tests {
		for name, call := range calls {
			t.Run(name+": "+test.name, func(t *testing.T) {
				t.Parallel()
				s := offline()
				s.InsecureSkipVerify = true
				s.URL = "wss://" + play(t, &played{
					list:    []*livekitproto.ParticipantInfo{participant("owner")},
					listErr: test.listErr, err: test.err,
				})
				err := call(t.Context(), livekit.New(s))
				if test.works {
					assert.NoError(t, err)
					return
				}
				assert.ErrorContains(t, err, "out of order")
				assert.ErrorContains(t, err, roomName)
			})
		}
	}
}
