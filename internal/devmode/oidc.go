package devmode

import (
	"crypto/rand"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// OIDCClient is the client that the OpenID provider knows: a public one, on this machine.
const OIDCClient = "foyer"

// ready are the people whom one click signs in.
var ready = []Person{
	{Name: "Ada Lovelace", Email: "ada@example.org"},
	{Name: "Grace Hopper", Email: "grace@example.org"},
	{Name: "Alan Turing", Email: "alan@example.org"},
}

//go:embed login.html
var loginHTML string

var loginPage = template.Must(template.New("login").Parse(loginHTML))

// Person is somebody that the OpenID provider signs in.
type Person struct{ Name, Email string }

// Subject is what the provider knows a person by: the e-mail address or, without one, the name.
func (p Person) Subject() string {
	if p.Email != "" {
		return "dev:" + strings.ToLower(p.Email)
	}
	return "dev:" + p.Name
}

// maxPerson is how many bytes a person's name and e-mail address may have, together.
const maxPerson = 240

// OIDC returns an OpenID provider that signs anybody in as anybody, to be served at the path of its
// issuer, an http URL on this machine. It forgets everything with the process.
func OIDC(issuer string) (http.Handler, error) {
	at, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("read the issuer: %w", err)
	}
	store, err := newOIDCStore(at.Path)
	if err != nil {
		return nil, err
	}
	config := &op.Config{CodeMethodS256: true, SupportedScopes: []string{"openid", "profile", "email"}}
	_, _ = rand.Read(config.CryptoKey[:])
	provider, err := op.NewProvider(config, store, op.StaticIssuer(issuer), op.WithAllowInsecure())
	if err != nil {
		return nil, fmt.Errorf("make an OpenID provider: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		showLogin(w, r.FormValue("id"))
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
		id := r.FormValue("id")
		person := Person{strings.TrimSpace(r.FormValue("name")), strings.TrimSpace(r.FormValue("email"))}
		if !store.signIn(id, person) {
			http.Error(w, "This sign-in is over. Start again.", http.StatusBadRequest)
			return
		}
		ctx := op.ContextWithIssuer(r.Context(), issuer)
		http.Redirect(w, r, op.AuthCallbackURL(provider)(ctx, id), http.StatusSeeOther)
	})
	mux.HandleFunc("GET /end_session", func(w http.ResponseWriter, r *http.Request) {
		// A hint from before a restart is signed with a key that is gone, and nobody stays signed in here.
		query := r.URL.Query()
		query.Del("id_token_hint")
		r.URL.RawQuery = query.Encode()
		provider.ServeHTTP(w, r)
	})
	mux.Handle("/", provider)
	return http.StripPrefix(at.Path, mux), nil
}

func showLogin(w http.ResponseWriter, id string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	_ = loginPage.Execute(w, map[string]any{"ID": id, "People": ready})
}
