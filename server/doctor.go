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
	examinationTimeout = 10 * time.Second
	// maxSkew is how far clocks may be apart: LiveKit's and the provider's tokens bear a minute, people
	// who wait and see times less. HTTP tells whole seconds.
	maxSkew = 5 * time.Second
)

// advice is an error that something else mends than what commonly does.
type advice struct {
	error

	mend string
}

// errUnconfigured is that of a part that the settings leave out.
var errUnconfigured = errors.New("not configured")

// examination is one part that Foyer leans on, and what to do when it does not hold.
type examination struct {
	part string
	// look says what is there.
	look func(context.Context, *config.Config) (string, error)
	mend string
}

var examinations = []examination{
	{"database", examineDatabase, "see that DATABASE_URL is right and PostgreSQL runs; run foyer migrate when its tables are behind"},
	{"redis", examineRedis, "see that REDIS_URL and REDIS_CLUSTER are right, and Redis is 7 or newer and throws no keys away"},
	{"livekit", examineLiveKit, "see that LIVEKIT_URL is right, and LIVEKIT_API_KEY and LIVEKIT_API_SECRET are among the keys of LiveKit's settings"},
	{"entrance", examineEntrance, "see that LIVEKIT_PUBLIC_URL leads to this LiveKit from where people are, with a certificate that browsers take"},
	{"sharing", examineSharing, "give each installation on this LiveKit a database of its own, and its own FOYER_DEPLOYMENT"},
	{"webhook", examineWebhook, "start Foyer, see that FOYER_PUBLIC_URL leads to it, and that webhook.urls in LiveKit's settings names this address"},
	{"proxies", examineProxies, "see that FOYER_TRUSTED_PROXIES is how many proxies in front of Foyer add to the header FOYER_PROXY_HEADER"},
	{"egress", examineEgress, "see that LiveKit and its egress service have the same Redis in their settings, and that the egress service runs and is not busy"},
	{"bucket", examineBucket, "see that S3_ENDPOINT and S3_BUCKET are right, and that the credentials may list the bucket and read from it"},
	{"sign-in", examineSignIn, "see that FOYER_OIDC_ISSUER is exactly what the provider calls itself, and can be reached from here"},
	{"e-mail", examineMail, "see that FOYER_SMTP_URL, FOYER_MAIL_FROM and FOYER_SMTP_HELO are what the SMTP server accepts"},
	{"clock", examineClock, "keep the clocks of all machines right, with NTP"},
}

// doctor looks at every part, says what it found, and fails when one does not hold.
func doctor(ctx context.Context, environ []string, out io.Writer) error {
	c, err := config.Load(environ)
	if err != nil {
		return err
	}
	failed := 0
	for _, e := range examinations {
		if !e.run(ctx, c, out) {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d do not hold", failed, len(examinations))
	}
	return nil
}

// run reports whether a part holds, or is left out.
func (e examination) run(ctx context.Context, c *config.Config, out io.Writer) bool {
	ctx, cancel := context.WithTimeout(ctx, examinationTimeout)
	defer cancel()
	found, err := e.look(ctx, c)
	switch {
	case errors.Is(err, errUnconfigured):
		fmt.Fprintf(out, "-     %-9s %v\n", e.part, err)
	case err != nil:
		mend := e.mend
		if better, ok := errors.AsType[advice](err); ok {
			mend = better.mend
		}
		fmt.Fprintf(out, "FAIL  %-9s %v\n                %s\n", e.part, err, mend)
		return false
	default:
		fmt.Fprintf(out, "ok    %-9s %s\n", e.part, found)
	}
	return true
}

func examineDatabase(ctx context.Context, c *config.Config) (string, error) {
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

func examineRedis(ctx context.Context, c *config.Config) (string, error) {
	if c.Redis.URL == "" {
		return "inside the process: for one server, and gone with it", nil
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
		return "", fmt.Errorf("its maxmemory-policy is %s: it throws away who waits and who is signed in", policy)
	}
	return "Redis " + version, nil
}

func examineLiveKit(ctx context.Context, c *config.Config) (string, error) {
	return c.LiveKit.URL, livekit.New(livekitSettings(c)).Check(ctx)
}

// examineEntrance asks where browsers do whether a room can be entered.
func examineEntrance(ctx context.Context, c *config.Config) (string, error) {
	client := livekit.New(livekitSettings(c))
	return c.LiveKit.PublicURL, client.InCheckRoom(ctx, func(room string) error { return client.CheckEntrance(ctx, room) })
}

func examineEgress(ctx context.Context, c *config.Config) (string, error) {
	if _, ok := bucketSettings(c); !ok {
		return "", errUnconfigured // nothing is recorded
	}
	client := livekit.New(livekitSettings(c))
	return "somebody records", client.InCheckRoom(ctx, func(room string) error { return client.CheckEgress(ctx, room) })
}

func examineBucket(ctx context.Context, c *config.Config) (string, error) {
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
		return "", advice{err, "choose a storage, or an endpoint of it, that takes path style; credentials do not matter here"}
	}
	if err != nil {
		return "", err
	}
	return settings.Endpoint + ", " + settings.Name, nil
}

func examineSignIn(ctx context.Context, c *config.Config) (string, error) {
	switch {
	case c.SignIn.Issuer != "":
		provider := auth.NewProvider(providerSettings(c))
		if _, _, err := provider.Begin(ctx, c.LinkBase()+"/callback", "/"); err != nil {
			return "", err
		}
		verified, err := provider.SaysVerified(ctx)
		if !verified {
			return c.SignIn.Issuer + ", which does not list the claim email_verified: roles given to e-mail addresses " +
				"may not arrive; FOYER_OIDC_EMAILS_VERIFIED is for providers that verify every address", err
		}
		return c.SignIn.Issuer, err
	case c.Development():
		return "a provider inside the process, which asks for no password: development mode", nil
	default:
		return "", errUnconfigured
	}
}

// examineMail goes with the SMTP server as far as an e-mail to our own address would, and sends nothing.
func examineMail(ctx context.Context, c *config.Config) (string, error) {
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

// examineClock compares ours with those of the others.
func examineClock(ctx context.Context, c *config.Config) (string, error) {
	var wrong []string
	compared := 0
	for part, tell := range clocks {
		before := time.Now()
		theirs, err := tell(ctx, c)
		if err != nil {
			continue // that it is away has been said
		}
		compared++
		middle := before.Add(time.Since(before) / 2)
		if skew := theirs.Sub(middle); skew.Abs() > maxSkew {
			wrong = append(wrong, fmt.Sprintf("that of %s differs by %s", part, skew.Round(time.Second)))
		}
	}
	if len(wrong) > 0 {
		return "", errors.New(strings.Join(wrong, ", "))
	}
	return fmt.Sprintf("within %s of the %d others that could be asked", maxSkew, compared), nil
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

// httpTime is the time that a server puts on its answers (RFC 9110, section 6.6.1).
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
