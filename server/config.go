package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/caarlos0/env/v11"
	"github.com/google/uuid"

	"foyer/accounts"
	"foyer/accounts/apps"
	"foyer/auth"
	"foyer/ent/database"
	"foyer/ent/room"
	"foyer/ent/schema"
	"foyer/graph"
	"foyer/graph/query"
	"foyer/internal/livekit"
	"foyer/internal/mail"
	"foyer/internal/outbox"
	"foyer/invitations"
	"foyer/lobby"
	"foyer/meetings"
	"foyer/recordings"
	"foyer/rooms"
	"foyer/web"
)

// The keys of development mode. The LiveKit pair is that of `livekit-server --dev`.
const (
	developmentSecret = "development only: signs nothing that matters"
	developmentKey    = "devkey"
	developmentPair   = "secret"
	minSecret         = 32 // bytes

	// What a duration may be: shorter ones would be nothing to Redis, longer ones overflow somewhere.
	minDuration = time.Millisecond
	maxDuration = 365 * 24 * time.Hour
)

// What FOYER_TRUSTED_DOCUMENTS_MODE may be.
const (
	documentsOff     = "off"
	documentsLog     = "log"
	documentsEnforce = "enforce"
)

// config is everything that differs between one deployment and another, from the environment.
type config struct {
	Addr string `env:"FOYER_ADDR" envDefault:"127.0.0.1:8080"`
	Data string `env:"FOYER_DATA" envDefault:"./data"`
	// Secret signs tickets and sessions; without it Foyer is in development mode.
	Secret      string `env:"FOYER_SECRET"`
	DatabaseURL string `env:"DATABASE_URL"`
	// DatabaseConnections is how many one server may have open.
	DatabaseConnections int `env:"FOYER_DATABASE_CONNECTIONS" envDefault:"20"`
	// DatabaseLifetime is how long each of them is used.
	DatabaseLifetime time.Duration `env:"FOYER_DATABASE_CONNECTION_LIFETIME" envDefault:"30m"`
	// DatabasePatience is how long what only reads waits while the database cannot be reached.
	DatabasePatience time.Duration `env:"FOYER_DATABASE_PATIENCE" envDefault:"5s"`
	// Migrate says that a start brings the tables up to date.
	Migrate  bool   `env:"FOYER_MIGRATE" envDefault:"true"`
	RedisURL string `env:"REDIS_URL"`
	// RedisCluster: RedisURL names a node of a Redis Cluster.
	RedisCluster bool   `env:"REDIS_CLUSTER"`
	RedisPrefix  string `env:"FOYER_REDIS_PREFIX"`
	// RedisCA has whom we trust to vouch for Redis; RedisCert and RedisKey are our own certificate.
	RedisCA   string `env:"REDIS_CA_FILE"`
	RedisCert string `env:"REDIS_CERT_FILE"`
	RedisKey  string `env:"REDIS_KEY_FILE"`

	LiveKitURL       string `env:"LIVEKIT_URL" envDefault:"ws://127.0.0.1:7880"`
	LiveKitPublicURL string `env:"LIVEKIT_PUBLIC_URL"`
	// LiveKitKeys and LiveKitSecrets belong together in their order. The first pair signs, all are accepted.
	LiveKitKeys     []string      `env:"LIVEKIT_API_KEY"`
	LiveKitSecrets  []string      `env:"LIVEKIT_API_SECRET"`
	LiveKitInsecure bool          `env:"LIVEKIT_INSECURE_SKIP_VERIFY"`
	Deployment      string        `env:"FOYER_DEPLOYMENT"`
	TokenTTL        time.Duration `env:"FOYER_TOKEN_TTL" envDefault:"5m"`
	DefaultSources  []string      `env:"FOYER_DEFAULT_SOURCES" envDefault:"camera,microphone,screen_share,screen_share_audio"`
	HostsAreAdmins  bool          `env:"FOYER_HOSTS_ARE_ROOM_ADMINS"`

	DefaultAccess  string `env:"FOYER_DEFAULT_ACCESS_LEVEL" envDefault:"RESTRICTED"`
	ChooseNames    bool   `env:"FOYER_USERS_CHOOSE_NAMES" envDefault:"true"`
	TemporaryRooms bool   `env:"FOYER_TEMPORARY_ROOMS"`

	Grace       time.Duration `env:"FOYER_LOBBY_GRACE" envDefault:"30s"`
	Heartbeat   time.Duration `env:"FOYER_LOBBY_HEARTBEAT" envDefault:"10s"`
	DeniedFor   time.Duration `env:"FOYER_DENIED_FOR" envDefault:"1m"`
	AdmittedFor time.Duration `env:"FOYER_ADMITTED_FOR" envDefault:"6h"`
	TicketTTL   time.Duration `env:"FOYER_TICKET_TTL" envDefault:"24h"`
	// MeetingGrace is how long a meeting goes on in which nobody is in the call.
	MeetingGrace     time.Duration `env:"FOYER_MEETING_GRACE" envDefault:"10m"`
	Capacity         int           `env:"FOYER_LOBBY_CAPACITY" envDefault:"1000"`
	AddressShare     int           `env:"FOYER_LOBBY_ADDRESS_SHARE" envDefault:"25"`
	KnocksPerAddress int           `env:"FOYER_KNOCKS_PER_ADDRESS" envDefault:"300"`
	KnocksPerUser    int           `env:"FOYER_KNOCKS_PER_USER" envDefault:"60"`
	KnocksPerRoom    int           `env:"FOYER_KNOCKS_PER_ROOM" envDefault:"1200"`
	TokensPerAddress int           `env:"FOYER_TOKENS_PER_ADDRESS" envDefault:"3000"`
	TokensPerUser    int           `env:"FOYER_TOKENS_PER_USER" envDefault:"120"`
	TokensPerRoom    int           `env:"FOYER_TOKENS_PER_ROOM" envDefault:"6000"`
	TicketRequests   int           `env:"FOYER_REQUESTS_PER_TICKET" envDefault:"120"`
	ListsPerUser     int           `env:"FOYER_LISTS_PER_USER" envDefault:"120"`
	NotifyHosts      bool          `env:"FOYER_NOTIFY_HOSTS"`
	ShowPosition     bool          `env:"FOYER_LOBBY_POSITION"`

	GrantsPerUser    int `env:"FOYER_GRANTS_PER_USER" envDefault:"200"`
	GrantsPerRoom    int `env:"FOYER_GRANTS_PER_ROOM" envDefault:"500"`
	RoomsPerUser     int `env:"FOYER_ROOMS_PER_USER" envDefault:"200"`
	MutationsPerUser int `env:"FOYER_MUTATIONS_PER_USER" envDefault:"600"`
	UnknownSlugs     int `env:"FOYER_UNKNOWN_SLUGS_PER_ADDRESS" envDefault:"300"`

	RecordingsPerUser int `env:"FOYER_RECORDINGS_PER_USER" envDefault:"60"`

	AppTokenTTL         time.Duration `env:"FOYER_APP_TOKEN_TTL" envDefault:"10m"`
	AppTokensPerAddress int           `env:"FOYER_APP_TOKENS_PER_ADDRESS" envDefault:"120"`
	AppTokensPerClient  int           `env:"FOYER_APP_TOKENS_PER_CLIENT" envDefault:"600"`

	SMTPURL  string `env:"FOYER_SMTP_URL"`
	MailFrom string `env:"FOYER_MAIL_FROM"`
	// SMTPHelo is what we call ourselves to the SMTP server.
	SMTPHelo string `env:"FOYER_SMTP_HELO"`

	InvitationEmails   int           `env:"FOYER_INVITATION_EMAILS" envDefault:"50"`
	InvitationsPerUser int           `env:"FOYER_INVITATIONS_PER_USER" envDefault:"200"`
	InvitationsPerRoom int           `env:"FOYER_INVITATIONS_PER_ROOM" envDefault:"500"`
	OutboxTimeout      time.Duration `env:"FOYER_OUTBOX_TIMEOUT" envDefault:"30s"`
	OutboxConcurrency  int           `env:"FOYER_OUTBOX_CONCURRENCY" envDefault:"4"`
	OutboxGiveUp       time.Duration `env:"FOYER_OUTBOX_GIVE_UP" envDefault:"24h"`
	OutboxKeep         time.Duration `env:"FOYER_OUTBOX_KEEP" envDefault:"168h"`

	// WebhookURLs are other people's services that are told of recordings.
	WebhookURLs []string `env:"FOYER_WEBHOOK_URLS"`
	// WebhookSecrets sign what they are told, each of them.
	WebhookSecrets     []string      `env:"FOYER_WEBHOOK_SECRET"`
	WebhookAllowHTTP   bool          `env:"FOYER_WEBHOOK_ALLOW_HTTP"`
	WebhookDownloads   bool          `env:"FOYER_WEBHOOK_DOWNLOAD_URLS"`
	WebhookDownloadTTL time.Duration `env:"FOYER_WEBHOOK_DOWNLOAD_TTL" envDefault:"1h"`
	// TranscriptSecret is what the service that makes transcripts shows us.
	TranscriptSecret string `env:"FOYER_TRANSCRIPT_WEBHOOK_SECRET"`

	// Where recordings are kept; without an endpoint there are none.
	S3Endpoint       string `env:"S3_ENDPOINT"`
	S3PublicEndpoint string `env:"S3_PUBLIC_ENDPOINT"`
	S3Bucket         string `env:"S3_BUCKET"`
	S3Region         string `env:"S3_REGION" envDefault:"us-east-1"`
	S3AccessKey      string `env:"S3_ACCESS_KEY"`
	S3SecretKey      string `env:"S3_SECRET_KEY"`
	S3SessionToken   string `env:"S3_SESSION_TOKEN"`
	// MediaSecret is what nginx shows us to be given access to the bucket.
	MediaSecret  string        `env:"FOYER_MEDIA_SECRET"`
	DownloadURLs bool          `env:"FOYER_RECORDING_DOWNLOAD_URLS"`
	DownloadTTL  time.Duration `env:"FOYER_RECORDING_DOWNLOAD_TTL" envDefault:"5m"`
	// StorageSecret is what the storage shows us when it tells of an object.
	StorageSecret string `env:"FOYER_STORAGE_WEBHOOK_SECRET"`

	RecordingLayout       string        `env:"FOYER_RECORDING_LAYOUT" envDefault:"speaker"`
	RecordingNotice       string        `env:"FOYER_RECORDING_NOTICE"`
	RecordingExpiryDays   int           `env:"FOYER_RECORDING_EXPIRY_DAYS" envDefault:"0"`
	RecordingS3InRequest  bool          `env:"FOYER_RECORDING_S3_IN_REQUEST"`
	RecordingStartTimeout time.Duration `env:"FOYER_RECORDING_START_TIMEOUT" envDefault:"1m"`
	RecordingStopTimeout  time.Duration `env:"FOYER_RECORDING_STOP_TIMEOUT" envDefault:"10m"`
	RecordingInterval     time.Duration `env:"FOYER_RECORDING_INTERVAL" envDefault:"30s"`

	// PublicURL is our origin as browsers see it.
	PublicURL string `env:"FOYER_PUBLIC_URL"`
	// AllowedOrigins are those beside PublicURL whose pages may ask.
	AllowedOrigins []string `env:"FOYER_ALLOWED_ORIGINS"`

	SignInsPerAddress int `env:"FOYER_SIGN_INS_PER_ADDRESS" envDefault:"300"`

	SessionLifetime time.Duration `env:"FOYER_SESSION_LIFETIME" envDefault:"12h"`
	SessionIdle     time.Duration `env:"FOYER_SESSION_IDLE" envDefault:"4h"`

	OIDCIssuer       string        `env:"FOYER_OIDC_ISSUER"`
	OIDCClientID     string        `env:"FOYER_OIDC_CLIENT_ID"`
	OIDCClientSecret string        `env:"FOYER_OIDC_CLIENT_SECRET"`
	OIDCScopes       []string      `env:"FOYER_OIDC_SCOPES" envDefault:"openid,profile,email"`
	FullNameClaims   []string      `env:"FOYER_OIDC_FULL_NAME_CLAIMS" envDefault:"name,given_name family_name"`
	ShortNameClaim   string        `env:"FOYER_OIDC_SHORT_NAME_CLAIM" envDefault:"given_name"`
	EmailFallback    bool          `env:"FOYER_OIDC_EMAIL_FALLBACK"`
	EmailsVerified   bool          `env:"FOYER_OIDC_EMAILS_VERIFIED"`
	OIDCLeeway       time.Duration `env:"FOYER_OIDC_LEEWAY" envDefault:"30s"`

	BearerIssuers       []string      `env:"FOYER_BEARER_ISSUERS"`
	BearerAudience      string        `env:"FOYER_BEARER_AUDIENCE"`
	TrustedProxies      int           `env:"FOYER_TRUSTED_PROXIES" envDefault:"0"`
	ProxyHeader         string        `env:"FOYER_PROXY_HEADER" envDefault:"X-Forwarded-For"`
	Introspection       *bool         `env:"FOYER_INTROSPECTION"`
	GraphiQL            *bool         `env:"FOYER_GRAPHIQL"`
	Documents           string        `env:"FOYER_TRUSTED_DOCUMENTS"`
	DocumentsMode       string        `env:"FOYER_TRUSTED_DOCUMENTS_MODE" envDefault:"enforce"`
	MaxSockets          int           `env:"FOYER_MAX_SOCKETS" envDefault:"50000"`
	SocketsPerAddress   int           `env:"FOYER_SOCKETS_PER_ADDRESS" envDefault:"1000"`
	OperationsPerSocket int           `env:"FOYER_OPERATIONS_PER_SOCKET" envDefault:"100"`
	OperationTimeout    time.Duration `env:"FOYER_OPERATION_TIMEOUT" envDefault:"15s"`
	DrainSpread         time.Duration `env:"FOYER_DRAIN_SPREAD" envDefault:"2s"`
	DrainTimeout        time.Duration `env:"FOYER_DRAIN_TIMEOUT" envDefault:"10s"`
	LogLevel            string        `env:"FOYER_LOG_LEVEL" envDefault:"info"`

	// InnerAddr is where metrics, profiles and health are served; empty is nowhere.
	InnerAddr string `env:"FOYER_INNER_ADDR"`
	// OperationNames are those that metrics, traces and logs may tell.
	OperationNames []string `env:"FOYER_OPERATION_NAMES"`
	// Where traces are sent; with neither there are none. OpenTelemetry's own package reads these, and its
	// other variables, from the process's environment.
	OTLPEndpoint       string `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
	OTLPTracesEndpoint string `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"`

	LimitBody       int64 `env:"FOYER_LIMIT_BODY" envDefault:"131072"`
	LimitTokens     int   `env:"FOYER_LIMIT_TOKENS" envDefault:"2000"`
	LimitFields     int   `env:"FOYER_LIMIT_FIELDS" envDefault:"500"`
	LimitDepth      int   `env:"FOYER_LIMIT_DEPTH" envDefault:"12"`
	LimitAliases    int   `env:"FOYER_LIMIT_ALIASES" envDefault:"15"`
	LimitRootFields int   `env:"FOYER_LIMIT_ROOT_FIELDS" envDefault:"20"`
	LimitDirectives int   `env:"FOYER_LIMIT_DIRECTIVES" envDefault:"30"`
	LimitComplexity int   `env:"FOYER_LIMIT_COMPLEXITY" envDefault:"5000"`
	LimitErrors     int   `env:"FOYER_LIMIT_ERRORS" envDefault:"20"`
}

