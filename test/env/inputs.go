package env

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"foyer/internal/fault"
)

// GoodNames are valid names in many scripts.
var GoodNames = map[string]string{
	"one letter":       "a",
	"accents":          "Réunion d'été",
	"apart accents":    "Re\u0301union",
	"Cyrillic":         "Встреча",
	"Greek":            "Συνάντηση",
	"Arabic":           "غرفة الاجتماعات",
	"Hebrew":           "חדר ישיבות",
	"Persian, joiners": "می\u200cخواهم",
	"Hindi, joiners":   "क्\u200dष हिन्दी",
	"Thai":             "ห้องประชุม",
	"Chinese":          "会议室",
	"Japanese":         "ミーティング 会議",
	"Korean":           "회의실",
	"emoji":            "🦊 standup 🚀",
	"emoji, joined":    "👩🏽\u200d💻 👨\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈",
	"skin tone":        "👍🏿",
	"punctuation":      `"<b>" & 'co' \ % $1 {{.}} -- ;`,
	"stacked accents":  "Z" + strings.Repeat("\u0335", 50),
}

// AnyText generates texts, and bytes that are not UTF-8.
var AnyText = rapid.OneOf(
	rapid.String(),
	rapid.StringN(80, 300, -1),
	rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	rapid.StringOf(rapid.SampledFrom([]rune("a é会🦊\u200d\u202e\x00\n\u0301"))),
)

// AssertBlames asserts that an error is Invalid, names the field, and says why.
func AssertBlames(t testing.TB, err error, field, why string) {
	t.Helper()
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	assert.Equal(t, map[string]any{"field": field}, fault.Of(err).Details)
	assert.Contains(t, fault.Of(err).Message, field)
	assert.Contains(t, fault.Of(err).Message, why)
}

// Concurrently makes n concurrent calls of f, and returns after all of them.
func Concurrently(n int, f func(i int)) {
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			f(i)
		})
	}
	done.Wait()
}
