package meetings_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	livekitproto "github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/livekit"
	"foyer/meetings"
	"foyer/rooms"
	"foyer/test/env"
)

// gate stands in front of LiveKit's API, and delays or refuses the requests that a test names.
type gate struct {
	t testing.TB

	mu     sync.Mutex
	before func(method string) bool
}

// through is an option of a world. LiveKit does not get the requests that before refuses (nil: all).
func (g *gate) through(liveKitURL string) string {
	target, err := url.Parse(strings.Replace(liveKitURL, "ws", "http", 1))
	require.NoError(g.t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		before := g.before
		g.mu.Unlock()
		if before != nil && !before(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	g.t.Cleanup(web.Close)
	return web.URL
}

func (g *gate) set(before func(method string) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.before = before
}

// holdFirst delays the next request for a method: caught is closed when it has come, and free lets it
// go on.
func (g *gate) holdFirst(method string) (caught <-chan struct{}, free func()) {
	return g.hold(method, func(nth int64) bool { return nth == 1 })
}

// hold delays the named requests for a method from now on: caught is closed when the first of them
// has come, and free lets them go on.
func (g *gate) hold(method string, which func(nth int64) bool) (caught <-chan struct{}, free func()) {
	come, goOn := make(chan struct{}), make(chan struct{})
	var calls atomic.Int64
	isCaught := sync.OnceFunc(func() { close(come) })
	g.set(func(called string) bool {
		if called == method && which(calls.Add(1)) {
			isCaught()
			<-goOn
		}
		return true
	})
	free = sync.OnceFunc(func() { close(goOn) })
	g.t.Cleanup(free)
	return come, free
}

func (g *gate) await(caught <-chan struct{}) {
	g.t.Helper()
	select {
	case <-caught:
	case <-time.After(env.Soon):
		require.Fail(g.t, "LiveKit was not asked")
	}
}

// TestLaterOfTwoChangesOfARoomWins: LiveKit gets the earlier one last.
func TestLaterOfTwoChangesOfARoomWins(t *testing.T) {
	t.Parallel()
	g := &gate{t: t}
	w := newWorld(t, options{through: g.through})
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	data := func(allowed bool) error {
		_, err := w.UpdateRoom(w.Host(), rooms.UpdateInput{
			RoomID: w.Room.ID, Configuration: &ent.ConfigurationInput{DataAllowed: &allowed},
		})
		return err
	}
	caught, free := g.holdFirst("UpdateParticipant")
	first := make(chan error, 1)
	go func() { first <- data(false) }()
	g.await(caught)
	require.NoError(t, data(true))
	free()
	require.NoError(t, <-first)
	assert.True(t, anna.isThere().Permission.Data, "the room allows it by now")
}

// TestChangesOfAPersonByTwoHostsBothApply: each is about something else.
func TestChangesOfAPersonByTwoHostsBothApply(t *testing.T) {
	t.Parallel()
	g := &gate{t: t}
	w := newWorld(t, options{through: g.through})
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	update := func(p meetings.PermissionInput) error {
		_, err := w.Update(w.Host(), meetings.UpdateInput{
			RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id), Permission: &p,
		})
		return err
	}
	caught, free := g.holdFirst("UpdateParticipant")
	first := make(chan error, 1)
	go func() { first <- update(meetings.PermissionInput{DataAllowed: new(false)}) }()
	g.await(caught)
	require.NoError(t, update(meetings.PermissionInput{CanSubscribe: new(false)}))
	free()
	require.NoError(t, <-first)
	now := anna.isThere().Permission
	assert.False(t, now.Data)
	assert.False(t, now.Subscribe)
}

// TestDecisionOnAPersonAppliesThoughLiveKitIsUnavailable: it is stored first.
func TestDecisionOnAPersonAppliesThoughLiveKitIsUnavailable(t *testing.T) {
	t.Parallel()
	g := &gate{t: t}
	w := newWorld(t, options{through: g.through})
	w.stays()
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	g.set(func(string) bool { return false })
	_, err := w.Update(w.Host(), meetings.UpdateInput{
		RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id),
		Permission: &meetings.PermissionInput{DataAllowed: new(false)},
	})
	env.RequireFault(t, fault.Unavailable, err)
	g.set(nil)
	anna.room.Disconnect()
	assert.False(t, w.counted(anna.pass).isThere().Permission.Data)
}

// TestDecisionOnAPersonAppliesOnEveryDevice: the account has two of them in the meeting.
func TestDecisionOnAPersonAppliesOnEveryDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	user := w.User("Anna")
	laptop, phone := w.counted(w.admitted(env.As(user), "Laptop")), w.counted(w.admitted(env.As(user), "Phone"))
	_, err := w.Update(w.Host(), meetings.UpdateInput{
		RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(laptop.id),
		Permission: &meetings.PermissionInput{DataAllowed: new(false)},
	})
	require.NoError(t, err)
	assert.False(t, laptop.isThere().Permission.Data)
	assert.False(t, phone.isThere().Permission.Data)
}