// development reports whether Foyer runs with keys that everybody knows.
func (c *config) development() bool { return c.Secret == "" }

// loadConfig reads the environment, and names everything that is wrong with it at once.
func loadConfig(environ []string) (*config, error) {
	c := &config{}
	// The defaults first: what cannot be read keeps its own, and is complained of once.
	_ = env.ParseWithOptions(c, env.Options{Environment: map[string]string{}})
	problems := unread(env.ParseWithOptions(c, env.Options{Environment: env.ToMap(environ)}))
	if err := errors.Join(append(problems, c.check()...)...); err != nil {
		return nil, fmt.Errorf("configuration:\n%w", err)
	}
	c.fill()
	return c, nil
}

// unread names the variables that could not be read. What they say instead may be a secret that was
// meant for another.
func unread(err error) []error {
	var problems []error
	all, ok := errors.AsType[env.AggregateError](err)
	if !ok && err != nil {
		return []error{err}
	}
	for _, err := range all.Errors {
		if parse, ok := errors.AsType[env.ParseError](err); ok {
			field, _ := reflect.TypeFor[config]().FieldByName(parse.Name)
			err = fmt.Errorf("%s is not %s", field.Tag.Get("env"), described(field.Type))
		}
		problems = append(problems, err)
	}
	return problems
}

