package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"foyer/auth"
	"foyer/ent/database"
	"foyer/internal/bucket"
	"foyer/internal/livekit"
	"foyer/internal/mail"
	"foyer/server/config"
)

const (
	checkTimeout = 10 * time.Second
	// maxSkew is how much clocks may differ. Tokens of LiveKit and of the provider tolerate a minute, but people who
	// wait and see times less. HTTP has whole seconds.
	maxSkew = 5 * time.Second
)

// fixError is an error with a fix of its own.
type fixError struct {
	error

	fix string
}

// errUnconfigured means that the settings leave a part out.
var errUnconfigured = errors.New("not configured")

// partCheck checks one part that Foyer depends on.
type partCheck struct {
	part string
	// check returns what it found.
	check func(context.Context, *config.Config) (string, error)
	// fix is what to do when the check fails.
	fix string
}

var partChecks = []partCheck{
	{"database", checkDatabase,
		"check DATABASE_URL, or FOYER_DATA from the server's folder, and that PostgreSQL runs; run foyer migrate if its " +
			"tables are old"},
	{"redis", checkRedis, "check REDIS_URL and REDIS_CLUSTER, and that Redis is 7 or newer and evicts no keys"},
	{"livekit", checkLiveKit,
		"check LIVEKIT_URL, and that LiveKit's settings have LIVEKIT_API_KEY with LIVEKIT_API_SECRET"},
	{"entrance", checkEntrance,
		"check that LIVEKIT_PUBLIC_URL leads browsers to this LiveKit, with a certificate that they accept"},
	{"sharing", checkSharing,
		"give each installation on this LiveKit its own database and its own FOYER_DEPLOYMENT"},
	{"webhook", checkWebhook,
		"start Foyer; check that FOYER_PUBLIC_URL leads to it, and that LiveKit's webhook.urls has this address"},
	{"proxies", checkProxies,
		"set FOYER_TRUSTED_PROXIES to how many proxies in front of Foyer add to the header FOYER_PROXY_HEADER"},
	{"egress", checkEgress,
		"check that LiveKit and its egress service have the same Redis, and that the service runs and is not busy"},
	{"bucket", checkBucket,
		"check S3_ENDPOINT and S3_BUCKET, and that the credentials may list the bucket and read from it"},
	{"sign-in", checkSignIn,
		"check that FOYER_OIDC_ISSUER is exactly the provider's own name, and that this machine can reach it"},
	{"e-mail", checkMail,
		"check that the SMTP server accepts FOYER_SMTP_URL, FOYER_MAIL_FROM and FOYER_SMTP_HELO"},
	{"clock", checkClock, "synchronise the clocks of all machines with NTP"},
}

// doctor checks every part, prints what it found, and fails if one check fails.
func doctor(ctx context.Context, environ []string, out io.Writer) error {
	c, err := config.Load(environ)
	if err != nil {
		return err
	}
	failed := 0
	for _, p := range partChecks {
		if !p.run(ctx, c, out) {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(partChecks))
	}
	return nil
}

// run reports whether a part is in order, or left out.
func (p partCheck) run(ctx context.Context, c *config.Config, out io.Writer) bool {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	found, err := p.check(ctx, c)
	switch {
	case errors.Is(err, errUnconfigured):
		fmt.Fprintf(out, "-     %-9s %v\n", p.part, err)
	case err != nil:
		fix := p.fix
		if better, ok := errors.AsType[fixError](err); ok {
			fix = better.fix
		}
		fmt.Fprintf(out, "FAIL  %-9s %v\n                %s\n", p.part, err, fix)
		return false
	default:
		fmt.Fprintf(out, "ok    %-9s %s\n", p.part, found)
	}
	return true
}

func checkDatabase(ctx context.Context, c *config.Config) (string, error) {
	db, err := database.Open(c.Database.URL, commandConnections)
	if err != nil {
		return "", err
	}
	defer db.Close()
	if err := db.Check(ctx); err != nil {
		return "", err
	}
	version, err := db.Version(ctx)
	return version + ", tables up to date", err
}

func checkRedis(ctx context.Context, c *config.Config) (string, error) {
	if c.Redis.URL == "" {
		return "inside the process: for one server only, and empty after a restart", nil
	}
	client, err := newRedis(c)
	if err != nil {
		return "", err
	}
	defer client.Close()
	info, err := client.InfoMap(ctx, "server", "memory").Result()
	if err != nil {
		return "", err
	}
	version, policy := info["Server"]["redis_version"], info["Memory"]["maxmemory_policy"]
	if major, _, _ := strings.Cut(version, "."); len(major) == 1 && major < "7" {
		return "", fmt.Errorf("version %s is too old", version)
	}
	if info["Memory"]["maxmemory"] != "0" && policy != "noeviction" {
		return "", fmt.Errorf("its maxmemory-policy is %s: it evicts waiting guests and sessions", policy)
	}
	return "Redis " + version, nil
}

