package accounts_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/accounts"
	"foyer/auth"
	"foyer/ent"
	"foyer/internal/fault"
	"foyer/rooms"
	"foyer/test/env"
)

func TestSignInKeepsOneAccountUpToDate(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		first, err := w.SignIn(t.Context(), auth.Identity{
			Subject: "sub", Email: "Ada@Example.ORG", FullName: " Ada Lovelace ",
		})
		require.NoError(t, err)
		assert.Equal(t, "ada@example.org", first.Email)
		assert.Equal(t, "Ada Lovelace", first.FullName)
		assert.Equal(t, "UTC", first.TimeZone)
		assert.Equal(t, "en", first.Language)
		first = first.Update().SetTimeZone("Europe/Paris").SaveX(t.Context())

		again, err := w.SignIn(t.Context(), auth.Identity{
			Subject: "sub", Email: "ada@king.example", FullName: "Ada King",
		})
		require.NoError(t, err)
		assert.Equal(t, first.ID, again.ID)
		assert.Equal(t, "ada@king.example", again.Email)
		assert.Equal(t, "Ada King", again.FullName)
		assert.Equal(t, "Europe/Paris", again.TimeZone, "what the provider does not say stays")
		assert.True(t, first.CreatedAt.Equal(again.CreatedAt))
		assert.True(t, again.UpdatedAt.After(first.UpdatedAt))

		other, err := w.SignIn(t.Context(), auth.Identity{
			Subject: "Sub", Email: "ada@king.example", FullName: "Ada King",
		})
		require.NoError(t, err)
		assert.NotEqual(t, first.ID, other.ID, "it is the subject that finds an account")
		assert.Equal(t, 2, w.DB.User.Query().CountX(t.Context()))
	})
}

func TestNewAccountTakesTheProvidersLanguageAndKeepsIt(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		r := w.NewRoom(owner, "A room")
		for i, c := range []struct {
			want  string
			reads []string
		}{
			{"en", nil},
			{"fr", []string{"fr-CA"}},
			{"fr", []string{"fr_FR"}},
			{"fr", []string{"", "de;q=1, fr;q=0.8, en;q=0.5"}},
			{"fr", []string{"de", "fr"}},
			{"en", []string{"en", "fr"}},
			{"en", []string{"ja", "zh-Hant"}},
			{"en", []string{"*"}},
			{"fr", []string{"-;;\x00", strings.Repeat("-", 5000), "fr"}},
		} {
			subject, email := fmt.Sprint("sub", i), fmt.Sprintf("p%d@example.org", i)
			u, err := w.SignIn(t.Context(), auth.Identity{Subject: subject, Languages: c.reads})
			require.NoError(t, err)
			assert.Equal(t, c.want, u.Language, c.reads)
			u, err = w.SignIn(t.Context(), auth.Identity{Subject: subject, Languages: []string{"fr", "en"}})
			require.NoError(t, err)
			assert.Equal(t, c.want, u.Language, "it is the person's own by now")

			w.invite(t, owner, r, email, member)
			u, err = w.SignIn(t.Context(), auth.Identity{
				Subject: "invited" + subject, Email: email, EmailVerified: true, Languages: c.reads,
			})
			require.NoError(t, err)
			assert.Equal(t, c.want, u.Language, "invited: %q", c.reads)
		}
	})
}

