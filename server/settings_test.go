package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/ent/database"
	"foyer/ent/room"
	"foyer/internal/bucket"
	"foyer/internal/webhook"
	"foyer/recordings"
	"foyer/server/config"
)

// production is an environment outside development mode, without problems.
var production = map[string]string{
	"FOYER_SECRET": "a secret of at least 32 bytes, for tests", "FOYER_ADDR": "0.0.0.0:8080",
	"LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "a LiveKit secret of 32 bytes ....",
	"FOYER_SMTP_URL": "smtp://mail.example.org", "FOYER_MAIL_FROM": "Foyer <foyer@example.org>",
	"FOYER_PUBLIC_URL": "https://meet.example.org",
	"S3_ENDPOINT":      "http://minio:9000", "S3_BUCKET": "recordings",
	"S3_ACCESS_KEY": "foyer", "S3_SECRET_KEY": "what MinIO knows Foyer by",
	"FOYER_MEDIA_SECRET": "what-nginx-shows-to-be-given-access",
}

// productionConfig loads the settings of production, with those of a test.
func productionConfig(t *testing.T, set map[string]string) *config.Config {
	t.Helper()
	var environ []string
	for name, value := range production {
		if _, changed := set[name]; !changed {
			environ = append(environ, name+"="+value)
		}
	}
	for name, value := range set {
		environ = append(environ, name+"="+value)
	}
	c, err := config.Load(environ)
	require.NoError(t, err)
	return c
}

func TestWithoutSettingsFoyerRunsInDevelopmentOnThisMachine(t *testing.T) {
	t.Parallel()
	c, err := config.Load(nil)
	require.NoError(t, err)
	assert.True(t, c.Development())
	assert.Equal(t, "127.0.0.1:8080", c.Server.Addr)
	assert.Equal(t, "sqlite:data/foyer.db", c.Database.URL)
	assert.Empty(t, c.Redis.URL)
	assert.Equal(t, config.DevelopmentSecret, c.SigningSecret())
	assert.True(t, *c.Server.Introspection)

	livekit := livekitSettings(c)
	assert.Equal(t, "ws://127.0.0.1:7880", livekit.URL)
	assert.Equal(t, "ws://127.0.0.1:7880", livekit.PublicURL)
	assert.Equal(t, "devkey", livekit.APIKey, "the key of livekit-server --dev")
	assert.Equal(t, "secret", livekit.APISecret)
	assert.Equal(t, 5*time.Minute, livekit.TokenTTL)
	assert.Equal(t, []string{"camera", "microphone", "screen_share", "screen_share_audio"},
		livekit.DefaultSources)
	assert.False(t, livekit.HostsAreRoomAdmins)
	assert.False(t, livekit.InsecureSkipVerify)

	rooms := roomSettings(c)
	assert.Equal(t, room.AccessLevelRESTRICTED, rooms.DefaultAccessLevel)
	assert.True(t, accountSettings(c).UsersChooseNames)
	assert.False(t, rooms.TemporaryRooms)

	live := liveSettings(c)
	assert.Equal(t, 30*time.Second, live.Grace)
	assert.Equal(t, 10*time.Second, live.Heartbeat)
	assert.Equal(t, time.Minute, live.DeniedFor)
	assert.Equal(t, 6*time.Hour, live.AdmittedFor)

	lobby := lobbySettings(c)
	assert.Equal(t, config.DevelopmentSecret, lobby.Secret)
	assert.Equal(t, 24*time.Hour, lobby.TicketTTL)
	assert.Equal(t, 1000, lobby.Capacity)
	assert.False(t, lobby.NotifyHosts)
}