func described(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration, for instance 30s"
	case t.Kind() == reflect.Bool || t == reflect.TypeFor[*bool]():
		return "true or false"
	default:
		return "a whole number"
	}
}

// check returns every problem. No message holds a secret: URLs may have passwords in them.
func (c *config) check() []error {
	var problems []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	loopback, err := isLoopback(c.Addr)
	wrong(err != nil, "FOYER_ADDR is not host:port: %q", c.Addr)
	wrong(err == nil && !loopback && c.development(),
		"FOYER_SECRET is not set: development mode is for loopback addresses, and FOYER_ADDR is %q", c.Addr)
	wrong(!c.development() && len(strings.TrimSpace(c.Secret)) < minSecret,
		"FOYER_SECRET is shorter than %d bytes", minSecret)
	wrong(c.Secret == developmentSecret, "FOYER_SECRET is the development one, which everybody knows")
	wrong(strings.ContainsAny(c.RedisPrefix, "{}"), "FOYER_REDIS_PREFIX must not have braces in it")
	problems = append(problems, c.checkLiveKitKeys()...)
	wrong(c.Deployment != "" && !deploymentName.MatchString(c.Deployment),
		"FOYER_DEPLOYMENT is not 1 to 100 letters, digits, or . _ : -")
	wrong(c.DatabaseURL != "" && !database.Known(c.DatabaseURL),
		"DATABASE_URL is neither postgres://… nor sqlite:PATH")
	problems = append(problems, c.checkRedis()...)
	wrong(!hasScheme(c.LiveKitURL, "ws", "wss", "http", "https"), "LIVEKIT_URL is not ws://… or wss://…")
	wrong(c.LiveKitPublicURL != "" && !hasScheme(c.LiveKitPublicURL, "ws", "wss"),
		"LIVEKIT_PUBLIC_URL is not ws://… or wss://…")
	for i, source := range c.DefaultSources {
		source = strings.TrimSpace(source)
		c.DefaultSources[i] = source
		wrong(!slices.Contains(everySource, source), "FOYER_DEFAULT_SOURCES has the unknown %q", source)
	}
	wrong(room.AccessLevelValidator(room.AccessLevel(c.DefaultAccess)) != nil,
		"FOYER_DEFAULT_ACCESS_LEVEL is not PUBLIC, TRUSTED or RESTRICTED: %q", c.DefaultAccess)
	wrong(parseLevel(c.LogLevel) != nil, "FOYER_LOG_LEVEL is not debug, info, warn or error: %q", c.LogLevel)
	wrong(c.ProxyHeader != headerXForwardedFor && c.ProxyHeader != headerForwarded,
		"FOYER_PROXY_HEADER is not %s or %s: %q", headerXForwardedFor, headerForwarded, c.ProxyHeader)
	problems = append(problems, c.checkMail()...)
	problems = append(problems, c.checkWebhooks()...)
	problems = append(problems, c.checkStorage()...)
	problems = append(problems, c.checkRecordings()...)
	for name, value := range c.durations() {
		wrong(value < minDuration || value > maxDuration, "%s is not between %s and %s",
			name, minDuration, maxDuration)
	}
	wrong(!slices.Contains([]string{documentsOff, documentsLog, documentsEnforce}, c.DocumentsMode),
		"FOYER_TRUSTED_DOCUMENTS_MODE is not off, log or enforce: %q", c.DocumentsMode)
	for name, value := range c.limits() {
		wrong(value < 1, "%s is less than 1", name)
	}
	wrong(c.MeetingGrace > maxMeetingGrace, "FOYER_MEETING_GRACE is more than %s", maxMeetingGrace)
	wrong(c.AddressShare < 1 || c.AddressShare > 100, "FOYER_LOBBY_ADDRESS_SHARE is not 1 to 100")
	wrong(c.DrainSpread < 0, "FOYER_DRAIN_SPREAD is negative")
	wrong(c.DatabasePatience < 0, "FOYER_DATABASE_PATIENCE is negative")
	for name, value := range c.counts() {
		wrong(value < 0, "%s is negative", name)
	}
	problems = append(problems, c.checkObserve()...)
	return append(problems, c.checkSignIn()...)
}