func TestNewAccountTakesTheProvidersTimeZoneAndKeepsIt(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		olga := w.User("Olga")
		r := w.NewRoom(olga, "Room")
		for i, c := range []struct {
			in   []string
			want string
		}{
			{nil, "UTC"}, {[]string{""}, "UTC"}, {[]string{"Local", "../etc", "Europe/Atlantis"}, "UTC"},
			{[]string{"America/New_York", "Europe/Paris"}, "America/New_York"},
			{[]string{"nowhere", "Europe/Paris"}, "Europe/Paris"},
		} {
			p := auth.Identity{Subject: fmt.Sprint("sub", i), TimeZones: c.in}
			u, err := w.SignIn(t.Context(), p)
			require.NoError(t, err)
			assert.Equal(t, c.want, u.TimeZone, c.in)
			p.TimeZones = []string{"Asia/Kolkata"}
			u, err = w.SignIn(t.Context(), p)
			require.NoError(t, err)
			assert.Equal(t, c.want, u.TimeZone, "it is the person's own by now")

			email := fmt.Sprintf("invited%d@example.org", i)
			_, err = w.Rooms.Grant(env.As(olga), rooms.GrantInput{RoomID: r.ID, Email: &email, Role: member})
			require.NoError(t, err)
			u, err = w.SignIn(t.Context(), auth.Identity{
				Subject: "invited" + p.Subject, Email: email, EmailVerified: true, TimeZones: c.in,
			})
			require.NoError(t, err)
			assert.Equal(t, c.want, u.TimeZone, "invited: %q", c.in)
		}
	})
}

func TestConcurrentFirstSignInsMakeOneAccount(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		ids := make([]uuid.UUID, 20)
		env.Concurrently(len(ids), func(i int) {
			u, err := w.SignIn(t.Context(), auth.Identity{
				Subject: "sub", Email: "ada@example.org", FullName: "Ada",
			})
			if assert.NoError(t, err) {
				ids[i] = u.ID
			}
		})
		stored := w.DB.User.Query().OnlyIDX(t.Context())
		for _, id := range ids {
			assert.Equal(t, stored, id)
		}
	})
}

func TestSignInWithAnInvalidIdentityMakesNoAccount(t *testing.T) {
	t.Parallel()
	const host = "@example.org"
	tests := []struct{ name, fullName, email, blames string }{
		{"no @", "Ada", "ada", "email"},
		{"no host", "Ada", "ada@", "email"},
		{"no local part", "Ada", host, "email"},
		{"two addresses", "Ada", "ada@example.org, bob@example.org", "email"},
		{"a name beside it", "Ada", "Ada <ada@example.org>", "email"},
		{"a space", "Ada", "a da@example.org", "email"},
		{"a line break", "Ada", "ada@example.org\r\nBcc: bob@example.org", "email"},
		{"NUL", "Ada", "a\x00da@example.org", "email"},
		{"invalid UTF-8", "Ada", "a\xffda@example.org", "email"},
		{"255 bytes", "Ada", strings.Repeat("a", 255-len(host)) + host, "email"},
		{"255 bytes in lower case", "Ada", strings.Repeat("Ⱥ", 121) + host, "email"},
		{"a megabyte", "Ada", strings.Repeat("a", 1<<20) + host, "email"},
		{"a name with nothing to read", " ", "ada@example.org", "name"},
		{"a name of control characters", "A\x00da", "ada@example.org", "name"},
		{"a name of 201 letters", strings.Repeat("a", 201), "ada@example.org", "name"},
	}
	onEach(t, func(t *testing.T, w *world) {
		for _, test := range tests {
			_, err := w.SignIn(t.Context(), auth.Identity{
				Subject: "sub", Email: test.email, FullName: test.fullName,
			})
			env.AssertBlames(t, err, test.blames, "")
		}
		for _, subject := range []string{"", strings.Repeat("s", 256)} {
			_, err := w.SignIn(t.Context(), auth.Identity{
				Subject: subject, Email: "ada@example.org", FullName: "Ada",
			})
			env.AssertBlames(t, err, "subject", "1 to 255 bytes")
		}
		assert.Zero(t, w.DB.User.Query().CountX(t.Context()))
	})
}

