package notifications_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/ratelimit"
	"foyer/notifications"
	"foyer/test/env"
)

// host adds a user with a room, and returns the context of the user.
func (w *world) host(name, roomName string) (context.Context, *ent.Room) {
	w.T.Helper()
	u := w.account(name, uuid.NewString()+"@example.org", "en")
	return env.As(u), w.NewRoom(u, roomName)
}

// account adds a user in the time zone UTC.
func (w *world) account(name, email, language string) *ent.User {
	w.T.Helper()
	return w.person(name, email, language, "UTC")
}

// invite invites addresses to a room, and returns the invited ones.
func (w *world) invite(ctx context.Context, r *ent.Room, emails ...string) []string {
	w.T.Helper()
	invited, err := w.Invite(ctx, notifications.InviteInput{RoomID: r.ID, Emails: emails})
	require.NoError(w.T, err)
	return invited
}

func TestBadAddressesAreNamedAndNobodyIsInvited(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, w *world) {
		ctx, r := w.host("Ada", "Room")
		fifty := make([]string, 51)
		for i := range fifty {
			fifty[i] = fmt.Sprintf("guest%d@example.com", i)
		}
		for _, test := range []struct {
			name    string
			emails  []string
			indexes any
		}{
			{"none", nil, nil},
			{"too many", fifty, nil},
			{"bad ones", []string{"bob@example.com", "bob", "a@b\r\nBcc: c@d", "eve@example.com", ""},
				[]int{1, 2, 4}},
			{"a huge one", []string{strings.Repeat("a", 1<<20) + "@example.com"}, []int{0}},
		} {
			_, err := w.Invite(ctx, notifications.InviteInput{RoomID: r.ID, Emails: test.emails})
			env.RequireFault(t, fault.Invalid, err)
			f := fault.Of(err)
			assert.Equal(t, "emails", f.Details["field"], test.name)
			assert.Equal(t, test.indexes, f.Details["indexes"], test.name)
			assert.Less(t, len(f.Message), 1000, "the message does not repeat a huge address")
		}
		seven := []string{"bob@example.com", "a,b", "c", "d", "e\xff\x00", "f", "Bob <bob>", "eve@example.com"}
		_, err := w.Invite(ctx, notifications.InviteInput{RoomID: r.ID, Emails: seven})
		env.RequireFault(t, fault.Invalid, err)
		f := fault.Of(err)
		assert.Equal(t, "e-mail cannot be sent to “a,b”, “c”, “d”, “e\ufffd\x00”, “f” and 1 more", f.Message)
		assert.Equal(t, []string{"a,b", "c", "d", "e\ufffd\x00", "f", "Bob <bob>"}, f.Details["emails"])
		assert.Zero(t, w.DB.OutboxMessage.Query().CountX(t.Context()))
		assert.Len(t, w.invite(ctx, r, fifty[:50]...), 50)
		assert.Equal(t, []string{"bob@example.net", "eve@xn--mller-kva.example"}, w.invite(ctx, r,
			"Bob <Bob@example.net>", `"Eve, X." <eve@Müller.example>`, "eve@xn--mller-kva.example"))
	})
}

func TestOnlyHostsInvite(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, w *world) {
		ctx, r := w.host("Ada", "Room")
		in := notifications.InviteInput{RoomID: r.ID, Emails: []string{"not an address"}}
		for want, ctx := range map[fault.Kind]context.Context{
			fault.Unauthenticated: env.Guest(), fault.Forbidden: env.As(w.User("Stranger")),
			fault.Invalid: env.As(w.Member(r, roomaccess.RoleADMINISTRATOR)),
		} {
			_, err := w.Invite(ctx, in)
			env.AssertFault(t, want, err)
		}
		_, err := w.Invite(env.As(w.Member(r, roomaccess.RoleMEMBER)), in)
		env.AssertFault(t, fault.Forbidden, err)
		in.RoomID = uuid.New()
		_, err = w.Invite(ctx, in)
		env.AssertFault(t, fault.NotFound, err)
	})
}

func TestInviteFailsWithoutAMailServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, env.SQLite(t), withoutEmail)
	ctx, r := w.host("Ada", "Room")
	_, err := w.Invite(ctx, notifications.InviteInput{RoomID: r.ID, Emails: []string{"bob@example.com"}})
	env.RequireFault(t, fault.Conflict, err)
	f := fault.Of(err)
	assert.Equal(t, "this server sends no e-mail", f.Message)
	assert.Zero(t, w.DB.OutboxMessage.Query().CountX(t.Context()))
}

