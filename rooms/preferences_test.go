package rooms_test

import (
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/room"
	"foyer/ent/schema"
	"foyer/internal/fault"
	"foyer/rooms"
)

func (w *world) prefer(t *testing.T, u *ent.User, p rooms.Preferences) *ent.User {
	t.Helper()
	updated, err := w.Prefer(as(t, u), p)
	require.NoError(t, err)
	return updated
}

func TestViewerPrefersWhatHeSaysAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		u := w.user(t, "Ada")
		u = w.prefer(t, u, rooms.Preferences{Language: new("pt-br")})
		assert.Equal(t, "pt-BR", u.Language)
		u = w.prefer(t, u, rooms.Preferences{TimeZone: new("America/Argentina/Buenos_Aires")})
		u = w.prefer(t, u, rooms.Preferences{DisplayName: graphql.OmittableOf(new(" Countess "))})
		u = w.prefer(t, u, rooms.Preferences{})
		stored := w.db.User.GetX(t.Context(), u.ID)
		assert.Equal(t, "pt-BR", stored.Language)
		assert.Equal(t, "America/Argentina/Buenos_Aires", stored.TimeZone)
		assert.Equal(t, "Countess", *stored.DisplayName)
		assert.Equal(t, "Ada", stored.FullName)
		u = w.prefer(t, u, rooms.Preferences{DisplayName: graphql.OmittableOf[*string](nil)})
		assert.Nil(t, u.DisplayName)
		_, err := w.Prefer(t.Context(), rooms.Preferences{})
		assertFault(t, fault.Unauthenticated, err)
		_, err = w.Prefer(gone(t), rooms.Preferences{})
		assertFault(t, fault.Unauthenticated, err)
	})
}

func TestLanguagesAreThoseOfBCP47AndTimeZonesThoseOfIANA(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 1<<20)
	onEach(t, func(t *testing.T, w *world) {
		u := w.user(t, "Ada")
		for text, want := range map[string]string{
			"fr": "fr", "de-AT": "de-AT", "zh-hant-tw": "zh-Hant-TW", "sr-Latn": "sr-Latn", "EN_us": "en-US",
		} {
			assert.Equal(t, want, w.prefer(t, u, rooms.Preferences{Language: &text}).Language)
		}
		for _, zone := range []string{"UTC", "Europe/Paris", "Asia/Kolkata", "Etc/GMT+12", "EST5EDT"} {
			assert.Equal(t, zone, w.prefer(t, u, rooms.Preferences{TimeZone: &zone}).TimeZone)
		}
		for _, bad := range []string{
			"", " ", "french", "xx", "f", "fr;q=1", "fr\x00", "und", "fr-" + long, "é",
			"en-x-a-very-long-private-tag-of-ours-indeed",
		} {
			_, err := w.Prefer(as(t, u), rooms.Preferences{Language: &bad})
			assertBlames(t, err, "language", "")
		}
		for _, bad := range []string{
			"", " ", "Local", "Paris", "europe/paris", "+01:00", "../Europe/Paris", "/etc/passwd",
			"posix/Europe/Paris", "Europe/Paris\x00", long, "É", "zone.tab", "localtime",
		} {
			_, err := w.Prefer(as(t, u), rooms.Preferences{TimeZone: &bad})
			assertBlames(t, err, "timeZone", "")
		}
		_, err := w.Prefer(as(t, u), rooms.Preferences{DisplayName: graphql.OmittableOf(new("\u202e"))})
		assertBlames(t, err, "displayName", "")
	})
}

func TestRoomIsMadeAsItsMakerPrefersUnlessHeSaysOtherwise(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		u := w.user(t, "Ada")
		configuration := sources(schema.Microphone)
		configuration.EveryoneCanMute = new(false)
		u = w.prefer(t, u, rooms.Preferences{
			DefaultAccessLevel:   graphql.OmittableOf(new(room.AccessLevelTRUSTED)),
			DefaultConfiguration: graphql.OmittableOf(configuration),
		})
		// A second change adds to the first.
		u = w.prefer(t, u, rooms.Preferences{
			DefaultConfiguration: graphql.OmittableOf(&rooms.Configuration{DataAllowed: new(false)}),
		})
		made := w.room(t, u, "As preferred")
		effective := w.DefaultConfiguration(u)
		for _, r := range []*ent.Room{effective, w.db.Room.GetX(t.Context(), made.ID)} {
			assert.Equal(t, []schema.PublishSource{schema.Microphone}, r.PublishSources)
			assert.False(t, r.EveryoneCanMute)
			assert.False(t, r.DataAllowed)
		}
		assert.Equal(t, room.AccessLevelTRUSTED, made.AccessLevel)

		level := room.AccessLevelPUBLIC
		other := &rooms.Configuration{
			PublishSources:  graphql.OmittableOf[[]schema.PublishSource](nil),
			EveryoneCanMute: new(true),
		}
		made, err := w.Create(as(t, u), rooms.CreateInput{
			Name: "Otherwise", AccessLevel: &level, Configuration: other,
		})
		require.NoError(t, err)
		stored := w.db.Room.GetX(t.Context(), made.ID)
		assert.Equal(t, room.AccessLevelPUBLIC, stored.AccessLevel)
		assert.Nil(t, stored.PublishSources)
		assert.True(t, stored.EveryoneCanMute)
		assert.False(t, stored.DataAllowed, "as preferred")

		u = w.prefer(t, u, rooms.Preferences{
			DefaultAccessLevel:   graphql.OmittableOf[*room.AccessLevel](nil),
			DefaultConfiguration: graphql.OmittableOf[*rooms.Configuration](nil),
		})
		stored = w.db.Room.GetX(t.Context(), w.room(t, u, "As everybody's").ID)
		assert.Equal(t, usual.DefaultAccessLevel, stored.AccessLevel)
		assert.Nil(t, stored.PublishSources)
		assert.True(t, stored.EveryoneCanMute)
		assert.True(t, stored.DataAllowed)
	})
}

func TestNameChosenOnceForAllIsTheNameInCallsWhereUsersChoose(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		u, strict := w.user(t, "Ada Lovelace"), usual
		strict.UsersChooseNames = false
		w.prefer(t, u, rooms.Preferences{DisplayName: graphql.OmittableOf(new("Countess"))})
		for service, names := range map[*rooms.Service][2]string{
			w.Service: {"Countess", "Augusta"}, rooms.New(w.db, strict): {"Ada Lovelace", "Ada Lovelace"},
		} {
			name, err := service.DisplayName(as(t, u), nil)
			require.NoError(t, err)
			assert.Equal(t, names[0], name)
			name, err = service.DisplayName(as(t, u), new("Augusta"))
			require.NoError(t, err)
			assert.Equal(t, names[1], name)
		}
	})
}
