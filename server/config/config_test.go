package config

import (
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

// load loads an environment, with a test's own variables.
func load(base, set map[string]string) (*Config, error) {
	environ := []string{}
	for name, value := range base {
		if _, changed := set[name]; !changed {
			environ = append(environ, name+"="+value)
		}
	}
	for name, value := range set {
		environ = append(environ, name+"="+value)
	}
	return Load(environ)
}

// TestEmptyVariableCountsAsNotSet: compose files pass on variables that are not set as empty ones.
func TestEmptyVariableCountsAsNotSet(t *testing.T) {
	t.Parallel()
	empty := map[string]string{}
	for _, name := range Names() {
		empty[name] = ""
	}
	got, err := load(nil, empty)
	require.NoError(t, err)
	want, err := Load(nil)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestEachWrongSettingIsNamed(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, value, problem string }{
		{"FOYER_ADDR", "127.0.0.1", "FOYER_ADDR is not host:port"},
		{"FOYER_SECRET", "short", "FOYER_SECRET is not at least 32 bytes"},
		{"FOYER_SECRET", strings.Repeat("s", 31), "FOYER_SECRET is not at least 32 bytes"},
		{"LIVEKIT_API_KEY", "", "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not both set"},
		{"LIVEKIT_API_SECRET", "", "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not both set"},
		{"LIVEKIT_API_SECRET", "secret", "LIVEKIT_API_SECRET is the development one"},
		{"LIVEKIT_API_KEY", "key,older", "LIVEKIT_API_KEY has 2 keys, but LIVEKIT_API_SECRET has 1 secrets"},
		{"FOYER_DEPLOYMENT", "my meetings", "FOYER_DEPLOYMENT is not 1 to 100 letters, digits, or . _ : -"},
		{"DATABASE_URL", "mysql://db/foyer", "DATABASE_URL is not postgres://… or sqlite:PATH"},
		{"DATABASE_URL", "foyer.db", "DATABASE_URL is not postgres://… or sqlite:PATH"},
		{"REDIS_URL", "http://redis", "REDIS_URL is not redis://…, rediss://… or unix://…"},
		{"REDIS_URL", "redis:6379", "REDIS_URL is not redis://…, rediss://… or unix://…"},
		{"REDIS_CLUSTER", "true", "REDIS_CLUSTER is set without REDIS_URL"},
		{"REDIS_CLUSTER", "perhaps", "REDIS_CLUSTER is not true or false"},
		{"REDIS_CA_FILE", "ca.pem", "REDIS_CA_FILE is set, but REDIS_URL is not rediss://"},
		{"REDIS_KEY_FILE", "key.pem", "REDIS_CERT_FILE is set without REDIS_KEY_FILE"},
		{"LIVEKIT_URL", "livekit.example.org", "LIVEKIT_URL is not"},
		{"LIVEKIT_URL", "ftp://livekit.example.org", "LIVEKIT_URL is not"},
		{"LIVEKIT_PUBLIC_URL", "http://livekit.example.org", "LIVEKIT_PUBLIC_URL is not"},
		{"FOYER_TOKEN_TTL", "0s", "FOYER_TOKEN_TTL is not between 1ms and 8760h0m0s"},
		{"FOYER_TOKEN_TTL", "-5m", "FOYER_TOKEN_TTL is not between 1ms and 8760h0m0s"},
		{"FOYER_TOKEN_TTL", "300", "FOYER_TOKEN_TTL is not a duration, for instance 30s"},
		{"FOYER_LOBBY_GRACE", "soon", "FOYER_LOBBY_GRACE is not a duration"},
		{"FOYER_MEETING_GRACE", "0s", "FOYER_MEETING_GRACE is not between 1ms and 12h0m0s"},
		{"FOYER_MEETING_GRACE", "13h", "FOYER_MEETING_GRACE is not between 1ms and 12h0m0s"},
		{"FOYER_LOBBY_HEARTBEAT", "0s", "FOYER_LOBBY_HEARTBEAT is not between 1ms and 8760h0m0s"},
		{"FOYER_DRAIN_TIMEOUT", "0s", "FOYER_DRAIN_TIMEOUT is not between 1ms and 8760h0m0s"},
		{"FOYER_DEFAULT_SOURCES", "camera,eyes", `FOYER_DEFAULT_SOURCES has what is not camera, microphone, screen_share or screen_share_audio: "eyes": number 2`},
		{"FOYER_DEFAULT_SOURCES", "CAMERA", `screen_share or screen_share_audio: "CAMERA": number 1`},
		{"FOYER_DEFAULT_ACCESS_LEVEL", "public", "FOYER_DEFAULT_ACCESS_LEVEL is not PUBLIC"},
		{"FOYER_HOSTS_ARE_ROOM_ADMINS", "on", "FOYER_HOSTS_ARE_ROOM_ADMINS is not true or false"},
		{"FOYER_INTROSPECTION", "no", "FOYER_INTROSPECTION is not true or false"},
		{"FOYER_LOBBY_CAPACITY", "-1", "FOYER_LOBBY_CAPACITY is negative"},
		{"FOYER_LOBBY_CAPACITY", "many", "FOYER_LOBBY_CAPACITY is not a whole number"},
		{"FOYER_KNOCKS_PER_ROOM", "1.5", "FOYER_KNOCKS_PER_ROOM is not a whole number"},
		{"FOYER_TRUSTED_PROXIES", "-1", "FOYER_TRUSTED_PROXIES is negative"},
		{"FOYER_PROXY_HEADER", "X-Real-IP", "FOYER_PROXY_HEADER is not X-Forwarded-For or Forwarded"},
		{"REDIS_URL", "redis://r:6379?read_only=true", "REDIS_URL has read_only, replica_only or route_"},
		{"REDIS_URL", "redis://r:6379?route_by_latency=1", "REDIS_URL has read_only, replica_only or route_"},
		{"REDIS_URL", "redis://r:6379?addr=s:6379&route_randomly=true", "REDIS_URL has read_only, replica_only"},
		{"REDIS_URL", "redis://r:26379?master_name=m&replica_only=true", "REDIS_URL has read_only, replica_only"},
		{"FOYER_RECORDING_START_TIMEOUT", "0s", "FOYER_RECORDING_START_TIMEOUT is not between"},
		{"FOYER_RECORDING_STOP_TIMEOUT", "soon", "FOYER_RECORDING_STOP_TIMEOUT is not a duration"},
		{"FOYER_RECORDING_INTERVAL", "0s", "FOYER_RECORDING_INTERVAL is not between"},
		{"FOYER_RECORDING_EXPIRY_DAYS", "-1", "FOYER_RECORDING_EXPIRY_DAYS is negative"},
		{"FOYER_RECORDING_EXPIRY_DAYS", "36501", "FOYER_RECORDING_EXPIRY_DAYS is more than 36500"},
		{"FOYER_RECORDING_NOTICE", strings.Repeat("x", 2001), "FOYER_RECORDING_NOTICE is not text of at most 2000"},
		{"FOYER_RECORDING_LAYOUT", strings.Repeat("x", 201), "FOYER_RECORDING_LAYOUT is not at most 200 bytes"},
		{"FOYER_RECORDING_S3_IN_REQUEST", "on", "FOYER_RECORDING_S3_IN_REQUEST is not true or false"},
		{"FOYER_LOG_LEVEL", "loud", "FOYER_LOG_LEVEL is not debug, info, warn or error"},
		{"FOYER_LIMIT_DEPTH", "0", "FOYER_LIMIT_DEPTH is less than 1"},
		{"FOYER_OPERATIONS_PER_SOCKET", "0", "FOYER_OPERATIONS_PER_SOCKET is less than 1"},
		{"FOYER_DRAIN_SPREAD", "-1s", "FOYER_DRAIN_SPREAD is negative"},
		{"FOYER_PUBLIC_URL", "", "FOYER_PUBLIC_URL is not set"},
		{"FOYER_PUBLIC_URL", "meet.example.org", "FOYER_PUBLIC_URL is not https://"},
		{"FOYER_PUBLIC_URL", "https://meet.example.org/?a=b", "FOYER_PUBLIC_URL is not https://"},
		{"FOYER_SMTP_URL", "mail.example.org:25", "FOYER_SMTP_URL is neither smtp://"},
		{"FOYER_SMTP_URL", "smtp://u:p@mail.example.org?tls=none", "FOYER_SMTP_URL is a password without TLS"},
		{"FOYER_MAIL_FROM", "Foyer", "FOYER_MAIL_FROM is not an e-mail address"},
		{"FOYER_MAIL_FROM", "", "FOYER_MAIL_FROM is not set"},
		{"FOYER_INVITATION_EMAILS", "0", "FOYER_INVITATION_EMAILS is less than 1"},
		{"FOYER_INVITATIONS_PER_USER", "49", "FOYER_INVITATIONS_PER_USER is less than FOYER_INVITATION_EMAILS"},
		{"FOYER_INVITATIONS_PER_ROOM", "-1", "FOYER_INVITATIONS_PER_ROOM is negative"},
		{"FOYER_OUTBOX_CONCURRENCY", "0", "FOYER_OUTBOX_CONCURRENCY is less than 1"},
		{"FOYER_OUTBOX_GIVE_UP", "0s", "FOYER_OUTBOX_GIVE_UP is not between 1ms and 8760h0m0s"},
		{"FOYER_WEBHOOK_URLS", "https://hooks.example.org", "FOYER_WEBHOOK_SECRET is not set, but FOYER_WEBHOOK_URLS is"},
		{"FOYER_WEBHOOK_SECRET", "whsec_c2hvcnQ=", "FOYER_WEBHOOK_SECRET has what is not whsec_ and 24 to 64 bytes in base64: number 1"},
		{"FOYER_WEBHOOK_SECRET", strings.Repeat("s", 32), "FOYER_WEBHOOK_SECRET has what is not whsec_"},
		{"FOYER_WEBHOOK_ALLOW_HTTP", "on", "FOYER_WEBHOOK_ALLOW_HTTP is not true or false"},
		{"FOYER_WEBHOOK_DOWNLOAD_TTL", "500ms", "FOYER_WEBHOOK_DOWNLOAD_TTL is not between 1s and 168h0m0s"},
		{"FOYER_WEBHOOK_DOWNLOAD_TTL", "169h", "FOYER_WEBHOOK_DOWNLOAD_TTL is not between 1s and 168h0m0s"},
		{"FOYER_TRANSCRIPT_WEBHOOK_SECRET", "short", "FOYER_TRANSCRIPT_WEBHOOK_SECRET is not 32 or more letters"},
		{"FOYER_TRUSTED_DOCUMENTS_MODE", "warn", "FOYER_TRUSTED_DOCUMENTS_MODE is not off"},
		{"FOYER_PUBLIC_URL", "meet.example.org", "FOYER_PUBLIC_URL is not https://HOST"},
		{"FOYER_PUBLIC_URL", "http://meet.example.org", "FOYER_PUBLIC_URL is not https://HOST"},
		{"FOYER_PUBLIC_URL", "https://meet.example.org/foyer", "FOYER_PUBLIC_URL is not https://HOST"},
		{"FOYER_PUBLIC_URL", "https://user@meet.example.org", "FOYER_PUBLIC_URL is not https://HOST"},
		{"FOYER_ALLOWED_ORIGINS", "*", "FOYER_ALLOWED_ORIGINS has what is not https://HOST"},
		{"FOYER_ALLOWED_ORIGINS", "https://*.example.org", "FOYER_ALLOWED_ORIGINS has what is not https://HOST"},
		{"FOYER_ALLOWED_ORIGINS", "null", "FOYER_ALLOWED_ORIGINS has what is not https://HOST"},
		{"FOYER_ALLOWED_ORIGINS", "https://a.example,https://b.example/", "FOYER_ALLOWED_ORIGINS has what is not https://HOST, or http://HOST on this machine, without a path: number 2"},
		{"FOYER_ALLOWED_ORIGINS", "http://a.example", "FOYER_ALLOWED_ORIGINS has what is not https://HOST"},
		{"FOYER_OIDC_CLIENT_ID", "foyer", "FOYER_OIDC_ISSUER is not set, but its client is"},
		{"FOYER_OIDC_SCOPES", "email", `FOYER_OIDC_SCOPES is without "openid"`},
		{"FOYER_SESSION_IDLE", "0s", "FOYER_SESSION_IDLE is not between"},
		{"S3_ENDPOINT", "", "S3_ENDPOINT is not set, but other settings of the storage are"},
		{"S3_ENDPOINT", "minio:9000", "S3_ENDPOINT is not http://HOST[:PORT]"},
		{"S3_ENDPOINT", "https://key:pass@minio", "S3_ENDPOINT is not http://HOST[:PORT]"},
		{"S3_PUBLIC_ENDPOINT", "https://files.example.org/bucket", "S3_PUBLIC_ENDPOINT is not http://HOST[:PORT]"},
		{"S3_BUCKET", "", "S3_BUCKET is not the name of a bucket"},
		{"S3_BUCKET", "Recordings/..", "S3_BUCKET is not the name of a bucket"},
		{"S3_ACCESS_KEY", "", "S3_ACCESS_KEY and S3_SECRET_KEY are not both set"},
		{"S3_SECRET_KEY", "", "S3_ACCESS_KEY and S3_SECRET_KEY are not both set"},
		{"FOYER_MEDIA_SECRET", "short", "FOYER_MEDIA_SECRET is not 32 or more"},
		{"FOYER_MEDIA_SECRET", strings.Repeat("a", 32) + `";`, "FOYER_MEDIA_SECRET is not 32 or more"},
		{"FOYER_STORAGE_WEBHOOK_SECRET", strings.Repeat(" ", 40), "FOYER_STORAGE_WEBHOOK_SECRET is not 32 or more"},
		{"FOYER_RECORDING_DOWNLOAD_TTL", "169h", "FOYER_RECORDING_DOWNLOAD_TTL is not between 1s and 168h0m0s"},
		{"FOYER_RECORDING_DOWNLOAD_TTL", "1ms", "FOYER_RECORDING_DOWNLOAD_TTL is not between 1s and 168h0m0s"},
	}
	for _, test := range tests {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			t.Parallel()
			c, err := load(production, map[string]string{test.name: test.value})
			assert.Nil(t, c)
			require.ErrorContains(t, err, test.problem)
			assert.Equal(t, 1, strings.Count(err.Error(), "\n"), "one problem:\n%v", err)
		})
	}
}

