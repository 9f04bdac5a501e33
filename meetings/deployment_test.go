package meetings_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/livekit"
	"foyer/test/env"
)

// TestPeopleOfAnotherDeploymentStay: two installations share a LiveKit, which reports the rooms of both to each.
func TestPeopleOfAnotherDeploymentStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{deployment: "meet.example.org"})
	for deployment, stays := range map[string]bool{
		"staging.example.org": true, "": true, "meet.example.org": false,
	} {
		settings := w.liveKit.Settings()
		settings.Deployment = deployment
		other := livekit.New(settings)
		j := livekit.Join{Room: uuid.NewString(), Identity: uuid.New(), Name: "Anna"}
		details, err := other.Details(t.Context(), j)
		require.NoError(t, err)
		if !stays {
			w.isKeptOut(pass{id: j.Identity, details: details})
			continue
		}
		before := w.heard(livekit.ParticipantJoined)
		anna := w.enter(pass{id: j.Identity, details: details})
		env.Eventually(w.T, func(t *assert.CollectT) {
			assert.Greater(t, w.heard(livekit.ParticipantJoined), before)
		})
		_, err = w.livekit.Participant(t.Context(), j.Room, livekit.IdentityOf(j.Identity))
		require.NoError(t, err, deployment)
		anna.room.Disconnect()
	}
}
