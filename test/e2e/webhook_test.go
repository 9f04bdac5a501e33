package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/livekit/protocol/auth"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

// heard is a server with its own LiveKit, which sends it events.
type heard struct {
	*server

	livekit *env.LiveKitServer
}

func startHeard(t testing.TB, environ ...string) *heard {
	t.Helper()
	s, livekit := startServerWithLiveKit(t, environ...)
	return &heard{s, livekit}
}

func TestLiveKitSendsTheServerItsEvents(t *testing.T) {
	t.Parallel()
	h := startHeard(t)
	host := h.login("Olga Owner")
	roomID := h.room(host, object{"accessLevel": "PUBLIC"})
	status := h.subscribe(host, watchStatus, object{"roomId": roomID})
	status.until("roomStatus.participantCount", "0")
	anna := h.join("", object{"roomId": roomID, "displayName": "Anna"})
	status.until("roomStatus.participantCount", "1")
	hers := h.subscribe("", watchStatus, object{"roomId": roomID, "ticket": anna.ticket})
	assert.Nil(t, at(hers.until("roomStatus.participantCount", "1"), "roomStatus.lobbyCount"))

	h.must(host, updateRoom, object{"input": object{"roomId": roomID, "accessLevel": "RESTRICTED"}})
	status.until("roomStatus.participantCount", "0")
	env.Receive(t, anna.gone)
}

// event sends an event without LiveKit.
func (h *heard) event(body string, authorization string) int {
	h.t.Helper()
	request, err := http.NewRequest(http.MethodPost, h.url+"/webhooks/livekit", strings.NewReader(body))
	require.NoError(h.t, err)
	request.Header.Set("Content-Type", "application/webhook+json")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	got, err := http.DefaultClient.Do(request)
	require.NoError(h.t, err)
	defer got.Body.Close()
	return got.StatusCode
}

// signature is the header that proves that LiveKit sent an event.
type signature struct {
	key, secret string
	ttl         time.Duration
}

func (s signature) of(t testing.TB, body string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": s.key, "exp": time.Now().Add(s.ttl).Unix(),
		"sha256": base64.StdEncoding.EncodeToString(sum[:]),
	}).SignedString([]byte(s.secret))
	require.NoError(t, err)
	return token
}

func (h *heard) signature() signature {
	return signature{h.livekit.Key(), h.livekit.Secret(), time.Minute}
}

// recordingEvent is LiveKit's event of an egress.
func recordingEvent(event, roomID, egressID, status string) string {
	body, _ := json.Marshal(object{
		"event": event, "id": uuid.NewString(), "createdAt": fmt.Sprint(time.Now().Unix()),
		"egressInfo": object{"egressId": egressID, "roomName": roomID, "status": status},
	})
	return string(body)
}

func TestOnlyEventsSignedByLiveKitAreAccepted(t *testing.T) {
	t.Parallel()
	h := startHeard(t)
	host := h.login("Olga Owner")
	roomID := h.room(host, object{})
	body := recordingEvent("egress_updated", roomID, "EG_1", "EGRESS_ACTIVE")
	good := h.signature()
	join, err := auth.NewAccessToken(h.livekit.Key(), h.livekit.Secret()).SetIdentity("x").
		SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: roomID}).ToJWT()
	require.NoError(t, err)
	otherKey, otherSecret, expired := good, good, good
	otherKey.key, otherSecret.secret = "APIother", strings.Repeat("x", 32)
	expired.ttl = -time.Hour
	for name, c := range map[string]struct{ body, authorization string }{
		"no header":           {body, ""},
		"garbage":             {body, "garbage"},
		"another key":         {body, otherKey.of(t, body)},
		"another secret":      {body, otherSecret.of(t, body)},
		"expired":             {body, expired.of(t, body)},
		"the body is changed": {strings.Replace(body, "EG_1", "EG_2", 1), good.of(t, body)},
		"the body is empty":   {"", good.of(t, body)},
		"a token to join":     {body, join},
		"a viewer's session":  {body, "Bearer " + host},
	} {
		assert.Equal(t, http.StatusUnauthorized, h.event(c.body, c.authorization), name)
	}
	status := h.subscribe(host, watchStatus, object{"roomId": roomID})
	assert.Equal(t, "false", text(status.next(), "roomStatus.recording"))
	assert.Equal(t, http.StatusOK, h.event(body, good.of(t, body)))
	status.until("roomStatus.recording", "true")
	for _, get := range []string{http.MethodGet, http.MethodPut} {
		request, err := http.NewRequest(get, h.url+"/webhooks/livekit", nil)
		require.NoError(t, err)
		got, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		got.Body.Close()
		assert.Equal(t, http.StatusMethodNotAllowed, got.StatusCode)
	}
}

