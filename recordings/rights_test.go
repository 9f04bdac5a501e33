package recordings_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/ent/recording"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/ratelimit"
	"foyer/recordings"
	"foyer/rooms"
	"foyer/test/env"
)

// newIdleWorld is a world in which nothing runs in the background.
func newIdleWorld(t testing.TB, db *ent.Client) *world {
	t.Helper()
	return newWorld(t, options{db: db, idle: true})
}

// kindOf is an error's kind; empty for none.
func kindOf(err error) fault.Kind {
	if err == nil {
		return ""
	}
	return fault.Of(err).Kind
}

// TestRightsOnRecordings has a table of every role and act.
func TestRightsOnRecordings(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newIdleWorld(t, db)
		rec := w.stored(nil)
		shared := w.User("Sharon Shared")
		_, err := w.Share(w.Host(), recordings.ShareInput{RecordingID: rec.ID, UserID: &shared.ID})
		require.NoError(t, err)
		application := auth.NewContext(context.Background(), auth.Viewer{
			UserID: w.Owner.ID, Application: uuid.New(), Scopes: auth.Scopes(),
		})
		const (
			yes, none = fault.Kind(""), fault.NotFound
			no, guest = fault.Forbidden, fault.Unauthenticated
		)
		for _, c := range []struct {
			name  string
			as    context.Context
			get   fault.Kind
			list  int // -1: refused
			room  fault.Kind
			hosts fault.Kind // delete, share, unshare another
			start fault.Kind // start, stop; "" if the role permits them
		}{
			{"owner", w.Host(), yes, 1, yes, yes, yes},
			{"administrator", env.As(w.NewMember("Adam", roomaccess.RoleADMINISTRATOR)), yes, 1, yes, yes, yes},
			{"member", env.As(w.NewMember("Mia", roomaccess.RoleMEMBER)), none, 0, no, none, no},
			{"shared with", env.As(shared), yes, 1, no, no, no},
			{"stranger", env.As(w.User("Simon")), none, 0, no, none, no},
			{"guest", context.Background(), guest, -1, guest, guest, guest},
			// GraphQL refuses most requests of applications earlier, by field.
			{"application", application, yes, 1, yes, yes, yes},
		} {
			t.Run(c.name, func(t *testing.T) {
				_, err := w.Get(c.as, rec.ID)
				assert.Equal(t, c.get, kindOf(err), "get")
				page, err := w.List(c.as, nil, nil, nil)
				if c.list < 0 {
					assert.Equal(t, fault.Unauthenticated, kindOf(err), "list")
				} else if assert.NoError(t, err) {
					assert.Len(t, page.Edges, c.list, "list")
					assert.Equal(t, c.list, page.TotalCount)
				}
				_, err = w.OfRoom(c.as, w.Room.ID, nil, nil)
				assert.Equal(t, c.room, kindOf(err), "of the room")
				_, err = w.Active(c.as, w.Room.ID)
				assert.Equal(t, c.room, kindOf(err), "active")

				other := w.User("Otto")
				_, err = w.Share(c.as, recordings.ShareInput{RecordingID: rec.ID, UserID: &other.ID})
				assert.Equal(t, c.hosts, kindOf(err), "share")
				_, err = w.Unshare(c.as, rec.ID, other.ID)
				assert.Equal(t, c.hosts, kindOf(err), "unshare")
				if c.hosts != yes {
					assert.Equal(t, c.hosts, kindOf(w.Delete(c.as, rec.ID)), "delete")
				}
				_, err = w.Start(c.as, w.input())
				if c.start == yes {
					assert.Contains(t, err.Error(), "nobody in the meeting", "start")
				} else {
					assert.Equal(t, c.start, kindOf(err), "start")
				}
				_, err = w.Stop(c.as, w.Room.ID)
				if c.start == yes {
					assert.Equal(t, fault.NotFound, kindOf(err), "stop")
				} else {
					assert.Equal(t, c.start, kindOf(err), "stop")
				}
				w.DB.Recording.Delete().Where(recording.IDNEQ(rec.ID)).ExecX(context.Background())

				if c.get != yes {
					return
				}
				seen, err := w.Get(c.as, rec.ID)
				require.NoError(t, err)
				may, err := w.CanDelete(c.as, seen)
				require.NoError(t, err)
				assert.Equal(t, c.hosts == yes, may)
				with, err := w.SharedWith(c.as, seen)
				require.NoError(t, err)
				if c.hosts == yes {
					require.Len(t, with, 1)
					assert.Equal(t, shared.ID, with[0].ID)
				} else {
					assert.Nil(t, with)
				}
			})
		}
		for _, rec := range []uuid.UUID{uuid.New(), uuid.Nil} {
			_, err := w.Get(w.Host(), rec)
			env.RequireFault(t, fault.NotFound, err)
			_, err = w.Share(w.Host(), recordings.ShareInput{RecordingID: rec, UserID: &shared.ID})
			env.RequireFault(t, fault.NotFound, err)
		}
	})
}

