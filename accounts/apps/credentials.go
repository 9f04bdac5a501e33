package apps

import (
	"context"
	"crypto/hmac"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"foyer/ent"
	"foyer/ent/application"
	"foyer/internal/fault"
	"foyer/internal/mailbox"
)

// authenticate returns the application of a client id and the generation of its secret. It does the same work for
// any client id and any secret.
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

// good reports whether an application and one generation of its secret are still valid.
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

// chosenScopes returns the scopes that a request names, which the application must have.
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

// userOf returns the user that an application requests to act for.
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
	return t.accounts.ByEmail(ctx, email)
}

// domainOf returns the domain of an e-mail address, in lower case and in A-labels. It accepts only a bare address with
// an ASCII local part: no reader can mistake where such an address ends.
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
