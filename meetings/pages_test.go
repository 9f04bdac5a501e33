package meetings_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/google/uuid"
	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
)

// crowd is LiveKit's answer with people who all joined in one millisecond, which a real LiveKit cannot be made to give.
// It answers nothing else.
type crowd struct {
	livekitproto.RoomService

	people []*livekitproto.ParticipantInfo
}

func (c *crowd) ListParticipants(
	context.Context, *livekitproto.ListParticipantsRequest,
) (*livekitproto.ListParticipantsResponse, error) {
	return &livekitproto.ListParticipantsResponse{Participants: c.people}, nil
}

// TestPagesHaveEverybodyWhoJoinedInOneInstant: once, people and other kinds.
func TestPagesHaveEverybodyWhoJoinedInOneInstant(t *testing.T) {
	t.Parallel()
	there := &crowd{}
	for i := range 60 {
		identity := uuid.NewString()
		if i%3 == 0 {
			identity = fmt.Sprintf("sip_+331000000%02d", i)
		}
		there.people = append(there.people, &livekitproto.ParticipantInfo{
			Identity: identity, Sid: fmt.Sprintf("PA_%s", uuid.NewString()), JoinedAt: 1_790_000_000,
			JoinedAtMs: 1_790_000_000_000 + int64(i/20), State: livekitproto.ParticipantInfo_ACTIVE,
		})
	}
	plays := httptest.NewServer(livekitproto.NewRoomServiceServer(there))
	t.Cleanup(plays.Close)
	w := newWorld(t, options{through: func(string) string { return plays.URL }})
	seen := map[string]int{}
	var after *ent.Cursor
	for pages, more := 0, true; more; pages++ {
		require.Less(t, pages, 60)
		page, err := w.List(w.Host(), w.Room, nil, new(7), after)
		require.NoError(t, err)
		for _, edge := range page.Edges {
			seen[string(edge.Node.Identity)]++
		}
		after, more = page.PageInfo.EndCursor, page.PageInfo.HasNextPage
	}
	for _, p := range there.people {
		assert.Equal(t, 1, seen[p.GetIdentity()], p.GetIdentity())
	}
}