func TestSettingsRefuseRubbishAndNegativeNumbers(t *testing.T) {
	t.Parallel()
	refused := func(name, value string) {
		_, err := load(production, map[string]string{name: value})
		if assert.Error(t, err, "%s=%s", name, value) {
			assert.Equal(t, 1, strings.Count(err.Error(), name+" is "), "%v", err)
		}
	}
	for setting := range new(Config).all() {
		name := setting.name
		switch setting.value.Type() {
		case reflect.TypeFor[string](), reflect.TypeFor[[]string]():
			continue // each has a check of its own
		case reflect.TypeFor[int](), reflect.TypeFor[int64]():
			refused(name, "-1")
		case reflect.TypeFor[time.Duration]():
			refused(name, "-1s")
		}
		refused(name, "rubbish")
	}
}

func TestOneErrorNamesEveryWrongSetting(t *testing.T) {
	t.Parallel()
	_, err := load(production, map[string]string{
		"FOYER_ADDR": "here", "FOYER_SECRET": "short", "LIVEKIT_API_SECRET": "secret",
		"DATABASE_URL": "db", "REDIS_URL": "redis", "LIVEKIT_URL": "livekit",
		"LIVEKIT_PUBLIC_URL": "livekit", "FOYER_DEFAULT_SOURCES": "ears,eyes",
		"FOYER_DEFAULT_ACCESS_LEVEL": "OPEN", "FOYER_LOG_LEVEL": "loud",
		"FOYER_TOKEN_TTL": "0s", "FOYER_LOBBY_GRACE": "soon", "FOYER_DENIED_FOR": "-1s",
		"FOYER_LOBBY_CAPACITY": "-1", "FOYER_KNOCKS_PER_ADDRESS": "few",
		"FOYER_NOTIFY_HOSTS": "yes", "FOYER_INTROSPECTION": "yes",
	})
	require.Error(t, err)
	lines := strings.Split(err.Error(), "\n")
	assert.Equal(t, "configuration:", lines[0])
	assert.Len(t, lines[1:], 18, "one line each:\n%v", err)
	for _, line := range lines[1:] {
		assert.Regexp(t, `^(FOYER|LIVEKIT|DATABASE|REDIS)_[A-Z_]+ (is|has) `, line)
	}
}

