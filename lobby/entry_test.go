package lobby

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// packed is an entry as the script list packs it.
func packed(id uuid.UUID, name string) string {
	entry := id.String() + "\nhsl(1, 2%, 3%)\nWAITING\n\n1763900000000\n17\n18\n\n" + name
	return strconv.Itoa(len(entry)) + "\n" + entry
}

func TestPackedEntriesAreReadWhateverTheirNames(t *testing.T) {
	t.Parallel()
	names := []string{"Ada", "", "\n", "3\nAda\n", "7:é 名 🙂", strings.Repeat("x", 400), "\x00\xff"}
	all, ids := "", make([]uuid.UUID, len(names))
	for i, name := range names {
		ids[i] = uuid.New()
		all += packed(ids[i], name)
	}
	roomID := uuid.New()
	entries, err := unpackEntries(roomID, int64(len(names)), all)
	require.NoError(t, err)
	require.Len(t, entries, len(names))
	for i, e := range entries {
		assert.Equal(t, names[i], e.DisplayName)
		assert.Equal(t, ids[i], e.ID)
		assert.Equal(t, roomID, e.RoomID)
		assert.Equal(t, Waiting, e.Status)
		assert.Equal(t, "hsl(1, 2%, 3%)", e.Color)
		assert.Equal(t, int64(1763900000000), e.Since.UnixMilli())
		assert.Equal(t, []int{17, 18}, []int{e.arrival, e.Version})
		assert.False(t, e.byRule || e.IsAuthenticated())
	}
	none, err := unpackEntries(roomID, int64(0), "")
	require.NoError(t, err)
	assert.Equal(t, []*Entry{}, none)
}

func TestWhatIsNoPackedEntryIsAnError(t *testing.T) {
	t.Parallel()
	whole := packed(uuid.New(), "")
	for _, reply := range []any{
		nil, int64(1), "", "\n", "0\n", "-1\n", "9\n" + strings.Repeat("\n", 9), whole[1:], whole[:len(whole)-1],
		whole + whole, whole + "\n", []any{whole},
	} {
		_, err := unpackEntries(uuid.New(), int64(1), reply)
		assert.Error(t, err, "%q", reply)
	}
	for _, count := range []any{nil, "1", int64(-1), int64(0), int64(2), int64(1) << 60} {
		_, err := unpackEntries(uuid.New(), count, whole)
		assert.Error(t, err, "%v", count)
	}
}

// BenchmarkUnpackFifty: the entries cost three allocations, however many they are.
func BenchmarkUnpackFifty(b *testing.B) {
	all := strings.Repeat(packed(uuid.New(), "Guest"), 50)
	roomID := uuid.New()
	b.ReportAllocs()
	for b.Loop() {
		if entries, err := unpackEntries(roomID, int64(50), all); err != nil || len(entries) != 50 {
			b.Fatal(err)
		}
	}
}
