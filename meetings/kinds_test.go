package meetings_test

import (
	"testing"
	"time"

	"github.com/livekit/protocol/auth"
	livekitproto "github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	entrecording "foyer/ent/recording"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/meetings"
	"foyer/rooms"
	"foyer/test/env"
)

// other is a participant without a token of Foyer's.
type other struct {
	*person

	identity livekit.Identity
}

// comes has a participant of a kind enter, as LiveKit's services have them.
func (w *world) comes(kind livekitproto.ParticipantInfo_Kind, identity string, grant auth.VideoGrant) *other {
	w.T.Helper()
	p := w.enter(w.made(kind, identity, grant))
	return &other{p, livekit.Identity(identity)}
}

// made is what the service of a participant of a kind makes to enter.
func (w *world) made(kind livekitproto.ParticipantInfo_Kind, identity string, grant auth.VideoGrant) pass {
	w.T.Helper()
	grant.RoomJoin, grant.Room = true, w.Room.ID.String()
	token, err := auth.NewAccessToken(w.liveKit.Key(), w.liveKit.Secret()).
		SetIdentity(identity).SetName(identity).SetKind(kind).SetVideoGrant(&grant).
		SetAttributes(map[string]string{livekit.AttributeRole: livekit.RoleOwner}). // a phone's may come from the caller
		SetValidFor(time.Minute).ToJWT()
	require.NoError(w.T, err)
	return pass{details: &livekit.Details{ServerURL: w.liveKit.URL(), ParticipantToken: token}}
}

// in waits until LiveKit has said whether the participant is inside.
func (o *other) in() *livekit.Participant {
	o.w.T.Helper()
	p, err := o.w.livekit.Participant(o.w.Host(), o.w.Room.ID.String(), o.identity)
	require.NoError(o.w.T, err)
	return p
}

// speaks publishes a microphone.
func (o *other) speaks() {
	o.w.T.Helper()
	track, err := lksdk.NewLocalSampleTrack(opus)
	require.NoError(o.w.T, err)
	_, err = o.room.LocalParticipant.PublishTrack(track, &lksdk.TrackPublicationOptions{
		Name: "microphone", Source: livekitproto.TrackSource_MICROPHONE,
	})
	require.NoError(o.w.T, err)
	env.Eventually(o.w.T, func(t *assert.CollectT) {
		assert.NoError(t, track.WriteSample(silence, nil))
		assert.Len(t, o.in().Tracks, 1)
	})
}

// kinds are those whom no token of Foyer's lets in, with the identities that their services choose.
var kinds = map[livekit.ParticipantKind]struct {
	kind     livekitproto.ParticipantInfo_Kind
	identity string
}{
	livekit.Phone:  {livekitproto.ParticipantInfo_SIP, "sip_+33123456789"},
	livekit.Stream: {livekitproto.ParticipantInfo_INGRESS, "Studio 3 / ünïcode 🎥"},
	livekit.Agent:  {livekitproto.ParticipantInfo_AGENT, "agent-AJ_x"},
	livekit.Other:  {livekitproto.ParticipantInfo_STANDARD, "somebody"},
}

func TestHostsListMuteAndRemoveEveryKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelRESTRICTED})
	w.stays()
	_, err := w.Lock(w.Host(), w.Room.ID)
	require.NoError(t, err)
	there := map[livekit.ParticipantKind]*other{}
	for kind, k := range kinds {
		there[kind] = w.comes(k.kind, k.identity, auth.VideoGrant{})
		there[kind].speaks()
	}
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 1+len(kinds), w.meeting().Inside) })

	list, err := w.List(w.Host(), w.Room, nil, nil, nil)
	require.NoError(t, err)
	assert.Equal(t, 1+len(kinds), list.TotalCount)
	listed := map[livekit.ParticipantKind]livekit.Identity{}
	for _, e := range list.Edges {
		listed[e.Node.Kind] = e.Node.Identity
	}
	for kind, o := range there {
		assert.Equal(t, o.identity, listed[kind])
		assert.Empty(t, o.in().Role(), "only persons have a role")
		muted, err := w.Mute(w.Host(), meetings.MuteInput{
			RoomID: w.Room.ID, ParticipantID: o.identity, Source: new(schema.Microphone),
		})
		require.NoError(t, err)
		assert.Equal(t, o.identity, muted.ParticipantID)
		assert.True(t, o.in().Tracks[0].Muted)
	}

	audit := w.NewMember("Ada", roomaccess.RoleADMINISTRATOR)
	for kind, o := range there {
		p, err := w.Update(env.As(audit), meetings.UpdateInput{
			RoomID: w.Room.ID, ParticipantID: o.identity, Name: new("Caller"),
			Permission: &meetings.PermissionInput{DataAllowed: new(false), PublishSources: []schema.PublishSource{}},
		})
		require.NoError(t, err, kind)
		assert.Equal(t, "Caller", p.Name)
		assert.Equal(t, livekit.Permission{Subscribe: true}, o.in().Permission)
		_, err = w.ReturnToLobby(env.As(audit), meetings.ParticipantInput{RoomID: w.Room.ID, ParticipantID: o.identity})
		env.RequireFault(t, fault.Conflict, err)
		_, err = w.SetRole(env.As(audit), meetings.SetRoleInput{
			RoomID: w.Room.ID, ParticipantID: o.identity, Role: roomaccess.RoleMEMBER,
		})
		env.RequireFault(t, fault.Conflict, err)
		results, err := w.Remove(env.As(audit), meetings.RemoveInput{RoomID: w.Room.ID, ParticipantID: o.identity})
		require.NoError(t, err)
		require.Len(t, results, 1)
		assert.Equal(t, meetings.Removed, results[0].Outcome)
		assert.Equal(t, o.identity, results[0].ParticipantID)
		o.isRemoved()
	}
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 1, w.meeting().Inside) })
}

