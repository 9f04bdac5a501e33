package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

const (
	// issuerTimeout limits the time of one request to an issuer, maxIssuerAnswer the bytes of its answer.
	issuerTimeout   = 5 * time.Second
	maxIssuerAnswer = 1 << 20
	// keysFor is how long keys are used before they are fetched again. Together with the time for which tokens are
	// cached, a withdrawn key works for at most ten minutes.
	keysFor = 10*time.Minute - bearerFor
	// keysPause is the minimum time between two fetches. Tokens with a new key wait that long at most.
	keysPause = 5 * time.Second
	maxKeys   = 100
)

// Algorithms that an issuer may sign with. All use a private key that only the issuer has.
var (
	bearerAlgorithms = []string{oidc.RS256, oidc.ES256, oidc.EdDSA}
	loginAlgorithms  = []string{
		oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512,
		oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
	}
	everyAlgorithm = []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
)

// newIssuerClient returns a client for requests to issuers, with limits on time and size. It follows no redirect, which
// could carry a secret to another server.
func newIssuerClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 4
	return &http.Client{
		Timeout: issuerTimeout, Transport: bounded{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded cuts off answers that are too long.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{http.MaxBytesReader(nil, answer.Body, maxIssuerAnswer), answer.Body}
	}
	return answer, err
}

// keySet holds the keys of one issuer. Unlike go-oidc's own, it limits how often strangers can make it fetch, forgets
// withdrawn keys, and distinguishes a bad signature from an issuer that does not answer.
type keySet struct {
	client *http.Client
	// url returns the URL of the keys.
	url  func(context.Context) (string, error)
	keys *cached[[]jose.JSONWebKey]
}

func newKeySet(client *http.Client, url func(context.Context) (string, error)) *keySet {
	k := &keySet{client: client, url: url}
	k.keys = &cached[[]jose.JSONWebKey]{fetch: k.fetch, life: keysFor, pause: keysPause}
	return k
}

// errAway means that the issuer does not answer at the moment.
var errAway = errors.New("the issuer cannot be asked")

var errSignature = errors.New("the signature is not by a key of the issuer")

// verify returns the payload of a signed token. The error is errAway if the keys cannot be fetched, and another one if
// the token is bad.
func (k *keySet) verify(ctx context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSigned(token, everyAlgorithm)
	if err != nil {
		return nil, err
	}
	if len(signed.Signatures) != 1 {
		return nil, errSignature
	}
	header := signed.Signatures[0].Header
	for _, newer := range []bool{false, true} {
		keys, err := k.keys.get(ctx, newer) // newer ones the second time
		if err != nil {
			return nil, err
		}
		known := false
		for _, key := range keys {
			if header.KeyID != "" && key.KeyID != header.KeyID {
				continue
			}
			known = true
			if key.Algorithm != "" && key.Algorithm != header.Algorithm {
				continue
			}
			if payload, err := signed.Verify(key); err == nil {
				return payload, nil
			}
		}
		if known && header.KeyID != "" {
			break // newer keys would not change the result
		}
	}
	return nil, errSignature
}

// fetch requests the keys from the issuer.
func (k *keySet) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(ctx, issuerTimeout)
	defer cancel()
	url, err := k.url(ctx)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAway, err)
	}
	answer, err := k.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAway, err)
	}
	defer answer.Body.Close()
	var set struct{ Keys []json.RawMessage }
	err = json.NewDecoder(answer.Body).Decode(&set)
	if answer.StatusCode != http.StatusOK || err != nil {
		return nil, fmt.Errorf("%w: its keys: %s: %w", errAway, answer.Status, err)
	}
	keys := []jose.JSONWebKey{}
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		var key jose.JSONWebKey
		// Issuers also have keys of unknown types and for other uses.
		if json.Unmarshal(raw, &key) == nil && key.Valid() && key.IsPublic() && key.Use != "enc" {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// verifier checks the tokens of one issuer for one audience.
type verifier struct {
	issuer, audience string
	algorithms       []string
	keys             *keySet
	leeway           time.Duration
}

// verify returns a valid token of the issuer for the audience. The error is errAway if this cannot be found out at the
// moment, and another one if the token is not valid.
func (v verifier) verify(ctx context.Context, raw string) (*oidc.IDToken, error) {
	var missing error
	keys := keySetFunc(func(ctx context.Context, raw string) ([]byte, error) {
		payload, err := v.keys.verify(ctx, raw)
		if errors.Is(err, errAway) {
			missing = err // go-oidc's error does not wrap it
		}
		return payload, err
	})
	token, err := oidc.NewVerifier(v.issuer, keys, &oidc.Config{
		ClientID: v.audience, SupportedSigningAlgs: v.algorithms,
		Now: func() time.Time { return time.Now().Add(-v.leeway) },
	}).Verify(ctx, raw)
	switch {
	case missing != nil:
		return nil, missing
	case err != nil:
		return nil, err
	case token.Subject == "":
		return nil, errors.New("the token names nobody")
	case token.IssuedAt.After(time.Now().Add(v.leeway)):
		return nil, errors.New("the token was issued in the future")
	}
	return token, nil
}

// keySetFunc makes a function a go-oidc KeySet.
type keySetFunc func(context.Context, string) ([]byte, error)

func (f keySetFunc) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	return f(ctx, raw)
}