// maxExpiryDays, maxNotice and maxLayout are what those settings may be: days, and bytes.
const (
	maxExpiryDays = 36500
	maxNotice     = 2000
	maxLayout     = 200
)

// checkRecordings returns what is wrong with how calls are recorded.
func (c *config) checkRecordings() []error {
	var problems []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	wrong(c.RecordingExpiryDays > maxExpiryDays,
		"FOYER_RECORDING_EXPIRY_DAYS is more than %d", maxExpiryDays)
	wrong(len(c.RecordingNotice) > maxNotice || !utf8.ValidString(c.RecordingNotice),
		"FOYER_RECORDING_NOTICE is not text of at most %d bytes", maxNotice)
	wrong(len(c.RecordingLayout) > maxLayout,
		"FOYER_RECORDING_LAYOUT is longer than %d bytes", maxLayout)
	wrong(c.RecordingS3InRequest && c.S3Endpoint == "",
		"FOYER_RECORDING_S3_IN_REQUEST is set without S3_ENDPOINT")
	return problems
}

// checkMail returns what is wrong with how e-mail is sent.
func (c *config) checkMail() []error {
	var problems []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	for name, limit := range map[string]int{
		"FOYER_INVITATIONS_PER_USER": c.InvitationsPerUser,
		"FOYER_INVITATIONS_PER_ROOM": c.InvitationsPerRoom,
	} {
		wrong(limit > 0 && limit < c.InvitationEmails, "%s is less than FOYER_INVITATION_EMAILS", name)
	}
	if c.SMTPURL == "" {
		return problems
	}
	server, err := mail.ParseServer(c.SMTPURL)
	wrong(err != nil, "FOYER_SMTP_URL is %v", err)
	if c.SMTPHelo != "" {
		_, err = server.Named(c.SMTPHelo)
		wrong(err != nil, "FOYER_SMTP_HELO is %v", err)
	}
	_, err = mail.ParseFrom(c.MailFrom)
	wrong(c.MailFrom == "", "FOYER_MAIL_FROM is not set, but FOYER_SMTP_URL is")
	wrong(c.MailFrom != "" && err != nil, "FOYER_MAIL_FROM is %v", err)
	wrong(c.PublicURL == "" && c.OIDCIssuer == "" && !c.development(),
		"FOYER_PUBLIC_URL is not set: e-mail would have no links")
	return problems
}

