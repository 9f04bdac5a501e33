// Package webhook sends events to other services, by the specification Standard Webhooks
// (https://www.standardwebhooks.com): a POST of JSON, signed with a shared secret.
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
	// The specification's limits of a secret's length, in bytes.
	minSecret, maxSecret = 24, 64

	// defaultTimeout is the time limit of a delivery whose context has no deadline.
	defaultTimeout = 30 * time.Second
	maxHeader      = 64 << 10 // bytes of an answer
	userAgent      = "Foyer"
)

// ErrRefused is among the errors of Send if the endpoint will never accept this message.
var ErrRefused = errors.New("refused for good")

var (
	errURL    = errors.New("not https://HOST[:PORT][/PATH][?QUERY]")
	errSecret = fmt.Errorf("not %s and %d to %d bytes in base64", secretPrefix, minSecret, maxSecret)
)

// CheckURL returns what is wrong with the URL of an endpoint, without showing it. The scheme must be https, unless http
// is allowed or the host is this machine.
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
	// URLs are the URLs of the endpoints. They have passed CheckURL.
	URLs []string
	// Secrets sign each message. There are several during a rotation. They have passed CheckSecret.
	Secrets []string
}

// Message is one message to one endpoint.
type Message struct {
	// ID is unique, and the same whenever the message is sent again.
	ID string
	// Body is JSON.
	Body []byte
}

// Sender sends messages to endpoints.
type Sender struct {
	urls    map[string]string // by the name of the endpoint
	signers []*standardwebhooks.Webhook
	client  *http.Client
}

// NewSender returns a Sender. It does not connect.
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

// newClient returns a client that follows no redirects: only the settings decide who gets messages.
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

// nameOf returns a name for an endpoint that does not show its URL, which may be secret.
func nameOf(url string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(url)))[:16] }

// Endpoints returns the names of all endpoints. A name stays the same as long as the URL does.
func (s *Sender) Endpoints() []string {
	names := make([]string, 0, len(s.urls))
	for name := range s.urls {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Send hands a message to an endpoint. Without an error, the endpoint has accepted it. A delivery that ends earlier, at
// the latest with ctx, may be retried, unless the error is ErrRefused. Errors contain only the host of the URL.
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
	// Only the status matters. Foyer does not wait for the body.
	_ = answer.Body.Close()
	return outcome(request.URL.Host, answer.StatusCode)
}

// sign makes the signed request of a message.
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

// described returns an error without the URL.
func described(ctx context.Context, host string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("wait for %s: %w", host, ctx.Err())
	}
	if failure, ok := errors.AsType[*url.Error](err); ok {
		err = failure.Err // without the URL
	}
	return fmt.Errorf("reach %s: %w", host, err)
}

// outcome returns what a status means. Few statuses mean that the same message will always be refused. The others may
// come from a deployment, or from a setting that will be corrected.
func outcome(host string, status int) error {
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
