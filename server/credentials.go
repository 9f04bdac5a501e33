package main

import (
	"context"
	"net/http"
	"slices"

	"github.com/google/uuid"
	"github.com/jub0bs/cors"

	"foyer/auth"
	"foyer/internal/fault"
)

// wireCredentials makes sessions, and what finds the viewer of a request.
func (a *app) wireCredentials() {
	c := a.config
	a.sessions = auth.NewSessions(a.redis, sessionSettings(c))
	a.callers = &auth.Credentials{
		Sessions: a.sessions, User: a.userOf, SessionTokens: c.Development(),
	}
	if len(c.SignIn.BearerIssuers) > 0 {
		a.callers.Bearer = auth.NewBearer(bearerSettings(c))
	}
}

// userOf returns the account of an identity from an issuer; a new account the first time.
func (a *app) userOf(ctx context.Context, who auth.Identity) (uuid.UUID, error) {
	user, err := a.accounts.SignIn(ctx, who)
	if err != nil {
		return uuid.Nil, err
	}
	return user.ID, nil
}

// refuseOtherSites refuses changes by pages of other sites (CSRF), except those of allowed origins.
func (a *app) refuseOtherSites(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	for _, origin := range a.config.Server.AllowedOrigins {
		_ = protection.AddTrustedOrigin(origin) // config.Load has checked it
	}
	protection.SetDenyHandler(http.HandlerFunc(refuseOrigin))
	return protection.Handler(next)
}

// refuseOrigin answers a request from an origin that is not allowed.
func refuseOrigin(w http.ResponseWriter, r *http.Request) {
	answerFault(w, r, fault.New(fault.Forbidden,
		"pages of this origin may not ask here; FOYER_ALLOWED_ORIGINS names the origins that may"))
}

// allowOrigins tells browsers that pages of the allowed origins may read answers (CORS). Such a page may send any
// header: tracing, error reports and GraphQL clients each add their own.
func (a *app) allowOrigins(next http.Handler) http.Handler {
	if len(a.config.Server.AllowedOrigins) > 0 {
		middleware, err := cors.NewMiddleware(cors.Config{
			Origins: a.config.Server.AllowedOrigins, Credentialed: true,
			Methods:         []string{http.MethodGet, http.MethodPost},
			RequestHeaders:  []string{"*"},
			MaxAgeInSeconds: 600,
			ResponseHeaders: []string{"Retry-After", "WWW-Authenticate", requestIDHeader},
		})
		if err != nil {
			panic(err) // config.Load has checked it
		}
		next = middleware.Wrap(next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
		if preflight && !slices.Contains(a.config.Server.AllowedOrigins, r.Header.Get("Origin")) {
			refuseOrigin(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
