// Package webhook tells other people's services what has happened, as the specification Standard
// Webhooks (https://www.standardwebhooks.com) says: a POST of JSON, signed with a shared secret.
package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	secretPrefix = "whsec_"
	// What the specification says of a secret's length, in bytes.
	minSecret, maxSecret = 24, 64

	// defaultTimeout bounds a delivery whose context has no deadline.
	defaultTimeout = 30 * time.Second
	maxHeader      = 64 << 10 // bytes of an answer
	userAgent      = "Foyer"
)

// ErrRefused is among the errors of Send when the endpoint will never take this message.
var ErrRefused = errors.New("refused for good")

var (
	errURL    = errors.New("not https://HOST[:PORT][/PATH][?QUERY]")
	errSecret = fmt.Errorf("not %s and %d to %d bytes in base64", secretPrefix, minSecret, maxSecret)
)

// CheckURL returns what is wrong with an endpoint's address, without showing it. It is https, unless
// plain http is allowed or only this machine can be meant.
func CheckURL(text string, allowHTTP bool) error {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return errURL
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !allowHTTP && !isLoopback(u.Hostname())) {
		return errURL
	}
	return nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// CheckSecret returns what is wrong with a secret, without showing it.
func CheckSecret(text string) error {
	encoded, found := strings.CutPrefix(text, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !found || err != nil || len(key) < minSecret || len(key) > maxSecret {
		return errSecret
	}
	return nil
}

// Settings of a Sender.
type Settings struct {
	// URLs of the endpoints; CheckURL has nothing against them.
	URLs []string
	// Secrets that each message is signed with: more than one while they change. CheckSecret has
	// nothing against them.
	Secrets []string
}

// Message is one message to one endpoint.
type Message struct {
	// ID is the same whenever the same message is sent again, and no other has it.
	ID string
	// Body is JSON.
	Body []byte
}

// Sender sends messages to endpoints.
type Sender struct {
	urls    map[string]string // by the endpoint's name
	signers []*standardwebhooks.Webhook
	client  *http.Client
}

// NewSender returns a Sender. It does not connect yet.
func NewSender(settings Settings) (*Sender, error) {
	s := &Sender{urls: map[string]string{}, client: newClient()}
	for _, u := range settings.URLs {
		s.urls[nameOf(u)] = u
	}
	for _, secret := range settings.Secrets {
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return nil, errSecret
		}
		s.signers = append(s.signers, signer)
	}
	if len(s.urls) > 0 && len(s.signers) == 0 {
		return nil, errors.New("there are endpoints and no secret to sign with")
	}
	return s, nil
}

// newClient returns one that follows no redirects: who answers for an endpoint is said in the settings
// alone.
func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = maxHeader
	return &http.Client{
		Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// nameOf names an endpoint without showing its address, which may hold what others should not know.
func nameOf(url string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(url)))[:16] }

// Endpoints returns the names of all endpoints. A name stays the same as long as the address does.
func (s *Sender) Endpoints() []string {
	names := make([]string, 0, len(s.urls))
	for name := range s.urls {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Send hands a message to an endpoint, which has taken it when there is no error. What ends before, at
// the latest with ctx, may be tried again, unless the error is ErrRefused. An error names the
// endpoint's host, and nothing else of its address.
func (s *Sender) Send(ctx context.Context, endpoint string, m Message) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultTimeout)
		defer cancel()
	}
	request, err := s.sign(ctx, endpoint, m)
	if err != nil {
		return err
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return described(ctx, request.URL.Host, err)
	}
	// The status is all we want to know: what else is said is not waited for.
	_ = answer.Body.Close()
	return judged(request.URL.Host, answer.StatusCode)
}

// sign makes the request of a message, as of now.
func (s *Sender) sign(ctx context.Context, endpoint string, m Message) (*http.Request, error) {
	address, known := s.urls[endpoint]
	if !known {
		return nil, errors.New("there is no such endpoint")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(m.Body))
	if err != nil {
		return nil, errURL
	}
	now := time.Now()
	signatures := make([]string, len(s.signers))
	for i, signer := range s.signers {
		if signatures[i], err = signer.Sign(m.ID, now, m.Body); err != nil {
			return nil, errors.New("cannot sign")
		}
	}
	request.Header.Set(standardwebhooks.HeaderWebhookID, m.ID)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", userAgent)
	return request, nil
}

// described says what went wrong.
func described(ctx context.Context, host string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("wait for %s: %w", host, ctx.Err())
	}
	if failure, ok := errors.AsType[*url.Error](err); ok {
		err = failure.Err // without the URL
	}
	return fmt.Errorf("reach %s: %w", host, err)
}

// judged returns what an answer means. Of the statuses that are no success, few say for sure that the
// same message will be refused for ever: the rest may be a deployment, or a setting about to be mended.
func judged(host string, status int) error {
	answer := fmt.Errorf("%s answered %d", host, status)
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return fmt.Errorf("%w: redirects are not followed", answer)
	case status == http.StatusGone, status == http.StatusRequestEntityTooLarge,
		status == http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: %w", ErrRefused, answer)
	default:
		return answer
	}
}