func TestPersonWithoutNameOrEmailSignsIn(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		nobody, err := w.SignIn(t.Context(), auth.Identity{Subject: "sub"})
		require.NoError(t, err)
		assert.Empty(t, nobody.Email+nobody.FullName+nobody.ShortName)
		name, err := w.DisplayName(env.As(nobody), nil)
		require.NoError(t, err)
		assert.Equal(t, "Anonymous", name)

		ada, err := w.SignIn(t.Context(), auth.Identity{
			Subject: "sub", Email: "ada@example.org", FullName: "Ada Lovelace", ShortName: "Ada",
		})
		require.NoError(t, err)
		assert.Equal(t, nobody.ID, ada.ID)
		again, err := w.SignIn(t.Context(), auth.Identity{Subject: "sub"})
		require.NoError(t, err)
		assert.Equal(t, []string{"ada@example.org", "Ada Lovelace", "Ada"},
			[]string{again.Email, again.FullName, again.ShortName}, "what is not said stays")
	})
}

func TestEmailFallbackFindsTheAccountOfAVerifiedAddress(t *testing.T) {
	t.Parallel()
	const adas, twins = "ada@example.org", "twins@example.org"
	onEach(t, func(t *testing.T, w *world) {
		settings := usual
		settings.EmailFallback = true
		allowing := accounts.New(w.DB, nil, settings)
		signIn := func(s *accounts.Service, subject, email string, verified bool) *ent.User {
			u, err := s.SignIn(t.Context(), auth.Identity{
				Subject: subject, Email: email, EmailVerified: verified, FullName: subject,
			})
			require.NoError(t, err)
			return u
		}
		ada := signIn(w.Service, "old", adas, true)
		known := signIn(w.Service, "known", twins, true)
		signIn(w.Service, "twin", twins, true)
		signIn(w.Service, "squatter", "victim@example.org", false)
		others := w.DB.User.Query().IDsX(t.Context())
		for name, other := range map[string]*ent.User{
			"two have the address":      signIn(allowing, "1", twins, true),
			"unverified":                signIn(allowing, "2", adas, false),
			"the other one's is not":    signIn(allowing, "3", "victim@example.org", true),
			"nobody has it":             signIn(allowing, "4", "new@example.org", true),
			"not where it is forbidden": signIn(w.Service, "5", "new@example.org", true),
		} {
			assert.NotContains(t, others, other.ID, name)
		}

		found := signIn(allowing, "new", "Ada@Example.org", true)
		assert.Equal(t, ada.ID, found.ID)
		assert.Equal(t, "new", found.FullName, "brought up to date")
		assert.Equal(t, ada.ID, signIn(allowing, "old", adas, true).ID, "the old subject still finds it")
		assert.Equal(t, known.ID, signIn(allowing, "known", adas, true).ID, "a subject comes first")
	})
}

// Some letters of other scripts have an ASCII letter as their lower case, but name other mailboxes and domains.
func TestAddressThatOnlyLooksTheSameInLowerCaseIsDifferent(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		settings := usual
		settings.EmailFallback = true
		allowing := accounts.New(w.DB, nil, settings)
		signIn := func(subject, email string) *ent.User {
			u, err := allowing.SignIn(t.Context(), auth.Identity{
				Subject: subject, Email: email, EmailVerified: true, FullName: subject,
			})
			require.NoError(t, err)
			return u
		}
		mike := signIn("mike", "mike@github.example")
		for i, email := range []string{
			"m\u0130ke@github.example", "mi\u212ae@github.example", "mike@gıthub.example",
		} {
			other := signIn(fmt.Sprint("impostor ", i), email)
			assert.NotEqual(t, mike.ID, other.ID, email)
			found, err := w.ByEmail(t.Context(), email)
			require.NoError(t, err)
			assert.Equal(t, other.ID, found, email)
		}
		for _, email := range []string{"mike@g\u0130thub.example", "mike@github.e\u212aample"} {
			_, err := w.ByEmail(t.Context(), email)
			env.AssertBlames(t, err, "email", "")
		}
		assert.Equal(t, mike.ID, signIn("mike", "MIKE@GitHub.example").ID)
		assert.Equal(t, "é@example.org", signIn("é", "É@example.org").Email)
	})
}

