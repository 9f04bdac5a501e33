package accounts_test

import (
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/accounts"
	"foyer/ent"
	"foyer/internal/fault"
	"foyer/test/env"
)

func (w *world) prefer(t *testing.T, u *ent.User, p accounts.Preferences) *ent.User {
	t.Helper()
	updated, err := w.Prefer(env.As(u), p)
	require.NoError(t, err)
	return updated
}

func TestPreferencesThatAreNotNamedStay(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		u := w.User("Ada")
		u = w.prefer(t, u, accounts.Preferences{Language: new("pt-br")})
		assert.Equal(t, "pt-BR", u.Language)
		u = w.prefer(t, u, accounts.Preferences{TimeZone: new("America/Argentina/Buenos_Aires")})
		u = w.prefer(t, u, accounts.Preferences{DisplayName: graphql.OmittableOf(new(" Countess "))})
		u = w.prefer(t, u, accounts.Preferences{})
		stored := w.DB.User.GetX(t.Context(), u.ID)
		assert.Equal(t, "pt-BR", stored.Language)
		assert.Equal(t, "America/Argentina/Buenos_Aires", stored.TimeZone)
		assert.Equal(t, "Countess", *stored.DisplayName)
		assert.Equal(t, "Ada", stored.FullName)
		u = w.prefer(t, u, accounts.Preferences{DisplayName: graphql.OmittableOf[*string](nil)})
		assert.Nil(t, u.DisplayName)
		_, err := w.Prefer(t.Context(), accounts.Preferences{})
		env.AssertFault(t, fault.Unauthenticated, err)
		_, err = w.Prefer(env.Gone(), accounts.Preferences{})
		env.AssertFault(t, fault.Unauthenticated, err)
	})
}

func TestPreferencesAcceptBCP47LanguagesAndIANATimeZones(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 1<<20)
	onEach(t, func(t *testing.T, w *world) {
		u := w.User("Ada")
		for text, want := range map[string]string{
			"fr": "fr", "de-AT": "de-AT", "zh-hant-tw": "zh-Hant-TW", "sr-Latn": "sr-Latn", "EN_us": "en-US",
		} {
			assert.Equal(t, want, w.prefer(t, u, accounts.Preferences{Language: &text}).Language)
		}
		for _, zone := range []string{"UTC", "Europe/Paris", "Asia/Kolkata", "Etc/GMT+12", "EST5EDT"} {
			assert.Equal(t, zone, w.prefer(t, u, accounts.Preferences{TimeZone: &zone}).TimeZone)
		}
		for _, bad := range []string{
			"", " ", "french", "xx", "f", "fr;q=1", "fr\x00", "und", "fr-" + long, "é",
			"en-x-a-very-long-private-tag-of-ours-indeed",
		} {
			_, err := w.Prefer(env.As(u), accounts.Preferences{Language: &bad})
			env.AssertBlames(t, err, "language", "")
		}
		for _, bad := range []string{
			"", " ", "Local", "Paris", "europe/paris", "+01:00", "../Europe/Paris", "/etc/passwd",
			"posix/Europe/Paris", "Europe/Paris\x00", long, "É", "zone.tab", "localtime",
		} {
			_, err := w.Prefer(env.As(u), accounts.Preferences{TimeZone: &bad})
			env.AssertBlames(t, err, "timeZone", "")
		}
		_, err := w.Prefer(env.As(u), accounts.Preferences{DisplayName: graphql.OmittableOf(new("\u202e"))})
		env.AssertBlames(t, err, "displayName", "")
	})
}

func TestPreferredNameIsUsedWhereUsersChooseNames(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		u, strict := w.User("Ada Lovelace"), usual
		strict.UsersChooseNames = false
		w.prefer(t, u, accounts.Preferences{DisplayName: graphql.OmittableOf(new("Countess"))})
		for service, names := range map[*accounts.Service][2]string{
			w.Service: {"Countess", "Augusta"}, accounts.New(w.DB, nil, strict): {"Ada Lovelace", "Ada Lovelace"},
		} {
			name, err := service.DisplayName(env.As(u), nil)
			require.NoError(t, err)
			assert.Equal(t, names[0], name)
			name, err = service.DisplayName(env.As(u), new("Augusta"))
			require.NoError(t, err)
			assert.Equal(t, names[1], name)
		}
	})
}