var everySource = []string{
	string(schema.Camera), string(schema.Microphone),
	string(schema.ScreenShare), string(schema.ScreenShareAudio),
}

func (c *config) durations() map[string]time.Duration {
	return map[string]time.Duration{
		"FOYER_TOKEN_TTL": c.TokenTTL, "FOYER_LOBBY_GRACE": c.Grace,
		"FOYER_LOBBY_HEARTBEAT": c.Heartbeat, "FOYER_DENIED_FOR": c.DeniedFor,
		"FOYER_ADMITTED_FOR": c.AdmittedFor, "FOYER_TICKET_TTL": c.TicketTTL,
		"FOYER_MEETING_GRACE": c.MeetingGrace,
		"FOYER_APP_TOKEN_TTL": c.AppTokenTTL,
		"FOYER_DRAIN_TIMEOUT": c.DrainTimeout, "FOYER_OPERATION_TIMEOUT": c.OperationTimeout,
		"FOYER_DATABASE_CONNECTION_LIFETIME": c.DatabaseLifetime,
		"FOYER_OUTBOX_TIMEOUT":               c.OutboxTimeout, "FOYER_OUTBOX_GIVE_UP": c.OutboxGiveUp,
		"FOYER_OUTBOX_KEEP": c.OutboxKeep, "FOYER_WEBHOOK_DOWNLOAD_TTL": c.WebhookDownloadTTL,
		"FOYER_SESSION_LIFETIME": c.SessionLifetime, "FOYER_SESSION_IDLE": c.SessionIdle,
		"FOYER_RECORDING_START_TIMEOUT": c.RecordingStartTimeout,
		"FOYER_RECORDING_STOP_TIMEOUT":  c.RecordingStopTimeout,
		"FOYER_RECORDING_INTERVAL":      c.RecordingInterval,
		"FOYER_OIDC_LEEWAY":             c.OIDCLeeway, "FOYER_RECORDING_DOWNLOAD_TTL": c.DownloadTTL,
	}
}