// TestErrorsShowNoSecret: a value may be the secret of another setting.
func TestErrorsShowNoSecret(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, name := range []string{
		"FOYER_SECRET", "LIVEKIT_API_SECRET", "DATABASE_URL", "REDIS_URL", "LIVEKIT_URL",
		"FOYER_SMTP_URL", "FOYER_MAIL_FROM", "FOYER_PUBLIC_URL", "FOYER_WEBHOOK_URLS",
		"FOYER_WEBHOOK_SECRET", "FOYER_WEBHOOK_ALLOW_HTTP", "FOYER_TRANSCRIPT_WEBHOOK_SECRET",
		"LIVEKIT_PUBLIC_URL", "REDIS_CLUSTER", "LIVEKIT_INSECURE_SKIP_VERIFY", "FOYER_TOKEN_TTL",
		"FOYER_TRUSTED_PROXIES", "FOYER_INTROSPECTION", "FOYER_NOTIFY_HOSTS", "FOYER_OIDC_CLIENT_SECRET",
		"FOYER_OIDC_CLIENT_ID", "FOYER_OIDC_ISSUER", "FOYER_PUBLIC_URL", "FOYER_ALLOWED_ORIGINS",
		"FOYER_BEARER_ISSUERS", "FOYER_OIDC_SCOPES",
		"S3_ENDPOINT", "S3_PUBLIC_ENDPOINT", "S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY",
		"S3_SESSION_TOKEN", "S3_REGION", "FOYER_MEDIA_SECRET", "FOYER_STORAGE_WEBHOOK_SECRET",
	} {
		for _, value := range []string{
			secret, "amqp://user:" + secret + "@host/x", "redis://:" + secret + "@host:bad port",
			"://" + secret, secret + "\x00",
		} {
			_, err := load(production, map[string]string{
				name: value, "FOYER_LOG_LEVEL": "loud", // so that there is always a problem
			})
			require.Error(t, err)
			assert.NotContains(t, err.Error(), secret, "%s=%q", name, value)
		}
	}
}

