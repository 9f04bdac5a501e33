package scalar_test

import (
	"bytes"
	"encoding/base64"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/graph/scalar"
	"foyer/internal/fault"
)

func cursorText(c ent.Cursor) string {
	var text bytes.Buffer
	scalar.MarshalCursor(c).MarshalGQL(&text)
	return strings.Trim(text.String(), `"`)
}

func TestCursorSurvivesARoundTrip(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{
		time.Date(2026, 11, 27, 12, 0, 0, 123_456_789, time.UTC), time.Unix(0, 0), time.UnixMilli(-1),
		time.Date(2026, 7, 1, 0, 0, 0, 0, time.FixedZone("", 2*60*60)),
	} {
		text := cursorText(ent.Cursor{ID: uuid.New(), Value: at})
		assert.LessOrEqual(t, len(text), 128)
		back, err := scalar.UnmarshalCursor(text)
		require.NoError(t, err)
		assert.Equal(t, at.UTC(), back.Value)
		assert.Equal(t, text, cursorText(back))
	}
}

func TestOnlyWrittenCursorsAreRead(t *testing.T) {
	t.Parallel()
	good := cursorText(ent.Cursor{ID: uuid.New(), Value: time.Now()})
	for name, value := range map[string]any{
		"empty": "", "null": nil, "a number": int64(1), "a list": []any{good}, "an object": map[string]any{},
		"shorter": good[1:], "longer": good + "A", "padded": good[:30] + "==", "a line end": good[:31] + "\n",
		"a character that is not base64url": "+" + good[1:], "NUL": "\x00" + good[1:], "not UTF-8": "\xff" + good[1:],
		"MessagePack": base64.RawStdEncoding.EncodeToString([]byte("\x81\xa1v\x90")),
		"1 MB":        strings.Repeat("A", 1<<20),
	} {
		_, err := scalar.UnmarshalCursor(value)
		assert.True(t, fault.Is(err, fault.Invalid), name)
	}
}

// Not parallel, because it counts allocations.
func TestLongScalarsAreRefusedUnread(t *testing.T) {
	large := strings.Repeat("A", 16<<20)
	for name, read := range map[string]func() error{
		"cursor": func() error { _, err := scalar.UnmarshalCursor(large); return err },
		"id":     func() error { _, err := scalar.UnmarshalID(large); return err },
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := read()
		runtime.ReadMemStats(&after)
		assert.True(t, fault.Is(err, fault.Invalid), name)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<10), name)
	}
}
