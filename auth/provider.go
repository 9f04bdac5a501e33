package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/time/rate"

	"foyer/internal/fault"
)

// maxEndURL is the maximum length of a URL at the provider, in bytes: proxies and servers refuse headers and URLs that
// are longer than 4 to 8 kB.
const maxEndURL = 2000

// flowTime is how long a person may take to sign in at the provider.
const flowTime = 15 * time.Minute

// ProviderSettings of a Provider.
type ProviderSettings struct {
	// Issuer is the provider's URL, exactly as in its discovery document.
	Issuer string
	// ClientID and ClientSecret identify Foyer to the provider. A public client has no secret.
	ClientID, ClientSecret string
	// Scopes are requested from the provider; "openid" is one of them.
	Scopes []string
	// Names are the claims that contain people's names.
	Names NameClaims
	// Leeway is how much clocks may differ.
	Leeway time.Duration
	// EmailsVerified says that the provider verifies every address, even if it does not say so.
	EmailsVerified bool
}

// Provider is the OpenID Connect provider at which people sign in, with the authorization code flow and PKCE. Its
// methods fail with Unavailable if the provider does not answer.
type Provider struct {
	settings ProviderSettings
	issuer   *issuer
	verifier verifier
	// unverified limits how often the log says that an address is not verified.
	unverified rate.Sometimes
}

// unverifiedEvery is the minimum time between two log lines about addresses that are not verified.
const unverifiedEvery = time.Hour

// NewProvider returns a Provider. It sends no request to the provider yet.
func NewProvider(settings ProviderSettings) *Provider {
	client := newIssuerClient()
	i := newIssuerOf(settings.Issuer, client)
	return &Provider{settings: settings, issuer: i, verifier: verifier{
		issuer: settings.Issuer, audience: settings.ClientID, leeway: settings.Leeway,
		algorithms: loginAlgorithms, keys: newKeySet(client, i.keysURL),
	}, unverified: rate.Sometimes{Interval: unverifiedEvery}}
}

// SaysVerified reports whether the provider is expected to verify addresses: because the settings say so, because it
// does not list its claims, or because it lists email_verified.
func (p *Provider) SaysVerified(ctx context.Context) (bool, error) {
	if p.settings.EmailsVerified {
		return true, nil
	}
	d, err := p.issuer.describe(ctx)
	if err != nil {
		return false, errProviderAway(err)
	}
	return len(d.Claims) == 0 || slices.Contains(d.Claims, "email_verified"), nil
}

// Begin returns a new flow, to store in the browser, and the provider's URL to send the browser to. The provider sends
// the browser back to redirectURL.
func (p *Provider) Begin(
	ctx context.Context, redirectURL, returnTo string,
) (flow Flow, address string, err error) {
	d, err := p.issuer.describe(ctx)
	if err != nil {
		return Flow{}, "", errProviderAway(err)
	}
	flow = Flow{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		ReturnTo: returnTo, ExpiresAt: time.Now().Add(flowTime),
	}
	return flow, p.client(d, redirectURL).AuthCodeURL(flow.State,
		oidc.Nonce(flow.Nonce), oauth2.S256ChallengeOption(flow.Verifier)), nil
}

func (p *Provider) client(d *description, redirectURL string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.settings.ClientID, ClientSecret: p.settings.ClientSecret,
		Endpoint: d.endpoint(p.settings.ClientSecret), RedirectURL: redirectURL, Scopes: p.settings.Scopes,
	}
}

// Finish returns who has signed in, and the ID token that says so. Params are the query with which the browser came
// back from the provider. Forbidden means that the provider or the person refused, Invalid that the provider's answer
// is not valid.
func (p *Provider) Finish(
	ctx context.Context, redirectURL string, flow Flow, params url.Values,
) (who Identity, idToken string, err error) {
	if err := p.refused(params); err != nil {
		return Identity{}, "", err
	}
	d, err := p.issuer.describe(ctx)
	if err != nil {
		return Identity{}, "", errProviderAway(err)
	}
	ctx = oidc.ClientContext(ctx, p.issuer.client)
	tokens, err := p.client(d, redirectURL).
		Exchange(ctx, params.Get("code"), oauth2.VerifierOption(flow.Verifier))
	if err != nil {
		return Identity{}, "", exchangeFault(err)
	}
	idToken, _ = tokens.Extra("id_token").(string)
	token, err := p.verifier.verify(ctx, idToken)
	if errors.Is(err, errAway) {
		return Identity{}, "", errProviderAway(err)
	}
	if err != nil {
		return Identity{}, "", errUntrue(err)
	}
	claims, err := p.check(token, tokens, flow)
	if err != nil {
		return Identity{}, "", errUntrue(err)
	}
	if err := p.complete(ctx, d, tokens, claims); err != nil {
		return Identity{}, "", err
	}
	who = p.settings.Names.identity(claims)
	who.Subject, who.ExpiresAt = token.Subject, token.Expiry
	p.checkEmail(ctx, &who, claims)
	return who, idToken, nil
}