func TestEventsOfAnyShapeAreAnswered(t *testing.T) {
	t.Parallel()
	h := startHeard(t)
	good := h.signature()
	roomID := h.room(h.login("Olga Owner"), object{})
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"unknown event": {`{"event": "something_new", "id": "1", "room": {"name": "` + roomID + `"}}`, 200},
		"unknown field": {`{"event": "room_started", "id": "2", "news": {"a": 1}}`, 200},
		"unknown room": {`{"event": "room_finished", "id": "3", "room": {"name": "` + uuid.NewString() + `"}}`,
			200},
		"temporary room":    {`{"event": "room_finished", "id": "4", "room": {"name": "abc-defg-hij"}}`, 200},
		"no room":           {`{"event": "participant_joined", "id": "5"}`, 200},
		"no id":             {`{"event": "room_started", "room": {"name": "` + roomID + `"}}`, 200},
		"no participant":    {`{"event": "participant_joined", "id": "6", "room": {"name": "` + roomID + `"}}`, 200},
		"another's kind":    {`{"event": "participant_joined", "id": "7", "room": {"name": "` + roomID + `"}, "participant": {"identity": "` + uuid.NewString() + `", "kind": "EGRESS"}}`, 200},
		"another's name":    {`{"event": "participant_joined", "id": "8", "room": {"name": "` + roomID + `"}, "participant": {"identity": "agent-1"}}`, 200},
		"nothing":           {`{}`, 200},
		"no JSON":           {`hello`, 400},
		"another's JSON":    {`[1, 2]`, 400},
		"a string for room": {`{"event": "room_started", "room": "x"}`, 400},
		"large":             {`{"event": "` + strings.Repeat("x", 1<<20) + `"}`, 200},
		"too large":         {`{"event": "` + strings.Repeat("x", 2<<20) + `"}`, 413},
	} {
		assert.Equal(t, c.status, h.event(c.body, good.of(t, c.body)), name)
	}
	endless := bytes.Repeat([]byte("x"), 64<<20)
	request, err := http.NewRequest(http.MethodPost, h.url+"/webhooks/livekit", bytes.NewReader(endless))
	require.NoError(t, err)
	if got, err := http.DefaultClient.Do(request); err == nil { // or it hangs up
		assert.NotEqual(t, http.StatusOK, got.StatusCode)
		got.Body.Close()
	}
	h.ask("", `{ viewer { id } }`, nil) // it still works
}

