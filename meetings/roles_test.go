package meetings_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/auth"
	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"

	"foyer/ent"
	"foyer/ent/roomaccess"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/meetings"
	"foyer/rooms"
	"foyer/test/env"
)

func (w *world) setRole(ctx ctx, p pass, role roomaccess.Role) ([]*meetings.Result, error) {
	return w.SetRole(ctx, meetings.SetRoleInput{RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(p.id), Role: role})
}

func (w *world) publishSources(sources ...schema.PublishSource) *meetings.UpdatedRoom {
	w.T.Helper()
	updated, err := w.UpdateRoom(w.Host(), rooms.UpdateInput{
		RoomID: w.Room.ID, Configuration: &ent.ConfigurationInput{
			PublishSources: graphql.OmittableOf(append([]schema.PublishSource{}, sources...)),
		},
	})
	require.NoError(w.T, err)
	return updated
}

// TestRoleIsStoredAndAppliedOnEveryDevice: in a room where only hosts may send.
func TestRoleIsStoredAndAppliedOnEveryDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.publishSources()
	user := w.NewMember("Mia", roomaccess.RoleMEMBER)
	devices := []*person{w.counted(w.token(env.As(user), "Mia")), w.counted(w.token(env.As(user), "Mia"))}
	other := w.counted(w.admitted(env.Guest(), "Anna"))
	assert.Empty(t, devices[0].isThere().Permission.Sources)
	for _, step := range []struct {
		role    roomaccess.Role
		carries string
		sources []string
	}{
		{roomaccess.RoleADMINISTRATOR, "administrator", w.livekit.DefaultSources()},
		{roomaccess.RoleMEMBER, "member", nil},
	} {
		results, err := w.setRole(w.Host(), devices[0].pass, step.role)
		require.NoError(t, err)
		assert.Len(t, results, 2)
		stored, err := w.Rooms.RoleOf(env.Guest(), w.Room.ID, user.ID)
		require.NoError(t, err)
		assert.Equal(t, step.role, stored)
		for _, device := range devices {
			p := device.isThere()
			assert.Equal(t, step.carries, p.Role())
			assert.True(t, livekit.Permission{Subscribe: true, Data: true, Sources: step.sources}.
				Equal(p.Permission), "%+v", p.Permission)
		}
		assert.Empty(t, other.isThere().Role())
	}
}

func TestRolesThatNobodyGetsInAMeeting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	own := w.token(w.Host(), "Olga")
	other := w.token(env.As(w.NewMember("Otto", roomaccess.RoleOWNER)), "Otto")
	mia, anna := w.token(env.As(w.NewMember("Mia", roomaccess.RoleMEMBER)), "Mia"), w.admitted(env.Guest(), "Anna")
	for name, c := range map[string]struct {
		whom pass
		role roomaccess.Role
		kind fault.Kind
	}{
		"an owner is made":      {mia, roomaccess.RoleOWNER, fault.Invalid},
		"one's own":             {own, roomaccess.RoleMEMBER, fault.Forbidden},
		"an owner's":            {other, roomaccess.RoleADMINISTRATOR, fault.Forbidden},
		"of somebody unknown":   {pass{}, roomaccess.RoleMEMBER, fault.NotFound},
		"of a guest":            {anna, roomaccess.RoleMEMBER, fault.Conflict},
		"guest to an admin":     {anna, roomaccess.RoleADMINISTRATOR, fault.Conflict},
		"guest made an owner":   {anna, roomaccess.RoleOWNER, fault.Invalid},
		"a role that is no one": {mia, "EMPEROR", fault.Invalid},
	} {
		_, err := w.setRole(w.Host(), c.whom, c.role)
		require.Error(t, err, name)
		assert.Equal(t, c.kind, fault.Of(err).Kind, name)
	}
}

// TestGuestWithAnAccountIsMadeAMember: they had no role at all.
func TestGuestWithAnAccountIsMadeAMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	user := w.User("Anna")
	anna := w.counted(w.admitted(env.As(user), "Anna"))
	_, err := w.setRole(w.Host(), anna.pass, roomaccess.RoleMEMBER)
	require.NoError(t, err)
	assert.Equal(t, "member", anna.isThere().Role())
	_, err = w.Revoke(w.Host(), w.Room.ID, user.ID)
	require.NoError(t, err)
	assert.Empty(t, anna.isThere().Role(), "and stays, as an admitted guest")
	member := w.NewMember("Mia", roomaccess.RoleMEMBER)
	mia := w.counted(w.token(env.As(member), "Mia"))
	_, err = w.Revoke(w.Host(), w.Room.ID, member.ID)
	require.NoError(t, err)
	mia.isRemoved()
}

