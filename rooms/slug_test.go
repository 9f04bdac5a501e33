package rooms_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"foyer/internal/fault"
	"foyer/rooms"
	"foyer/test/env"
)

func TestNormalizeSlugKeepsPlainCharacters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"my-room":              "my-room",
		"My Room!":             "my-room",
		"Réunion":              "reunion",
		"Re\u0301union":        "reunion",
		"Eléphant in the room": "elephant-in-the-room",
		"会议":                   "",
		"Встреча":              "",
		"---":                  "",
		"":                     "",
		"   ":                  "",
		"!?":                   "",
		"  --a__b-- ":          "a__b",
		"_a_":                  "a",
		"a - _ - b":            "a-_-b",
		"a.b":                  "ab",
		"a/../b":               "ab",
		"a%2Fb":                "a2fb",
		"ﬁnance":               "finance",
		"İstanbul":             "istanbul",
		"Straße":               "strae",
		"50% off":              "50-off",
		"C++ / Go":             "c-go",
		"a\u00a0b":             "a-b",
		"a\u3000\u2003b":       "a-b",
		"a\tb\nc":              "a-b-c",
		"①②③":                  "123",
		"ｆｕｌｌ":                 "full",
		"K9":                   "k9", // the Kelvin sign
		"a\u200bb":             "ab",
		"a\x00b":               "ab",
		"a\xffb":               "ab",
		"team_daily":           "team_daily",
		"Ada's room":           "adas-room",
		"Straße 5":             "strae-5",

		"https://foyer.example.org/team_daily":                       "team_daily",
		"https://foyer.example.org/team_daily/":                      "team_daily",
		"https://foyer.example.org/team_daily.":                      "team_daily",
		"https://foyer.example.org/team_daily/.":                     "team_daily",
		"https://foyer.example.org/team_daily?utm=x/y":               "team_daily",
		"https://foyer.example.org/team_daily/?utm=x#a/b":            "team_daily",
		"  foyer.example.org/team_daily  ":                           "team_daily",
		"localhost:8080/team_daily":                                  "team_daily",
		"/team_daily/":                                               "team_daily",
		"https://foyer.example.org/Ada's%20room":                     "adas-room",
		"https://foyer.example.org/Stra%C3%9Fe%205":                  "strae-5",
		"https://foyer.example.org/50%":                              "50",
		"https://foyer.example.org/" + strings.Repeat("a", 401):      "",
		"https://foyer.example.org/abc?" + strings.Repeat("a", 3000): "abc",
		"会议 room":                "room",
		strings.Repeat("a", 400): strings.Repeat("a", 400),
		strings.Repeat("a", 401): "",
		strings.Repeat("-", 1e6): "",
	} {
		assert.Equal(t, want, rooms.NormalizeSlug(text), "%.50q", text)
	}
}

func TestNormalizedSlugIsPlainAndStaysTheSame(t *testing.T) {
	t.Parallel()
	plain := regexp.MustCompile(`^([a-z0-9]([a-z0-9_-]*[a-z0-9])?)?$`)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(env.AnyText, rapid.StringMatching(`[ A-Za-z0-9_.-]{0,120}`)).Draw(t, "text")
		slug := rooms.NormalizeSlug(text)
		require.Regexp(t, plain, slug)
		require.NotContains(t, slug, "--")
		if len(slug) <= 400 {
			require.Equal(t, slug, rooms.NormalizeSlug(slug))
		}
	})
}

func TestChosenSlugIsNormalisedOrRefused(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"My Room!", "my-room"},
		{"abc", "abc"},
		{" a c ", "a-c"},
		{strings.Repeat("a", 100), strings.Repeat("a", 100)},
		{"deadbeef", "deadbeef"}, // hexadecimal digits, but too few for an id
		{"ab", ""},
		{"--ab--", ""},
		{"", ""},
		{"会议", ""},
		{strings.Repeat("a", 101), ""},
		{strings.Repeat("a ", 1<<19), ""},
	}
	for _, test := range tests {
		slug, err := rooms.ChosenSlug(test.text)
		assert.Equal(t, test.want, slug, "%.50q", test.text)
		if test.want == "" {
			env.AssertBlames(t, err, "slug", "3 to 100 characters")
			continue
		}
		assert.NoError(t, err)
	}
}

// A slug that looks like an id could be mistaken for another room's id, above all because a temporary room's slug is
// its LiveKit room name.
func TestSlugThatLooksLikeAnIdIsRefused(t *testing.T) {
	t.Parallel()
	id := "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	spellings := []string{
		id, strings.ToUpper(id), "{" + id + "}",
		"urn:uuid:" + id, "URN:UUID:" + id, " urn:uuid:" + id,
		strings.ReplaceAll(id, "-", ""), strings.ReplaceAll(id, "-", "_"),
		strings.ReplaceAll(id, "-", " "), strings.ReplaceAll(id, "-", "\u00a0"),
		strings.ReplaceAll(id, "-", "--"), "  " + id + "  ", "-" + id + "-", "(" + id + ")!",
		id[:8] + "." + id[8:], "６ba7b810-9dad-11d1-80b4-00c04fd430c8",
		uuid.NewString(), uuid.Nil.String(), strings.Repeat("0", 32),
	}
	for _, text := range spellings {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			slug, err := rooms.ChosenSlug(text)
			env.AssertBlames(t, err, "slug", "must not look like an id")
			assert.Empty(t, slug)
		})
	}
}

func TestReservedSlugIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"graphql", "GraphiQL", " LOGIN! ", "recordings", "assets"} {
		_, err := rooms.ChosenSlug(text)
		env.AssertBlames(t, err, "slug", "this address is Foyer's own")
	}
	slug, err := rooms.ChosenSlug("log in")
	assert.NoError(t, err)
	assert.Equal(t, "log-in", slug)
}

func TestChosenSlugNeverParsesAsAnId(t *testing.T) {
	t.Parallel()
	hex := rapid.StringMatching(
		`[{(]?[0-9a-fA-F]{8}[-_ ]?([0-9a-fA-F]{4}[-_ ]?){3}[0-9a-fA-F]{12}[)}]?`)
	rapid.Check(t, func(t *rapid.T) {
		slug, err := rooms.ChosenSlug(rapid.OneOf(hex, env.AnyText).Draw(t, "text"))
		if err != nil {
			require.True(t, fault.Is(err, fault.Invalid))
			return
		}
		_, err = uuid.Parse(slug)
		require.Error(t, err, slug)
	})
}

func TestRandomSlugHasTenUniformLetters(t *testing.T) {
	t.Parallel()
	const slugs = 40_000
	form, letters := regexp.MustCompile(`^[a-z]{3}-[a-z]{4}-[a-z]{3}$`), map[rune]int{}
	seen := map[string]bool{}
	for range slugs {
		slug := rooms.RandomSlug()
		require.Regexp(t, form, slug)
		require.False(t, seen[slug], "%s came twice", slug)
		seen[slug] = true
		for _, letter := range slug {
			letters[letter]++
		}
	}
	delete(letters, '-')
	assert.Len(t, letters, 26)
	for letter, n := range letters {
		// 15,385 on average, with a standard deviation of 122.
		assert.InDelta(t, slugs*10/26, n, 6*122, "the letter %c", letter)
	}
}

func TestRandomSlugIsAValidSlug(t *testing.T) {
	t.Parallel()
	slug := rooms.RandomSlug()
	chosen, err := rooms.ChosenSlug(slug)
	assert.NoError(t, err)
	assert.Equal(t, slug, chosen)
}
