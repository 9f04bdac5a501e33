package meetings_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	livekitproto "github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/ent/schema"
	"foyer/internal/livekit"
	"foyer/meetings"
	"foyer/rooms"
	"foyer/test/env"
)

// outcomes are the results by name.
func outcomes(results []*meetings.Result) map[string]meetings.Outcome {
	named := map[string]meetings.Outcome{}
	for _, r := range results {
		named[r.Name] = r.Outcome
	}
	return named
}

// TestForbiddenMediaStopImmediately: for people inside, and for people who come later.
func TestForbiddenMediaStopImmediately(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	late := w.admitted(env.Guest(), "Late")
	host := w.counted(w.token(w.Host(), "Olga"))
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	hosts := host.publish(livekitproto.TrackSource_SCREEN_SHARE_AUDIO)
	screen := anna.publish(livekitproto.TrackSource_SCREEN_SHARE_AUDIO)
	microphone := anna.publish(livekitproto.TrackSource_MICROPHONE)

	updated := w.publishSources(schema.Microphone)
	assert.True(t, updated.Synced)
	assert.Equal(t, map[string]meetings.Outcome{"Olga": meetings.Done, "Anna": meetings.Done},
		outcomes(updated.Participants))
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, []string{microphone.SID()}, sids(anna.isThere())) })
	assert.Equal(t, []string{hosts.SID()}, sids(host.isThere()))
	assert.NotEqual(t, screen.SID(), microphone.SID())
	assert.Equal(t, []string{"microphone"}, w.counted(late).isThere().Permission.Sources)

	w.publishSources()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Empty(t, anna.isThere().Tracks) })
	assert.Equal(t, []string{hosts.SID()}, sids(host.isThere()))
}

func sids(p *livekit.Participant) []string {
	list := []string{}
	for _, track := range p.Tracks {
		list = append(list, track.SID)
	}
	return list
}

// TestNarrowerAccessRemovesPeopleWhoHadWalkedIn: and nobody whom a host or a role has let in.
func TestNarrowerAccessRemovesPeopleWhoHadWalkedIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	walked := w.counted(w.token(env.Guest(), "Walked in"))
	signedIn := w.counted(w.token(env.As(w.User("Signed in")), "Signed in"))
	member := w.counted(w.token(env.As(w.NewMember("Member", roomaccess.RoleMEMBER)), "Member"))
	host := w.counted(w.token(w.Host(), "Host"))
	w.setAccess(room.AccessLevelRESTRICTED)
	walked.isRemoved()
	signedIn.isRemoved()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 2, w.meeting().Inside) })
	admitted := w.counted(w.admitted(env.Guest(), "Admitted"))
	w.setAccess(room.AccessLevelPUBLIC)
	again := w.counted(w.token(env.Guest(), "Walked in"))
	updated, err := w.UpdateRoom(w.Host(), rooms.UpdateInput{
		RoomID: w.Room.ID, AccessLevel: new(room.AccessLevelRESTRICTED),
	})
	require.NoError(t, err)
	assert.Equal(t, map[string]meetings.Outcome{
		"Walked in": meetings.Removed, "Admitted": meetings.Done, "Member": meetings.Done, "Host": meetings.Done,
	}, outcomes(updated.Participants))
	again.isRemoved()
	for _, c := range []*person{admitted, member, host} {
		c.isThere()
	}
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 3, w.meeting().Inside) })
}

// mirrored is what everybody in the meeting can read of the room.
type mirrored struct {
	AccessLevel   string
	Locked        bool
	Configuration struct {
		PublishSources  []string
		EveryoneCanMute bool
		DataAllowed     bool
	}
}

func (w *world) mirrored(t require.TestingT) mirrored {
	client := lksdk.NewRoomServiceClient(w.liveKit.URL(), w.liveKit.Key(), w.liveKit.Secret())
	list, err := client.ListRooms(context.Background(),
		&livekitproto.ListRoomsRequest{Names: []string{w.Room.ID.String()}})
	require.NoError(t, err)
	require.Len(t, list.GetRooms(), 1)
	var m mirrored
	require.NoError(t, json.Unmarshal([]byte(list.GetRooms()[0].GetMetadata()), &m))
	return m
}

// TestLiveKitHasTheRoomAsItIsStored: from the start, and also when two hosts change it at the same time.
func TestLiveKitHasTheRoomAsItIsStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.counted(w.token(w.Host(), "Olga"))
	first := mirrored{AccessLevel: "RESTRICTED"}
	first.Configuration.EveryoneCanMute, first.Configuration.DataAllowed = true, true
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, first, w.mirrored(t)) })
	w.lock()
	assert.True(t, w.mirrored(t).Locked)
	w.unlock()
	assert.False(t, w.mirrored(t).Locked)
	other := env.As(w.NewMember("Otto", roomaccess.RoleOWNER))
	for i := range 10 {
		var both sync.WaitGroup
		for _, c := range []struct {
			ctx     context.Context
			sources []schema.PublishSource
			level   room.AccessLevel
		}{
			{w.Host(), []schema.PublishSource{schema.Microphone}, room.AccessLevelPUBLIC},
			{other, []schema.PublishSource{schema.Camera}, room.AccessLevelTRUSTED},
		} {
			both.Go(func() {
				_, err := w.UpdateRoom(c.ctx, rooms.UpdateInput{
					RoomID: w.Room.ID, AccessLevel: &c.level,
					Configuration: &ent.ConfigurationInput{
						PublishSources: graphql.OmittableOf(c.sources), DataAllowed: new(i%2 == 0),
					},
				})
				assert.NoError(t, err)
			})
		}
		both.Wait()
		r, err := w.Rooms.ByID(env.Guest(), w.Room.ID)
		require.NoError(t, err)
		m := w.mirrored(t)
		assert.Equal(t, r.AccessLevel.String(), m.AccessLevel)
		assert.Equal(t, string(r.PublishSources[0]), m.Configuration.PublishSources[0])
		assert.Equal(t, r.DataAllowed, m.Configuration.DataAllowed)
	}
}
