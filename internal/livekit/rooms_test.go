package livekit_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	livekitproto "github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/test/env"
)

// at returns the settings for a LiveKit server of the test's own.
func at(server *env.LiveKitServer) livekit.Settings {
	s := offline()
	s.URL, s.PublicURL, s.APIKey, s.APISecret = server.URL(), server.URL(), server.Key(), server.Secret()
	return s
}

func TestTokenCreatesARoomIfLiveKitDoesNot(t *testing.T) {
	t.Parallel()
	server := env.StartLiveKitWith(t, "", func(s *env.LiveKitServer) { s.RoomsMade = true })
	s, client := at(server), livekit.New(at(server))
	j := livekit.Join{Room: uuid.NewString(), Identity: uuid.New(), Name: "Anna", Data: true}
	enter(t, s, j)
	assert.Len(t, participants(t, s, j.Room), 1)
	_, err := client.Details(t.Context(), j)
	require.NoError(t, err, "a room that runs is fine")
	assert.Len(t, participants(t, s, j.Room), 1)

	unused := uuid.NewString()
	_, err = client.Details(t.Context(), livekit.Join{Room: unused, Identity: uuid.New(), Name: "Nobody"})
	require.NoError(t, err)
	made := roomOf(t, s, unused)
	require.NotNil(t, made)
	assert.Equal(t, (s.TokenTTL + time.Minute).Seconds(), float64(made.GetEmptyTimeout()), "longer than the token")

	server.Stop()
	_, err = client.Details(t.Context(), j)
	assert.True(t, fault.Is(err, fault.Unavailable), "a token would open nothing: %v", err)
}

// TestTokenCreatesNoRoomIfLiveKitDoes, and needs no LiveKit.
func TestTokenCreatesNoRoomIfLiveKitDoes(t *testing.T) {
	t.Parallel()
	server := env.StartLiveKit(t, "")
	s, client := at(server), livekit.New(at(server))
	j := livekit.Join{Room: uuid.NewString(), Identity: uuid.New(), Name: "Anna"}
	_, err := client.Details(t.Context(), j)
	require.NoError(t, err)
	assert.Nil(t, roomOf(t, s, j.Room))
	list, err := lksdk.NewRoomServiceClient(s.URL, s.APIKey, s.APISecret).
		ListRooms(t.Context(), &livekitproto.ListRoomsRequest{})
	require.NoError(t, err)
	assert.Empty(t, list.GetRooms(), "to ask makes none either")
	server.Stop()
	for _, client := range []*livekit.Client{client, livekit.New(s)} {
		_, err = client.Details(t.Context(), j)
		assert.NoError(t, err)
	}
}

// roomOf returns a room as LiveKit lists it; nil if it does not run.
func roomOf(t *testing.T, s livekit.Settings, name string) *livekitproto.Room {
	t.Helper()
	list, err := lksdk.NewRoomServiceClient(s.URL, s.APIKey, s.APISecret).
		ListRooms(t.Context(), &livekitproto.ListRoomsRequest{Names: []string{name}})
	require.NoError(t, err)
	if len(list.GetRooms()) == 0 {
		return nil
	}
	return list.GetRooms()[0]
}

func TestTokenNamesItsDeployment(t *testing.T) {
	t.Parallel()
	s := online(t)
	s.Deployment = "staging.example.org"
	j := livekit.Join{Room: uuid.NewString(), Identity: uuid.New(), Name: "Anna", Data: true}
	enter(t, s, j)
	list := participants(t, s, j.Room)
	require.Len(t, list, 1)
	assert.Equal(t, "staging.example.org", list[0].GetAttributes()["deployment"])
	p := livekit.ParticipantOf(list[0])
	assert.True(t, livekit.New(s).Made(p))
	other := s
	other.Deployment = "meet.example.org"
	assert.False(t, livekit.New(other).Made(p))
	deployments, err := livekit.New(s).Deployments(t.Context())
	require.NoError(t, err)
	assert.Contains(t, deployments["staging.example.org"], j.Room)
}

// TestCancelledCallerDoesNotAffectTheProbe: callers soon after it use the same result.
func TestCancelledCallerDoesNotAffectTheProbe(t *testing.T) {
	t.Parallel()
	server := env.StartLiveKitWith(t, "", func(s *env.LiveKitServer) { s.RoomsMade = true })
	client := livekit.New(at(server))
	j := livekit.Join{Room: uuid.NewString(), Identity: uuid.New(), Name: "Anna"}
	gone, leave := context.WithCancel(t.Context())
	leave()
	_, err := client.Details(gone, j)
	require.Error(t, err)
	_, err = client.Details(t.Context(), j)
	require.NoError(t, err)
	assert.NotNil(t, roomOf(t, at(server), j.Room))
}