// TestRecordingIsShownWhateverTheOrder of LiveKit's events, which arrive twice.
func TestRecordingIsShownWhateverTheOrder(t *testing.T) {
	t.Parallel()
	h := startHeard(t)
	host := h.login("Olga Owner")
	roomID := h.room(host, object{})
	status := h.subscribe(host, watchStatus, object{"roomId": roomID})
	say := func(event, egress, state string) {
		t.Helper()
		body := recordingEvent(event, roomID, egress, state)
		for range 2 {
			require.Equal(t, http.StatusOK, h.event(body, h.signature().of(t, body)))
		}
	}
	say("egress_started", "EG_1", "EGRESS_STARTING")
	say("egress_updated", "EG_1", "EGRESS_ACTIVE")
	status.until("roomStatus.recording", "true")
	say("egress_ended", "EG_1", "EGRESS_COMPLETE")
	status.until("roomStatus.recording", "false")
	say("egress_updated", "EG_1", "EGRESS_ACTIVE") // late
	say("egress_updated", "EG_2", "EGRESS_ACTIVE")
	status.until("roomStatus.recording", "true")
	say("egress_updated", "EG_2", "EGRESS_ENDING")
	say("egress_ended", "EG_2", "EGRESS_COMPLETE")
	status.until("roomStatus.recording", "false")
}

// TestEventIsAcceptedOnceRedisIsBack: LiveKit repeats an event that was answered 503.
func TestEventIsAcceptedOnceRedisIsBack(t *testing.T) {
	t.Parallel()
	redis := env.StartRedis(t)
	h := startHeard(t, "REDIS_URL="+redis.URL())
	host := h.login("Olga Owner")
	roomID := h.room(host, object{})
	body := recordingEvent("egress_updated", roomID, "EG_1", "EGRESS_ACTIVE")
	redis.Stop(t)
	assert.Equal(t, http.StatusServiceUnavailable, h.event(body, h.signature().of(t, body)))
	redis.Start(t)
	env.Eventually(t, func(c *assert.CollectT) {
		assert.Equal(c, http.StatusOK, h.event(body, h.signature().of(t, body)))
	})
	status := h.subscribe(host, watchStatus, object{"roomId": roomID})
	assert.Equal(t, "true", text(status.next(), "roomStatus.recording"))
}

// TestForbiddenPermissionsCannotBeGiven do not exist in a host's inputs.
func TestForbiddenPermissionsCannotBeGiven(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	const update = `mutation($input: UpdateParticipantInput!) {
		updateParticipant(input: $input) { participant { id permission { canSubscribe } } } }`
	for _, name := range []string{
		"hidden", "recorder", "agent", "roomAdmin", "canPublish", "canUpdateMetadata", "kind",
	} {
		for _, permission := range []object{{name: true}, {name: false}, {"dataAllowed": true, name: true}} {
			a := s.ask(host, update, object{"input": object{
				"roomId": roomID, "participantId": uuid.NewString(), "permission": permission,
			}})
			assert.Equal(t, "INVALID", a.code(), name)
			literal := fmt.Sprintf(`mutation { updateParticipant(input: {roomId: %q, participantId: %q,
				permission: {%s: true}}) { participant { id } } }`, roomID, uuid.NewString(), name)
			assert.Equal(t, "INVALID", s.ask(host, literal, nil).code(), name)
		}
	}
}

// TestDifferenceToLiveKitsClockIsReported: LiveKit's events are lost, and nothing else would show why.
func TestDifferenceToLiveKitsClockIsReported(t *testing.T) {
	t.Parallel()
	h := startHeard(t)
	const named = "its clock and this server's differ"
	body := `{"event": "room_started", "id": "EV_1", "room": {"name": "room"}}`
	good, forged, early := h.signature(), h.signature(), h.signature()
	forged.secret, forged.ttl = strings.Repeat("x", 32), -time.Hour
	early.ttl = -time.Hour
	require.Equal(t, http.StatusUnauthorized, h.event(body, forged.of(t, body)))
	assert.NotContains(t, h.log(), named, "anybody can forge")
	for range 2 {
		require.Equal(t, http.StatusUnauthorized, h.event(body, early.of(t, body)))
	}
	require.Equal(t, http.StatusOK, h.event(body, good.of(t, body)))
	require.Equal(t, http.StatusUnauthorized, h.event(body, early.of(t, body)))
	env.Eventually(t, func(t *assert.CollectT) {
		assert.Equal(t, 2, strings.Count(h.log(), named),
			"once until it is right")
	})
}
