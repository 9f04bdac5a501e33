package livekit_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/livekit/protocol/auth"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/fault"
	"foyer/internal/livekit"
)

// TestEventSignedWithAnyConfiguredKeyIsAccepted: during a rotation of keys, LiveKit signs with an older one.
func TestEventSignedWithAnyConfiguredKeyIsAccepted(t *testing.T) {
	t.Parallel()
	s := offline()
	older, gone := strings.Repeat("o", 32), strings.Repeat("g", 32)
	s.OlderKeys = map[string]string{"APIolder": older, apiKey: gone}
	for name, c := range map[string]struct {
		key, secret string
		taken       bool
	}{
		"the first":                    {apiKey, apiSecret, true},
		"an older one":                 {"APIolder", older, true},
		"an older one, another secret": {"APIolder", apiSecret, false},
		"the first, an older secret":   {apiKey, gone, false},
		"one that is not configured":   {"APIgone", gone, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := `{"event": "room_started", "id": "EV_1", "room": {"name": "room"}}`
			sum := sha256.Sum256([]byte(body))
			signature, err := auth.NewAccessToken(c.key, c.secret).SetValidFor(time.Minute).
				SetSha256(base64.StdEncoding.EncodeToString(sum[:])).ToJWT()
			require.NoError(t, err)
			request := httptest.NewRequest("POST", "/webhooks/livekit", strings.NewReader(body))
			request.Header.Set("Authorization", signature)
			event, err := livekit.New(s).Receive(httptest.NewRecorder(), request)
			if !c.taken {
				assert.True(t, fault.Is(err, fault.Unauthenticated), "%v", err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "room", event.Room)
		})
	}
}

// TestBodyOfAStrangerIsNotRead: it would stay in memory until all of it has arrived.
func TestBodyOfAStrangerIsNotRead(t *testing.T) {
	t.Parallel()
	stale, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": apiKey, "exp": time.Now().Add(-time.Hour).Unix(),
	}).SignedString([]byte(apiSecret))
	require.NoError(t, err)
	forged, err := auth.NewAccessToken(apiKey, strings.Repeat("x", 32)).SetValidFor(time.Minute).ToJWT()
	require.NoError(t, err)
	unknown, err := auth.NewAccessToken("APIother", apiSecret).SetValidFor(time.Minute).ToJWT()
	require.NoError(t, err)
	for name, authorization := range map[string]string{
		"no signature": "", "no token": "Bearer x", "another secret": forged, "another key": unknown, "expired": stale,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := strings.NewReader("{}")
			request := httptest.NewRequest("POST", "/webhooks/livekit", body)
			request.Header.Set("Authorization", authorization)
			_, err := livekit.New(offline()).Receive(httptest.NewRecorder(), request)
			assert.True(t, fault.Is(err, fault.Unauthenticated), "%v", err)
			assert.Equal(t, name == "expired", livekit.IsUntimely(err))
			assert.Equal(t, 2, body.Len(), "the body was read")
		})
	}
}
