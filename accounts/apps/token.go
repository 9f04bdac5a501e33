package apps

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/application"
	"foyer/internal/fault"
	"foyer/internal/mailbox"
	"foyer/internal/ratelimit"
)

const (
	// tokenPrefix tells tokens of applications from all others, also to scanners for leaked secrets.
	tokenPrefix = "foyer_token_"
	audience    = "foyer application"
	leeway      = 5 * time.Second
	// maxToken is how many bytes a token may have to be read: ours have some 500.
	maxToken  = 4 << 10
	grantType = "client_credentials"
)

// Settings of Tokens.
type Settings struct {
	// Secret signs tokens.
	Secret string
	// TTL is how long a token lives.
	TTL time.Duration
	// KeyPrefix stands before every Redis key.
	KeyPrefix string
	// PerAddress is how many tokens may be asked for within a minute from one network address, and
	// PerClient how many one application may be given; 0 is any number.
	PerAddress, PerClient int
	// User returns the account of an e-mail address, which it makes if need be.
	User func(ctx context.Context, email string) (uuid.UUID, error)
}

// Tokens gives applications tokens, and reads them.
type Tokens struct {
	db       *ent.Client
	settings Settings
	limiter  *ratelimit.Limiter
	key      []byte
	hash     func(clientID, secret string) []byte
	// nobody stands in for an application that is not there: none of its secrets can be shown.
	nobody *ent.Application
}

// NewTokens returns Tokens. Every server that shares the secret accepts them.
func NewTokens(db *ent.Client, rdb redis.UniversalClient, settings Settings) (*Tokens, error) {
	key, err := hkdf.Key(sha256.New, []byte(settings.Secret), nil, "foyer application token", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive key of applications: %w", err)
	}
	id := idPrefix + strings.ToLower(rand.Text())
	return &Tokens{
		db: db, settings: settings, limiter: ratelimit.New(rdb, settings.KeyPrefix), key: key, hash: hashSecret,
		nobody: &ent.Application{ClientID: id, SecretHash: hashSecret(id, newSecret())},
	}, nil
}

// Request asks for a token (RFC 6749 section 4.4.2).
type Request struct {
	ClientID, Secret string
	GrantType        string
	// User is the e-mail address of the user to act for.
	User string
	// Scope lists what the token is for, separated by spaces; empty for all that the application may.
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

// Issue gives an application a token. Whatever is wrong with its credentials is the same
// Unauthenticated error, found with the same work. Other refusals say in the detail "error" which of
// OAuth's they are, unless their kind says so.
func (t *Tokens) Issue(ctx context.Context, r Request) (*Token, error) {
	if err := t.allow(ctx, "apps:address", r.Address, t.settings.PerAddress); err != nil {
		return nil, err
	}
	app, generation, err := t.authenticate(ctx, r.ClientID, r.Secret)
	if err != nil {
		return nil, err
	}
	// Counted now that nobody else can use it up.
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

// authenticate returns the application that a secret belongs to, and the secret's generation. It does
// the same for any client id and any secret.
func (t *Tokens) authenticate(
	ctx context.Context, clientID, secret string,
) (*ent.Application, int, error) {
	app, err := t.db.Application.Query().Where(application.ClientID(storable(clientID))).Only(ctx)
	if ent.IsNotFound(err) {
		app, err = t.nobody, nil
	}
	if err != nil {
		return nil, 0, away(err)
	}
	before := app.PreviousSecretHash
	if len(before) == 0 {
		before = t.nobody.SecretHash
	}
	shown := t.hash(app.ClientID, secret)
	isCurrent, isBefore := hmac.Equal(shown, app.SecretHash), hmac.Equal(shown, before)
	generation := app.SecretGeneration
	if isBefore {
		generation--
	}
	if !(isCurrent || isBefore) || !good(app, generation) {
		return nil, 0, fault.New(fault.Unauthenticated, "the client id or the secret is not valid")
	}
	return app, generation, nil
}

// good reports whether what was issued to an application with one of its secrets still holds.
func good(app *ent.Application, generation int) bool {
	switch end := app.PreviousSecretEndsAt; generation {
	case app.SecretGeneration:
		return app.Active
	case app.SecretGeneration - 1:
		return app.Active && end != nil && time.Now().Before(*end)
	default:
		return false
	}
}

// chosenScopes are those that a request names, of the application's.
func chosenScopes(app *ent.Application, scope string) ([]string, error) {
	chosen := strings.Fields(scope)
	if len(chosen) == 0 {
		return app.Scopes, nil
	}
	for _, s := range chosen {
		if !slices.Contains(app.Scopes, s) {
			return nil, fault.New(fault.Invalid, "scope names what this application may not do").
				With("error", "invalid_scope")
		}
	}
	slices.Sort(chosen)
	return slices.Compact(chosen), nil
}

// userOf returns whom an application asks to act for.
func (t *Tokens) userOf(
	ctx context.Context, app *ent.Application, email string,
) (uuid.UUID, error) {
	domain, err := domainOf(email)
	if err != nil {
		return uuid.Nil, err
	}
	if !slices.Contains(app.EmailDomains, AnyDomain) && !slices.Contains(app.EmailDomains, domain) {
		return uuid.Nil, fault.New(fault.Forbidden,
			"this application may not act for users of this e-mail domain")
	}
	return t.settings.User(ctx, email)
}

// domainOf returns the domain of an e-mail address, in lower case and in A-labels. Nothing but a bare address
// whose local part is ASCII passes, of which nobody could think that it ends otherwise.
func domainOf(email string) (string, error) {
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email {
		return "", errNoUser()
	}
	local, _, _ := strings.Cut(email, "@")
	known, err := mailbox.Parse(email)
	if err != nil || strings.ContainsFunc(local, notASCII) {
		return "", errNoUser()
	}
	return known[strings.LastIndexByte(known, '@')+1:], nil
}

func errNoUser() error {
	return fault.Field("user", "user has to be an e-mail address, in ASCII before the @")
}

// claims is what a token says.
type claims struct {
	jwt.RegisteredClaims

	Application uuid.UUID `json:"client_id"`
	Generation  int       `json:"generation"`
	Scope       string    `json:"scope"`
}

func (t *Tokens) sign(
	app *ent.Application, generation int, userID uuid.UUID, scopes []string,
) (string, error) {
	now := time.Now()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			ID: uuid.NewString(), Subject: userID.String(), Audience: jwt.ClaimStrings{audience},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(t.settings.TTL)),
		},
		Application: app.ID, Generation: generation, Scope: strings.Join(scopes, " "),
	}).SignedString(t.key)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return tokenPrefix + signed, nil
}