// checkEmail marks an address as verified if the settings say so. Otherwise it sometimes logs that an address is not
// verified.
func (p *Provider) checkEmail(ctx context.Context, who *Identity, claims claims) {
	switch {
	case who.Email == "" || who.EmailVerified:
	case p.settings.EmailsVerified:
		who.EmailVerified = true
	default:
		p.unverified.Do(func() {
			_, said := claims["email_verified"]
			slog.WarnContext(ctx, "somebody signed in with an e-mail address that the provider has not verified: "+
				"roles given to the address do not reach them. If the provider verifies every address, "+
				"set FOYER_OIDC_EMAILS_VERIFIED=true", "email_verified_said", said)
		})
	}
}

// refused returns why the browser came back without a code, or from another provider (RFC 9207).
func (p *Provider) refused(params url.Values) error {
	if from := params.Get("iss"); from != "" && from != p.settings.Issuer {
		return errUntrue(errors.New("the answer is another issuer's"))
	}
	switch code := params.Get("error"); {
	case code == "access_denied":
		return fault.New(fault.Forbidden, "you were not signed in: the identity provider was told no")
	case code == "temporarily_unavailable" || code == "server_error":
		return errProviderAway(fmt.Errorf("the provider answers %q", code))
	case code != "":
		return fault.From(fmt.Errorf("the provider answers %.100q", code),
			fault.Forbidden, "you were not signed in: the identity provider refused")
	case params.Get("code") == "":
		return errUntrue(errors.New("there is no code"))
	}
	return nil
}

// check returns the claims of an ID token if it belongs to this flow and this client.
func (p *Provider) check(token *oidc.IDToken, tokens *oauth2.Token, flow Flow) (claims, error) {
	all := claims{}
	if err := token.Claims(&all); err != nil {
		return nil, err
	}
	if token.Nonce != flow.Nonce {
		return nil, errors.New("the ID token has another nonce")
	}
	if azp, given := all["azp"]; given && azp != p.settings.ClientID {
		return nil, errors.New("the ID token was issued to another client")
	}
	if token.AccessTokenHash != "" {
		return all, token.VerifyAccessToken(tokens.AccessToken)
	}
	return all, nil
}

// complete adds the claims that only the userinfo endpoint of the provider has.
func (p *Provider) complete(
	ctx context.Context, d *description, tokens *oauth2.Token, known claims,
) error {
	who := p.settings.Names.identity(known)
	_, judged := known["email_verified"]
	enough := who.Email != "" && who.FullName != ""
	if d.UserInfoEndpoint() == "" || enough && (judged || p.settings.EmailsVerified) {
		return nil
	}
	if err := p.addUserInfo(ctx, d, tokens, known); err != nil && !enough {
		return err
	}
	return nil // a missing email_verified alone does not fail a sign-in
}

// addUserInfo adds the claims of the userinfo endpoint. It changes no known claim.
func (p *Provider) addUserInfo(ctx context.Context, d *description, tokens *oauth2.Token, known claims) error {
	info, err := d.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return errProviderAway(fmt.Errorf("userinfo: %.100s", err.Error()))
	}
	if info.Subject != known.text("sub") {
		return errUntrue(errors.New("userinfo is of another subject"))
	}
	more := claims{}
	if err := info.Claims(&more); err != nil {
		return errUntrue(err)
	}
	// email_verified is about the address that came with it.
	if address := known.text("email"); address == "" {
		delete(known, "email_verified")
	} else if address != more.text("email") {
		delete(more, "email_verified")
	}
	for name, value := range more {
		if _, given := known[name]; !given {
			known[name] = value
		}
	}
	return nil
}

// EndURL returns the provider's URL that ends the session there too and then returns to returnURL; empty if the
// provider has none. A long ID token is left out: the provider identifies its session by its cookie and Foyer by
// client_id, and at worst asks people whether they want to sign out.
func (p *Provider) EndURL(ctx context.Context, idToken, returnURL string) string {
	d, err := p.issuer.describe(ctx)
	if err != nil || d.EndSession == "" {
		return ""
	}
	address, err := url.Parse(d.EndSession)
	if err != nil {
		return ""
	}
	query := address.Query()
	query.Set("client_id", p.settings.ClientID)
	query.Set("post_logout_redirect_uri", returnURL)
	address.RawQuery = query.Encode()
	without := address.String()
	if idToken == "" {
		return without
	}
	query.Set("id_token_hint", idToken)
	address.RawQuery = query.Encode()
	if with := address.String(); len(with) <= maxEndURL {
		return with
	}
	return without
}

// exchangeFault returns why the provider did not exchange a code. The rest of the answer is dropped, because it can
// contain anything.
func exchangeFault(err error) error {
	answer, refused := errors.AsType[*oauth2.RetrieveError](err)
	if !refused {
		return errProviderAway(fmt.Errorf("token endpoint: %.300s", err.Error()))
	}
	cause := fmt.Errorf("token endpoint: %s: %.100q", answer.Response.Status, answer.ErrorCode)
	switch {
	case answer.ErrorCode == "invalid_grant":
		return fault.From(cause, fault.Invalid, "this sign-in has been used or took too long; start again")
	case answer.Response.StatusCode >= 400 && answer.Response.StatusCode < 500:
		slog.Error("the identity provider does not accept this client", "err", cause)
	}
	return errProviderAway(cause)
}

func errProviderAway(err error) error {
	return fault.From(err, fault.Unavailable, "nobody can sign in at the moment; try again soon")
}

func errUntrue(err error) error {
	return fault.From(err, fault.Invalid, "the identity provider's answer does not hold; start again")
}
