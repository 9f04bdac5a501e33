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
	// discoveredFor is how long what an issuer says of itself is used before it is asked again.
	discoveredFor = time.Hour
	// discoveryPause is the time between two tries, while an issuer is away.
	discoveryPause = time.Second
)

// issuer is who speaks for people, as it describes itself (OpenID Connect Discovery). It is asked when
// it is first needed, and again until it answers: a server starts without it.
type issuer struct {
	url    string
	client *http.Client
	said   *kept[*description]
}

func newIssuerOf(url string, client *http.Client) *issuer {
	i := &issuer{url: url, client: client}
	i.said = &kept[*description]{ask: i.ask, life: discoveredFor, pause: discoveryPause}
	return i
}

// description is what an issuer says of itself.
type description struct {
	*oidc.Provider

	JWKS       string   `json:"jwks_uri"`
	EndSession string   `json:"end_session_endpoint"`
	Methods    []string `json:"token_endpoint_auth_methods_supported"`
	Claims     []string `json:"claims_supported"`
}

// describe returns what the issuer says of itself, or errAway.
func (i *issuer) describe(ctx context.Context) (*description, error) { return i.said.get(ctx, false) }

// ask asks the issuer.
func (i *issuer) ask(ctx context.Context) (*description, error) {
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

// keysURL returns where the issuer's keys are.
func (i *issuer) keysURL(ctx context.Context) (string, error) {
	d, err := i.describe(ctx)
	if err != nil {
		return "", err
	}
	return d.JWKS, nil
}

// endpoint returns where codes are exchanged, and how the client is to authenticate there. Without a
// secret it can only say who it is.
func (d *description) endpoint(secret string) oauth2.Endpoint {
	endpoint := d.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	post := slices.Contains(d.Methods, "client_secret_post")
	if secret == "" || post && !slices.Contains(d.Methods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return endpoint
}
