package main

import (
	"context"
	_ "embed"
	"html/template"
	"log/slog"
	"net/http"
	"strings"

	"foyer/auth"
	"foyer/internal/devmode"
	"foyer/internal/fault"
	"foyer/internal/ratelimit"
)

// issuerPath is where the OpenID provider of development mode is.
const issuerPath = "/dev/oidc"

//go:embed signin.html
var signInHTML string

var signInPage = template.Must(template.New("signin").Parse(signInHTML))

// signIn signs people in with a browser, at an OpenID provider.
type signIn struct {
	*app

	provider *auth.Provider
	flows    *auth.Flows
	// inside is the provider of development mode; nil if there is another one.
	inside http.Handler
}

// newSignIn returns nil without a provider: then nobody can sign in with a browser.
func newSignIn(a *app) (*signIn, error) {
	s, settings := &signIn{app: a}, providerSettings(a.config)
	var err error
	switch {
	case settings.Issuer == "" && !a.config.Development():
		return nil, nil
	case settings.Issuer == "":
		settings.Issuer, settings.ClientID = a.origin+issuerPath, devmode.OIDCClient
		if s.inside, err = devmode.OIDC(settings.Issuer); err != nil {
			return nil, err
		}
	}
	s.provider = auth.NewProvider(settings)
	s.flows, err = auth.NewFlows(a.config.SigningSecret(), a.config.SecureCookies())
	return s, err
}

func (s *signIn) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /login", asPage(s.limited("login", s.login)))
	mux.HandleFunc("GET /callback", asPage(s.limited("callback", s.callback)))
	mux.HandleFunc("POST /logout", asPage(s.logout))
	mux.HandleFunc("GET /logout", asPage(s.askLogout))
	if s.inside != nil {
		mux.Handle(issuerPath+"/", s.inside)
	}
}

// limited counts requests from one network address.
func (s *signIn) limited(name string, h func(http.ResponseWriter, *http.Request) error,
) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		address := s.addresses.of(r)
		err := s.limits.Allow(r.Context(), "too many sign-ins from your network; try again in a moment",
			ratelimit.PerMinute(name+":address", address, s.config.Rates.SignInsPerAddress))
		if err != nil {
			return err
		}
		return h(w, r)
	}
}

// base is Foyer's origin as the browser sees it. Without FOYER_PUBLIC_URL it is on this machine.
func (s *signIn) base(r *http.Request) string {
	if s.config.Server.PublicURL != "" {
		return s.config.Server.PublicURL
	}
	return "http://" + r.Host
}

// login sends a browser to the provider.
func (s *signIn) login(w http.ResponseWriter, r *http.Request) error {
	returnTo := auth.ReturnTo(r.URL.Query().Get("returnTo"))
	flow, address, err := s.provider.Begin(r.Context(), s.base(r)+"/callback", returnTo)
	if err != nil {
		return err
	}
	flow.TimeZone = r.URL.Query().Get("timeZone")
	if err := s.flows.Keep(w, r, flow); err != nil {
		return err
	}
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

// callback signs in a browser that comes back from the provider.
func (s *signIn) callback(w http.ResponseWriter, r *http.Request) error {
	params := r.URL.Query()
	flow, err := s.flows.Take(w, r, params.Get("state"))
	if err != nil {
		return err
	}
	who, idToken, err := s.provider.Finish(r.Context(), s.base(r)+"/callback", flow, params)
	if err != nil {
		return err
	}
	who.Languages = append(who.Languages, strings.Join(r.Header.Values("Accept-Language"), ","))
	who.TimeZones = append(who.TimeZones, flow.TimeZone)
	userID, err := s.userOf(r.Context(), who)
	if err != nil {
		return err
	}
	if _, err := s.sessions.Start(w, r, userID, idToken); err != nil {
		return err
	}
	w.Header().Set("Location", flow.ReturnTo) // as it is: http.Redirect would clean the path
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// logout signs a browser out, of Foyer and of the provider.
func (s *signIn) logout(w http.ResponseWriter, r *http.Request) error {
	signedIn := s.sessions.HasCookie(r)
	idToken, err := s.sessions.End(w, r)
	if err != nil {
		return err
	}
	address := ""
	if signedIn {
		address = s.provider.EndURL(r.Context(), idToken, s.base(r)+"/")
	}
	if address == "" {
		address = "/"
	}
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

// askLogout is logout by a link of Foyer's own pages. Other sites may link here too: then a page asks for confirmation.
func (s *signIn) askLogout(w http.ResponseWriter, r *http.Request) error {
	if from := r.Header.Get("Sec-Fetch-Site"); from == "same-origin" || from == "none" {
		return s.logout(w, r)
	}
	return show(w, http.StatusOK, map[string]any{"Message": "Do you want to sign out?", "SignOut": true})
}

// asPage answers a failed request with a page that has the reason.
func asPage(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		err := h(w, r)
		if err == nil {
			return
		}
		f := fault.Of(err)
		logSignIn(r.Context(), f, err)
		tellRetryAfter(w, f)
		_ = show(w, statuses[f.Kind], map[string]any{"Message": f.Message, "Again": "/login"})
	}
}

func logSignIn(ctx context.Context, f *fault.Error, err error) {
	level := slog.LevelInfo
	switch f.Kind {
	case fault.Internal:
		level = slog.LevelError
	case fault.Unavailable:
		level = slog.LevelWarn
	}
	slog.Log(ctx, level, "a sign-in failed", "code", f.Kind, "err", err)
}

func show(w http.ResponseWriter, status int, data map[string]any) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(status)
	return signInPage.Execute(w, data)
}
