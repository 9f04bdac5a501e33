package e2e

import (
	"strings"
	"sync"
	"testing"
	"time"

	livekitproto "github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

func TestMeetingOnOneServer(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	meet(t, s, s)
}

func TestMeetingOnTwoServers(t *testing.T) {
	t.Parallel()
	environ := shared(t)
	meet(t, startServer(t, environ...), startServer(t, environ...))
}

// shared are the settings that several servers of one installation share.
func shared(t testing.TB) []string {
	return []string{
		"DATABASE_URL=" + env.PostgresURL(t), "REDIS_URL=" + env.RedisURL(t),
		"FOYER_REDIS_PREFIX=" + strings.ReplaceAll(t.Name(), "/", "_") + ":" + testID() + ":",
	}
}

// meet holds a meeting: guests knock at one server, the host decides at another, and the admitted guest joins
// the meeting on the real LiveKit.
func meet(t *testing.T, doorServer, hostServer *server) {
	host := hostServer.login("Olga Owner")
	roomID := hostServer.room(host, object{
		"accessLevel":   "RESTRICTED",
		"configuration": object{"publishSources": []string{"MICROPHONE"}, "dataAllowed": false},
	})
	list := hostServer.subscribe(host, watchLobby, object{"roomId": roomID})
	assert.Empty(t, listedNames(list.next()))

	anna := doorServer.knock(roomID, "Anna 🦊")
	assert.Equal(t, []string{"Anna 🦊"}, listedNames(list.next()))
	bob := doorServer.knock(roomID, "Bob")
	assert.Equal(t, []string{"Anna 🦊", "Bob"}, listedNames(list.next()), "in the order of arrival")
	annas := doorServer.subscribe("", watchEntry, object{"ticket": anna.ticket})
	bobs := doorServer.subscribe("", watchEntry, object{"ticket": bob.ticket})
	assert.Nil(t, at(annas.until("entry.status", "WAITING"), "entry.connectionDetails"))
	bobs.until("entry.status", "WAITING")

	hostServer.must(host, admitEntry, decision(roomID, anna))
	hostServer.must(host, denyEntry, decision(roomID, bob))
	admitted := annas.until("entry.status", "ADMITTED")
	denied := bobs.until("entry.status", "DENIED")
	assert.Nil(t, at(denied, "entry.connectionDetails"))
	assert.Equal(t, roomID, text(admitted, "entry.connectionDetails.roomName"))
	list.until("lobby.totalCount", "0")
	code := doorServer.ask("", createRoomToken, object{"input": object{"roomId": roomID, "ticket": bob.ticket}}).code()
	assert.Equal(t, "LOBBY_REQUIRED", code)

	joins(t, roomID, anna.id, text(admitted, "entry.connectionDetails.serverUrl"),
		text(admitted, "entry.connectionDetails.participantToken"))
}

// joins enters the meeting with a token and checks the participant there.
func joins(t *testing.T, roomID, entryID, serverURL, token string) {
	t.Helper()
	room, err := lksdk.ConnectToRoomWithToken(serverURL, token, lksdk.NewRoomCallback(), env.Patient())
	require.NoError(t, err)
	defer room.Disconnect()
	me := participant(t, roomID, entryID)
	assert.Equal(t, "Anna 🦊", me.GetName())
	attributes := me.GetAttributes()
	assert.Regexp(t, `^hsl\(\d+, \d+%, \d+%\)$`, attributes["color"])
	assert.Regexp(t, `^127\.0\.0\.1:\d+$`, attributes["deployment"])
	delete(attributes, "color")
	delete(attributes, "deployment")
	assert.Equal(t, map[string]string{"room_role": "", "is_authenticated": "false"}, attributes)
	may := me.GetPermission()
	assert.Equal(t, []livekitproto.TrackSource{livekitproto.TrackSource_MICROPHONE}, may.GetCanPublishSources())
	assert.True(t, may.GetCanSubscribe())
	assert.False(t, may.GetCanPublishData())
	assert.False(t, may.GetCanUpdateMetadata())

	microphone, err := lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus})
	require.NoError(t, err)
	_, err = room.LocalParticipant.PublishTrack(microphone,
		&lksdk.TrackPublicationOptions{Source: livekitproto.TrackSource_MICROPHONE})
	require.NoError(t, err)
	camera, err := lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8})
	require.NoError(t, err)
	_, err = room.LocalParticipant.PublishTrack(camera,
		&lksdk.TrackPublicationOptions{Source: livekitproto.TrackSource_CAMERA})
	require.Error(t, err, "the room's configuration allows the microphone alone")
	env.Eventually(t, func(c *assert.CollectT) {
		if tracks := participant(t, roomID, entryID).GetTracks(); assert.Len(c, tracks, 1) {
			assert.Equal(c, livekitproto.TrackSource_MICROPHONE, tracks[0].GetSource())
		}
	})
}

