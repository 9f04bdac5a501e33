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

// OIDCClient is the id of the OpenID provider's only client: a public one, on this machine.
const OIDCClient = "foyer"

// ready are the people who can sign in with one click.
var ready = []Person{
	{Name: "Ada Lovelace", Email: "ada@example.org"},
	{Name: "Grace Hopper", Email: "grace@example.org"},
	{Name: "Alan Turing", Email: "alan@example.org"},
}

//go:embed login.html
var loginHTML string

var loginPage = template.Must(template.New("login").Parse(loginHTML))

// Person is a person that the OpenID provider signs in.
type Person struct{ Name, Email string }

// Subject is the subject of a person: from the e-mail address or, without one, from the name.
func (p Person) Subject() string {
	if p.Email != "" {
		return "dev:" + strings.ToLower(p.Email)
	}
	return "dev:" + p.Name
}

// maxPerson is the maximum length of a person's name and e-mail address together, in bytes.
const maxPerson = 240

// OIDC returns an OpenID provider that signs anybody in as anybody. Serve it at the path of its issuer, an http URL on
// this machine. Its state ends with the process.
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
		// A hint from before a restart has a signature by a lost key, and there are no sessions here to end.
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