// TestNoTokenOfAMeetingOpensLiveKitsAPI: a demoted host's, as issued and as LiveKit has renewed it, a host's and a
// guest's.
func TestNoTokenOfAMeetingOpensLiveKitsAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	admin := w.token(env.As(w.NewMember("Ada", roomaccess.RoleADMINISTRATOR)), "Ada")
	owner, anna := w.counted(w.token(w.Host(), "Olga")), w.counted(w.admitted(env.Guest(), "Anna"))
	renewed := w.renewals(admin)
	results, err := w.setRole(w.Host(), admin, roomaccess.RoleMEMBER)
	require.NoError(t, err)
	require.Len(t, results, 1)
	assert.Equal(t, meetings.Done, results[0].Outcome, "they stay, as a member")
	w.updated(admin, meetings.UpdateInput{Name: new("Ada B.")})
	tokens := []string{
		admin.details.ParticipantToken, owner.details.ParticipantToken, anna.details.ParticipantToken,
	}
	for {
		token := env.Receive(t, renewed)
		tokens = append(tokens, token)
		if claimsOf(t, token).Name == "Ada B." {
			break // made after the demotion
		}
	}
	for _, token := range tokens {
		w.isPowerless(token, anna)
	}
	anna.isThere()
}

func claimsOf(t testing.TB, token string) *auth.ClaimGrants {
	t.Helper()
	verifier, err := auth.ParseAPIToken(token)
	require.NoError(t, err)
	_, claims, err := verifier.Verify("secretsecretsecretsecretsecretsecret")
	require.NoError(t, err)
	return claims
}

// renewals connects to LiveKit's signalling alone, and returns every token by which LiveKit renews the
// one it was given.
func (w *world) renewals(p pass) <-chan string {
	w.T.Helper()
	conn, _, err := websocket.DefaultDialer.Dial(w.liveKit.URL()+"/rtc?protocol=15&sdk=go",
		http.Header{"Authorization": {"Bearer " + p.details.ParticipantToken}})
	require.NoError(w.T, err)
	w.T.Cleanup(func() { conn.Close() })
	renewed := make(chan string, 100)
	joined := make(chan struct{})
	go func() {
		for {
			_, message, err := conn.ReadMessage()
			if err != nil {
				return
			}
			var said livekitproto.SignalResponse
			if proto.Unmarshal(message, &said) != nil {
				return
			}
			if said.GetJoin() != nil {
				close(joined)
			}
			if token := said.GetRefreshToken(); token != "" {
				renewed <- token
			}
		}
	}()
	env.Receive(w.T, joined)
	return renewed
}

// isPowerless tries LiveKit's API with a token.
func (w *world) isPowerless(token string, victim *person) {
	w.T.Helper()
	api := livekitproto.NewRoomServiceProtobufClient(
		"http"+strings.TrimPrefix(w.liveKit.URL(), "ws"), http.DefaultClient)
	ctx, err := twirp.WithHTTPRequestHeaders(context.Background(),
		http.Header{"Authorization": {"Bearer " + token}})
	require.NoError(w.T, err)
	room, whom := w.Room.ID.String(), victim.id.String()
	_, errList := api.ListParticipants(ctx, &livekitproto.ListParticipantsRequest{Room: room})
	_, errRemove := api.RemoveParticipant(ctx, &livekitproto.RoomParticipantIdentity{
		Room: room, Identity: whom,
	})
	_, errUpdate := api.UpdateParticipant(ctx, &livekitproto.UpdateParticipantRequest{
		Room: room, Identity: whom, Name: "Forged",
	})
	_, errDelete := api.DeleteRoom(ctx, &livekitproto.DeleteRoomRequest{Room: room})
	for _, err := range []error{errList, errRemove, errUpdate, errDelete} {
		refused, ok := errors.AsType[twirp.Error](err)
		require.True(w.T, ok, "%v", err)
		assert.Contains(w.T, []twirp.ErrorCode{twirp.PermissionDenied, twirp.Unauthenticated},
			refused.Code())
	}
}

// TestDemotedHostWithAGrantHasToComeBack: where hosts join with LiveKit's roomAdmin.
func TestDemotedHostWithAGrantHasToComeBack(t *testing.T) {
	t.Parallel()
	for name, demote := range map[string]func(*world, *ent.User, pass) error{
		"inside": func(w *world, _ *ent.User, p pass) error {
			_, err := w.setRole(w.Host(), p, roomaccess.RoleMEMBER)
			return err
		},
		"in the room": func(w *world, u *ent.User, _ pass) error {
			_, err := w.UpdateAccess(w.Host(), w.Room.ID, u.ID, roomaccess.RoleMEMBER)
			return err
		},
		"altogether": func(w *world, u *ent.User, _ pass) error {
			_, err := w.Revoke(w.Host(), w.Room.ID, u.ID)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{roomAdmins: true})
			user := w.NewMember("Ada", roomaccess.RoleADMINISTRATOR)
			old := w.token(env.As(user), "Ada")
			admin := w.counted(old)
			w.counted(w.admitted(env.Guest(), "Anna"))
			require.NoError(t, demote(w, user, old))
			admin.isRemoved()
			w.isKeptOut(old)
		})
	}
}
