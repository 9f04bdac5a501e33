package devmode

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	signInTime  = 15 * time.Minute
	tokenTime   = time.Hour
	maxAttempts = 1000
)

var errNoSignIn = errors.New("there is no such sign-in, or it is over")

// oidcStore is the state of the OpenID provider: sign-ins in progress, and whose its tokens are. It keeps only the
// newest ones.
type oidcStore struct {
	path string // of the provider
	key  signingKey

	mu       sync.Mutex
	attempts []*attempt
	codes    map[string]string // the id of an attempt, by its code
	tokens   []token
}

// attempt is a sign-in in progress.
type attempt struct {
	oidc.AuthRequest

	id     string
	begun  time.Time
	person *Person // nil until it is known
}

// token is an access token.
type token struct {
	id     string
	person Person
	ends   time.Time
}

var _ op.Storage = (*oidcStore)(nil)

func newOIDCStore(path string) (*oidcStore, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return &oidcStore{path: path, key: signingKey{rand.Text(), key}, codes: map[string]string{}}, nil
}

// signIn records who signs in, and reports whether there is such a sign-in.
func (s *oidcStore) signIn(id string, person Person) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.find(id)
	if a == nil || person == (Person{}) || len(person.Name)+len(person.Email) > maxPerson {
		return false
	}
	a.person = &person
	return true
}

func (s *oidcStore) find(id string) *attempt {
	for _, a := range s.attempts {
		if a.id == id && time.Since(a.begun) < signInTime {
			return a
		}
	}
	return nil
}

func (s *oidcStore) CreateAuthRequest(
	_ context.Context, request *oidc.AuthRequest, _ string,
) (op.AuthRequest, error) {
	if slices.Contains(request.Prompt, oidc.PromptNone) {
		return nil, oidc.ErrLoginRequired()
	}
	a := &attempt{AuthRequest: *request, id: rand.Text(), begun: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts = append(s.attempts[max(0, len(s.attempts)-maxAttempts+1):], a)
	return a.copied(), nil
}

func (s *oidcStore) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.find(id); a != nil {
		return a.copied(), nil
	}
	return nil, errNoSignIn
}

func (s *oidcStore) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.codes[code]
	delete(s.codes, code) // a code works once
	if a := s.find(id); a != nil {
		return a.copied(), nil
	}
	return nil, errNoSignIn
}

func (s *oidcStore) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for code, id := range s.codes {
		if s.find(id) == nil {
			delete(s.codes, code)
		}
	}
	s.codes[code] = id
	return nil
}

func (s *oidcStore) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts = slices.DeleteFunc(s.attempts, func(a *attempt) bool { return a.id == id })
	return nil
}

func (s *oidcStore) CreateAccessToken(
	_ context.Context, request op.TokenRequest,
) (string, time.Time, error) {
	a, ok := request.(*attempt)
	if !ok || a.person == nil {
		return "", time.Time{}, errNoSignIn
	}
	t := token{rand.Text(), *a.person, time.Now().Add(tokenTime)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = append(s.tokens[max(0, len(s.tokens)-maxAttempts+1):], t)
	return t.id, t.ends, nil
}

func (s *oidcStore) SetUserinfoFromToken(
	_ context.Context, info *oidc.UserInfo, id, _, _ string,
) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tokens {
		if t.id == id && time.Now().Before(t.ends) {
			t.person.describe(info)
			return nil
		}
	}
	return errors.New("there is no such token")
}

// SetUserinfoFromRequest adds the claims about a person to an ID token.
func (*oidcStore) SetUserinfoFromRequest(
	_ context.Context, info *oidc.UserInfo, request op.IDTokenRequest, _ []string,
) error {
	if a, ok := request.(*attempt); ok && a.person != nil {
		a.person.describe(info)
	}
	return nil
}

func (p Person) describe(info *oidc.UserInfo) {
	info.Subject, info.Name = p.Subject(), p.Name
	info.Email, info.EmailVerified = p.Email, p.Email != ""
}

func (s *oidcStore) SigningKey(context.Context) (op.SigningKey, error) { return s.key, nil }

func (s *oidcStore) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{publicKey{s.key}}, nil
}

func (*oidcStore) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

func (s *oidcStore) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != OIDCClient {
		return nil, errors.New("there is no such client")
	}
	return oidcClient{s.path}, nil
}

