package rooms_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/rooms"
	"foyer/test/env"
)

// TestRepeatedBanBelongsToTheNextMeeting: a ban that is repeated after the meeting's end is a new one.
func TestRepeatedBanBelongsToTheNextMeeting(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, w *world) {
		olga := w.User("Olga")
		room := w.NewRoom(olga, "A room")
		again, once := rooms.Person{ID: uuid.New(), Name: "Again"}, rooms.Person{ID: uuid.New(), Name: "Once"}
		for _, p := range []rooms.Person{again, once} {
			require.NoError(t, w.Ban(env.As(olga), room.ID, p, rooms.ForMeeting))
		}
		time.Sleep(time.Millisecond) // the clock may not be finer
		end := time.Now()
		time.Sleep(time.Millisecond)
		require.NoError(t, w.Ban(env.As(olga), room.ID, again, rooms.ForMeeting))
		require.NoError(t, w.EndMeeting(t.Context(), room.ID, end))
		banned, err := w.Banned(t.Context(), room.ID, again, once)
		require.NoError(t, err)
		assert.Equal(t, map[uuid.UUID]bool{again.ID: true}, banned)
	})
}
