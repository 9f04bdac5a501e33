package livekit_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/livekit"
)

// Ids whose colours are pinned below.
var (
	entryID = uuid.MustParse("0b6a3c1e-7d0f-4c58-9a3e-2f1d5b8c9e10") // hsl(270, 65%, 40%)
	userID  = uuid.MustParse("7c9e6679-7425-40de-944b-e07fc1f90ae7") // hsl(336, 51%, 32%)
)

const (
	roomName  = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
	apiKey    = "key"
	apiSecret = "a LiveKit secret of 32 bytes ...."
)

// everySource are the media that hosts can send, unless a test says otherwise.
var everySource = []string{"camera", "microphone", "screen_share", "screen_share_audio"}

func offline() livekit.Settings {
	return livekit.Settings{
		URL: "ws://127.0.0.1:1", PublicURL: "wss://livekit.example.org", APIKey: apiKey,
		APISecret: apiSecret, TokenTTL: 5 * time.Minute, DefaultSources: everySource,
		HostsAreRoomAdmins: true,
	}
}

func details(t *testing.T, s livekit.Settings, j livekit.Join) *livekit.Details {
	t.Helper()
	d, err := livekit.New(s).Details(t.Context(), j)
	require.NoError(t, err)
	return d
}

// payload returns the claims of a token except its times, and its times.
func payload(t *testing.T, token string) (claims map[string]any, times map[string]int64) {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &claims))
	times = map[string]int64{}
	for _, name := range []string{"iat", "nbf", "exp"} {
		seconds, ok := claims[name].(float64)
		require.True(t, ok, "claim %s", name)
		times[name] = int64(seconds)
		delete(claims, name)
	}
	delete(claims, "jti")
	return claims, times
}

// rules returns what a token must contain, independently of the code that makes tokens.
func rules(j livekit.Join, s livekit.Settings) map[string]any {
	host := j.Role == "owner" || j.Role == "administrator"
	sources := j.Sources
	if host {
		sources = s.DefaultSources
	}
	video := map[string]any{
		"roomJoin":             true,
		"room":                 j.Room,
		"canPublish":           len(sources) > 0,
		"canSubscribe":         true,
		"canPublishData":       j.Data,
		"canUpdateOwnMetadata": false,
	}
	if len(sources) > 0 {
		video["canPublishSources"] = plain(sources)
	}
	if host && s.HostsAreRoomAdmins {
		video["roomAdmin"] = true
	}
	attributes := map[string]any{
		"room_role": j.Role, "is_authenticated": "false", "color": "hsl(270, 65%, 40%)",
	}
	if j.UserID != uuid.Nil {
		attributes["is_authenticated"], attributes["color"] = "true", "hsl(336, 51%, 32%)"
	}
	return map[string]any{
		"iss": s.APIKey, "sub": j.Identity.String(), "identity": j.Identity.String(),
		"name": j.Name, "video": video, "attributes": attributes,
	}
}

func plain(list []string) []any {
	var out []any
	for _, s := range list {
		out = append(out, s)
	}
	return out
}

// The parts of a join and of the settings that matter for a token.
var (
	everyRole     = []string{"", livekit.RoleMember, livekit.RoleAdministrator, livekit.RoleOwner}
	everyUser     = []uuid.UUID{uuid.Nil, userID}
	everyList     = [][]string{nil, {}, {"microphone"}, {"screen_share", "camera"}, everySource}
	everyDefault  = [][]string{everySource, {"camera"}, nil}
	eitherWay     = []bool{true, false}
	everyJoinSize = len(everyRole) * len(everyUser) * len(everyList) * len(everyDefault) * 2 * 2
)

// everyJoin calls f with each combination of them.
func everyJoin(f func(livekit.Join, livekit.Settings)) {
	for i := range everyJoinSize {
		j := livekit.Join{
			Room: roomName, Identity: entryID, Name: "Zoë 王 🦊", UserID: pick(everyUser, &i),
			Role: pick(everyRole, &i), Sources: pick(everyList, &i), Data: pick(eitherWay, &i),
		}
		s := offline()
		s.HostsAreRoomAdmins, s.DefaultSources = pick(eitherWay, &i), pick(everyDefault, &i)
		f(j, s)
	}
}

// pick takes one digit off a number, in the base of the length of the list, and returns that item.
func pick[T any](from []T, number *int) T {
	digit := *number % len(from)
	*number /= len(from)
	return from[digit]
}

func TestTokensFollowTheRules(t *testing.T) {
	t.Parallel()
	different := map[string]bool{}
	everyJoin(func(j livekit.Join, s livekit.Settings) {
		different[fmt.Sprint(j, s)] = true
		claims, _ := payload(t, details(t, s, j).ParticipantToken)
		require.Equal(t, rules(j, s), claims, "join %+v, settings %+v", j, s)
	})
	assert.Greater(t, len(different), 300)
}

