package meetings_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/gorilla/websocket"
	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"foyer/ent/room"
	"foyer/internal/livekit"
	"foyer/meetings"
	"foyer/rooms"
	"foyer/test/env"
)

// sender is a client of LiveKit's that connects what it sends and not what it receives. So LiveKit does not report that
// it has joined.
type sender struct {
	w    *world
	conn *websocket.Conn
	pc   *webrtc.PeerConnection
	// gone is closed when LiveKit ends the connection.
	gone chan struct{}
}

// sends connects a sender of sound.
func (w *world) sends(p pass) *sender {
	w.T.Helper()
	conn, response, err := websocket.DefaultDialer.Dial(p.details.ServerURL+"/rtc?protocol=12",
		http.Header{"Authorization": {"Bearer " + p.details.ParticipantToken}})
	require.NoError(w.T, err)
	require.NoError(w.T, response.Body.Close())
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	require.NoError(w.T, err)
	s := &sender{w, conn, pc, make(chan struct{})}
	go func() {
		defer close(s.gone)
		for {
			_, message, err := conn.ReadMessage()
			if err != nil {
				return
			}
			var answer livekitproto.SignalResponse
			assert.NoError(w.T, proto.Unmarshal(message, &answer))
			s.hear(&answer)
		}
	}()
	w.T.Cleanup(func() {
		assert.NoError(w.T, pc.Close())
		_ = conn.Close() // LiveKit may have closed it
		<-s.gone
	})
	return s
}

// hear takes what LiveKit says, in one goroutine.
func (s *sender) hear(m *livekitproto.SignalResponse) {
	switch m := m.GetMessage().(type) {
	case *livekitproto.SignalResponse_Join:
		track := &livekitproto.AddTrackRequest{
			Cid: "sound", Name: "sound", Type: livekitproto.TrackType_AUDIO, Source: livekitproto.TrackSource_MICROPHONE,
		}
		s.say(&livekitproto.SignalRequest{Message: &livekitproto.SignalRequest_AddTrack{AddTrack: track}})
	case *livekitproto.SignalResponse_TrackPublished:
		s.offer()
	case *livekitproto.SignalResponse_Answer:
		assert.NoError(s.w.T, s.pc.SetRemoteDescription(webrtc.SessionDescription{
			Type: webrtc.SDPTypeAnswer, SDP: m.Answer.GetSdp(),
		}))
	case *livekitproto.SignalResponse_Trickle:
		if m.Trickle.GetTarget() == livekitproto.SignalTarget_PUBLISHER {
			var candidate webrtc.ICECandidateInit
			assert.NoError(s.w.T, json.Unmarshal([]byte(m.Trickle.GetCandidateInit()), &candidate))
			assert.NoError(s.w.T, s.pc.AddICECandidate(candidate))
		}
	}
}

// offer offers to send sound, and sends it once it can.
func (s *sender) offer() {
	track, err := webrtc.NewTrackLocalStaticSample(opus, "sound", "sound")
	assert.NoError(s.w.T, err)
	_, err = s.pc.AddTrack(track)
	assert.NoError(s.w.T, err)
	offer, err := s.pc.CreateOffer(nil)
	assert.NoError(s.w.T, err)
	gathered := webrtc.GatheringCompletePromise(s.pc)
	s.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			for range 5 { // LiveKit publishes a track when its first packet arrives
				_ = track.WriteSample(silence) // the connection may have ended
			}
		}
	})
	assert.NoError(s.w.T, s.pc.SetLocalDescription(offer))
	<-gathered
	s.say(&livekitproto.SignalRequest{Message: &livekitproto.SignalRequest_Offer{Offer: &livekitproto.SessionDescription{
		Type: "offer", Sdp: s.pc.LocalDescription().SDP,
	}}})
}

func (s *sender) say(m *livekitproto.SignalRequest) {
	message, err := proto.Marshal(m)
	assert.NoError(s.w.T, err)
	_ = s.conn.WriteMessage(websocket.BinaryMessage, message) // LiveKit may have ended the connection
}

// TestSenderWithoutAJoinEventIsJudged: LiveKit reports no joining of a client that connects only for sending, though
// everybody receives what it sends.
func TestSenderWithoutAJoinEventIsJudged(t *testing.T) {
	t.Parallel()
	for name, turn := range map[string]func(*world, pass){
		"banned":  func(w *world, p pass) { w.removes(p, rooms.Forever) },
		"removed": func(w *world, p pass) { w.removes(p, rooms.NoBan) },
		"locked out": func(w *world, _ pass) {
			w.lock()
		},
		"a narrower room": func(w *world, _ pass) { w.setAccess(room.AccessLevelRESTRICTED) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
			w.stays()
			p := w.token(env.Guest(), "Mallory")
			turn(w, p)
			before := w.heard(livekit.ParticipantJoined)
			env.Receive(t, w.sends(p).gone)
			assert.Equal(t, before, w.heard(livekit.ParticipantJoined), "or this test is of something else")
			assert.Equal(t, 1, w.meeting().Inside)
		})
	}
}

func (w *world) removes(p pass, ban rooms.BanScope) {
	w.T.Helper()
	_, err := w.Remove(w.Host(), meetings.RemoveInput{
		RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(p.id), Ban: &ban,
	})
	require.NoError(w.T, err)
}

// TestSenderWithoutAJoinEventIsFoundWhenEventsAreLost: also when Redis has lost the pass: that does not mean that the
// sender was inside before.
func TestSenderWithoutAJoinEventIsFoundWhenEventsAreLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	w.stays()
	mallory := w.User("Mallory")
	p := w.token(env.As(mallory), "Mallory")
	w.removes(p, rooms.Forever)
	w.Redis.Del(t.Context(), w.Prefix+"lobby:{"+w.Room.ID.String()+"}:pass:"+p.id.String())
	w.setLoses(true)
	mallorys := w.sends(p)
	env.Eventually(w.T, func(t *assert.CollectT) {
		sends, err := w.livekit.Participant(w.T.Context(), w.Room.ID.String(), livekit.IdentityOf(p.id))
		if assert.NoError(t, err) {
			assert.False(t, sends.Joined)
			assert.Len(t, sends.Tracks, 1)
		}
	})
	w.runs()
	env.Receive(t, mallorys.gone)
	assert.Equal(t, 1, w.meeting().Inside)
}
