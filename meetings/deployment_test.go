package meetings_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/livekit"
)

// TestPeopleOfAnotherDeploymentStay: two installations share a LiveKit, which reports the rooms of both to each.
func TestPeopleOfAnotherDeploymentStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{deployment: "meet.example.org"})
	for deployment, stays := range map[string]bool{
		"staging.example.org": true, "": true, "meet.example.org": false,
	} {
		other := livekit.New(livekit.Settings{
			URL: w.livekit.URL(), PublicURL: w.livekit.URL(), APIKey: w.livekit.Key(),
			APISecret: w.livekit.Secret(), TokenTTL: soon, Deployment: deployment,
		})
		j := livekit.Join{Room: uuid.NewString(), Identity: uuid.New(), Name: "Anna"}
		details, err := other.Details(t.Context(), j)
		require.NoError(t, err)
		if !stays {
			w.isKeptOut(pass{id: j.Identity, details: details})
			continue
		}
		before := w.heard(livekit.ParticipantJoined)
		anna := w.enter(pass{id: j.Identity, details: details})
		w.eventually(func(t *assert.CollectT) {
			assert.Greater(t, w.heard(livekit.ParticipantJoined), before)
		})
		_, err = w.rtc.Participant(t.Context(), j.Room, livekit.IdentityOf(j.Identity))
		require.NoError(t, err, deployment)
		anna.room.Disconnect()
	}
}