func TestErrorsShowNoSecretOfOtherSettings(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	_, err := load(nil, map[string]string{
		"FOYER_SECRET": secret + strings.Repeat("s", 32), "LIVEKIT_API_KEY": "key",
		"LIVEKIT_API_SECRET": secret, "DATABASE_URL": "postgres://user:" + secret + "@host/db",
		"REDIS_URL": "redis://:" + secret + "@host", "LIVEKIT_URL": "wss://user:" + secret + "@host",
		"FOYER_ADDR": "here", "FOYER_LOG_LEVEL": "loud", "FOYER_DEFAULT_SOURCES": "eyes",
		"FOYER_DEFAULT_ACCESS_LEVEL": "OPEN", "FOYER_TOKEN_TTL": "0s", "FOYER_LOBBY_GRACE": "soon",
		"FOYER_LOBBY_CAPACITY": "-1", "LIVEKIT_PUBLIC_URL": "livekit",
	})
	require.Error(t, err)
	assert.Equal(t, 8, strings.Count(err.Error(), "\n"), "%v", err)
	assert.NotContains(t, err.Error(), secret)
}

func TestDevelopmentModeIsForThisMachineOnly(t *testing.T) {
	t.Parallel()
	for addr, local := range map[string]bool{
		"127.0.0.1:8080": true, "127.0.0.1:0": true, "127.1.2.3:80": true, "localhost:8080": true,
		"LocalHost:8080": true, "[::1]:8080": true, "[::ffff:127.0.0.1]:80": true,
		"0.0.0.0:8080": false, "[::]:8080": false, ":8080": false, "192.0.2.1:8080": false,
		"[2001:db8::1]:80": false, "foyer.example.org:80": false, "localhost.example.org:80": false,
		"127.0.0.1.example.org:80": false, "[::ffff:192.0.2.1]:80": false, "2130706433:80": false,
		"0:80": false,
	} {
		c, err := load(nil, map[string]string{"FOYER_ADDR": addr})
		if local {
			require.NoError(t, err, addr)
			assert.True(t, c.Development(), addr)
			continue
		}
		assert.ErrorContains(t, err, "FOYER_SECRET is not set", addr)
		assert.ErrorContains(t, err, addr)
		_, err = load(production, map[string]string{"FOYER_ADDR": addr})
		assert.NoError(t, err, "with a secret any address is fine: %s", addr)
	}
}

