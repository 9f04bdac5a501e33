package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"foyer/internal/fault"
)

const (
	flowCookie = "foyer_login_"
	// maxFlows is the maximum number of sign-ins that one browser can have started; each is a cookie.
	maxFlows = 5
	// maxFlow is the maximum length of a flow in bytes. The browser sends all its flows, sealed, with every request,
	// and proxies take headers of at most 8 KiB.
	maxFlow = 1000
	// maxReturnTo is the maximum length of a path to return to, in bytes.
	maxReturnTo = 1000
)

// Flow is a sign-in that has started at the provider.
type Flow struct {
	// State, Nonce and Verifier tie the provider's answer to this browser and this sign-in.
	State, Nonce, Verifier string
	// ReturnTo is the path to open after the sign-in.
	ReturnTo string
	// TimeZone is the time zone that the browser reports. It is not checked and may be empty.
	TimeZone  string
	ExpiresAt time.Time
}

// Flows stores flows in the browsers that started them, each in a sealed cookie of its own. So nothing is stored for
// people who never come back, and sign-ins in two tabs do not interfere.
type Flows struct {
	seal   cipher.AEAD
	prefix string // of cookie names
	secure bool
}

// NewFlows returns Flows that are sealed with a key derived from secret. With secure, browsers send them only over
// https.
func NewFlows(secret string, secure bool) (*Flows, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "foyer login", 32)
	if err != nil {
		return nil, fmt.Errorf("derive login key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	f := &Flows{seal: seal, prefix: flowCookie, secure: secure}
	if secure {
		f.prefix = hostPrefix + flowCookie
	}
	return f, nil
}

// name returns the name of a flow's cookie. It contains a part of the state, which the address bar shows anyway.
func (f *Flows) name(state string) string { return f.prefix + state[:min(len(state), 16)] }

// Keep stores a flow in the browser, and removes the oldest flows if there are too many. If the flow is too long, its
// path to return to becomes "/".
func (f *Flows) Keep(w http.ResponseWriter, r *http.Request, flow Flow) error {
	text, err := json.Marshal(flow)
	if len(text) > maxFlow {
		flow.ReturnTo, flow.TimeZone = "/", ""
		text, err = json.Marshal(flow)
	}
	if err != nil {
		return err
	}
	begun := 0
	for _, cookie := range r.Cookies() {
		if strings.HasPrefix(cookie.Name, f.prefix) {
			if begun++; begun >= maxFlows {
				f.set(w, cookie.Name, "", -1)
			}
		}
	}
	name := f.name(flow.State)
	sealed := f.seal.Seal(nil, nil, text, []byte(name))
	f.set(w, name, base64.RawURLEncoding.EncodeToString(sealed), int(time.Until(flow.ExpiresAt).Seconds()))
	return nil
}

// Take returns the flow with a state, and removes it from the browser. Invalid means that this browser did not start
// it, or that it has expired.
func (f *Flows) Take(w http.ResponseWriter, r *http.Request, state string) (Flow, error) {
	unknown := fault.New(fault.Invalid,
		"this sign-in was not begun in this browser, or too long ago; start again")
	if state == "" || strings.ContainsFunc(state, notBase32) {
		return Flow{}, unknown
	}
	name := f.name(state)
	cookie, err := r.Cookie(name)
	if err != nil {
		return Flow{}, unknown
	}
	f.set(w, name, "", -1)
	var flow Flow
	sealed, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return Flow{}, unknown
	}
	text, err := f.seal.Open(nil, nil, sealed, []byte(name))
	if err != nil || json.Unmarshal(text, &flow) != nil ||
		flow.State != state || !flow.ExpiresAt.After(time.Now()) {
		return Flow{}, unknown
	}
	return flow, nil
}

func notBase32(r rune) bool { return (r < 'A' || r > 'Z') && (r < '2' || r > '7') }

func (f *Flows) set(w http.ResponseWriter, name, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, MaxAge: seconds, Path: "/",
		HttpOnly: true, Secure: f.secure, SameSite: http.SameSiteLaxMode,
	})
}

// ReturnTo returns a path of this origin, with its query, to open after a sign-in. Anything that a browser could take
// for another origin becomes "/".
func ReturnTo(text string) string {
	odd := func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || r == '\\' }
	if len(text) > maxReturnTo {
		return "/"
	}
	at, err := url.Parse(text)
	if err != nil || strings.ContainsFunc(text, odd) ||
		at.IsAbs() || at.Host != "" || at.User != nil || at.Opaque != "" ||
		!strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") ||
		strings.HasPrefix(at.Path, "//") || strings.ContainsFunc(at.Path, odd) {
		return "/"
	}
	return at.String()
}
