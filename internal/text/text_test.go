package text_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"foyer/internal/fault"
	"foyer/internal/text"
	"foyer/test/env"
)

func TestNameMayUseAnyScript(t *testing.T) {
	t.Parallel()
	for what, name := range env.GoodNames {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			checked, err := text.CheckName("name", name, 200)
			assert.NoError(t, err)
			assert.Equal(t, name, checked)
			checked, err = text.CheckDisplayName("displayName", name)
			assert.NoError(t, err)
			assert.Equal(t, name, checked)
		})
	}
}

func TestNameIsTrimmed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		" Ada", "Ada ", "\t\n Ada\r\n", "\u00a0\u3000Ada\u2003", "Ada\u2028",
	} {
		checked, err := text.CheckName("name", name, 3)
		assert.NoError(t, err, "%q", name)
		assert.Equal(t, "Ada", checked, "%q", name)
	}
}

func TestEmptyLongOrDeceptiveNameIsRefused(t *testing.T) {
	t.Parallel()
	const unread, long = "has nothing to read", "is longer than 100 characters"
	const bad, deceptive = "is not valid UTF-8", "contains control or text-direction characters"
	tests := map[string]struct{ name, why string }{
		"empty":                      {"", unread},
		"spaces":                     {"   ", unread},
		"spaces of other kinds":      {"\t\r\n\u00a0\u3000\u2028", unread},
		"zero-width spaces":          {"\u200b\u200b", unread},
		"joiners":                    {"\u200d\u200c", unread},
		"a word joiner":              {"\u2060", unread},
		"a byte order mark":          {"\ufeff", unread},
		"a soft hyphen":              {"\u00ad", unread},
		"spaces and zero-width ones": {" \u200b \u200b ", unread},
		"101 letters":                {strings.Repeat("a", 101), long},
		"101 Chinese letters":        {strings.Repeat("会", 101), long},
		"101 emoji":                  {strings.Repeat("🦊", 101), long},
		"a megabyte of letters":      {strings.Repeat("a", 1<<20), long},
		"a megabyte of spaces":       {strings.Repeat(" ", 1<<20), long},
		"a megabyte of rubbish":      {strings.Repeat("\xff", 1<<20), long},
		"invalid UTF-8":              {"Ada \xff", bad},
		"half a letter":              {"Ada \xc3", bad},
		"a surrogate":                {"Ada \xed\xa0\x80", bad},
		"NUL":                        {"A\x00da", deceptive},
		"only NUL":                   {"\x00", unread},
		"a bell":                     {"Ada\a", deceptive},
		"a terminal's escape":        {"\x1b[31mAda", deceptive},
		"delete":                     {"Ada\x7f", deceptive},
		"a newline":                  {"Ada\nBob", deceptive},
		"a carriage return":          {"Ada\rBob", deceptive},
		"a tab":                      {"Ada\tBob", deceptive},
		"a next line":                {"Ada\u0085Bob", deceptive},
		"a line separator":           {"Ada\u2028Bob", deceptive},
		"a paragraph separator":      {"Ada\u2029Bob", deceptive},
		"a replacement character":    {"Ada\ufffd", deceptive},
	}
	for _, r := range "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c" {
		tests["a mark of direction "+string('A'+r%26)+string('A'+r/26%26)] =
			struct{ name, why string }{"Ada " + string(r) + "adA", deceptive}
	}
	for what, test := range tests {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			checked, err := text.CheckName("displayName", test.name, 100)
			env.AssertBlames(t, err, "displayName", test.why)
			assert.NotContains(t, err.Error(), "Ada", "the name goes into no log")
			assert.Empty(t, checked)
			_, err = text.CheckDisplayName("displayName", test.name)
			env.AssertBlames(t, err, "displayName", test.why)
		})
	}
}

func TestNameIsMeasuredInCharacters(t *testing.T) {
	t.Parallel()
	for _, letter := range []string{"a", "é", "会", "🦊"} {
		exact := strings.Repeat(letter, 100)
		checked, err := text.CheckName("name", exact, 100)
		assert.NoError(t, err)
		assert.Equal(t, exact, checked)
		_, err = text.CheckName("name", exact+letter, 100)
		assert.True(t, fault.Is(err, fault.Invalid), "%v", err)
		checked, err = text.CheckName("name", "  "+exact+"  ", 100)
		assert.NoError(t, err, "what is trimmed does not count")
		assert.Equal(t, exact, checked)
	}
}

func TestCheckLinesKeepsLines(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"one line":                    "one line",
		"We begin at 10.\nTea first.": "We begin at 10.\nTea first.",
		"Windows\r\nand\rold Macs":    "Windows\nand\nold Macs",
		"a\tb":                        "a b",
		"\n \n a \n ":                 "a",
		"a\n\nb":                      "a\n\nb",
		"a\n\n\n \n\nb":               "a\n\nb",
		"a\u2028b\u2029c":             "a\nb\n\nc",
		"שלום\nعليكم 🦊":               "שלום\nعليكم 🦊",
		strings.Repeat("界", 300):      strings.Repeat("界", 300),
	} {
		got, err := text.CheckLines("message", given, 300)
		require.NoError(t, err, "%q", given)
		assert.Equal(t, want, got, "%q", given)
	}
	for given, message := range map[string]string{
		"":                              "nothing to read",
		" \n\t\r\n ":                    "nothing to read",
		"a\x00b":                        "control",
		"a\n\x1b[31mb":                  "control",
		"a\vb":                          "control",
		"a\u0085b":                      "control",
		"a\n\u202eb":                    "text-direction",
		"a\u2066b":                      "text-direction",
		"a\xff\nb":                      "UTF-8",
		strings.Repeat("a", 301):        "longer than 300",
		strings.Repeat("a\n", 151):      "longer than 300",
		strings.Repeat("\n", 1e6) + "a": "longer than 300",
	} {
		_, err := text.CheckLines("message", given, 300)
		env.AssertBlames(t, err, "message", message)
	}
}

func TestDisplayNameFitsLiveKit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		fits bool
	}{
		{strings.Repeat("a", 100), true},
		{strings.Repeat("a", 101), false},
		{strings.Repeat("会", 85), true}, // 255 bytes
		{strings.Repeat("会", 85) + "a", true},
		{strings.Repeat("会", 85) + "é", false}, // 257 bytes
		{strings.Repeat("会", 100), false},
		{strings.Repeat("🦊", 64), true}, // 256 bytes
		{strings.Repeat("🦊", 65), false},
	}
	for _, test := range tests {
		_, err := text.CheckDisplayName("displayName", test.name)
		if test.fits {
			assert.NoError(t, err, test.name)
			continue
		}
		env.AssertBlames(t, err, "displayName", "is longer than")
	}
}

func TestCheckedDisplayNameIsValidAndStaysTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := env.AnyText.Draw(t, "name")
		checked, err := text.CheckDisplayName("displayName", name)
		if err != nil {
			require.True(t, fault.Is(err, fault.Invalid))
			require.Empty(t, checked)
			return
		}
		again, err := text.CheckDisplayName("displayName", checked)
		require.NoError(t, err)
		require.Equal(t, checked, again)
		require.True(t, utf8.ValidString(checked))
		require.LessOrEqual(t, len(checked), 256)
		require.LessOrEqual(t, utf8.RuneCountInString(checked), 100)
		require.NotContains(t, checked, "\x00")
		require.NotContains(t, checked, "\u202e")
	})
}
