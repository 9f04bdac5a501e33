package lobby

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// packed is an entry as the script list packs it.
func packed(id uuid.UUID, name string) string {
	return id.String() + "\nhsl(1, 2%, 3%)\nWAITING\n\n1763900000000\n17\n18\n\n" + name
}

func TestPackedEntriesAreReadWhateverTheirNames(t *testing.T) {
	t.Parallel()
	names := []string{"Ada", "", "\n", "3\nAda\n", "7:é 名 🙂", strings.Repeat("x", 400), "\x00\xff"}
	all, ids := make([]any, len(names)), make([]uuid.UUID, len(names))
	for i, name := range names {
		ids[i] = uuid.New()
		all[i] = packed(ids[i], name)
	}
	roomID := uuid.New()
	entries, err := unpackEntries(roomID, all)
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
	none, err := unpackEntries(roomID, nil)
	require.NoError(t, err)
	assert.Equal(t, []*Entry{}, none)
}

func TestWhatIsNoPackedEntryIsAnError(t *testing.T) {
	t.Parallel()
	whole := packed(uuid.New(), "")
	for _, reply := range []any{nil, int64(1), "", "\n", whole[1:], whole[:len(whole)-1], []any{whole}} {
		_, err := unpackEntries(uuid.New(), []any{reply})
		assert.Error(t, err, "%q", reply)
	}
}
