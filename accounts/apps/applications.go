// Package apps holds the applications that act for users: a portal, or the plug-in of a calendar.
//
// An application authenticates with a client id and a secret, names a user of one of its e-mail domains, and gets a
// token (OAuth 2.0 client credentials, RFC 6749 section 4.4) for some minutes. Each request with the token reads the
// application again, so that a revocation takes effect immediately.
package apps

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/application"
	"foyer/internal/fault"
	"foyer/internal/mailbox"
)

const (
	idPrefix     = "foyer_app_"
	secretPrefix = "foyer_secret_"
	secretBytes  = 32
	maxClientID  = 64  // bytes
	maxName      = 100 // characters
	maxDomains   = 100
	// AnyDomain stands for all e-mail domains.
	AnyDomain = "*"
)

// domainPattern is a domain of at least two labels in ASCII, without a trailing dot (RFC 1035).
var domainPattern = regexp.MustCompile(
	`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Registry creates, lists and revokes applications.
type Registry struct{ db *ent.Client }

// NewRegistry returns a Registry on a database that has the tables.
func NewRegistry(db *ent.Client) *Registry { return &Registry{db} }

// Registration describes a new application.
type Registration struct {
	Name string
	// EmailDomains are the e-mail domains of the users that it may act for, without their subdomains; or AnyDomain.
	EmailDomains []string
	// Scopes are what it may do for those users.
	Scopes []string
}

// Create creates an application, and returns it with its secret. The database keeps only a hash of the secret.
func (r *Registry) Create(ctx context.Context, in Registration) (*ent.Application, string, error) {
	name, err := checkName(in.Name)
	if err != nil {
		return nil, "", err
	}
	domains, err := checkDomains(in.EmailDomains)
	if err != nil {
		return nil, "", err
	}
	scopes, err := checkScopes(in.Scopes)
	if err != nil {
		return nil, "", err
	}
	id, secret := idPrefix+strings.ToLower(rand.Text()), newSecret()
	app, err := r.db.Application.Create().SetName(name).SetClientID(id).
		SetSecretHash(hashSecret(id, secret)).SetEmailDomains(domains).SetScopes(scopes).Save(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("make application: %w", err)
	}
	return app, secret, nil
}

// List returns all applications, the oldest first.
func (r *Registry) List(ctx context.Context) ([]*ent.Application, error) {
	list, err := r.db.Application.Query().
		Order(application.ByCreatedAt(), application.ByID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list applications: %w", err)
	}
	return list, nil
}

// Rotate gives an application a new secret, and returns it. The previous secret, and the tokens that were issued for
// it, stay valid for overlap, which may be 0. Older secrets end immediately.
func (r *Registry) Rotate(
	ctx context.Context, clientID string, overlap time.Duration,
) (string, error) {
	app, err := r.find(ctx, clientID)
	if err != nil {
		return "", err
	}
	if !app.Active {
		return "", fault.New(fault.Conflict, "this application has been revoked; create another")
	}
	secret := newSecret()
	n, err := r.db.Application.Update().
		Where(application.ID(app.ID), application.SecretGeneration(app.SecretGeneration)).
		SetSecretHash(hashSecret(app.ClientID, secret)).AddSecretGeneration(1).
		SetPreviousSecretHash(app.SecretHash).SetPreviousSecretEndsAt(time.Now().Add(overlap)).
		Save(ctx)
	if err != nil {
		return "", fmt.Errorf("rotate secret: %w", err)
	}
	if n == 0 {
		return "", fault.New(fault.Conflict, "somebody else gave it another secret just now")
	}
	return secret, nil
}

// Revoke ends an application, and everything that was issued to it, for good. It may be repeated.
func (r *Registry) Revoke(ctx context.Context, clientID string) error {
	app, err := r.find(ctx, clientID)
	if err != nil {
		return err
	}
	if err := app.Update().SetActive(false).Exec(ctx); err != nil {
		return fmt.Errorf("revoke application: %w", err)
	}
	return nil
}

func (r *Registry) find(ctx context.Context, clientID string) (*ent.Application, error) {
	app, err := r.db.Application.Query().
		Where(application.ClientID(storable(clientID))).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.New(fault.NotFound, "there is no such application")
	}
	if err != nil {
		return nil, fmt.Errorf("find application: %w", err)
	}
	return app, nil
}

// storable returns a client id unchanged, or an id that no application has if a database could not store the given one.
func storable(clientID string) string {
	if len(clientID) > maxClientID || strings.ContainsFunc(clientID, notASCII) {
		return ""
	}
	return clientID
}

func notASCII(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }

func newSecret() string {
	var random [secretBytes]byte
	_, _ = rand.Read(random[:]) // never fails
	return secretPrefix + base64.RawURLEncoding.EncodeToString(random[:])
}

// hashSecret returns the hash that the database keeps of a secret. A fast hash is enough: a secret has 256 random bits.
// The client id makes the hash useless in the row of another application.
func hashSecret(clientID, secret string) []byte {
	mac := hmac.New(sha256.New, []byte(clientID))
	mac.Write([]byte(secret))
	return mac.Sum(nil)
}

func checkName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n < 1 || n > maxName || !utf8.ValidString(name) ||
		strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", fault.Field("name", "name needs 1 to %d characters that can be printed", maxName)
	}
	return name, nil
}

func checkDomains(domains []string) ([]string, error) {
	if len(domains) == 0 || len(domains) > maxDomains {
		return nil, fault.Field("domain",
			"domain is needed: 1 to %d e-mail domains, or %s for all", maxDomains, AnyDomain)
	}
	checked := make([]string, 0, len(domains))
	for _, domain := range domains {
		if domain != AnyDomain {
			known, err := mailbox.Domain(domain)
			if err != nil || len(known) > 253 || !domainPattern.MatchString(known) {
				return nil, fault.Field("domain", "domain %q is not a domain such as example.org", domain)
			}
			domain = known
		}
		checked = append(checked, domain)
	}
	slices.Sort(checked)
	return slices.Compact(checked), nil
}

func checkScopes(scopes []string) ([]string, error) {
	if len(scopes) == 0 {
		return nil, fault.Field("scope", "scope is needed: one or more of %s", everyScope())
	}
	for _, scope := range scopes {
		if !slices.Contains(auth.Scopes(), auth.Scope(scope)) {
			return nil, fault.Field("scope", "scope %q is not one of %s", scope, everyScope())
		}
	}
	scopes = slices.Sorted(slices.Values(scopes))
	return slices.Compact(scopes), nil
}

func everyScope() string {
	names := []string{}
	for _, scope := range auth.Scopes() {
		names = append(names, string(scope))
	}
	return strings.Join(names, ", ")
}