func TestMutingAllMutesPhones(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	phone := w.comes(livekitproto.ParticipantInfo_SIP, "sip_+33123456789", auth.VideoGrant{})
	phone.speaks()
	results, err := w.MuteAll(w.Host(), meetings.MuteAllInput{RoomID: w.Room.ID})
	require.NoError(t, err)
	require.Len(t, results, 1)
	assert.Equal(t, phone.identity, results[0].ParticipantID)
	assert.True(t, phone.in().Tracks[0].Muted)
}

// TestBannedPhoneCannotComeBack: a phone has no account, so the ban names its identity.
func TestBannedPhoneCannotComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	phone := w.comes(livekitproto.ParticipantInfo_SIP, "sip_+33123456789", auth.VideoGrant{})
	_, err := w.Remove(w.Host(), meetings.RemoveInput{
		RoomID: w.Room.ID, ParticipantID: phone.identity, Ban: new(rooms.Forever),
	})
	require.NoError(t, err)
	phone.isRemoved()
	w.isKeptOut(w.made(livekitproto.ParticipantInfo_SIP, "sip_+33123456789", auth.VideoGrant{}))
	another := w.comes(livekitproto.ParticipantInfo_SIP, "sip_+33987654321", auth.VideoGrant{})
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 2, w.meeting().Inside) })
	another.in()
	bans, err := w.Rooms.Bans(w.Host(), w.Room.ID, nil, nil)
	require.NoError(t, err)
	require.Len(t, bans.Edges, 1)
	_, err = w.Rooms.LiftBan(w.Host(), bans.Edges[0].Node.ID)
	require.NoError(t, err)
	w.comes(livekitproto.ParticipantInfo_SIP, "sip_+33123456789", auth.VideoGrant{})
	env.Eventually(w.T, func(t *assert.CollectT) { assert.Equal(t, 3, w.meeting().Inside) })
}

// TestRecorderIsListedAndDoesNotCount: hosts' actions on everybody do not concern it either.
func TestRecorderIsListedAndDoesNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	recorder := w.comes(livekitproto.ParticipantInfo_EGRESS, "EG_abcdef", auth.VideoGrant{Hidden: true, Recorder: true})
	list, err := w.List(w.Host(), w.Room, nil, nil, nil)
	require.NoError(t, err)
	require.Len(t, list.Edges, 2)
	assert.Equal(t, livekit.Recorder, list.Edges[1].Node.Kind)
	results, err := w.MuteAll(w.Host(), meetings.MuteAllInput{RoomID: w.Room.ID})
	require.NoError(t, err)
	assert.Empty(t, results)
	updated, err := w.UpdateRoom(w.Host(), rooms.UpdateInput{
		RoomID: w.Room.ID, AccessLevel: new(room.AccessLevelPUBLIC),
	})
	require.NoError(t, err)
	assert.True(t, updated.Synced)
	assert.Equal(t, 1, w.meeting().Inside)
	recorder.in()
	_, err = w.End(w.Host(), w.Room.ID)
	require.NoError(t, err)
	<-recorder.gone
}

// TestOwnRecorderIsNotRemoved: hosts stop the recording instead. They may remove recorders of others.
func TestOwnRecorderIsNotRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.stays()
	ours := w.comes(livekitproto.ParticipantInfo_EGRESS, "EG_ours", auth.VideoGrant{Hidden: true, Recorder: true})
	others := w.comes(livekitproto.ParticipantInfo_EGRESS, "EG_others", auth.VideoGrant{Hidden: true, Recorder: true})
	w.DB.Recording.Create().SetRoomID(w.Room.ID).SetStartedBy(w.Owner.ID).SetMode(entrecording.ModeAUDIO).
		SetOptions(schema.RecordingOptions{}).SetStatus(entrecording.StatusACTIVE).SetEgressID("EG_ours").ExecX(t.Context())
	remove := func(o *other) error {
		_, err := w.Remove(w.Host(), meetings.RemoveInput{RoomID: w.Room.ID, ParticipantID: o.identity})
		return err
	}
	env.RequireFault(t, fault.Conflict, remove(ours))
	require.NoError(t, remove(others))
	others.isRemoved()
	ours.in()
}