func TestUnicodeAndASCIIFormsOfADomainAreTheSame(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		owner := w.User("Olga")
		r := w.NewRoom(owner, "Room")
		granted := "Bob <bob@MÜLLER.example>"
		access, err := w.Rooms.Grant(env.As(owner), rooms.GrantInput{RoomID: r.ID, Email: &granted, Role: member})
		require.NoError(t, err)
		bob, err := w.SignIn(t.Context(), auth.Identity{
			Subject: "bob", Email: "bob@xn--mller-kva.example", EmailVerified: true, FullName: "Bob",
		})
		require.NoError(t, err)
		assert.Equal(t, access.UserID, bob.ID, "the role was given to the same address")
		assert.Equal(t, "bob@xn--mller-kva.example", bob.Email)
		found, err := w.ByEmail(t.Context(), "bob@müller.example")
		require.NoError(t, err)
		assert.Equal(t, bob.ID, found)
	})
}

func TestSignInAcceptsTheLongestIdentity(t *testing.T) {
	t.Parallel()
	const host = "@example.org"
	onEach(t, func(t *testing.T, w *world) {
		for _, letter := range []string{"a", "会", "🦊"} {
			p := auth.Identity{
				Subject: strings.Repeat("s", 255), FullName: strings.Repeat(letter, 200),
				Email: strings.Repeat("a", 254-len(host)) + host,
			}
			u, err := w.SignIn(t.Context(), p)
			if assert.NoError(t, err, letter) {
				assert.Equal(t, p.FullName, u.FullName)
				assert.Equal(t, p.Email, u.Email)
			}
			w.DB.User.Delete().ExecX(t.Context())
		}
	})
}

func TestViewerIsTheCallersAccount(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		ada := w.User("Ada")
		w.User("Bob")
		u, err := w.Viewer(env.As(ada))
		require.NoError(t, err)
		assert.Equal(t, ada.ID, u.ID)
		_, err = w.Viewer(t.Context())
		env.AssertFault(t, fault.Unauthenticated, err)
		_, err = w.Viewer(env.Gone())
		env.AssertFault(t, fault.Unauthenticated, err)
	})
}

func TestDisplayNameIsTheGivenNameOrTheAccounts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		signedIn       bool
		given          *string
		want, wantFree string // where users do not choose their names, and where they do
	}{
		{"a guest without a name", false, nil, "Anonymous", "Anonymous"},
		{"a guest with a name", false, new(" Zoë "), "Zoë", "Zoë"},
		{"a guest with a bad name", false, new("\u202e"), "", ""},
		{"a guest with an empty name", false, new(""), "", ""},
		{"a user without a name", true, nil, "Ada Lovelace", "Ada Lovelace"},
		{"a user with another name", true, new(" The Countess "), "Ada Lovelace", "The Countess"},
		{"a user with a bad name", true, new("a\x00b"), "", ""},
		{"a user with a name too long for LiveKit", true, new(strings.Repeat("会", 86)), "", ""},
	}
	onEach(t, func(t *testing.T, w *world) {
		ada, settings := w.User("Ada Lovelace"), usual
		settings.UsersChooseNames = false
		free, strict := w.Service, accounts.New(w.DB, nil, settings)
		for _, test := range tests {
			var viewer *ent.User
			if test.signedIn {
				viewer = ada
			}
			for want, s := range map[*string]*accounts.Service{&test.want: strict, &test.wantFree: free} {
				name, err := s.DisplayName(env.As(viewer), test.given)
				assert.Equal(t, *want, name, test.name)
				if *want == "" {
					env.AssertBlames(t, err, "displayName", "")
					continue
				}
				assert.NoError(t, err, test.name)
			}
		}
		_, err := w.DisplayName(env.Gone(), nil)
		env.AssertFault(t, fault.Unauthenticated, err)
	})
}

func TestDisplayNameFromALongAccountNameIsCut(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		name, err := w.DisplayName(env.As(w.User(strings.Repeat("a", 150))), nil)
		require.NoError(t, err)
		assert.Equal(t, strings.Repeat("a", 100), name)
	})
}
