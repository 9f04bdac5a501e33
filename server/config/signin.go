package config

import (
	"slices"
	"time"
)

// SignIn is how people and programs prove who they are.
type SignIn struct {
	Issuer          string        `env:"FOYER_OIDC_ISSUER" unset:"in development mode a provider inside the process, else nobody signs in with a browser" check:"https://…, or http://… on this machine" doc:"The OpenID Connect provider, exactly as it names itself ('issuer' in its '/.well-known/openid-configuration')."`
	ClientID        string        `env:"FOYER_OIDC_CLIENT_ID" doc:"Foyer's id at the provider."`
	ClientSecret    string        `env:"FOYER_OIDC_CLIENT_SECRET" unset:"a public client" secret:"all" doc:"Foyer's secret at the provider. Foyer uses PKCE with and without it."`
	Scopes          []string      `env:"FOYER_OIDC_SCOPES" envDefault:"openid,profile,email" doc:"The scopes that Foyer requests from the provider; 'openid' must be among them."`
	FullNameClaims  []string      `env:"FOYER_OIDC_FULL_NAME_CLAIMS" envDefault:"name,given_name family_name" doc:"Claims that have a person's name. Foyer takes the first that is not empty. Several claims with spaces between them make one name."`
	ShortNameClaim  string        `env:"FOYER_OIDC_SHORT_NAME_CLAIM" envDefault:"given_name" doc:"The claim that has the short name."`
	EmailFallback   bool          `env:"FOYER_OIDC_EMAIL_FALLBACK" doc:"A person with an unknown subject signs in to the only account with the same e-mail address, if the issuer has verified the address. For providers whose subjects have changed. Trust the verification of the provider and of every issuer in 'FOYER_BEARER_ISSUERS' before you set it."`
	EmailsVerified  bool          `env:"FOYER_OIDC_EMAILS_VERIFIED" doc:"The provider verifies every e-mail address, although it does not say so ('email_verified' is missing or false). Roles that were given to an address then reach its owner. Set it only if nobody can enter somebody else's address there."`
	Leeway          time.Duration `env:"FOYER_OIDC_LEEWAY" envDefault:"30s" check:"1ms..8760h" doc:"How much the clocks of Foyer and of issuers may differ."`
	SessionLifetime time.Duration `env:"FOYER_SESSION_LIFETIME" envDefault:"12h" check:"1ms..8760h" doc:"How long a session may last."`
	SessionIdle     time.Duration `env:"FOYER_SESSION_IDLE" envDefault:"4h" check:"1ms..8760h" doc:"How long a session lasts without a request. An open socket or stream keeps it."`
	BearerIssuers   []string      `env:"FOYER_BEARER_ISSUERS" check:"https://ISSUER or https://ISSUER https://KEYS" doc:"Issuers of tokens that programs and apps may present: 'https://id.example.org', or, if the issuer has no discovery, 'https://id.example.org https://id.example.org/keys' with the URL of its keys."`
	BearerAudience  string        `env:"FOYER_BEARER_AUDIENCE" doc:"The audience ('aud') that such tokens must have. 'FOYER_BEARER_ISSUERS' requires it."`
}

// Applications is for applications that act for users.
type Applications struct {
	TokenTTL time.Duration `env:"FOYER_APP_TOKEN_TTL" envDefault:"10m" check:"1ms..8760h" doc:"How long an application's token is valid."`
}

func (c *Config) checkSignIn(p *problems) {
	s := c.SignIn
	p.add(s.Issuer != "" && s.ClientID == "", "FOYER_OIDC_CLIENT_ID is not set")
	p.add(s.Issuer == "" && (s.ClientID != "" || s.ClientSecret != ""),
		"FOYER_OIDC_ISSUER is not set, but its client is")
	p.add(s.EmailsVerified && s.Issuer == "", "FOYER_OIDC_EMAILS_VERIFIED is set without FOYER_OIDC_ISSUER")
	p.add(!slices.Contains(s.Scopes, "openid"), `FOYER_OIDC_SCOPES is without "openid"`)
	p.add(len(s.BearerIssuers) > 0 && s.BearerAudience == "", "FOYER_BEARER_AUDIENCE is not set")
}