func TestInvalidAddressIsRefusedInEveryMode(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"8080", "localhost", "::1", "[::1]", "a:b:c"} {
		for _, base := range []map[string]string{nil, production} {
			_, err := load(base, map[string]string{"FOYER_ADDR": addr})
			assert.ErrorContains(t, err, "FOYER_ADDR is not host:port", addr)
		}
	}
}

func TestLiveKitKeyAndSecretAreSetTogether(t *testing.T) {
	t.Parallel()
	for _, set := range []map[string]string{
		{"LIVEKIT_API_KEY": "key"}, {"LIVEKIT_API_SECRET": "a LiveKit secret of 32 bytes ...."},
	} {
		_, err := load(nil, set)
		assert.ErrorContains(t, err, "only one is set")
	}
	c, err := load(nil, map[string]string{"LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "mine"})
	require.NoError(t, err)
	assert.Equal(t, []string{"key"}, c.LiveKit.Keys, "development mode takes other keys too")
	assert.Equal(t, []string{"mine"}, c.LiveKit.Secrets)
	_, err = load(nil, map[string]string{"LIVEKIT_API_KEY": "devkey", "LIVEKIT_API_SECRET": "secret"})
	assert.NoError(t, err, "the development pair is for development mode")
}

func TestSignInRequiresItsSettings(t *testing.T) {
	t.Parallel()
	issuer, bearer := "FOYER_OIDC_ISSUER", "FOYER_BEARER_ISSUERS"
	good := map[string]string{
		issuer: "https://id.example.org/realms/meet", "FOYER_OIDC_CLIENT_ID": "foyer",
		"FOYER_PUBLIC_URL": "https://meet.example.org/", "FOYER_BEARER_AUDIENCE": "foyer-api",
		bearer: "https://id.example.org/realms/meet, https://a.example https://a.example/keys",
	}
	c, err := load(production, good)
	require.NoError(t, err)
	assert.Equal(t, "https://meet.example.org", c.Server.PublicURL)
	assert.True(t, c.SecureCookies())
	for _, test := range []struct{ name, value, problem string }{
		{"FOYER_OIDC_CLIENT_ID", "", "FOYER_OIDC_CLIENT_ID is not set"},
		{"FOYER_PUBLIC_URL", "", "FOYER_PUBLIC_URL is not set"},
		{"FOYER_BEARER_AUDIENCE", "", "FOYER_BEARER_AUDIENCE is not set"},
		{issuer, "id.example.org", "FOYER_OIDC_ISSUER is not https://"},
		{issuer, "http://id.example.org", "FOYER_OIDC_ISSUER is not https://"},
		{issuer, "https://user:hunter2@id.example.org", "FOYER_OIDC_ISSUER is not https://"},
		{bearer, "http://id.example.org", "FOYER_BEARER_ISSUERS has what is not https://ISSUER"},
		{bearer, "https://a https://b https://c", "FOYER_BEARER_ISSUERS has what is not https://ISSUER"},
		{bearer, "https://a,hunter2", "FOYER_BEARER_ISSUERS has what is not https://ISSUER"},
	} {
		set := maps.Clone(good)
		set[test.name] = test.value
		_, err := load(production, set)
		require.ErrorContains(t, err, test.problem, "%s=%s", test.name, test.value)
		assert.Equal(t, 1, strings.Count(err.Error(), "\n"), "one problem:\n%v", err)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	c, err = load(nil, map[string]string{issuer: "http://127.0.0.1:9000", "FOYER_OIDC_CLIENT_ID": "foyer"})
	require.NoError(t, err, "development mode knows its address by itself")
	assert.False(t, c.SecureCookies())
}

func TestWebhooksRequireTLSUnlessASettingAllowsHTTP(t *testing.T) {
	t.Parallel()
	const one, two = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	good := map[string]string{
		"FOYER_WEBHOOK_URLS":   "https://hooks.example.org/foyer, http://127.0.0.1:9000",
		"FOYER_WEBHOOK_SECRET": one + ", " + two, "FOYER_WEBHOOK_DOWNLOAD_URLS": "true",
	}
	c, err := load(production, good)
	require.NoError(t, err)
	assert.Equal(t, []string{"https://hooks.example.org/foyer", "http://127.0.0.1:9000"}, c.Webhooks.URLs)
	assert.Equal(t, []string{one, two}, c.Webhooks.Secrets)
	for _, test := range []struct{ name, value, problem string }{
		{"FOYER_WEBHOOK_URLS", "http://hooks.example.org", "FOYER_WEBHOOK_URLS has what is not https://"},
		{"FOYER_WEBHOOK_URLS", "https://a.example,https://b.example,https://a.example", "FOYER_WEBHOOK_URLS has number 3 twice"},
		{"FOYER_WEBHOOK_URLS", "https://user:hunter2@example.org", "FOYER_WEBHOOK_URLS has what is not https://"},
		{"FOYER_WEBHOOK_SECRET", one + ",whsec_hunter2", "FOYER_WEBHOOK_SECRET has what is not whsec_ and 24 to 64 bytes in base64: number 2"},
		{"S3_ENDPOINT", "", "FOYER_WEBHOOK_DOWNLOAD_URLS is set, but S3_ENDPOINT is not"},
	} {
		set := maps.Clone(good)
		set[test.name] = test.value
		_, err := load(production, set)
		require.ErrorContains(t, err, test.problem)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	insecure := map[string]string{
		"FOYER_WEBHOOK_URLS": "http://transcripts:8000", "FOYER_WEBHOOK_SECRET": one,
	}
	_, err = load(nil, insecure)
	assert.NoError(t, err, "in development mode")
	insecure["FOYER_WEBHOOK_ALLOW_HTTP"] = "true"
	_, err = load(production, insecure)
	assert.NoError(t, err)
}