func checkLiveKit(ctx context.Context, c *config.Config) (string, error) {
	return c.LiveKit.URL, livekit.New(livekitSettings(c)).Check(ctx)
}

// checkEntrance asks LiveKit at its public address whether somebody may enter a room.
func checkEntrance(ctx context.Context, c *config.Config) (string, error) {
	client := livekit.New(livekitSettings(c))
	return c.LiveKit.PublicURL, client.InCheckRoom(ctx, func(room string) error {
		return client.CheckEntrance(ctx, room)
	})
}

func checkEgress(ctx context.Context, c *config.Config) (string, error) {
	if _, ok := bucketSettings(c); !ok {
		return "", errUnconfigured // nothing is recorded
	}
	client := livekit.New(livekitSettings(c))
	return "an egress service answers", client.InCheckRoom(ctx, func(room string) error {
		return client.CheckEgress(ctx, room)
	})
}

func checkBucket(ctx context.Context, c *config.Config) (string, error) {
	settings, ok := bucketSettings(c)
	if !ok {
		return "", errUnconfigured
	}
	b, err := bucket.Open(settings)
	if err != nil {
		return "", err
	}
	err = b.Check(ctx, "recordings/"+uuid.NewString())
	if errors.Is(err, bucket.ErrStyle) {
		return "", fixError{err,
			"choose a storage, or an endpoint of it, that accepts path style; credentials do not matter here"}
	}
	if err != nil {
		return "", err
	}
	return settings.Endpoint + ", " + settings.Name, nil
}

func checkSignIn(ctx context.Context, c *config.Config) (string, error) {
	switch {
	case c.SignIn.Issuer != "":
		provider := auth.NewProvider(providerSettings(c))
		if _, _, err := provider.Begin(ctx, c.LinkBase()+"/callback", "/"); err != nil {
			return "", err
		}
		verified, err := provider.SaysVerified(ctx)
		if !verified {
			return c.SignIn.Issuer + ", which does not list the claim email_verified: people may not get roles that " +
				"were given to their e-mail addresses; set FOYER_OIDC_EMAILS_VERIFIED if it verifies every address", err
		}
		return c.SignIn.Issuer, err
	case c.Development():
		return "a provider inside the process, which asks for no password: development mode", nil
	default:
		return "", errUnconfigured
	}
}

// checkMail begins an e-mail to Foyer's own address at the SMTP server, and sends nothing.
func checkMail(ctx context.Context, c *config.Config) (string, error) {
	if c.Mail.SMTPURL == "" {
		return "", errUnconfigured
	}
	sender, from := mailSender(c)
	switch err := sender.Check(ctx, from); {
	case errors.Is(err, mail.ErrRefused):
		return "the SMTP server takes mail of " + from + ", but none for that address: bounces are lost", nil
	case err != nil:
		return "", err
	default:
		return "the SMTP server takes mail of " + from, nil
	}
}

// checkClock compares this machine's clock with others.
func checkClock(ctx context.Context, c *config.Config) (string, error) {
	var wrong []string
	compared := 0
	for part, now := range clocks {
		before := time.Now()
		theirs, err := now(ctx, c)
		if err != nil {
			continue // its own check reports that it is away
		}
		compared++
		middle := before.Add(time.Since(before) / 2)
		if skew := theirs.Sub(middle); skew.Abs() > maxSkew {
			wrong = append(wrong, fmt.Sprintf("the clock of %s differs by %s", part, skew.Round(time.Second)))
		}
	}
	if len(wrong) > 0 {
		return "", errors.New(strings.Join(wrong, ", "))
	}
	return fmt.Sprintf("within %s of the %d others that answered", maxSkew, compared), nil
}

var clocks = map[string]func(context.Context, *config.Config) (time.Time, error){
	"the database": func(ctx context.Context, c *config.Config) (time.Time, error) {
		db, err := database.Open(c.Database.URL, commandConnections)
		if err != nil {
			return time.Time{}, err
		}
		defer db.Close()
		return db.Now(ctx)
	},
	"Redis": func(ctx context.Context, c *config.Config) (time.Time, error) {
		if c.Redis.URL == "" {
			return time.Now(), nil
		}
		client, err := newRedis(c)
		if err != nil {
			return time.Time{}, err
		}
		defer client.Close()
		return client.Time(ctx).Result()
	},
	"LiveKit": func(ctx context.Context, c *config.Config) (time.Time, error) {
		return httpTime(ctx, "http"+strings.TrimPrefix(strings.TrimPrefix(c.LiveKit.URL, "http"), "ws"))
	},
	"the OpenID provider": func(ctx context.Context, c *config.Config) (time.Time, error) {
		return httpTime(ctx, c.SignIn.Issuer+"/.well-known/openid-configuration")
	},
}

// httpTime is the time in a server's answer (RFC 9110, section 6.6.1).
func httpTime(ctx context.Context, url string) (time.Time, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return time.Time{}, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return time.Time{}, err
	}
	defer answer.Body.Close()
	return http.ParseTime(answer.Header.Get("Date"))
}