// participant returns LiveKit's participant. LiveKit lists a new one with a delay.
func participant(t *testing.T, roomID, identity string) (info *livekitproto.ParticipantInfo) {
	t.Helper()
	client := lksdk.NewRoomServiceClient(env.LiveKit(t))
	env.Eventually(t, func(c *assert.CollectT) {
		var err error
		info, err = client.GetParticipant(t.Context(),
			&livekitproto.RoomParticipantIdentity{Room: roomID, Identity: identity})
		assert.NoError(c, err)
	})
	return info
}

// TestDeletingARoomEndsItsMeeting: people in the meeting are disconnected, and waiting guests learn of it.
func TestDeletingARoomEndsItsMeeting(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	token := s.must(host, createRoomToken, object{"input": object{"roomId": roomID}})
	disconnected := make(chan struct{})
	callback := lksdk.NewRoomCallback()
	callback.OnDisconnected = sync.OnceFunc(func() { close(disconnected) })
	room, err := lksdk.ConnectToRoomWithToken(
		text(token, "createRoomToken.connectionDetails.serverUrl"),
		text(token, "createRoomToken.connectionDetails.participantToken"), callback, env.Patient())
	require.NoError(t, err)
	defer room.Disconnect()
	entry := s.subscribe("", watchEntry, object{"ticket": s.knock(roomID, "Anna").ticket})
	entry.until("entry.status", "WAITING")

	s.must(host, `mutation($id: ID!) { deleteRoom(input: {roomId: $id}) { room { id } } }`,
		object{"id": roomID})
	env.Receive(t, disconnected)
	entry.until("entry.status", "ENDED")
	assert.Equal(t, "NOT_FOUND", s.ask(host, `query($id: ID!) { room(id: $id) { id } }`,
		object{"id": roomID}).code())
}

func TestOpeningARoomLetsIn(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	entry := s.subscribe("", watchEntry, object{"ticket": s.knock(roomID, "Anna").ticket})
	entry.until("entry.status", "WAITING")
	s.must(host, updateRoom, object{"input": object{"roomId": roomID, "accessLevel": "PUBLIC"}})
	entry.until("entry.status", "ADMITTED")
}

// TestHostsInTheCallAreNotified: the optional data message reaches only hosts.
func TestHostsInTheCallAreNotified(t *testing.T) {
	t.Parallel()
	s := startServer(t, "FOYER_NOTIFY_HOSTS=true")
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	anna := s.knock(roomID, "Anna")
	s.must(host, admitEntry, decision(roomID, anna))
	input := object{"input": object{"roomId": roomID, "ticket": anna.ticket}}
	guests := listenIn(t, s.must("", createRoomToken, input))
	hosts := listenIn(t, s.must(host, createRoomToken, object{"input": object{"roomId": roomID}}))
	told := ""
	for begin := time.Now(); told == "" && time.Since(begin) < env.Soon; {
		s.knock(roomID, "Bob") // LiveKit may lose a message to a participant who has just joined
		select {
		case told = <-hosts:
		case <-time.After(4 * time.Second): // longer than the pause between two messages
		}
	}
	assert.JSONEq(t, `{"type":"participantWaiting"}`, told)
	select {
	case message := <-guests:
		assert.Fail(t, "a guest is told", message)
	default:
	}
}

// listenIn joins a meeting and returns the data messages that arrive.
func listenIn(t *testing.T, token object) <-chan string {
	t.Helper()
	messages := make(chan string, 10)
	callback := lksdk.NewRoomCallback()
	callback.OnDataPacket = func(data lksdk.DataPacket, _ lksdk.DataReceiveParams) {
		if packet, ok := data.(*lksdk.UserDataPacket); ok {
			messages <- string(packet.Payload)
		}
	}
	room, err := lksdk.ConnectToRoomWithToken(
		text(token, "createRoomToken.connectionDetails.serverUrl"),
		text(token, "createRoomToken.connectionDetails.participantToken"), callback, env.Patient())
	require.NoError(t, err)
	t.Cleanup(room.Disconnect)
	return messages
}

func TestLiveKitIsAway(t *testing.T) {
	t.Parallel()
	s := startServer(t, "LIVEKIT_URL=ws://127.0.0.1:9", "FOYER_NOTIFY_HOSTS=true")
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	anna := s.knock(roomID, "Anna")
	s.must(host, admitEntry, decision(roomID, anna))
	s.must(host, updateRoom, object{"input": object{"roomId": roomID, "name": "Renamed"}})
	s.must(host, `mutation($id: ID!) { deleteRoom(input: {roomId: $id}) { room { id } } }`,
		object{"id": roomID})
	env.Eventually(t, func(c *assert.CollectT) { assert.Contains(c, s.log(), "the meeting of a deleted room goes on") })
}