func TestRightToARecordingEndsWithTheRole(t *testing.T) {
	t.Parallel()
	w := newIdleWorld(t, nil)
	rec := w.stored(nil)
	adam := w.NewMember("Adam", roomaccess.RoleADMINISTRATOR)
	_, err := w.Get(env.As(adam), rec.ID)
	require.NoError(t, err)
	_, err = w.Rooms.UpdateAccess(w.Host(), w.Room.ID, adam.ID, roomaccess.RoleMEMBER)
	require.NoError(t, err)
	_, err = w.Get(env.As(adam), rec.ID)
	env.RequireFault(t, fault.NotFound, err)
}

func TestRecordingsAreListedNewestFirstPageByPage(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newIdleWorld(t, db)
		first := w.Room
		var made []uuid.UUID
		for range 3 {
			made = append(made, w.stored(nil).ID)
		}
		slices.Reverse(made)
		var err error
		w.Room, err = w.Rooms.Create(w.Host(), rooms.CreateInput{Name: "Another"})
		require.NoError(t, err)
		newest := w.stored(nil).ID
		// The list contains a recording once although it is also shared with the host.
		_, err = w.Share(w.Host(), recordings.ShareInput{RecordingID: newest, UserID: &w.Owner.ID})
		require.NoError(t, err)

		all, err := w.List(w.Host(), nil, nil, nil)
		require.NoError(t, err)
		assert.Equal(t, append([]uuid.UUID{newest}, made...), idsOf(all))
		page, err := w.List(w.Host(), &first.ID, new(2), nil)
		require.NoError(t, err)
		assert.Equal(t, made[:2], idsOf(page))
		assert.Equal(t, 3, page.TotalCount)
		assert.True(t, page.PageInfo.HasNextPage)
		page, err = w.OfRoom(w.Host(), first.ID, new(2), page.PageInfo.EndCursor)
		require.NoError(t, err)
		assert.Equal(t, made[2:], idsOf(page))
		_, err = w.List(w.Host(), nil, new(101), nil)
		env.RequireFault(t, fault.Invalid, err)
	})
}

func idsOf(page *ent.RecordingConnection) []uuid.UUID {
	var ids []uuid.UUID
	for _, edge := range page.Edges {
		ids = append(ids, edge.Node.ID)
	}
	return ids
}

func TestRecordingIsSharedByEmail(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newIdleWorld(t, db)
		rec := w.stored(nil)
		known := w.User("Kim Known")
		in := recordings.ShareInput{RecordingID: rec.ID, Email: &known.Email}
		for range 2 { // sharing may be repeated
			_, err := w.Share(w.Host(), in)
			require.NoError(t, err)
		}
		_, err := w.Get(env.As(known), rec.ID)
		require.NoError(t, err)

		// Nina has no account yet, and sees the recording once the address is verified.
		email := "nina@example.com"
		_, err = w.Share(w.Host(), recordings.ShareInput{RecordingID: rec.ID, Email: &email})
		require.NoError(t, err)
		profile := auth.Identity{Subject: uuid.NewString(), Email: email, FullName: "Nina New"}
		nina, err := w.People.SignIn(context.Background(), profile)
		require.NoError(t, err)
		_, err = w.Get(env.As(nina), rec.ID)
		env.RequireFault(t, fault.NotFound, err)
		profile.EmailVerified = true
		nina, err = w.People.SignIn(context.Background(), profile)
		require.NoError(t, err)
		_, err = w.Get(env.As(nina), rec.ID)
		require.NoError(t, err)

		// Nina gives up this share. Others keep their rights.
		left, err := w.Unshare(env.As(nina), rec.ID, nina.ID)
		require.NoError(t, err)
		assert.Nil(t, left)
		_, err = w.Get(env.As(nina), rec.ID)
		env.RequireFault(t, fault.NotFound, err)
		for range 2 {
			seen, err := w.Unshare(w.Host(), rec.ID, known.ID)
			require.NoError(t, err)
			assert.Equal(t, rec.ID, seen.ID)
		}

		for _, bad := range []recordings.ShareInput{
			{RecordingID: rec.ID}, {RecordingID: rec.ID, UserID: &known.ID, Email: &email},
			{RecordingID: rec.ID, Email: new("nobody")},
		} {
			_, err = w.Share(w.Host(), bad)
			env.RequireFault(t, fault.Invalid, err)
		}
		_, err = w.Share(w.Host(), recordings.ShareInput{RecordingID: rec.ID, UserID: new(uuid.New())})
		env.RequireFault(t, fault.NotFound, err)
	})
}