func (c *config) counts() map[string]int {
	return map[string]int{
		"FOYER_LOBBY_CAPACITY": c.Capacity, "FOYER_KNOCKS_PER_ADDRESS": c.KnocksPerAddress,
		"FOYER_KNOCKS_PER_USER": c.KnocksPerUser, "FOYER_KNOCKS_PER_ROOM": c.KnocksPerRoom,
		"FOYER_TOKENS_PER_ADDRESS": c.TokensPerAddress, "FOYER_TOKENS_PER_USER": c.TokensPerUser,
		"FOYER_TOKENS_PER_ROOM": c.TokensPerRoom, "FOYER_SIGN_INS_PER_ADDRESS": c.SignInsPerAddress,
		"FOYER_GRANTS_PER_USER": c.GrantsPerUser, "FOYER_GRANTS_PER_ROOM": c.GrantsPerRoom,
		"FOYER_ROOMS_PER_USER": c.RoomsPerUser, "FOYER_MUTATIONS_PER_USER": c.MutationsPerUser,
		"FOYER_UNKNOWN_SLUGS_PER_ADDRESS": c.UnknownSlugs,
		"FOYER_REQUESTS_PER_TICKET":       c.TicketRequests, "FOYER_LISTS_PER_USER": c.ListsPerUser,
		"FOYER_RECORDINGS_PER_USER": c.RecordingsPerUser,
		"FOYER_TRUSTED_PROXIES":     c.TrustedProxies,
		"FOYER_MAX_SOCKETS":         c.MaxSockets, "FOYER_SOCKETS_PER_ADDRESS": c.SocketsPerAddress,
		"FOYER_APP_TOKENS_PER_ADDRESS": c.AppTokensPerAddress,
		"FOYER_APP_TOKENS_PER_CLIENT":  c.AppTokensPerClient,
		"FOYER_INVITATIONS_PER_USER":   c.InvitationsPerUser,
		"FOYER_INVITATIONS_PER_ROOM":   c.InvitationsPerRoom,
		"FOYER_RECORDING_EXPIRY_DAYS":  c.RecordingExpiryDays,
	}
}

func (c *config) limits() map[string]int {
	return map[string]int{
		"FOYER_DATABASE_CONNECTIONS":  c.DatabaseConnections,
		"FOYER_INVITATION_EMAILS":     c.InvitationEmails,
		"FOYER_OUTBOX_CONCURRENCY":    c.OutboxConcurrency,
		"FOYER_OPERATIONS_PER_SOCKET": c.OperationsPerSocket, "FOYER_LIMIT_BODY": int(c.LimitBody),
		"FOYER_LIMIT_TOKENS": c.LimitTokens, "FOYER_LIMIT_FIELDS": c.LimitFields,
		"FOYER_LIMIT_DEPTH": c.LimitDepth, "FOYER_LIMIT_ALIASES": c.LimitAliases,
		"FOYER_LIMIT_ROOT_FIELDS": c.LimitRootFields, "FOYER_LIMIT_DIRECTIVES": c.LimitDirectives,
		"FOYER_LIMIT_COMPLEXITY": c.LimitComplexity, "FOYER_LIMIT_ERRORS": c.LimitErrors,
	}
}

