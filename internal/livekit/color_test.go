package livekit_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/livekit"
)

// The same on every server and in every version: a person keeps their colour.
func TestColorOfAnIdNeverChanges(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"00000000-0000-4000-8000-000000000000": "hsl(171, 52%, 41%)",
		"11111111-1111-4111-8111-111111111111": "hsl(300, 75%, 42%)",
		"0b6a3c1e-7d0f-4c58-9a3e-2f1d5b8c9e10": "hsl(270, 65%, 40%)",
		"7c9e6679-7425-40de-944b-e07fc1f90ae7": "hsl(336, 51%, 32%)",
		"f47ac10b-58cc-4372-a567-0e02b2c3d479": "hsl(127, 71%, 40%)",
		"ffffffff-ffff-4fff-bfff-ffffffffffff": "hsl(159, 75%, 35%)",
	} {
		assert.Equal(t, want, livekit.Color(uuid.Nil, uuid.MustParse(id)), "of entry %s", id)
		assert.Equal(t, want, livekit.Color(uuid.MustParse(id), uuid.New()), "of user %s", id)
	}
}

func TestColorsAreInRangeAndSpreadEvenly(t *testing.T) {
	t.Parallel()
	const ids, bands = 10_000, 36
	hues, saturations, lightnesses := [bands]int{}, map[int]int{}, map[int]int{}
	for range ids {
		color := livekit.Color(uuid.Nil, uuid.New())
		var h, s, l int
		_, err := fmt.Sscanf(color, "hsl(%d, %d%%, %d%%)", &h, &s, &l)
		require.NoError(t, err, color)
		require.Equal(t, fmt.Sprintf("hsl(%d, %d%%, %d%%)", h, s, l), color)
		require.True(t, 0 <= h && h <= 359 && 50 <= s && s <= 75 && 25 <= l && l <= 60, color)
		hues[h*bands/360]++
		saturations[s]++
		lightnesses[l]++
	}
	for band, n := range hues {
		// 278 on average, with a standard deviation of 16.
		assert.InDelta(t, ids/bands, n, 8*16.4, "hues from %d", band*360/bands)
	}
	assert.Len(t, saturations, 75-50+1)
	assert.Len(t, lightnesses, 60-25+1)
}