// FromHeader returns the viewer that an Authorization header with the token of an application names.
// It is no Unauthenticated error but mine is false when the header holds anything else.
func (t *Tokens) FromHeader(
	ctx context.Context, header string,
) (viewer auth.Viewer, mine bool, err error) {
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(token, tokenPrefix) {
		return auth.Viewer{}, false, nil
	}
	viewer, err = t.Read(ctx, token)
	return viewer, true, err
}

// Read returns the viewer that a token names: the user, and the application with what it may do at
// this moment. A token that we did not issue, that has ended, or whose application or secret has, is
// Unauthenticated. The address is left to the caller.
func (t *Tokens) Read(ctx context.Context, token string) (auth.Viewer, error) {
	if len(token) > maxToken {
		return auth.Viewer{}, refused(nil)
	}
	var said claims
	_, err := jwt.ParseWithClaims(strings.TrimPrefix(token, tokenPrefix), &said,
		func(*jwt.Token) (any, error) { return t.key, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithLeeway(leeway))
	if err != nil {
		return auth.Viewer{}, refused(err)
	}
	userID, err := uuid.Parse(said.Subject)
	if err != nil {
		return auth.Viewer{}, refused(err)
	}
	app, err := t.db.Application.Get(ctx, said.Application)
	switch {
	case ent.IsNotFound(err):
		return auth.Viewer{}, refused(err)
	case err != nil:
		return auth.Viewer{}, away(err)
	case !good(app, said.Generation):
		return auth.Viewer{}, refused(nil)
	}
	viewer := auth.Viewer{
		UserID: userID, ExpiresAt: said.ExpiresAt.Time, Application: app.ID, Scopes: []auth.Scope{},
	}
	for _, scope := range strings.Fields(said.Scope) {
		if slices.Contains(app.Scopes, scope) {
			viewer.Scopes = append(viewer.Scopes, auth.Scope(scope))
		}
	}
	return viewer, nil
}

func refused(cause error) error {
	return fault.From(cause, fault.Unauthenticated, "this token is not valid any more; ask for another")
}

func away(cause error) error {
	return fault.From(cause, fault.Unavailable, "applications cannot be looked at; try again soon")
}

// allow counts one more request against a limit.
func (t *Tokens) allow(ctx context.Context, name, key string, perMinute int) error {
	return t.limiter.Allow(ctx, "too many requests for tokens; try again later",
		ratelimit.PerMinute(name, key, perMinute))
}