// fill sets what follows from other settings.
func (c *config) fill() {
	if c.development() && len(c.LiveKitKeys) == 0 {
		c.LiveKitKeys, c.LiveKitSecrets = []string{developmentKey}, []string{developmentPair}
	}
	if c.Deployment == "" {
		c.Deployment = hostOf(c.linkBase())
	}
	if c.LiveKitPublicURL == "" {
		c.LiveKitPublicURL = c.LiveKitURL
	}
	if c.S3PublicEndpoint == "" {
		c.S3PublicEndpoint = c.S3Endpoint
	}
	if c.DatabaseURL == "" {
		c.DatabaseURL = database.SQLite(filepath.Join(c.Data, "foyer.db"))
	}
	development := c.development()
	if c.Introspection == nil {
		c.Introspection = &development
	}
	if c.GraphiQL == nil {
		c.GraphiQL = &development
	}
}

// secret signs tickets and sessions.
func (c *config) secret() string {
	if c.development() {
		return developmentSecret
	}
	return c.Secret
}

func (c *config) database() database.Settings {
	return database.Settings{
		Connections: c.DatabaseConnections, Lifetime: c.DatabaseLifetime, Patience: c.DatabasePatience,
	}
}

func (c *config) rtc() livekit.Settings {
	return livekit.Settings{
		URL: c.LiveKitURL, PublicURL: c.LiveKitPublicURL,
		APIKey: c.LiveKitKeys[0], APISecret: c.LiveKitSecrets[0], OlderKeys: c.olderLiveKitKeys(),
		InsecureSkipVerify: c.LiveKitInsecure, Deployment: c.Deployment,
		TokenTTL: c.TokenTTL, DefaultSources: c.DefaultSources, HostsAreRoomAdmins: c.HostsAreAdmins,
		Secrets: append([]string{c.S3SecretKey, c.S3SessionToken, c.S3AccessKey}, c.LiveKitSecrets...),
	}
}

func (c *config) accounts() accounts.Settings {
	return accounts.Settings{
		UsersChooseNames: c.ChooseNames, EmailFallback: c.EmailFallback, MutationsPerUser: c.MutationsPerUser,
	}
}

func (c *config) rooms() rooms.Settings {
	return rooms.Settings{
		DefaultAccessLevel: room.AccessLevel(c.DefaultAccess),
		TemporaryRooms:     c.TemporaryRooms,
		GrantsPerUser:      c.GrantsPerUser, GrantsPerRoom: c.GrantsPerRoom,
		RoomsPerUser: c.RoomsPerUser, UnknownSlugs: c.UnknownSlugs,
	}
}

func (c *config) lobby() lobby.Settings {
	return lobby.Settings{
		Secret: c.secret(), KeyPrefix: c.RedisPrefix,
		Grace: c.Grace, Heartbeat: c.Heartbeat, DeniedFor: c.DeniedFor, AdmittedFor: c.AdmittedFor,
		TicketTTL: c.TicketTTL, MeetingGrace: c.MeetingGrace, Capacity: c.Capacity,
		AddressShare: c.AddressShare, KnocksPerAddress: c.KnocksPerAddress,
		KnocksPerUser: c.KnocksPerUser, KnocksPerRoom: c.KnocksPerRoom,
		TokensPerAddress: c.TokensPerAddress, TokensPerUser: c.TokensPerUser, TokensPerRoom: c.TokensPerRoom,
		RequestsPerTicket: c.TicketRequests, ListsPerUser: c.ListsPerUser,
		NotifyHosts: c.NotifyHosts, ShowPosition: c.ShowPosition,
	}
}

// maxMeetingGrace is well below the day for which Redis remembers a meeting.
const maxMeetingGrace = 12 * time.Hour

// reviewInterval is how often every meeting is compared with LiveKit.
const reviewInterval = time.Minute

func (c *config) calls() meetings.Settings {
	return meetings.Settings{
		UsersChooseNames: c.ChooseNames, HostsAreRoomAdmins: c.HostsAreAdmins, ReviewInterval: reviewInterval,
	}
}

func (c *config) apps(user func(context.Context, string) (uuid.UUID, error)) apps.Settings {
	return apps.Settings{
		Secret: c.secret(), TTL: c.AppTokenTTL, KeyPrefix: c.RedisPrefix,
		PerAddress: c.AppTokensPerAddress, PerClient: c.AppTokensPerClient, User: user,
	}
}

// How the outbox tries again, and how often an idle server looks for what others have left.
const (
	outboxBackoff    = 5 * time.Second
	outboxMaxBackoff = 30 * time.Minute
	outboxPoll       = 10 * time.Second
)

func (c *config) outbox() outbox.Settings {
	return outbox.Settings{
		Timeout: c.OutboxTimeout, Backoff: outboxBackoff, MaxBackoff: outboxMaxBackoff,
		GiveUp: c.OutboxGiveUp, Keep: c.OutboxKeep, Poll: outboxPoll, Drain: c.DrainTimeout,
		Concurrency: c.OutboxConcurrency,
		Kept:        []string{recordings.Kind}, // no row but this one knows of the file
	}
}