func (*oidcStore) Health(context.Context) error { return nil }

func (*oidcStore) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

func (*oidcStore) GetPrivateClaimsFromScopes(
	context.Context, string, string, []string,
) (map[string]any, error) {
	return nil, nil
}

// TerminateSession does nothing: there are no sessions here.
func (*oidcStore) TerminateSession(context.Context, string, string) error { return nil }

// The rest is not offered.

var errNotOffered = errors.New("this is not offered in development mode")

func (*oidcStore) CreateAccessAndRefreshTokens(
	context.Context, op.TokenRequest, string,
) (string, string, time.Time, error) {
	return "", "", time.Time{}, errNotOffered
}

func (*oidcStore) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, errNotOffered
}

func (*oidcStore) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", op.ErrInvalidRefreshToken
}

func (*oidcStore) RevokeToken(context.Context, string, string, string) *oidc.Error {
	return oidc.ErrUnauthorizedClient()
}

func (*oidcStore) AuthorizeClientIDSecret(context.Context, string, string) error {
	return errNotOffered
}

func (*oidcStore) SetIntrospectionFromToken(
	context.Context, *oidc.IntrospectionResponse, string, string, string,
) error {
	return errNotOffered
}

func (*oidcStore) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errNotOffered
}

func (*oidcStore) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errNotOffered
}

// copied returns a copy that the provider can keep while the sign-in continues.
func (a *attempt) copied() *attempt { c := *a; return &c }

func (a *attempt) GetID() string                      { return a.id }
func (*attempt) GetACR() string                       { return "" }
func (*attempt) GetAMR() []string                     { return nil }
func (a *attempt) GetAudience() []string              { return []string{a.ClientID} }
func (a *attempt) GetAuthTime() time.Time             { return a.begun }
func (a *attempt) GetClientID() string                { return a.ClientID }
func (a *attempt) GetNonce() string                   { return a.Nonce }
func (a *attempt) GetRedirectURI() string             { return a.RedirectURI }
func (a *attempt) GetResponseType() oidc.ResponseType { return a.ResponseType }
func (a *attempt) GetResponseMode() oidc.ResponseMode { return a.ResponseMode }
func (a *attempt) GetScopes() []string                { return a.Scopes }
func (a *attempt) GetState() string                   { return a.State }
func (a *attempt) Done() bool                         { return a.person != nil }
func (a *attempt) GetCodeChallenge() *oidc.CodeChallenge {
	return &oidc.CodeChallenge{Challenge: a.CodeChallenge, Method: a.CodeChallengeMethod}
}

func (a *attempt) GetSubject() string {
	if a.person == nil {
		return ""
	}
	return a.person.Subject()
}

type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

func (k signingKey) ID() string                                { return k.id }
func (signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k signingKey) Key() any                                  { return k.key }

type publicKey struct{ of signingKey }

func (k publicKey) ID() string                       { return k.of.id }
func (publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                         { return &k.of.key.PublicKey }

// oidcClient is Foyer as a client of its own provider: a native client, which can return to any port of this machine,
// and has PKCE in place of a secret.
type oidcClient struct{ path string }

func (oidcClient) GetID() string                       { return OIDCClient }
func (oidcClient) RedirectURIs() []string              { return []string{"http://localhost/callback"} }
func (oidcClient) PostLogoutRedirectURIs() []string    { return []string{"http://localhost/"} }
func (oidcClient) ApplicationType() op.ApplicationType { return op.ApplicationTypeNative }
func (oidcClient) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodNone }

// AccessTokenType is JWT, because an opaque token cannot have a colon in its subject.
func (oidcClient) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }
func (oidcClient) IDTokenLifetime() time.Duration      { return tokenTime }
func (oidcClient) DevMode() bool                       { return false }
func (oidcClient) IsScopeAllowed(string) bool          { return false }
func (c oidcClient) LoginURL(id string) string         { return c.path + "/login?id=" + id }
func (oidcClient) IDTokenUserinfoClaimsAssertion() bool {
	return true
}
func (oidcClient) ClockSkew() time.Duration { return 0 }

func (oidcClient) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}

func (oidcClient) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode}
}

func (oidcClient) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

func (oidcClient) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}
