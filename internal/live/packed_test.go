package live

import (
	"cmp"
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
	entries, err := unpackEntries(roomID, int64(len(names)), all, whole(t))
	require.NoError(t, err)
	require.Len(t, entries, len(names))
	for i, e := range entries {
		assert.Equal(t, names[i], e.DisplayName)
		assert.Equal(t, ids[i], e.ID)
		assert.Equal(t, roomID, e.RoomID)
		assert.Equal(t, Waiting, e.Status)
		assert.Equal(t, "hsl(1, 2%, 3%)", e.Color)
		assert.Equal(t, int64(1763900000000), e.Since.UnixMilli())
		assert.Equal(t, []int{17, 18}, []int{e.Arrival, e.Version})
		assert.False(t, e.ByRule || e.IsAuthenticated())
	}
	none, err := unpackEntries(roomID, int64(0), "", whole(t))
	require.NoError(t, err)
	assert.Equal(t, []*Entry{}, none)
}

// whole fails a test when an entry is damaged.
func whole(t testing.TB) func(error) {
	return func(err error) { t.Errorf("a damaged entry: %v", err) }
}

func TestDamagedEntryIsLeftOut(t *testing.T) {
	t.Parallel()
	first, last := packed(uuid.New(), "First"), packed(uuid.New(), "Last")
	for what, damaged := range map[string]string{
		"empty": "0\n", "too few values": "3\nabc",
		"unknown status": strings.Replace(first, "WAITING", "SITTING", 1),
		"no time":        strings.Replace(first, "1763900000000", "176390000000x", 1),
		"no version":     strings.Replace(first, "\n18\n", "\n1x\n", 1),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			var found []error
			note := func(err error) { found = append(found, err) }
			entries, err := unpackEntries(uuid.New(), int64(3), first+damaged+last, note)
			require.NoError(t, err)
			require.Len(t, entries, 2)
			assert.Equal(t, "Last", entries[1].DisplayName)
			assert.Len(t, found, 1)
		})
	}
}

func TestTextThatIsNotAPackedEntryIsAnError(t *testing.T) {
	t.Parallel()
	sound := packed(uuid.New(), "")
	for _, reply := range []any{
		nil, int64(1), "", "\n", "0\n", "-1\n", "9\n" + strings.Repeat("\n", 9), sound[1:], sound[:len(sound)-1],
		sound + sound, sound + "\n", []any{sound},
	} {
		var found error
		entries, err := unpackEntries(uuid.New(), int64(1), reply, func(err error) { found = err })
		assert.Error(t, cmp.Or(err, found), "%q", reply)
		assert.Empty(t, entries)
	}
	for _, count := range []any{nil, "1", int64(-1), int64(0), int64(2), int64(1) << 60} {
		_, err := unpackEntries(uuid.New(), count, sound, whole(t))
		assert.Error(t, err, "%v", count)
	}
}

// BenchmarkUnpackFifty: the entries cost three allocations, however many they are.
func BenchmarkUnpackFifty(b *testing.B) {
	all := strings.Repeat(packed(uuid.New(), "Guest"), 50)
	roomID := uuid.New()
	b.ReportAllocs()
	for b.Loop() {
		if entries, err := unpackEntries(roomID, int64(50), all, whole(b)); err != nil || len(entries) != 50 {
			b.Fatal(err)
		}
	}
}
