package rooms_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/accounts"
	"foyer/auth"
	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/internal/ratelimit"
	"foyer/rooms"
	"foyer/test/env"
)

// usual are settings as a server has them when nobody says otherwise.
var usual = rooms.Settings{
	DefaultAccessLevel: room.AccessLevelRESTRICTED,
}

// world is a Service on a database of the test's own.
type world struct {
	*rooms.Service

	people *accounts.Service
	db     *ent.Client
}

func newWorld(db *ent.Client, settings rooms.Settings) *world {
	people := accounts.New(db, accounts.Settings{})
	return &world{rooms.New(db, people, settings), people, db}
}

// onEach runs a test in an empty world on each database.
func onEach(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		test(t, newWorld(db, usual))
	})
}

// user makes an account.
func (w *world) user(t *testing.T, name string) *ent.User {
	t.Helper()
	u, err := w.people.SignIn(t.Context(), auth.Identity{
		Subject: uuid.NewString(), Email: uuid.NewString() + "@example.org", FullName: name,
	})
	require.NoError(t, err)
	return u
}

// room makes a room of which a user is the owner.
func (w *world) room(t *testing.T, owner *ent.User, name string) *ent.Room {
	t.Helper()
	r, err := w.Create(as(t, owner), rooms.CreateInput{Name: name})
	require.NoError(t, err)
	return r
}

// give gives a new user a role in a room.
func (w *world) give(t *testing.T, r *ent.Room, role roomaccess.Role) *ent.User {
	t.Helper()
	u := w.user(t, string(role))
	w.db.RoomAccess.Create().SetRoom(r).SetUser(u).SetRole(role).ExecX(t.Context())
	return u
}

// counts returns how many rooms and accesses there are.
func (w *world) counts(t *testing.T) [2]int {
	t.Helper()
	return [2]int{w.db.Room.Query().CountX(t.Context()), w.db.RoomAccess.Query().CountX(t.Context())}
}

// as is the context of a user, and of nobody when the user is nil.
func as(t *testing.T, u *ent.User) context.Context {
	t.Helper()
	if u == nil {
		return t.Context()
	}
	return auth.NewContext(t.Context(), auth.Viewer{UserID: u.ID})
}

// gone is the context of somebody whose account has been deleted.
func gone(t *testing.T) context.Context {
	t.Helper()
	return auth.NewContext(t.Context(), auth.Viewer{UserID: uuid.New()})
}

func assertFault(t *testing.T, kind fault.Kind, err error) {
	t.Helper()
	if assert.Error(t, err) {
		assert.Equal(t, kind, fault.Of(err).Kind, "%v", err)
	}
}

func TestRoomIsFoundByItsIdOrItsSlugByAnybody(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		slug := "elephant-in-the-room"
		made, err := w.Create(as(t, w.user(t, "Olga")), rooms.CreateInput{Name: "E", Slug: &slug})
		require.NoError(t, err)
		other := w.room(t, w.user(t, "Otto"), "Other")

		found, err := w.Find(t.Context(), &made.ID, nil)
		require.NoError(t, err)
		assert.Equal(t, made.ID, found.ID)
		for _, spelling := range []string{
			slug, "Elephant in the room", "ELÉPHANT-IN-THE-ROOM!", " -elephant--in the\u00a0room ",
		} {
			found, err := w.Find(t.Context(), nil, &spelling)
			require.NoError(t, err, "%q", spelling)
			assert.Equal(t, made.ID, found.ID, "%q", spelling)
		}
		found, err = w.Find(t.Context(), nil, &other.Slug)
		require.NoError(t, err)
		assert.Equal(t, other.ID, found.ID)
	})
}

func TestRoomIsNamedByExactlyOneOfIdAndSlug(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		made := w.room(t, w.user(t, "Olga"), "Room")
		_, err := w.Find(t.Context(), &made.ID, &made.Slug)
		assertFault(t, fault.Invalid, err)
		_, err = w.Find(t.Context(), nil, nil)
		assertFault(t, fault.Invalid, err)
	})
}

func TestRoomThatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		made := w.room(t, w.user(t, "Olga"), "Room")
		for _, id := range []uuid.UUID{uuid.New(), uuid.Nil} {
			_, err := w.Find(t.Context(), &id, nil)
			assertFault(t, fault.NotFound, err)
		}
		for _, slug := range []string{
			"", "   ", "会议", "abc-defg-hij", "a\x00b", "\xff", made.ID.String(), made.Slug + "x",
			"%", "_", "' OR 1=1 --", strings.Repeat("a", 1<<20),
		} {
			_, err := w.Find(t.Context(), nil, &slug)
			assertFault(t, fault.NotFound, err)
		}
	})
}

func TestThoseOfManyRoomsThatExistAreFound(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.user(t, "Olga")
		one, two := w.room(t, owner, "One"), w.room(t, owner, "Two")
		w.room(t, owner, "Three")
		found, err := w.ByIDs(t.Context(), []uuid.UUID{one.ID, uuid.New(), two.ID})
		require.NoError(t, err)
		require.Len(t, found, 2)
		assert.Equal(t, "One", found[one.ID].Name)
		assert.Equal(t, "Two", found[two.ID].Name)
		found, err = w.ByIDs(t.Context(), nil)
		require.NoError(t, err)
		assert.Empty(t, found)
	})
}

