package rtc_test

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

	"foyer/rtc"
)

// Ids of which the colours are pinned below.
var (
	entryID = uuid.MustParse("0b6a3c1e-7d0f-4c58-9a3e-2f1d5b8c9e10") // hsl(270, 65%, 40%)
	userID  = uuid.MustParse("7c9e6679-7425-40de-944b-e07fc1f90ae7") // hsl(336, 51%, 32%)
)

const (
	roomName  = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
	apiKey    = "key"
	apiSecret = "a LiveKit secret of 32 bytes ...."
)

// everySource is what hosts may send, unless a test says otherwise.
var everySource = []string{"camera", "microphone", "screen_share", "screen_share_audio"}

func offline() rtc.Settings {
	return rtc.Settings{
		URL: "ws://127.0.0.1:1", PublicURL: "wss://livekit.example.org", APIKey: apiKey,
		APISecret: apiSecret, TokenTTL: 5 * time.Minute, DefaultSources: everySource,
		HostsAreRoomAdmins: true,
	}
}

func details(t *testing.T, s rtc.Settings, j rtc.Join) *rtc.Details {
	t.Helper()
	d, err := rtc.New(s).Details(j)
	require.NoError(t, err)
	return d
}

// payload returns what a token says, but for its times, and its times.
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

// rules states what a token must say, apart from the code that makes it say so.
func rules(j rtc.Join, s rtc.Settings) map[string]any {
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

// everyJoin calls f with everybody who could want a token, under all settings that matter for it.
func everyJoin(f func(rtc.Join, rtc.Settings)) {
	for _, role := range []string{"", rtc.RoleMember, rtc.RoleAdministrator, rtc.RoleOwner} {
		for _, user := range []uuid.UUID{uuid.Nil, userID} {
			for _, sources := range [][]string{nil, {}, {"microphone"}, {"screen_share", "camera"}, everySource} {
				for _, data := range []bool{true, false} {
					for _, admins := range []bool{true, false} {
						for _, defaults := range [][]string{everySource, {"camera"}, nil} {
							s := offline()
							s.HostsAreRoomAdmins, s.DefaultSources = admins, defaults
							f(rtc.Join{
								Room: roomName, Identity: entryID, Name: "Zoë 王 🦊", UserID: user,
								Role: role, Sources: sources, Data: data,
							}, s)
						}
					}
				}
			}
		}
	}
}

func TestTokenSaysWhatTheRulesSayOfEverybody(t *testing.T) {
	t.Parallel()
	count := 0
	everyJoin(func(j rtc.Join, s rtc.Settings) {
		count++
		claims, _ := payload(t, details(t, s, j).ParticipantToken)
		require.Equal(t, rules(j, s), claims, "join %+v, settings %+v", j, s)
	})
	assert.Equal(t, 4*2*5*2*2*3, count)
}

// What no token of ours may hold, in LiveKit's words, wherever in it.
var forbidden = []string{
	"metadata", "hidden", "recorder", "agent", "kind", "kindDetails", "roomCreate", "roomList",
	"roomRecord", "ingressAdmin", "roomConfig", "roomPreset", "sip", "inference", "observability",
	"destinationRoom", "canManageAgentSession", "sha256",
}

func TestTokenNeverHoldsMoreThanAJoin(t *testing.T) {
	t.Parallel()
	everyJoin(func(j rtc.Join, s rtc.Settings) {
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

func TestTokensOfSomePeopleToTheLetter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		join   rtc.Join
		change func(*rtc.Settings)
		want   string
	}{
		{
			"a guest in a room with the defaults",
			rtc.Join{
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
			rtc.Join{Room: roomName, Identity: entryID, Name: "Bob", Sources: []string{}},
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
			rtc.Join{
				Room: roomName, Identity: entryID, Name: "Mia", UserID: userID, Role: rtc.RoleMember,
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
			rtc.Join{
				Room: roomName, Identity: entryID, Name: "Олга", UserID: userID, Role: rtc.RoleOwner,
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
			rtc.Join{
				Room: roomName, Identity: entryID, Name: "Amy", UserID: userID,
				Role: rtc.RoleAdministrator, Sources: []string{"microphone"},
			},
			func(s *rtc.Settings) {
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

func TestTokenIsSignedWithTheSecretAndNoOther(t *testing.T) {
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

func guest() rtc.Join {
	return rtc.Join{
		Room: roomName, Identity: entryID, Name: "Guest", Sources: everySource, Data: true,
	}
}

func TestTokenLivesAsLongAsTheSettingSaysAndWeNeverPromiseMore(t *testing.T) {
	t.Parallel()
	for _, ttl := range []time.Duration{time.Second, time.Minute, 5 * time.Minute, 24 * time.Hour} {
		t.Run(ttl.String(), func(t *testing.T) {
			t.Parallel()
			s := offline()
			s.TokenTTL = ttl
			// Many, so that some are made close to the end of a second on most runs.
			for range 200 {
				before := time.Now().Truncate(time.Second)
				d := details(t, s, guest())
				_, times := payload(t, d.ParticipantToken)
				require.Equal(t, int64(ttl/time.Second), times["exp"]-times["nbf"])
				require.Equal(t, times["iat"], times["nbf"])
				require.GreaterOrEqual(t, times["nbf"], before.Unix())
				require.LessOrEqual(t, times["nbf"], time.Now().Unix())
				early := time.Unix(times["exp"], 0).Sub(d.ExpiresAt)
				require.GreaterOrEqual(t, early, time.Duration(0), "we promise more than the token holds")
				require.LessOrEqual(t, early, time.Second)
			}
		})
	}
}

func TestDetailsSayWhereToTakeTheToken(t *testing.T) {
	t.Parallel()
	d := details(t, offline(), guest())
	assert.Equal(t, "wss://livekit.example.org", d.ServerURL, "the clients' URL, not ours")
	assert.Equal(t, roomName, d.RoomName)
	assert.Equal(t, "Guest", d.ParticipantName)
}

func TestTokenWithoutARoomOrAnIdentityIsRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*rtc.Join){
		"no room":     func(j *rtc.Join) { j.Room = "" },
		"no identity": func(j *rtc.Join) { j.Identity = uuid.Nil },
		"neither":     func(j *rtc.Join) { j.Room, j.Identity = "", uuid.Nil },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := guest()
			spoil(&j)
			d, err := rtc.New(offline()).Details(j)
			assert.Error(t, err)
			assert.Nil(t, d)
		})
	}
}

func TestTokenIsRefusedWithoutAKeyToSignWith(t *testing.T) {
	t.Parallel()
	s := offline()
	s.APISecret = ""
	_, err := rtc.New(s).Details(guest())
	assert.Error(t, err)
}

func TestDefaultSourcesAreACopy(t *testing.T) {
	t.Parallel()
	s := offline()
	s.DefaultSources = slices.Clone(everySource)
	c := rtc.New(s)
	c.DefaultSources()[0] = "everything"
	assert.Equal(t, everySource, c.DefaultSources())
}

// The same on every server and in every version: a person keeps his colour.
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
		assert.Equal(t, want, rtc.Color(uuid.Nil, uuid.MustParse(id)), "of entry %s", id)
		assert.Equal(t, want, rtc.Color(uuid.MustParse(id), uuid.New()), "of user %s", id)
	}
}

func TestColorsAreInRangeAndSpreadEvenly(t *testing.T) {
	t.Parallel()
	const ids, bands = 10_000, 36
	hues, saturations, lightnesses := [bands]int{}, map[int]int{}, map[int]int{}
	for range ids {
		color := rtc.Color(uuid.Nil, uuid.New())
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
