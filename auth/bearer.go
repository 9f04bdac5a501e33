package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/expirable"

	"foyer/internal/fault"
)

const (
	// maxBearer is the maximum length of a token in bytes.
	maxBearer = 16 << 10
	// bearerCache is the maximum number of cached tokens, and bearerFor how long each is cached. Without the cache,
	// every request would verify a signature and write an account.
	bearerCache = 10_000
	bearerFor   = time.Minute
)

// BearerIssuer is an issuer whose tokens are accepted.
type BearerIssuer struct {
	// Issuer is its URL, exactly as in its tokens.
	Issuer string
	// KeysURL is the URL of its keys; empty to discover it.
	KeysURL string
}

// BearerSettings of Bearer.
type BearerSettings struct {
	Issuers []BearerIssuer
	// Audience is the required audience of tokens.
	Audience string
	// HomeIssuer is the issuer whose subjects are used unchanged. The subjects of other issuers get the issuer as a
	// prefix.
	HomeIssuer string
	// HomeEmailsVerified says that the home issuer verifies every address, even if its tokens do not say so.
	HomeEmailsVerified bool
	Names              NameClaims
	// Leeway is how much clocks may differ.
	Leeway time.Duration
}

// Bearer reads the tokens (JWT) that issuers give to programs and apps.
type Bearer struct {
	settings  BearerSettings
	verifiers map[string]verifier
	known     *expirable.LRU[[sha256.Size]byte, Viewer]
}

// NewBearer returns a Bearer. It sends no request to an issuer yet.
func NewBearer(settings BearerSettings) *Bearer {
	b := &Bearer{settings, map[string]verifier{},
		expirable.NewLRU[[sha256.Size]byte, Viewer](bearerCache, nil, bearerFor)}
	client := newIssuerClient()
	for _, i := range settings.Issuers {
		url := newIssuerOf(i.Issuer, client).keysURL
		if i.KeysURL != "" {
			url = func(context.Context) (string, error) { return i.KeysURL, nil }
		}
		b.verifiers[i.Issuer] = verifier{
			issuer: i.Issuer, audience: settings.Audience, leeway: settings.Leeway,
			algorithms: bearerAlgorithms, keys: newKeySet(client, url),
		}
	}
	return b
}

// Read returns the viewer that a token identifies; user returns the account of the person in it. Unauthenticated means
// that the token is bad, Unavailable that it cannot be verified at the moment.
func (b *Bearer) Read(
	ctx context.Context, raw string, user func(context.Context, Identity) (uuid.UUID, error),
) (Viewer, error) {
	key := sha256.Sum256([]byte(raw))
	if viewer, ok := b.known.Get(key); ok && viewer.ExpiresAt.After(time.Now()) {
		return viewer, nil
	}
	who, err := b.identity(ctx, raw)
	if errors.Is(err, errAway) {
		return Viewer{}, fault.From(err, fault.Unavailable,
			"your token cannot be verified at the moment; try again soon")
	}
	if err != nil {
		return Viewer{}, fault.From(err, fault.Unauthenticated, "your token is not accepted, or has ended")
	}
	userID, err := user(ctx, who)
	if err != nil {
		return Viewer{}, err
	}
	viewer := Viewer{UserID: userID, ExpiresAt: who.ExpiresAt}
	b.known.Add(key, viewer)
	return viewer, nil
}

// identity returns the identity of the person that a token is about.
func (b *Bearer) identity(ctx context.Context, raw string) (Identity, error) {
	if len(raw) > maxBearer {
		return Identity{}, errors.New("the token is too long")
	}
	from, ok := b.verifiers[claimedIssuer(raw)]
	if !ok {
		return Identity{}, errors.New("the token is of no issuer that is known here")
	}
	token, err := from.verify(ctx, raw)
	if err != nil {
		return Identity{}, err
	}
	all := claims{}
	if err := token.Claims(&all); err != nil {
		return Identity{}, err
	}
	who := b.settings.Names.identity(all)
	who.Subject, who.ExpiresAt = token.Subject, token.Expiry.Add(b.settings.Leeway)
	if from.issuer != b.settings.HomeIssuer {
		who.Subject = from.issuer + "#" + token.Subject
	} else if b.settings.HomeEmailsVerified {
		who.EmailVerified = who.Email != ""
	}
	return who, nil
}

// claimedIssuer returns the issuer that a token names. It is not verified.
func claimedIssuer(raw string) string {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var said struct {
		Issuer string `json:"iss"`
	}
	if err != nil || json.Unmarshal(payload, &said) != nil {
		return ""
	}
	return said.Issuer
}