// TestNameGivenByAHostStays: though the person renames themselves at the same time.
func TestNameGivenByAHostStays(t *testing.T) {
	t.Parallel()
	g := &gate{t: t}
	w := newWorld(t, options{through: g.through})
	anna := w.counted(w.admitted(env.Guest(), "Anna"))
	caught, free := g.holdFirst("UpdateParticipant")
	first := make(chan error, 1)
	go func() {
		_, err := w.Rename(env.Guest(), meetings.RenameInput{
			RoomID: w.Room.ID, Ticket: anna.ticket, DisplayName: "Rude",
		})
		first <- err
	}()
	g.await(caught)
	_, err := w.Update(w.Host(), meetings.UpdateInput{
		RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(anna.id), Name: new("Polite"),
	})
	require.NoError(t, err)
	free()
	require.NoError(t, <-first)
	assert.Equal(t, "Polite", anna.isThere().Name)
}

// TestLaterOfTwoRolesWins: LiveKit gets the promotion last.
func TestLaterOfTwoRolesWins(t *testing.T) {
	t.Parallel()
	g := &gate{t: t}
	w := newWorld(t, options{through: g.through})
	user := w.NewMember("Mia Member", roomaccess.RoleMEMBER)
	mia := w.counted(w.token(env.As(user), "Mia"))
	set := func(role roomaccess.Role) error {
		_, err := w.SetRole(w.Host(), meetings.SetRoleInput{
			RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(mia.id), Role: role,
		})
		return err
	}
	caught, free := g.holdFirst("UpdateParticipant")
	first := make(chan error, 1)
	go func() { first <- set(roomaccess.RoleADMINISTRATOR) }()
	g.await(caught)
	require.NoError(t, set(roomaccess.RoleMEMBER))
	free()
	require.NoError(t, <-first)
	assert.Equal(t, "member", mia.isThere().Role())
}

// TestReturnedPersonIsOutOnEveryDevice: they wait, and do not listen by another device.
func TestReturnedPersonIsOutOnEveryDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{accessLevel: room.AccessLevelPUBLIC})
	mallory := w.User("Mallory")
	host := w.counted(w.token(w.Host(), "Olga"))
	laptop, phone := w.counted(w.token(env.As(mallory), "Laptop")), w.counted(w.token(env.As(mallory), "Phone"))
	_, err := w.ReturnToLobby(w.Host(), meetings.ParticipantInput{
		RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(laptop.id),
	})
	require.NoError(t, err)
	laptop.isRemoved()
	phone.isRemoved()
	host.isThere()
}

// TestHiddenHostIsRemoved: the host hides with LiveKit's own API, which their grant opens to them.
func TestHiddenHostIsRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{roomAdmins: true})
	user := w.NewMember("Adam Admin", roomaccess.RoleADMINISTRATOR)
	adam := w.counted(w.token(env.As(user), "Adam"))
	w.hide(adam)
	_, err := w.Remove(w.Host(), meetings.RemoveInput{
		RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(adam.id), Ban: new(rooms.Forever),
	})
	require.NoError(t, err)
	adam.isRemoved()
}

func (w *world) hide(c *person) {
	w.T.Helper()
	api := lksdk.NewRoomServiceClient(w.liveKit.URL(), w.liveKit.Key(), w.liveKit.Secret())
	_, err := api.UpdateParticipant(context.Background(), &livekitproto.UpdateParticipantRequest{
		Room: w.Room.ID.String(), Identity: c.id.String(), Permission: &livekitproto.ParticipantPermission{
			CanSubscribe: true, Hidden: true,
		},
	})
	require.NoError(w.T, err)
}

// TestBannedAdministratorCannotLiftTheirOwnBan: they are still a host, but an owner has banned them.
func TestBannedAdministratorCannotLiftTheirOwnBan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	user := w.NewMember("Adam Admin", roomaccess.RoleADMINISTRATOR)
	adam := w.counted(w.token(env.As(user), "Adam"))
	_, err := w.Remove(w.Host(), meetings.RemoveInput{
		RoomID: w.Room.ID, ParticipantID: livekit.IdentityOf(adam.id), Ban: new(rooms.Forever),
	})
	require.NoError(t, err)
	bans, err := w.Rooms.Bans(w.Host(), w.Room.ID, nil, nil)
	require.NoError(t, err)
	_, err = w.Rooms.LiftBan(env.As(user), bans.Edges[0].Node.ID)
	env.RequireFault(t, fault.Forbidden, err)
	_, err = w.tryToken(env.As(user), "Adam")
	env.RequireFault(t, fault.Forbidden, err)
}
