package livekit_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/livekit"
	"foyer/test/env"
)

func TestMain(m *testing.M) {
	lksdk.SetLogger(logger.GetDiscardLogger()) // it logs a lot, only about the test's own requests
	m.Run()
}

// online returns the settings for a Client of the real LiveKit.
func online(t *testing.T) livekit.Settings {
	t.Helper()
	s := offline()
	s.URL, s.APIKey, s.APISecret = env.LiveKit(t)
	s.PublicURL = s.URL
	return s
}

// connected is a person in a LiveKit room.
type connected struct {
	livekit.Join

	// heard are the data messages that reached them, except the welcome.
	heard chan string
	// gone is closed when they are disconnected.
	gone chan struct{}
	room *lksdk.Room
}

const welcome = "welcome"

// enter connects a person with a token from Foyer, and returns once data messages reach them.
func enter(t *testing.T, s livekit.Settings, j livekit.Join) *connected {
	t.Helper()
	c := &connected{Join: j, heard: make(chan string, 10), gone: make(chan struct{}, 2)}
	welcomed, isWelcomed := context.WithCancel(t.Context())
	callback := lksdk.NewRoomCallback()
	callback.OnDisconnected = func() { c.gone <- struct{}{} }
	callback.OnDataReceived = func(data []byte, _ lksdk.DataReceiveParams) {
		if string(data) == welcome {
			isWelcomed()
			return
		}
		c.heard <- string(data)
	}
	d := details(t, s, j)
	room, err := lksdk.ConnectToRoomWithToken(d.ServerURL, d.ParticipantToken, callback, env.Patient())
	require.NoError(t, err)
	t.Cleanup(room.Disconnect)
	c.room = room
	c.welcome(t, s, welcomed.Done())
	return c
}