func TestSettingsReachTheirParts(t *testing.T) {
	t.Parallel()
	c := productionConfig(t, map[string]string{
		"DATABASE_URL": "postgres://db/foyer", "REDIS_URL": "rediss://redis", "REDIS_CLUSTER": "true",
		"FOYER_REDIS_PREFIX": "foyer:", "LIVEKIT_URL": "http://livekit.internal:7880",
		"LIVEKIT_PUBLIC_URL": "wss://livekit.example.org", "LIVEKIT_INSECURE_SKIP_VERIFY": "true",
		"FOYER_TOKEN_TTL": "90s", "FOYER_DEFAULT_SOURCES": "camera,microphone",
		"FOYER_HOSTS_ARE_ROOM_ADMINS": "true", "FOYER_DEFAULT_ACCESS_LEVEL": "PUBLIC",
		"FOYER_USERS_CHOOSE_NAMES": "false", "FOYER_TEMPORARY_ROOMS": "true",
		"FOYER_NOTIFY_HOSTS": "true", "FOYER_LOBBY_CAPACITY": "0", "FOYER_LOBBY_POSITION": "true",
		"FOYER_DATABASE_CONNECTIONS": "7", "FOYER_DATABASE_CONNECTION_LIFETIME": "1h", "FOYER_DATABASE_PATIENCE": "0",
	})
	assert.False(t, c.Development())
	assert.False(t, *c.Server.Introspection, "nobody asks for the schema unless a setting says so")
	assert.Equal(t, production["FOYER_SECRET"], c.SigningSecret())
	assert.True(t, c.Redis.Cluster)
	assert.Equal(t, database.Settings{Connections: 7, Lifetime: time.Hour}, databaseSettings(c))
	livekit := livekitSettings(c)
	assert.Equal(t, "http://livekit.internal:7880", livekit.URL)
	assert.Equal(t, "wss://livekit.example.org", livekit.PublicURL)
	assert.Equal(t, "key", livekit.APIKey)
	assert.Equal(t, production["LIVEKIT_API_SECRET"], livekit.APISecret)
	assert.True(t, livekit.InsecureSkipVerify)
	assert.Equal(t, 90*time.Second, livekit.TokenTTL)
	assert.Equal(t, []string{"camera", "microphone"}, livekit.DefaultSources)
	assert.True(t, livekit.HostsAreRoomAdmins)
	assert.True(t, meetingSettings(c).HostsAreRoomAdmins)
	assert.True(t, liveSettings(c).ShowPosition)
	assert.False(t, meetingSettings(c).UsersChooseNames)
	assert.Equal(t, room.AccessLevelPUBLIC, roomSettings(c).DefaultAccessLevel)
	assert.False(t, accountSettings(c).UsersChooseNames)
	assert.True(t, roomSettings(c).TemporaryRooms)
	assert.Equal(t, production["FOYER_SECRET"], lobbySettings(c).Secret)
	assert.Equal(t, "foyer:", liveSettings(c).KeyPrefix)
	assert.True(t, lobbySettings(c).NotifyHosts)
	assert.Zero(t, lobbySettings(c).Capacity)
	storage, ok := bucketSettings(c)
	assert.True(t, ok)
	assert.Equal(t, bucket.Settings{
		Endpoint: "http://minio:9000", PublicEndpoint: "http://minio:9000", Name: "recordings",
		Region: "us-east-1", AccessKey: "foyer", SecretKey: production["S3_SECRET_KEY"],
	}, storage)
}

func TestSignInSettingsReachTheirParts(t *testing.T) {
	t.Parallel()
	c := productionConfig(t, map[string]string{
		"FOYER_OIDC_ISSUER": "https://id.example.org/realms/meet", "FOYER_OIDC_CLIENT_ID": "foyer",
		"FOYER_BEARER_AUDIENCE": "foyer-api",
		"FOYER_BEARER_ISSUERS":  "https://id.example.org/realms/meet, https://a.example https://a.example/keys",
	})
	assert.True(t, sessionSettings(c).Secure)
	assert.Equal(t, []auth.BearerIssuer{
		{Issuer: "https://id.example.org/realms/meet"},
		{Issuer: "https://a.example", KeysURL: "https://a.example/keys"},
	}, bearerSettings(c).Issuers)
	assert.Equal(t, "https://id.example.org/realms/meet", bearerSettings(c).HomeIssuer)
}

func TestWebhookSettingsReachTheirParts(t *testing.T) {
	t.Parallel()
	const one, two = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	c := productionConfig(t, map[string]string{
		"FOYER_WEBHOOK_URLS":   "https://hooks.example.org/foyer, http://127.0.0.1:9000",
		"FOYER_WEBHOOK_SECRET": one + ", " + two,
	})
	assert.Equal(t, webhook.Settings{
		URLs:    []string{"https://hooks.example.org/foyer", "http://127.0.0.1:9000"},
		Secrets: []string{one, two},
	}, webhookSettings(c))
}

func TestRecordingSettingsReachTheirParts(t *testing.T) {
	t.Parallel()
	c := productionConfig(t, map[string]string{
		"FOYER_RECORDING_NOTICE": "You are being recorded.", "FOYER_RECORDING_LAYOUT": "grid",
		"FOYER_RECORDING_EXPIRY_DAYS": "30", "FOYER_REDIS_PREFIX": "foyer:",
		"FOYER_RECORDING_START_TIMEOUT": "5s", "FOYER_RECORDING_STOP_TIMEOUT": "6s",
		"FOYER_RECORDING_INTERVAL": "7s", "FOYER_RECORDINGS_PER_USER": "8",
		"FOYER_RECORDING_DOWNLOAD_URLS": "true", "FOYER_RECORDING_DOWNLOAD_TTL": "8s",
	})
	assert.Equal(t, recordings.Settings{
		PublicURL: "https://meet.example.org", Notice: "You are being recorded.", Layout: "grid",
		KeptFor: 30 * 24 * time.Hour, StartTimeout: 5 * time.Second, StopTimeout: 6 * time.Second,
		Interval: 7 * time.Second, StartsPerUser: 8, KeyPrefix: "foyer:", Served: true, DownloadFor: 8 * time.Second,
	}, recordingSettings(c), "and no credentials")
	c = productionConfig(t, map[string]string{"FOYER_RECORDING_S3_IN_REQUEST": "true"})
	assert.Equal(t, c.Storage.SecretKey, recordingSettings(c).RequestS3.SecretKey)
	assert.Zero(t, recordingSettings(c).KeptFor, "for ever")
	assert.Contains(t, livekitSettings(c).Secrets, c.Storage.SecretKey)
}

func TestServerWithoutMailServerSendsNoInvitations(t *testing.T) {
	t.Parallel()
	c := productionConfig(t, map[string]string{"FOYER_SMTP_URL": ""})
	assert.Nil(t, sendMail(c), "nobody's address is ever logged")
}