func TestAuditListsActsOnRecordings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.join()
	rec := w.active()
	_, err := w.Stop(w.Host(), w.Room.ID)
	require.NoError(t, err)
	w.until(rec.ID, recording.StatusSAVED)
	sharon := w.User("Sharon Shared")
	in := recordings.ShareInput{RecordingID: rec.ID, UserID: &sharon.ID}
	for range 2 {
		_, err = w.Share(w.Host(), in)
		require.NoError(t, err)
		_, err = w.Unshare(w.Host(), rec.ID, uuid.New())
		require.NoError(t, err)
	}
	_, err = w.Unshare(env.As(sharon), rec.ID, sharon.ID)
	require.NoError(t, err)
	require.NoError(t, w.Delete(w.Host(), rec.ID))
	audit, err := w.Rooms.Audit(w.Host(), w.Room.ID, nil, nil)
	require.NoError(t, err)
	var actions []auditevent.Action
	for _, edge := range audit.Edges {
		e := edge.Node
		actions = append(actions, e.Action)
		assert.Equal(t, rec.ID.String()+" SCREEN", e.Detail)
		if e.TargetID != nil {
			assert.Equal(t, sharon.ID, *e.TargetID)
			assert.Equal(t, "Sharon Shared", e.TargetName)
		}
	}
	assert.Equal(t, []auditevent.Action{
		auditevent.ActionDELETE_RECORDING, auditevent.ActionUNSHARE_RECORDING,
		auditevent.ActionSHARE_RECORDING, auditevent.ActionSTOP_RECORDING,
		auditevent.ActionSTART_RECORDING,
	}, actions)
}

func TestBadOptionsAreRefused(t *testing.T) {
	t.Parallel()
	w := newIdleWorld(t, nil)
	for _, language := range []string{"", "no language", "und", string(make([]byte, 10_000))} {
		in := w.input()
		in.Options = &recordings.Options{Language: &language}
		_, err := w.Start(w.Host(), in)
		env.RequireFault(t, fault.Invalid, err)
		assert.Equal(t, "language", fault.Of(err).Details["field"])
	}
	in := w.input()
	in.RoomID = uuid.New()
	_, err := w.Start(w.Host(), in)
	env.RequireFault(t, fault.NotFound, err)
	assert.Zero(t, w.DB.Recording.Query().CountX(context.Background()))
}

// TestSharesAreLimited: sharing and granting roles have one limit.
func TestSharesAreLimited(t *testing.T) {
	t.Parallel()
	w := newIdleWorld(t, nil)
	rdb, prefix := env.Redis(t)
	w.dependencies.Rooms = rooms.New(w.DB, w.People, ratelimit.New(rdb, prefix), rooms.Settings{
		GrantsPerUser: 2, GrantsPerRoom: 10,
	})
	w.Service = recordings.New(w.dependencies, w.settings)
	rec, shared := w.stored(nil), w.User("Sharon Shared")
	share := func(as context.Context) error {
		email := uuid.NewString() + "@example.org"
		_, err := w.Share(as, recordings.ShareInput{RecordingID: rec.ID, Email: &email})
		return err
	}
	shown := func(viewer context.Context) (addresses []string) {
		users, err := w.SharedWith(viewer, rec)
		require.NoError(t, err)
		for _, u := range users {
			addresses = append(addresses, u.Email)
		}
		return addresses
	}
	_, err := w.Share(w.Host(), recordings.ShareInput{RecordingID: rec.ID, UserID: &shared.ID})
	require.NoError(t, err)
	env.RequireFault(t, fault.Forbidden, share(env.As(shared)))
	assert.Equal(t, []string{""}, shown(w.Host()), "nobody entered an address")
	require.NoError(t, share(w.Host()))
	assert.Contains(t, shown(w.Host())[1], "@example.org", "an address that a host entered is shown")
	accounts := w.DB.User.Query().CountX(context.Background())
	err = share(w.Host())
	env.RequireFault(t, fault.RateLimited, err)
	assert.Positive(t, fault.Of(err).Details["retryAfter"])
	assert.Equal(t, accounts, w.DB.User.Query().CountX(context.Background()), "no account was made")
	_, err = w.Share(w.Host(), recordings.ShareInput{RecordingID: rec.ID, UserID: &shared.ID})
	env.RequireFault(t, fault.RateLimited, err)
}
