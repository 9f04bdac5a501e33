package calls_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/rtc"
)

// TestPeopleOfAnotherDeploymentAreLeftAlone: two installations share a LiveKit, which tells each of the rooms of both.
func TestPeopleOfAnotherDeploymentAreLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{deployment: "meet.example.org"})
	for deployment, stays := range map[string]bool{
		"staging.example.org": true, "": true, "meet.example.org": false,
	} {
		other := rtc.New(rtc.Settings{
			URL: w.livekit.URL(), PublicURL: w.livekit.URL(), APIKey: w.livekit.Key(),
			APISecret: w.livekit.Secret(), TokenTTL: soon, Deployment: deployment,
		})
		j := rtc.Join{Room: uuid.NewString(), Identity: uuid.New(), Name: "Anna"}
		details, err := other.Details(t.Context(), j)
		require.NoError(t, err)
		if !stays {
			w.isKeptOut(pass{id: j.Identity, details: details})
			continue
		}
		before := w.heard(rtc.ParticipantJoined)
		anna := w.enter(pass{id: j.Identity, details: details})
		w.eventually(func(t *assert.CollectT) {
			assert.Greater(t, w.heard(rtc.ParticipantJoined), before)
		})
		_, err = w.rtc.Participant(t.Context(), j.Room, rtc.IdentityOf(j.Identity))
		require.NoError(t, err, deployment)
		anna.room.Disconnect()
	}
}
