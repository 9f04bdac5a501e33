package meetings_test

import (
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/livekit/protocol/auth"
	livekitproto "github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/lobby"
	"foyer/rooms"
	"foyer/test/env"
)

func TestPersonWithoutAPassIsRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	id := uuid.New()
	details, err := w.livekit.Details(t.Context(), livekit.Join{Room: w.Room.ID.String(), Identity: id, Name: "Nobody"})
	require.NoError(t, err)
	w.isKeptOut(pass{id: id, details: details})
	assert.Zero(t, w.meeting().Inside)
}

// TestPersonWhoJoinsGetsTheRightsOfThatMoment: everything has changed between the token and the joining.
func TestPersonWhoJoinsGetsTheRightsOfThatMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	mia, ada := w.NewMember("Mia", roomaccess.RoleMEMBER), w.NewMember("Ada", roomaccess.RoleADMINISTRATOR)
	guests, members, admins := w.admitted(env.Guest(), "Anna"), w.token(env.As(mia), "Mia"), w.token(env.As(ada), "Ada")
	_, err := w.UpdateRoom(w.Host(), rooms.UpdateInput{
		RoomID: w.Room.ID, Configuration: &ent.ConfigurationInput{
			PublishSources: graphql.OmittableOf([]schema.PublishSource{schema.Microphone}),
			DataAllowed:    new(false),
		},
	})
	require.NoError(t, err)
	_, err = w.UpdateAccess(w.Host(), w.Room.ID, mia.ID, roomaccess.RoleADMINISTRATOR)
	require.NoError(t, err)
	_, err = w.UpdateAccess(w.Host(), w.Room.ID, ada.ID, roomaccess.RoleMEMBER)
	require.NoError(t, err)

	microphone := livekit.Permission{Subscribe: true, Sources: []string{"microphone"}}
	everything := livekit.Permission{Subscribe: true, Sources: w.livekit.DefaultSources()}
	for _, c := range []struct {
		pass pass
		role string
		may  livekit.Permission
	}{
		{guests, "", microphone}, {members, "administrator", everything}, {admins, "member", microphone},
	} {
		p := w.counted(c.pass).isThere()
		assert.Equal(t, c.role, p.Role())
		assert.True(t, c.may.Equal(p.Permission), "%+v", p.Permission)
	}
}

func TestTokenOfAPublicRoomIsVoidOnceTheRoomIsRestricted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	user := w.User("Ulla User")
	guests, users := w.token(env.Guest(), "Anna"), w.token(env.As(user), "Ulla")
	w.setAccess(room.AccessLevelTRUSTED)
	w.isKeptOut(guests)
	w.counted(users)
	again := w.token(env.As(user), "Ulla")
	w.setAccess(room.AccessLevelRESTRICTED)
	w.isKeptOut(again)
	admitted := w.admitted(env.Guest(), "Bob")
	w.counted(admitted)
}

func (w *world) setAccess(level room.AccessLevel) {
	w.T.Helper()
	_, err := w.UpdateRoom(w.Host(), rooms.UpdateInput{RoomID: w.Room.ID, AccessLevel: &level})
	require.NoError(w.T, err)
}

func TestEndedAdmissionDoesNotOpenTheMeeting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{grace: time.Millisecond})
	anna := w.admitted(env.Guest(), "Anna")
	w.hears(w.news(livekit.ParticipantJoined, anna, "PA_1"), w.news(livekit.ParticipantLeft, anna, "PA_1"))
	stop := w.runs()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.True(t, w.meeting().Over) })
	stop()
	w.isKeptOut(anna)
}