// linkBase is what links in e-mail begin with.
func (c *config) linkBase() string {
	if c.PublicURL == "" {
		return "http://" + c.Addr // in development mode
	}
	return c.PublicURL
}

func (c *config) recordings() recordings.Settings {
	s := recordings.Settings{
		PublicURL: c.linkBase(), Notice: c.RecordingNotice, Layout: c.RecordingLayout,
		StartsPerUser: c.RecordingsPerUser,
		KeptFor:       time.Duration(c.RecordingExpiryDays) * 24 * time.Hour,
		StartTimeout:  c.RecordingStartTimeout, StopTimeout: c.RecordingStopTimeout,
		Interval: c.RecordingInterval, KeyPrefix: c.RedisPrefix, Served: c.MediaSecret != "",
	}
	if c.DownloadURLs {
		s.DownloadFor = c.DownloadTTL
	}
	if c.RecordingS3InRequest {
		s.RequestS3 = &livekit.S3{
			Endpoint: c.S3Endpoint, Region: c.S3Region, Bucket: c.S3Bucket,
			AccessKey: c.S3AccessKey, SecretKey: c.S3SecretKey, SessionToken: c.S3SessionToken,
		}
	}
	return s
}

func (c *config) invitations() invitations.Settings {
	return invitations.Settings{
		PublicURL: c.linkBase(), MaxEmails: c.InvitationEmails,
		PerUser: c.InvitationsPerUser, PerRoom: c.InvitationsPerRoom,
		KeyPrefix: c.RedisPrefix, Send: c.sendMail(),
	}
}

// sendMail returns what sends an e-mail; nil when nothing does. The settings have been checked.
func (c *config) sendMail() func(context.Context, mail.Message) error {
	switch {
	case c.SMTPURL != "":
		sender, _ := c.mailSender()
		return sender.Send
	case c.development():
		return logMail
	default:
		return nil
	}
}

// mailSender returns what sends through the SMTP server, and the address that it sends from. The settings have
// been checked.
func (c *config) mailSender() (*mail.Sender, string) {
	server, _ := mail.ParseServer(c.SMTPURL)
	from, _ := mail.ParseFrom(c.MailFrom)
	name := c.SMTPHelo
	if public, err := url.Parse(c.PublicURL); name == "" && err == nil {
		name = public.Hostname()
	}
	if named, err := server.Named(name); err == nil {
		server = named
	}
	return mail.NewSender(server, from), from.Address
}

// schemaDepth is how deep a query for the schema may go where introspection is on: that of common
// tools goes to 15.
const schemaDepth = 20

// longestList is how many values a page of a list has at most.
const longestList = 100

func (c *config) graph(
	credentials func(ctx context.Context, header string) (auth.Viewer, error), sessions *auth.Sessions,
) (graph.Settings, error) {
	s := graph.Settings{
		Credentials: credentials, Life: sessions.Life,
		Origins: c.AllowedOrigins, Introspection: *c.Introspection,
		Limits: query.Limits{
			Tokens: c.LimitTokens, Fields: c.LimitFields, Depth: c.LimitDepth, Aliases: c.LimitAliases,
			RootFields: c.LimitRootFields, Directives: c.LimitDirectives, Complexity: c.LimitComplexity,
			Errors: c.LimitErrors, SchemaDepth: schemaDepth, LongestList: longestList,
		},
		MaxBody: c.LimitBody, MaxSockets: c.MaxSockets, SocketsPerAddress: c.SocketsPerAddress,
		OperationsPerSocket: c.OperationsPerSocket, OperationTimeout: c.OperationTimeout,
		OperationNames: c.OperationNames,
	}
	if c.Documents == "" || c.DocumentsMode == documentsOff {
		return s, nil
	}
	var err error
	s.Documents, err = query.ReadDocuments(c.Documents, c.DocumentsMode == documentsEnforce)
	if page := web.Page(); err == nil && page != nil {
		err = trustPage(s.Documents, page)
	}
	return s, err
}

// trustPage has the page's own documents served, whatever the clients of an installation send.
func trustPage(documents *query.Documents, page fs.FS) error {
	manifest, err := fs.ReadFile(page, "documents.json")
	if err != nil {
		return fmt.Errorf("trusted documents of the page: %w", err)
	}
	return documents.Trust(manifest)
}

// isLoopback reports whether only this machine can reach an address.
func isLoopback(hostport string) (bool, error) {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return false, err
	}
	return isLoopbackHost(host), nil
}

func isLoopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

func hasScheme(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains(schemes, u.Scheme) && (u.Host != "" || u.Path != "")
}
