package env_test

import (
	"testing"
	"time"

	"github.com/livekit/protocol/auth"
	livekitproto "github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

func TestLiveKitAnswersItsAPI(t *testing.T) {
	t.Parallel()
	rooms := lksdk.NewRoomServiceClient(env.LiveKit(t))
	_, err := rooms.ListRooms(t.Context(), &livekitproto.ListRoomsRequest{})
	assert.NoError(t, err)
}

func TestLiveKitCarriesMediaOverLoopback(t *testing.T) {
	t.Parallel()
	room := "env-" + t.Name()
	received := make(chan string, 1000)
	join(t, room, "listener", &lksdk.RoomCallback{ParticipantCallback: lksdk.ParticipantCallback{
		OnDataPacket: func(data lksdk.DataPacket, _ lksdk.DataReceiveParams) {
			received <- string(data.(*lksdk.UserDataPacket).Payload)
		},
	}})
	speaker := join(t, room, "speaker", lksdk.NewRoomCallback())
	for range 300 { // a message to a participant who has just joined may be lost
		err := speaker.LocalParticipant.PublishDataPacket(
			lksdk.UserData([]byte("hello")), lksdk.WithDataPublishReliable(true))
		require.NoError(t, err)
		select {
		case text := <-received:
			assert.Equal(t, "hello", text)
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatal("nothing was heard")
}

func join(t *testing.T, room, identity string, callback *lksdk.RoomCallback) *lksdk.Room {
	t.Helper()
	url, key, secret := env.LiveKit(t)
	token, err := auth.NewAccessToken(key, secret).
		SetIdentity(identity).
		SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: room}).
		ToJWT()
	require.NoError(t, err)
	joined, err := lksdk.ConnectToRoomWithToken(url, token, callback, env.Patient())
	require.NoError(t, err)
	t.Cleanup(joined.Disconnect)
	return joined
}
