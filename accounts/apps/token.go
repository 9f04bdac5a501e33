package apps

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"foyer/accounts"
	"foyer/ent"
	"foyer/internal/fault"
	"foyer/internal/ratelimit"
)

const (
	// tokenPrefix marks the tokens of applications, also for scanners that find leaked secrets.
	tokenPrefix = "foyer_token_"
	audience    = "foyer application"
	leeway      = 5 * time.Second
	// maxToken is the size of the longest token that is read, in bytes. An issued token has about 500.
	maxToken  = 4 << 10
	grantType = "client_credentials"
)

// Settings of Tokens.
type Settings struct {
	// Secret signs tokens.
	Secret string
	// TTL is how long a token is valid.
	TTL time.Duration
	// KeyPrefix stands before every Redis key.
	KeyPrefix string
	// PerAddress is how many tokens one network address may request in a minute, and PerClient how many one
	// application may get; 0 is any number.
	PerAddress, PerClient int
}

// Tokens issues the tokens of applications, and reads them.
type Tokens struct {
	db       *ent.Client
	accounts *accounts.Service
	settings Settings
	limiter  *ratelimit.Limiter
	key      []byte
	hash     func(clientID, secret string) []byte
	// nobody stands in for an application that does not exist, so that the same work is done. Its secret is unknown.
	nobody *ent.Application
}

// NewTokens returns Tokens. All servers with the same secret accept them.
func NewTokens(
	db *ent.Client, rdb redis.UniversalClient, people *accounts.Service, settings Settings,
) (*Tokens, error) {
	key, err := hkdf.Key(sha256.New, []byte(settings.Secret), nil, "foyer application token", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive key of applications: %w", err)
	}
	id := idPrefix + strings.ToLower(rand.Text())
	return &Tokens{
		db: db, accounts: people, settings: settings, limiter: ratelimit.New(rdb, settings.KeyPrefix),
		key: key, hash: hashSecret,
		nobody: &ent.Application{ClientID: id, SecretHash: hashSecret(id, newSecret())},
	}, nil
}

// Request is a request for a token (RFC 6749 section 4.4.2).
type Request struct {
	ClientID, Secret string
	GrantType        string
	// User is the e-mail address of the user to act for.
	User string
	// Scope lists the scopes of the token, separated by spaces; empty for all scopes of the application.
	Scope string
	// Address is the client's network address.
	Address string
}

// Token lets an application act for one user.
type Token struct {
	AccessToken string
	ExpiresIn   time.Duration
	Scopes      []string
}

// Issue issues a token to an application. All faults of its credentials are the same Unauthenticated error, after the
// same work. Other errors name OAuth's error code in the detail "error", unless their kind implies it.
func (t *Tokens) Issue(ctx context.Context, r Request) (*Token, error) {
	if err := t.allow(ctx, "apps:address", r.Address, t.settings.PerAddress); err != nil {
		return nil, err
	}
	app, generation, err := t.authenticate(ctx, r.ClientID, r.Secret)
	if err != nil {
		return nil, err
	}
	// It is counted after authentication, so that nobody else can use the limit up.
	if err := t.allow(ctx, "apps:client", app.ClientID, t.settings.PerClient); err != nil {
		return nil, err
	}
	if r.GrantType == "" {
		return nil, fault.New(fault.Invalid, "grant_type is missing: it has to be %s", grantType)
	}
	if r.GrantType != grantType {
		return nil, fault.New(fault.Invalid, "grant_type has to be %s", grantType).
			With("error", "unsupported_grant_type")
	}
	scopes, err := chosenScopes(app, r.Scope)
	if err != nil {
		return nil, err
	}
	userID, err := t.userOf(ctx, app, r.User)
	if err != nil {
		return nil, err
	}
	signed, err := t.sign(app, generation, userID, scopes)
	if err != nil {
		return nil, err
	}
	if err := app.Update().SetLastUsedAt(time.Now()).Exec(ctx); err != nil {
		slog.WarnContext(ctx, "the last use of an application is not noted", "err", err)
	}
	return &Token{AccessToken: signed, ExpiresIn: t.settings.TTL, Scopes: scopes}, nil
}

func away(cause error) error {
	return fault.From(cause, fault.Unavailable, "applications cannot be read at the moment; try again soon")
}

// allow counts one request against a limit.
func (t *Tokens) allow(ctx context.Context, name, key string, perMinute int) error {
	return t.limiter.Allow(ctx, "too many requests for tokens; try again later",
		ratelimit.PerMinute(name, key, perMinute))
}