func TestInvitationsAreLimitedPerUserAndPerRoom(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, env.SQLite(t), func(s *setup) {
			s.Limiter = ratelimit.New(rdb, prefix)
			s.MaxInvited, s.InvitationsPerUser, s.InvitationsPerRoom = 3, 4, 5
		})
		try := func(ctx context.Context, r *ent.Room, emails int) error {
			in := notifications.InviteInput{RoomID: r.ID}
			for range emails {
				in.Emails = append(in.Emails, uuid.NewString()+"@example.com")
			}
			_, err := w.Invite(ctx, in)
			return err
		}
		ada, first := w.host("Ada", "First")
		bob, second := w.host("Bob", "Second")
		require.NoError(t, try(ada, first, 3))
		err := try(ada, first, 2)
		env.RequireFault(t, fault.RateLimited, err)
		f := fault.Of(err)
		assert.InDelta(t, 900, f.Details["retryAfter"], 60, "one e-mail a quarter of an hour")
		require.NoError(t, try(ada, first, 1))
		require.NoError(t, try(bob, second, 1), "other users have their own limit")

		administrator := auth.FromContext(bob).UserID
		w.DB.RoomAccess.Create().SetRoom(first).SetUserID(administrator).
			SetRole(roomaccess.RoleADMINISTRATOR).ExecX(t.Context())
		env.AssertFault(t, fault.RateLimited, try(bob, first, 2))
		assert.Equal(t, 5, w.DB.OutboxMessage.Query().CountX(t.Context()))
	})
}

func TestOneUserCannotFloodAMailbox(t *testing.T) {
	t.Parallel()
	env.OnEachRedis(t, func(t *testing.T, rdb redis.UniversalClient, prefix string) {
		w := newWorld(t, env.SQLite(t), func(s *setup) { s.Limiter = ratelimit.New(rdb, prefix) })
		ada, first := w.host("Ada", "First")
		second := w.DB.Room.Create().SetName("Second").SetSlug("second").
			SetAccessLevel(room.AccessLevelRESTRICTED).SaveX(t.Context())
		w.DB.RoomAccess.Create().SetRoom(second).SetUserID(auth.FromContext(ada).UserID).
			SetRole(roomaccess.RoleOWNER).ExecX(t.Context())
		try := func(ctx context.Context, r *ent.Room, emails ...string) error {
			_, err := w.Invite(ctx, notifications.InviteInput{RoomID: r.ID, Emails: emails})
			return err
		}
		const victim = "victim@example.net"
		for range 5 {
			require.NoError(t, try(ada, first, victim))
			require.NoError(t, try(ada, second, "other@example.net", "Victim@Example.net"))
		}
		written := w.DB.OutboxMessage.Query().CountX(t.Context())
		err := try(ada, first, "another@example.net", victim)
		env.RequireFault(t, fault.RateLimited, err)
		f := fault.Of(err)
		assert.InDelta(t, 360, f.Details["retryAfter"], 60)
		assert.Equal(t, written, w.DB.OutboxMessage.Query().CountX(t.Context()), "nobody is invited")
		require.NoError(t, try(ada, first, "another@example.net"))
		bob, third := w.host("Bob", "Third")
		require.NoError(t, try(bob, third, victim), "other users have their own limit")
	})
}

func TestInvitationsAreLimitedWhileRedisIsDown(t *testing.T) {
	t.Parallel()
	server := env.StartRedis(t)
	w := newWorld(t, env.SQLite(t), func(s *setup) {
		s.Limiter, s.InvitationsPerUser = ratelimit.New(server.Client(t), ""), 2
	})
	ctx, r := w.host("Ada", "Room")
	server.Stop(t)
	for range 2 {
		_, err := w.Invite(ctx, notifications.InviteInput{RoomID: r.ID, Emails: []string{"bob@example.com"}})
		require.NoError(t, err)
	}
	_, err := w.Invite(ctx, notifications.InviteInput{RoomID: r.ID, Emails: []string{"bob@example.com"}})
	env.AssertFault(t, fault.RateLimited, err)
}