func TestNodeIsARoomOrTheViewerHimself(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		ada, bob := w.user(t, "Ada"), w.user(t, "Bob")
		r := w.room(t, ada, "Room")
		tests := []struct {
			name   string
			viewer *ent.User
			id     uuid.UUID
			found  bool
		}{
			{"a room, by its owner", ada, r.ID, true},
			{"a room, by another", bob, r.ID, true},
			{"a room, by nobody", nil, r.ID, true},
			{"the viewer himself", ada, ada.ID, true},
			{"another user", bob, ada.ID, false},
			{"a user, by nobody", nil, ada.ID, false},
			{"nothing", ada, uuid.New(), false},
			{"no id, by nobody", nil, uuid.Nil, false},
			{"no id, by a user", ada, uuid.Nil, false},
		}
		for _, test := range tests {
			node, err := w.Node(as(t, test.viewer), test.id)
			if !test.found {
				assertFault(t, fault.NotFound, err)
				assert.Nil(t, node, test.name)
				continue
			}
			require.NoError(t, err, test.name)
			switch node := node.(type) {
			case *ent.Room:
				assert.Equal(t, test.id, node.ID, test.name)
			case *ent.User:
				assert.Equal(t, test.id, node.ID, test.name)
			default:
				assert.Fail(t, "what is this?", "%s: %T", test.name, node)
			}
		}
		me := auth.Viewer{UserID: uuid.New()}
		_, err := w.Node(auth.NewContext(t.Context(), me), me.UserID)
		assertFault(t, fault.Unauthenticated, err)
	})
}

func TestTemporaryRoomIsNamedByAGoodSlugWhereTheyAreAllowed(t *testing.T) {
	t.Parallel()
	settings := usual
	settings.TemporaryRooms = true
	on, off := newWorld(ent.NewClient(), settings), newWorld(ent.NewClient(), usual)
	for slug, want := range map[string]string{
		"abc-defg-hij":             "abc-defg-hij",
		" Coffee Break ":           "coffee-break",
		"ab":                       "",
		"":                         "",
		"会议":                       "",
		uuid.NewString():           "",
		"{" + uuid.NewString():     "",
		strings.Repeat("a", 101):   "",
		strings.Repeat("a", 1<<20): "",
	} {
		name, err := on.Temporary(slug)
		assert.Equal(t, want, name, "%.50q", slug)
		if want == "" {
			assertFault(t, fault.NotFound, err)
		} else {
			assert.NoError(t, err)
		}
		_, err = off.Temporary(slug)
		assertFault(t, fault.NotFound, err)
	}
}

func TestGuessesOfSlugsAreLimitedAndLinksAreNot(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	settings := usual
	settings.UnknownSlugs = 3
	settings.Limiter = ratelimit.New(rdb, prefix)
	db := env.SQLite(t)
	w := newWorld(db, settings)
	olga := w.user(t, "Olga")
	there := w.room(t, olga, "Room").Slug
	school := auth.NewContext(t.Context(), auth.Viewer{Address: "192.0.2.1"})
	find := func(ctx context.Context, slug string) error {
		_, err := w.Find(ctx, nil, &slug)
		return err
	}
	for _, who := range []context.Context{school, as(t, olga)} {
		for range 20 {
			require.NoError(t, find(who, there), "a link that is right counts nothing")
		}
		for range 3 {
			assertFault(t, fault.NotFound, find(who, "daily"))
		}
	}
	for _, who := range []context.Context{school, as(t, olga)} {
		assertFault(t, fault.RateLimited, find(who, "weekly"))
		assertFault(t, fault.RateLimited, find(who, there)) // else guesses would go on
	}
	elsewhere := auth.NewContext(t.Context(), auth.Viewer{Address: "192.0.2.2"})
	require.NoError(t, find(elsewhere, there))
	require.NoError(t, find(as(t, w.user(t, "Ada")), there), "nor is another user at the same address concerned")

	settings.TemporaryRooms = true
	temporary := newWorld(db, settings)
	for range 10 {
		_, err := temporary.BySlug(elsewhere, "every-slug-leads-somewhere")
		assertFault(t, fault.NotFound, err)
	}
}

func TestNewRoomsAreLimitedByUser(t *testing.T) {
	t.Parallel()
	rdb, prefix := env.Redis(t)
	settings := usual
	settings.RoomsPerUser = 2
	settings.Limiter = ratelimit.New(rdb, prefix)
	db := env.SQLite(t)
	w := newWorld(db, settings)
	olga, ada := w.user(t, "Olga"), w.user(t, "Ada")
	create := func(by *ent.User, name string) error {
		_, err := w.Create(as(t, by), rooms.CreateInput{Name: name})
		return err
	}
	for range 5 {
		assertFault(t, fault.Invalid, create(olga, "")) // what is refused counts nothing
	}
	require.NoError(t, create(olga, "1"))
	require.NoError(t, create(olga, "2"))
	assertFault(t, fault.RateLimited, create(olga, "3"))
	require.NoError(t, create(ada, "another user is not concerned"))
}