// Grants that no token of Foyer may contain anywhere, in LiveKit's terms.
var forbidden = []string{
	"metadata", "hidden", "recorder", "agent", "kind", "kindDetails", "roomCreate", "roomList",
	"roomRecord", "ingressAdmin", "roomConfig", "roomPreset", "sip", "inference", "observability",
	"destinationRoom", "canManageAgentSession", "sha256",
}

func TestTokenNeverContainsOtherGrants(t *testing.T) {
	t.Parallel()
	everyJoin(func(j livekit.Join, s livekit.Settings) {
		claims, _ := payload(t, details(t, s, j).ParticipantToken)
		video := claims["video"].(map[string]any)
		for _, name := range forbidden {
			require.NotContains(t, claims, name)
			require.NotContains(t, video, name)
		}
		for name, value := range claims["attributes"].(map[string]any) {
			require.Contains(t, []string{"color", "room_role", "is_authenticated"}, name)
			require.IsType(t, "", value)
		}
		require.Len(t, claims["attributes"], 3)
		sources, listed := video["canPublishSources"]
		require.Equal(t, listed, video["canPublish"], "an empty list means all to LiveKit")
		require.Equal(t, listed, sources != nil)
	})
}

func TestTokensOfSomePeopleAreExact(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		join   livekit.Join
		change func(*livekit.Settings)
		want   string
	}{
		{
			"a guest in a room with the defaults",
			livekit.Join{
				Room: roomName, Identity: entryID, Name: "Anonymous", Sources: everySource, Data: true,
			},
			nil,
			`{"iss": "key", "sub": "0b6a3c1e-7d0f-4c58-9a3e-2f1d5b8c9e10",
				"identity": "0b6a3c1e-7d0f-4c58-9a3e-2f1d5b8c9e10", "name": "Anonymous",
				"video": {"roomJoin": true, "room": "f47ac10b-58cc-4372-a567-0e02b2c3d479",
					"canPublish": true, "canSubscribe": true, "canPublishData": true,
					"canPublishSources": ["camera", "microphone", "screen_share", "screen_share_audio"],
					"canUpdateOwnMetadata": false},
				"attributes": {"color": "hsl(270, 65%, 40%)", "room_role": "",
					"is_authenticated": "false"}}`,
		},
		{
			"a guest who may only watch",
			livekit.Join{Room: roomName, Identity: entryID, Name: "Bob", Sources: []string{}},
			nil,
			`{"iss": "key", "sub": "0b6a3c1e-7d0f-4c58-9a3e-2f1d5b8c9e10",
				"identity": "0b6a3c1e-7d0f-4c58-9a3e-2f1d5b8c9e10", "name": "Bob",
				"video": {"roomJoin": true, "room": "f47ac10b-58cc-4372-a567-0e02b2c3d479",
					"canPublish": false, "canSubscribe": true, "canPublishData": false,
					"canUpdateOwnMetadata": false},
				"attributes": {"color": "hsl(270, 65%, 40%)", "room_role": "",
					"is_authenticated": "false"}}`,
		},
		{
			"a member who may only speak",
			livekit.Join{
				Room: roomName, Identity: entryID, Name: "Mia", UserID: userID, Role: livekit.RoleMember,
				Sources: []string{"microphone"}, Data: true,
			},
			nil,
			`{"iss": "key", "sub": "0b6a3c1e-7d0f-4c58-9a3e-2f1d5b8c9e10",
				"identity": "0b6a3c1e-7d0f-4c58-9a3e-2f1d5b8c9e10", "name": "Mia",
				"video": {"roomJoin": true, "room": "f47ac10b-58cc-4372-a567-0e02b2c3d479",
					"canPublish": true, "canSubscribe": true, "canPublishData": true,
					"canPublishSources": ["microphone"], "canUpdateOwnMetadata": false},
				"attributes": {"color": "hsl(336, 51%, 32%)", "room_role": "member",
					"is_authenticated": "true"}}`,
		},
		{
			"an owner in a room where others may only watch",
			livekit.Join{
				Room: roomName, Identity: entryID, Name: "Олга", UserID: userID, Role: livekit.RoleOwner,
				Sources: []string{}, Data: true,
			},
			nil,
			`{"iss": "key", "sub": "0b6a3c1e-7d0f-4c58-9a3e-2f1d5b8c9e10",
				"identity": "0b6a3c1e-7d0f-4c58-9a3e-2f1d5b8c9e10", "name": "Олга",
				"video": {"roomJoin": true, "room": "f47ac10b-58cc-4372-a567-0e02b2c3d479",
					"roomAdmin": true,
					"canPublish": true, "canSubscribe": true, "canPublishData": true,
					"canPublishSources": ["camera", "microphone", "screen_share", "screen_share_audio"],
					"canUpdateOwnMetadata": false},
				"attributes": {"color": "hsl(336, 51%, 32%)", "room_role": "owner",
					"is_authenticated": "true"}}`,
		},
		{
			"an administrator where hosts are no room admins",
			livekit.Join{
				Room: roomName, Identity: entryID, Name: "Amy", UserID: userID,
				Role: livekit.RoleAdministrator, Sources: []string{"microphone"},
			},
			func(s *livekit.Settings) {
				s.HostsAreRoomAdmins, s.DefaultSources = false, []string{"camera", "microphone"}
			},
			`{"iss": "key", "sub": "0b6a3c1e-7d0f-4c58-9a3e-2f1d5b8c9e10",
				"identity": "0b6a3c1e-7d0f-4c58-9a3e-2f1d5b8c9e10", "name": "Amy",
				"video": {"roomJoin": true, "room": "f47ac10b-58cc-4372-a567-0e02b2c3d479",
					"canPublish": true, "canSubscribe": true, "canPublishData": false,
					"canPublishSources": ["camera", "microphone"], "canUpdateOwnMetadata": false},
				"attributes": {"color": "hsl(336, 51%, 32%)", "room_role": "administrator",
					"is_authenticated": "true"}}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := offline()
			if test.change != nil {
				test.change(&s)
			}
			claims, _ := payload(t, details(t, s, test.join).ParticipantToken)
			got, err := json.Marshal(claims)
			require.NoError(t, err)
			assert.JSONEq(t, test.want, string(got))
		})
	}
}

func TestTokenIsSignedWithTheSecret(t *testing.T) {
	t.Parallel()
	token := details(t, offline(), guest()).ParticipantToken
	key := func(secret string) jwt.Keyfunc {
		return func(*jwt.Token) (any, error) { return []byte(secret), nil }
	}
	parsed, err := jwt.Parse(token, key(apiSecret), jwt.WithValidMethods([]string{"HS256"}),
		jwt.WithIssuer(apiKey), jwt.WithExpirationRequired())
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"alg": "HS256", "typ": "JWT"}, parsed.Header)
	_, err = jwt.Parse(token, key(apiSecret+"."))
	assert.ErrorIs(t, err, jwt.ErrTokenSignatureInvalid)
	_, err = jwt.Parse(token, key(""))
	assert.ErrorIs(t, err, jwt.ErrTokenSignatureInvalid)
}

func guest() livekit.Join {
	return livekit.Join{
		Room: roomName, Identity: entryID, Name: "Guest", Sources: everySource, Data: true,
	}
}

func TestTokenExpiresWhenTheSettingSays(t *testing.T) {
	t.Parallel()
	for _, ttl := range []time.Duration{time.Second, time.Minute, 5 * time.Minute, 24 * time.Hour} {
		t.Run(ttl.String(), func(t *testing.T) {
			t.Parallel()
			s := offline()
			s.TokenTTL = ttl
			// Many, so that some are made close to the end of a second in most runs.
			for range 200 {
				before := time.Now().Truncate(time.Second)
				d := details(t, s, guest())
				_, times := payload(t, d.ParticipantToken)
				require.Equal(t, int64(ttl/time.Second), times["exp"]-times["nbf"])
				require.Equal(t, times["iat"], times["nbf"])
				require.GreaterOrEqual(t, times["nbf"], before.Unix())
				require.LessOrEqual(t, times["nbf"], time.Now().Unix())
				early := time.Unix(times["exp"], 0).Sub(d.ExpiresAt)
				require.GreaterOrEqual(t, early, time.Duration(0), "more is promised than holds")
				require.LessOrEqual(t, early, time.Second)
			}
		})
	}
}

func TestDetailsHaveTheURLOfClients(t *testing.T) {
	t.Parallel()
	d := details(t, offline(), guest())
	assert.Equal(t, "wss://livekit.example.org", d.ServerURL, "the clients' URL, not ours")
	assert.Equal(t, roomName, d.RoomName)
	assert.Equal(t, "Guest", d.ParticipantName)
}

func TestTokenWithoutARoomOrAnIdentityIsRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*livekit.Join){
		"no room":     func(j *livekit.Join) { j.Room = "" },
		"no identity": func(j *livekit.Join) { j.Identity = uuid.Nil },
		"neither":     func(j *livekit.Join) { j.Room, j.Identity = "", uuid.Nil },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := guest()
			spoil(&j)
			d, err := livekit.New(offline()).Details(t.Context(), j)
			assert.Error(t, err)
			assert.Nil(t, d)
		})
	}
}

func TestTokenIsRefusedWithoutAKey(t *testing.T) {
	t.Parallel()
	s := offline()
	s.APISecret = ""
	_, err := livekit.New(s).Details(t.Context(), guest())
	assert.Error(t, err)
}

func TestDefaultSourcesAreACopy(t *testing.T) {
	t.Parallel()
	s := offline()
	s.DefaultSources = slices.Clone(everySource)
	c := livekit.New(s)
	c.DefaultSources()[0] = "everything"
	assert.Equal(t, everySource, c.DefaultSources())
}
