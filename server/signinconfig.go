package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/jub0bs/cors"

	"foyer/auth"
)

// checkSignIn returns every problem with how people and programs sign in.
func (c *config) checkSignIn() []error {
	var problems []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	for _, list := range []*[]string{&c.AllowedOrigins, &c.OIDCScopes, &c.FullNameClaims, &c.BearerIssuers} {
		trim(list)
	}
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	wrong(c.PublicURL != "" && !isOrigin(c.PublicURL),
		"FOYER_PUBLIC_URL is not https://HOST (http for this machine alone): no path, no user")
	for i, origin := range c.AllowedOrigins {
		wrong(!isOrigin(origin), "FOYER_ALLOWED_ORIGINS has what is no origin (https://HOST): number %d", i+1)
	}
	wrong(c.OIDCIssuer != "" && !isIssuer(c.OIDCIssuer), "FOYER_OIDC_ISSUER is not https://…")
	wrong(c.OIDCIssuer != "" && c.OIDCClientID == "", "FOYER_OIDC_CLIENT_ID is not set")
	wrong(c.OIDCIssuer == "" && (c.OIDCClientID != "" || c.OIDCClientSecret != ""),
		"FOYER_OIDC_ISSUER is not set, but its client is")
	wrong(c.EmailsVerified && c.OIDCIssuer == "", "FOYER_OIDC_EMAILS_VERIFIED is set without FOYER_OIDC_ISSUER")
	wrong(c.OIDCIssuer != "" && c.PublicURL == "" && !c.development(),
		"FOYER_PUBLIC_URL is not set: the identity provider has to send people back")
	wrong(!slices.Contains(c.OIDCScopes, "openid"), `FOYER_OIDC_SCOPES is without "openid"`)
	for i, text := range c.BearerIssuers {
		wrong(!isBearerIssuer(text),
			"FOYER_BEARER_ISSUERS has what is no issuer (https://… or \"https://… https://KEYS\"): number %d", i+1)
	}
	wrong(len(c.BearerIssuers) > 0 && c.BearerAudience == "", "FOYER_BEARER_AUDIENCE is not set")
	return problems
}

// trim takes the space from around a list's values, and empty values out.
func trim(list *[]string) {
	for i, value := range *list {
		(*list)[i] = strings.TrimSpace(value)
	}
	*list = slices.DeleteFunc(*list, func(value string) bool { return value == "" })
}

// isOrigin reports whether a text is an exact origin, with https or on this machine.
func isOrigin(text string) bool {
	at, err := url.Parse(text)
	if err != nil || at.Host == "" || strings.Contains(text, "*") || text != at.Scheme+"://"+at.Host {
		return false
	}
	_, err = cors.NewMiddleware(cors.Config{Origins: []string{text}, Credentialed: true})
	return err == nil
}

// isIssuer reports whether a text is the URL of an issuer, with https or on this machine.
func isIssuer(text string) bool {
	at, err := url.Parse(text)
	return err == nil && at.Host != "" && at.User == nil && at.RawQuery == "" && at.Fragment == "" &&
		(at.Scheme == "https" || at.Scheme == "http" && isLoopbackHost(at.Hostname()))
}

func isBearerIssuer(text string) bool {
	words := strings.Fields(text)
	return len(words) > 0 && len(words) < 3 && !slices.ContainsFunc(words,
		func(word string) bool { return !isIssuer(word) })
}

// secureCookies reports whether browsers reach us by https: always, but on this machine.
func (c *config) secureCookies() bool {
	return !c.development() && !strings.HasPrefix(c.PublicURL, "http:")
}

func (c *config) sessions() auth.SessionSettings {
	return auth.SessionSettings{
		KeyPrefix: c.RedisPrefix, Lifetime: c.SessionLifetime, Idle: c.SessionIdle,
		Secure: c.secureCookies(),
	}
}

func (c *config) names() auth.NameClaims {
	return auth.NameClaims{Full: c.FullNameClaims, Short: c.ShortNameClaim}
}

func (c *config) oidc() auth.ProviderSettings {
	return auth.ProviderSettings{
		Issuer: c.OIDCIssuer, ClientID: c.OIDCClientID, ClientSecret: c.OIDCClientSecret,
		Scopes: c.OIDCScopes, Names: c.names(), Leeway: c.OIDCLeeway, EmailsVerified: c.EmailsVerified,
	}
}

func (c *config) bearer() auth.BearerSettings {
	s := auth.BearerSettings{
		Audience: c.BearerAudience, HomeIssuer: c.OIDCIssuer,
		HomeEmailsVerified: c.EmailsVerified, Names: c.names(), Leeway: c.OIDCLeeway,
	}
	for _, text := range c.BearerIssuers {
		words := append(strings.Fields(text), "")
		s.Issuers = append(s.Issuers, auth.BearerIssuer{Issuer: words[0], KeysURL: words[1]})
	}
	return s
}