// welcome sends a message until it arrives: LiveKit drops messages to a participant who has just connected, and does
// not say until when.
func (c *connected) welcome(t *testing.T, s livekit.Settings, heard <-chan struct{}) {
	t.Helper()
	for end := time.Now().Add(env.Soon); time.Now().Before(end); {
		send(t, s, &livekitproto.SendDataRequest{
			Room: c.Room, Data: []byte(welcome), DestinationIdentities: []string{c.Identity.String()},
		})
		select {
		case <-heard:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
	require.Fail(t, "no message reaches "+c.Name)
}

// send sends a message without the Client.
func send(t *testing.T, s livekit.Settings, r *livekitproto.SendDataRequest) {
	t.Helper()
	r.Kind = livekitproto.DataPacket_RELIABLE
	_, err := lksdk.NewRoomServiceClient(s.URL, s.APIKey, s.APISecret).SendData(t.Context(), r)
	require.NoError(t, err)
}

func participants(t *testing.T, s livekit.Settings, room string) []*livekitproto.ParticipantInfo {
	t.Helper()
	list, err := lksdk.NewRoomServiceClient(s.URL, s.APIKey, s.APISecret).
		ListParticipants(t.Context(), &livekitproto.ListParticipantsRequest{Room: room})
	require.NoError(t, err)
	return list.GetParticipants()
}

// person returns the Join of a person.
func person(room, role string) livekit.Join {
	j := livekit.Join{
		Room: room, Identity: uuid.New(), Name: "Ada " + role, Role: role, Sources: everySource,
	}
	if role != "" {
		j.UserID = uuid.New()
	}
	return j
}

func TestOnlyHostsReceiveMessagesToHosts(t *testing.T) {
	t.Parallel()
	s, room := online(t), uuid.NewString()
	owner := enter(t, s, person(room, livekit.RoleOwner))
	administrator := enter(t, s, person(room, livekit.RoleAdministrator))
	others := []*connected{enter(t, s, person(room, livekit.RoleMember)), enter(t, s, person(room, ""))}

	require.NoError(t, livekit.New(s).SendToHosts(t.Context(), room, []byte("for hosts")))
	assert.Equal(t, "for hosts", env.Receive(t, owner.heard))
	assert.Equal(t, "for hosts", env.Receive(t, administrator.heard))

	// It is sent after the first one, so a participant who receives this first did not get the other.
	send(t, s, &livekitproto.SendDataRequest{Room: room, Data: []byte("for all")})
	for _, c := range append(others, owner, administrator) {
		assert.Equal(t, "for all", env.Receive(t, c.heard), c.Name)
	}
}

func TestMessageToHostsWithoutAHostIsNoError(t *testing.T) {
	t.Parallel()
	s, room := online(t), uuid.NewString()
	c := livekit.New(s)
	assert.NoError(t, c.SendToHosts(t.Context(), room, []byte("anybody?")), "the room does not run")
	lonely := enter(t, s, person(room, ""))
	assert.NoError(t, c.SendToHosts(t.Context(), room, []byte("anybody?")), "a guest is alone")
	send(t, s, &livekitproto.SendDataRequest{Room: room, Data: []byte("for all")})
	assert.Equal(t, "for all", env.Receive(t, lonely.heard))
}

func TestEndingARoomDisconnectsEverybody(t *testing.T) {
	t.Parallel()
	s, room, elsewhere := online(t), uuid.NewString(), uuid.NewString()
	owner, one := enter(t, s, person(room, livekit.RoleOwner)), enter(t, s, person(room, ""))
	other := enter(t, s, person(elsewhere, ""))
	require.NoError(t, livekit.New(s).EndRoom(t.Context(), room))
	for _, c := range []*connected{owner, one} {
		env.Receive(t, c.gone)
		assert.Equal(t, livekitproto.DisconnectReason_ROOM_DELETED, c.room.DisconnectReason(), c.Name)
	}
	send(t, s, &livekitproto.SendDataRequest{Room: elsewhere, Data: []byte("still here?")})
	assert.Equal(t, "still here?", env.Receive(t, other.heard), "another room goes on")
}

func TestEndingARoomThatDoesNotRunIsNoError(t *testing.T) {
	t.Parallel()
	assert.NoError(t, livekit.New(online(t)).EndRoom(t.Context(), uuid.NewString()))
}

func TestLiveKitGrantsWhatTheTokenAllows(t *testing.T) {
	t.Parallel()
	all := []livekitproto.TrackSource{
		livekitproto.TrackSource_CAMERA, livekitproto.TrackSource_MICROPHONE,
		livekitproto.TrackSource_SCREEN_SHARE, livekitproto.TrackSource_SCREEN_SHARE_AUDIO,
	}
	tests := []struct {
		name          string
		join          livekit.Join
		publish       bool
		sources       []livekitproto.TrackSource
		authenticated string
	}{
		{"a guest with a microphone", livekit.Join{Sources: []string{"microphone"}, Data: true},
			true, []livekitproto.TrackSource{livekitproto.TrackSource_MICROPHONE}, "false"},
		{"a guest who may only watch", livekit.Join{Sources: []string{}}, false, nil, "false"},
		{"an owner where others may only watch",
			livekit.Join{Sources: []string{}, Role: livekit.RoleOwner, UserID: uuid.New(), Data: true},
			true, all, "true"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, j := online(t), test.join
			j.Room, j.Identity, j.Name = uuid.NewString(), uuid.New(), "Zoë 王 🦊"
			enter(t, s, j)
			list := participants(t, s, j.Room)
			require.Len(t, list, 1)
			p := list[0]
			assert.Equal(t, j.Identity.String(), p.GetIdentity())
			assert.Equal(t, j.Name, p.GetName())
			assert.Equal(t, map[string]string{
				"color": livekit.Color(j.UserID, j.Identity), "room_role": j.Role,
				"is_authenticated": test.authenticated,
			}, p.GetAttributes())
			assert.Empty(t, p.GetMetadata())
			assert.Equal(t, livekitproto.ParticipantInfo_STANDARD, p.GetKind())
			may := p.GetPermission()
			assert.Equal(t, test.publish, may.GetCanPublish(), "may publish")
			assert.Equal(t, test.sources, may.GetCanPublishSources())
			assert.Equal(t, j.Data, may.GetCanPublishData(), "may send data")
			assert.True(t, may.GetCanSubscribe(), "may watch")
			assert.False(t, may.GetCanUpdateMetadata(), "may not rename themselves")
			assert.False(t, may.GetHidden(), "is seen")
		})
	}
}

// The longest name that Foyer allows is the longest that LiveKit accepts.
func TestLiveKitAcceptsANameOf256Bytes(t *testing.T) {
	t.Parallel()
	s, j := online(t), person(uuid.NewString(), "")
	j.Name = strings.Repeat("🦊", 64)
	enter(t, s, j)
	require.Equal(t, j.Name, participants(t, s, j.Room)[0].GetName())
	rename := func(name string) error {
		_, err := lksdk.NewRoomServiceClient(s.URL, s.APIKey, s.APISecret).UpdateParticipant(t.Context(),
			&livekitproto.UpdateParticipantRequest{Room: j.Room, Identity: j.Identity.String(), Name: name})
		return err
	}
	assert.NoError(t, rename(strings.Repeat("é", 128)))
	assert.Error(t, rename(strings.Repeat("é", 128)+"!"))
}

func TestLiveKitRefusesATokenSignedWithAnotherSecret(t *testing.T) {
	t.Parallel()
	s := online(t)
	s.APISecret += "."
	d := details(t, s, person(uuid.NewString(), ""))
	_, err := lksdk.ConnectToRoomWithToken(d.ServerURL, d.ParticipantToken, lksdk.NewRoomCallback())
	assert.Error(t, err)
}

// calls are all requests of a Client to LiveKit's API.
var calls = map[string]func(context.Context, *livekit.Client) error{
	"end a room": func(ctx context.Context, c *livekit.Client) error { return c.EndRoom(ctx, roomName) },
	"tell hosts": func(ctx context.Context, c *livekit.Client) error {
		return c.SendToHosts(ctx, roomName, []byte("hello"))
	},
}

func TestOutageOfLiveKitIsAnError(t *testing.T) {
	t.Parallel()
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := offline()
			s.URL = "ws://127.0.0.1:" + strconv.Itoa(env.FreePort(t))
			err := call(t.Context(), livekit.New(s))
			assert.ErrorContains(t, err, roomName)
			assert.NotContains(t, err.Error(), apiSecret)
			assert.NotErrorIs(t, err, context.DeadlineExceeded, "it is not waited for")
		})
	}
}

// silent is a LiveKit that accepts a request and never answers; asked is called when the request arrives.
func silent(t *testing.T, asked func()) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client is gone
		asked()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "http", "ws", 1)
}

func TestLiveKitThatNeverAnswersDelaysNobodyForLong(t *testing.T) {
	t.Parallel()
	for name, call := range calls {
		t.Run(name+": the caller's own deadline, which is near", func(t *testing.T) {
			t.Parallel()
			s := offline()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s.URL = silent(t, cancel)
			assert.ErrorIs(t, call(ctx, livekit.New(s)), context.Canceled)
		})
		t.Run(name+": the client's", func(t *testing.T) {
			t.Parallel()
			s := offline()
			s.URL = silent(t, func() {})
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			began := time.Now()
			assert.ErrorIs(t, call(ctx, livekit.New(s)), context.DeadlineExceeded)
			assert.GreaterOrEqual(t, time.Since(began), 4*time.Second)
			assert.Less(t, time.Since(began), env.Soon)
		})
	}
}