// TestTokenOfADeletedRoomOpensNothing, but rooms of others that share the LiveKit are none of our
// business, whatever they are called.
func TestTokenOfADeletedRoomOpensNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	anna := w.token(env.Guest(), "Anna")
	_, err := w.DeleteRoom(w.Host(), w.Room.ID)
	require.NoError(t, err)
	token, err := auth.NewAccessToken(w.liveKit.Key(), w.liveKit.Secret()).
		SetIdentity(uuid.NewString()).
		SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: uuid.NewString()}).ToJWT()
	require.NoError(t, err)
	strangers := w.enter(pass{details: &livekit.Details{ServerURL: w.liveKit.URL(), ParticipantToken: token}})
	w.isKeptOut(anna)
	env.Eventually(w.T, func(t *assert.CollectT) {
		w.mu.Lock()
		defer w.mu.Unlock()
		assert.GreaterOrEqual(t, count(w.events, livekit.ParticipantJoined), 2)
	})
	assert.Equal(t, lksdk.ConnectionStateConnected, strangers.room.ConnectionState())
}

func count[T comparable](list []T, wanted T) int {
	n := 0
	for _, value := range list {
		if value == wanted {
			n++
		}
	}
	return n
}

// TestSameTokenTwiceIsOnePerson: the second connection replaces the first.
func TestSameTokenTwiceIsOnePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.counted(w.token(w.Host(), "Olga"))
	p := w.admitted(env.Guest(), "Anna")
	first := w.counted(p)
	second := w.enter(p)
	env.Receive(t, first.gone)
	assert.Equal(t, livekitproto.DisconnectReason_DUPLICATE_IDENTITY, first.room.DisconnectReason())
	env.Eventually(w.T, func(t *assert.CollectT) {
		w.mu.Lock()
		defer w.mu.Unlock()
		assert.Equal(t, 3, count(w.events, livekit.ParticipantJoined))
		assert.Equal(t, 1, count(w.events, livekit.ParticipantLeft))
	})
	assert.Equal(t, 2, w.meeting().Inside)
	second.room.Disconnect()
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
}

// TestLiveKitRepeatsAnEventThatFailed: LiveKit repeats what was answered 503.
func TestLiveKitRepeatsAnEventThatFailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.setDeaf(true)
	anna := w.enter(w.admitted(env.Guest(), "Anna"))
	env.Eventually(w.T, func(t *assert.CollectT) { assert.GreaterOrEqual(t, w.hasRefused(), 2) })
	assert.Zero(t, w.meeting().Inside)
	w.setDeaf(false)
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
	anna.isThere()
}

// TestFailedEventIsProcessedWhenRepeated: an event that failed is not marked as seen.
func TestFailedEventIsProcessedWhenRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	anna := w.token(env.Guest(), "Anna")
	e := w.news(livekit.ParticipantJoined, anna, "PA_1")
	e.Participant.Permission.Data = false // to be changed at LiveKit
	w.liveKit.Stop()
	env.RequireFault(t, fault.Unavailable, w.ReceiveEvent(env.Guest(), e))
	w.liveKit.Start(t)
	e.Participant.Permission.Data = true
	w.hears(e)
	assert.Equal(t, 1, w.meeting().Inside)
}

// TestOtherAdmissionOfARemovedPersonIsVoid: they had asked twice, and were admitted twice.
func TestOtherAdmissionOfARemovedPersonIsVoid(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(*world, pass){
		"removed": func(w *world, p pass) { w.remove(p) },
		"returned to the lobby": func(w *world, p pass) {
			w.returnToLobby(p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{})
			w.stays()
			user := w.User("Mallory")
			laptop, phone := w.admitted(env.As(user), "Mallory"), w.admitted(env.As(user), "Mallory")
			other := w.admitted(env.As(w.User("Anna")), "Anna")
			there := w.counted(laptop)
			remove(w, laptop)
			there.isRemoved()
			_, err := w.lobby.CreateRoomToken(env.As(user), lobby.CreateRoomTokenInput{
				RoomID: &w.Room.ID, Ticket: &phone.ticket,
			})
			env.RequireFault(t, fault.LobbyRequired, err)
			w.isKeptOut(phone)
			w.counted(other)
		})
	}
}
