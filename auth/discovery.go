package auth

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	// discoveredFor is how long the description of an issuer is used before it is requested again.
	discoveredFor = time.Hour
	// discoveryPause is the time between two requests while an issuer does not answer.
	discoveryPause = time.Second
)

// issuer is an identity provider, as it describes itself (OpenID Connect Discovery). Its description is requested when
// it is first needed, and again until the issuer answers, so a server can start without it.
type issuer struct {
	url         string
	client      *http.Client
	description *cached[*description]
}

func newIssuerOf(url string, client *http.Client) *issuer {
	i := &issuer{url: url, client: client}
	i.description = &cached[*description]{fetch: i.fetch, life: discoveredFor, pause: discoveryPause}
	return i
}

// description is what an issuer says about itself.
type description struct {
	*oidc.Provider

	JWKS       string   `json:"jwks_uri"`
	EndSession string   `json:"end_session_endpoint"`
	Methods    []string `json:"token_endpoint_auth_methods_supported"`
	Claims     []string `json:"claims_supported"`
}

// describe returns the description of the issuer, or errAway.
func (i *issuer) describe(ctx context.Context) (*description, error) {
	return i.description.get(ctx, false)
}

// fetch requests the description from the issuer.
func (i *issuer) fetch(ctx context.Context) (*description, error) {
	ctx, cancel := context.WithTimeout(ctx, issuerTimeout)
	defer cancel()
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, i.client), i.url)
	if err != nil {
		return nil, fmt.Errorf("%w: discovery: %.300s", errAway, err.Error())
	}
	d := &description{Provider: provider}
	if err := provider.Claims(d); err != nil {
		return nil, fmt.Errorf("%w: discovery: %w", errAway, err)
	}
	return d, nil
}

// keysURL returns the URL of the issuer's keys.
func (i *issuer) keysURL(ctx context.Context) (string, error) {
	d, err := i.describe(ctx)
	if err != nil {
		return "", err
	}
	return d.JWKS, nil
}

// endpoint returns the token endpoint, and how the client authenticates there. Without a secret, the client can only
// send its id.
func (d *description) endpoint(secret string) oauth2.Endpoint {
	endpoint := d.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	post := slices.Contains(d.Methods, "client_secret_post")
	if secret == "" || post && !slices.Contains(d.Methods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return endpoint
}
