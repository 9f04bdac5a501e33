package rooms_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/room"
	"foyer/internal/fault"
	"foyer/internal/ratelimit"
	"foyer/rooms"
	"foyer/test/env"
)

// usual are the default settings.
var usual = rooms.Settings{
	DefaultAccessLevel: room.AccessLevelRESTRICTED,
}

// world is an Editor on a database of the test's own.
type world struct {
	*env.World
	*rooms.Editor
}

func newWorld(t *testing.T, db *ent.Client, settings rooms.Settings) *world {
	t.Helper()
	w := env.EmptyWorld(t, env.Setup{DB: db, Rooms: settings})
	return &world{w, w.Rooms}
}

// newLimitedWorld makes a world whose limits count.
func newLimitedWorld(t *testing.T, settings rooms.Settings) *world {
	t.Helper()
	limiter := ratelimit.New(env.Redis(t))
	w := env.EmptyWorld(t, env.Setup{Limiter: limiter, Rooms: settings})
	return &world{w, w.Rooms}
}

// onEach runs a test in an empty world on each database.
func onEach(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		test(t, newWorld(t, db, usual))
	})
}

// counts returns how many rooms and accesses there are.
func (w *world) counts(t *testing.T) [2]int {
	t.Helper()
	return [2]int{w.DB.Room.Query().CountX(t.Context()), w.DB.RoomAccess.Query().CountX(t.Context())}
}

func TestAnybodyFindsARoomByItsIdOrSlug(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		slug := "elephant-in-the-room"
		made, err := w.Create(env.As(w.User("Olga")), rooms.CreateInput{Name: "E", Slug: &slug})
		require.NoError(t, err)
		other := w.NewRoom(w.User("Otto"), "Other")

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

func TestFindRequiresEitherIdOrSlug(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		made := w.NewRoom(w.User("Olga"), "Room")
		_, err := w.Find(t.Context(), &made.ID, &made.Slug)
		env.AssertFault(t, fault.Invalid, err)
		_, err = w.Find(t.Context(), nil, nil)
		env.AssertFault(t, fault.Invalid, err)
	})
}

func TestUnknownRoomIsNotFound(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		made := w.NewRoom(w.User("Olga"), "Room")
		for _, id := range []uuid.UUID{uuid.New(), uuid.Nil} {
			_, err := w.Find(t.Context(), &id, nil)
			env.AssertFault(t, fault.NotFound, err)
		}
		for _, slug := range []string{
			"", "   ", "会议", "abc-defg-hij", "a\x00b", "\xff", made.ID.String(), made.Slug + "x",
			"%", "_", "' OR 1=1 --", strings.Repeat("a", 1<<20),
		} {
			_, err := w.Find(t.Context(), nil, &slug)
			env.AssertFault(t, fault.NotFound, err)
		}
	})
}

func TestByIDsFindsTheRoomsThatExist(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		one, two := w.NewRoom(owner, "One"), w.NewRoom(owner, "Two")
		w.NewRoom(owner, "Three")
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

func TestTemporaryRoomRequiresAValidSlugAndTheSetting(t *testing.T) {
	t.Parallel()
	settings := usual
	settings.TemporaryRooms = true
	on, off := newWorld(t, ent.NewClient(), settings), newWorld(t, ent.NewClient(), usual)
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
			env.AssertFault(t, fault.NotFound, err)
		} else {
			assert.NoError(t, err)
		}
		_, err = off.Temporary(slug)
		env.AssertFault(t, fault.NotFound, err)
	}
}

func TestOnlyUnknownSlugsAreLimited(t *testing.T) {
	t.Parallel()
	settings := usual
	settings.UnknownSlugs = 3
	w := newLimitedWorld(t, settings)
	olga := w.User("Olga")
	there := w.NewRoom(olga, "Room").Slug
	school := auth.NewContext(t.Context(), auth.Viewer{Address: "192.0.2.1"})
	find := func(ctx context.Context, slug string) error {
		_, err := w.Find(ctx, nil, &slug)
		return err
	}
	for _, who := range []context.Context{school, env.As(olga)} {
		for range 20 {
			require.NoError(t, find(who, there), "a link that is right counts nothing")
		}
		for range 3 {
			env.AssertFault(t, fault.NotFound, find(who, "daily"))
		}
	}
	for _, who := range []context.Context{school, env.As(olga)} {
		env.AssertFault(t, fault.RateLimited, find(who, "weekly"))
		env.AssertFault(t, fault.RateLimited, find(who, there)) // otherwise guessing could go on
	}
	elsewhere := auth.NewContext(t.Context(), auth.Viewer{Address: "192.0.2.2"})
	require.NoError(t, find(elsewhere, there))
	require.NoError(t, find(env.As(w.User("Ada")), there), "nor is another user at the same address concerned")

	settings.TemporaryRooms = true
	temporary := newLimitedWorld(t, settings)
	for range 10 {
		_, err := temporary.BySlug(elsewhere, "every-slug-leads-somewhere")
		env.AssertFault(t, fault.NotFound, err)
	}
}

func TestNewRoomsAreLimitedPerUser(t *testing.T) {
	t.Parallel()
	settings := usual
	settings.RoomsPerUser = 2
	w := newLimitedWorld(t, settings)
	olga, ada := w.User("Olga"), w.User("Ada")
	create := func(by *ent.User, name string) error {
		_, err := w.Create(env.As(by), rooms.CreateInput{Name: name})
		return err
	}
	for range 5 {
		env.AssertFault(t, fault.Invalid, create(olga, "")) // a refused request does not count
	}
	require.NoError(t, create(olga, "1"))
	require.NoError(t, create(olga, "2"))
	env.AssertFault(t, fault.RateLimited, create(olga, "3"))
	require.NoError(t, create(ada, "another user is not concerned"))
}
