// Package mail sends e-mail through an SMTP server.
package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"foyer/internal/mailbox"
)

const (
	submissionPort = "587" // RFC 6409
	submissionsTLS = "465" // RFC 8314
	// defaultTimeout is the time limit of a delivery whose context has no deadline.
	defaultTimeout = time.Minute
)

// ErrRefused is among the errors of Send if the server will never accept this message for this recipient.
var ErrRefused = errors.New("refused for good")

var (
	errURL = errors.New("neither smtp://[user:password@]host[:port][?tls=required|opportunistic|none]" +
		" nor smtps://[user:password@]host[:port]")
	errPlainPassword = errors.New("a password without TLS: use tls=required")
	errFrom          = errors.New("not an e-mail address, for instance Foyer <foyer@example.org>")
	errName          = errors.New("neither a host's name nor an address in brackets, as in [192.0.2.1]")
)

// Server is the address of an SMTP server, and how to connect to it.
type Server struct {
	host           string
	port           int
	user, password string
	implicitTLS    bool
	startTLS       gomail.TLSPolicy
	name           string // the name that Foyer sends in EHLO; empty for the name of this machine
}

// ParseServer reads a URL: smtp://… for STARTTLS, smtps://… for TLS from the first byte. For smtp, the query parameter
// tls says whether STARTTLS is required (the default), opportunistic or none. Errors never contain the URL, which may
// contain a password.
func ParseServer(text string) (Server, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return Server{}, errURL
	}
	s := Server{host: u.Hostname(), user: u.User.Username(), startTLS: gomail.TLSMandatory}
	s.password, _ = u.User.Password()
	port := submissionPort
	switch {
	case u.Scheme == "smtps" && u.RawQuery == "":
		port = submissionsTLS
		s.implicitTLS = true
		// go-mail finds out itself that the connection is encrypted.
		s.startTLS = gomail.TLSOpportunistic
	case u.Scheme == "smtp":
		policies := map[string]gomail.TLSPolicy{
			"": gomail.TLSMandatory, "tls=required": gomail.TLSMandatory,
			"tls=opportunistic": gomail.TLSOpportunistic, "tls=none": gomail.NoTLS,
		}
		policy, known := policies[u.RawQuery]
		if !known {
			return Server{}, errURL
		}
		s.startTLS = policy
	default:
		return Server{}, errURL
	}
	if s.user != "" && !s.implicitTLS && s.startTLS != gomail.TLSMandatory {
		return Server{}, errPlainPassword
	}
	if u.Port() != "" {
		port = u.Port()
	}
	s.port, err = strconv.Atoi(port)
	if err != nil || s.port < 1 || s.port > 65535 {
		return Server{}, errURL
	}
	return s, nil
}

// hostForm matches a host name in A-labels.
var hostForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)

// Named returns the server with another name for EHLO: a host name, or an address, which EHLO requires in brackets (RFC
// 5321, section 4.1.3).
func (s Server) Named(name string) (Server, error) {
	if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		s.name = "[" + ip.String() + "]"
		if ip.Is6() {
			s.name = "[IPv6:" + ip.String() + "]"
		}
		return s, nil
	}
	host, err := mailbox.Domain(name)
	if err != nil || !hostForm.MatchString(host) {
		return Server{}, errName
	}
	s.name = host
	return s, nil
}

// ParseFrom reads the sender's address, with or without a name.
func ParseFrom(text string) (*netmail.Address, error) {
	from, err := netmail.ParseAddress(text)
	if err != nil {
		return nil, errFrom
	}
	at := strings.LastIndexByte(from.Address, '@')
	domain, err := mailbox.Domain(from.Address[at+1:])
	if err != nil {
		return nil, errFrom
	}
	from.Address = from.Address[:at+1] + domain
	return from, nil
}

// Message is one e-mail to one recipient, in plain text and in HTML.
type Message struct {
	// ID is unique, and the same whenever the message is sent again.
	ID string
	// Date is when the message was written.
	Date time.Time
	// To is an address without a name.
	To string

	Subject, Text, HTML string
}

// Sender sends e-mail from one address through one server.
type Sender struct {
	server Server
	from   *netmail.Address
}

// NewSender returns a Sender. It does not connect.
func NewSender(server Server, from *netmail.Address) *Sender { return &Sender{server, from} }

// Check performs the steps of a delivery to an address without sending a message. The error is ErrRefused if the server
// accepts Foyer's mail, but none for that address.
func (s *Sender) Check(ctx context.Context, to string) error {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	_, connection, err := s.connect(ctx, to)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.Mail("<" + s.from.Address + ">"); err != nil {
		return s.refused(gomail.ErrSMTPMailFrom, err.Error(), to)
	}
	if err := connection.Rcpt("<" + to + ">"); err != nil {
		return s.refused(gomail.ErrSMTPRcptTo, err.Error(), to)
	}
	_ = connection.Reset()
	_ = connection.Quit()
	return nil
}

// Send hands a message to the server. Without an error, the server has accepted it. A delivery that ends earlier, at
// the latest with ctx, may be retried, unless the error is ErrRefused. Errors never name the recipient.
func (s *Sender) Send(ctx context.Context, m Message) error {
	message, err := s.compose(m)
	if err != nil {
		return err
	}
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	client, connection, err := s.connect(ctx, m.To)
	if err != nil {
		return err
	}
	err = client.SendWithSMTPClient(connection, message)
	_ = client.CloseWithSMTPClient(connection) // a failed QUIT does not matter
	if message.IsDelivered() {
		return nil
	}
	return s.described(ctx, err, m.To)
}

// connect returns a connection to the server, which ends with ctx, and the client for it. It returns an error if the
// server does not support the characters of the sender's or the recipient's address.
func (s *Sender) connect(ctx context.Context, to string) (*gomail.Client, *smtp.Client, error) {
	client, err := gomail.NewClient(s.server.host, s.server.options(ctx)...)
	if err != nil {
		return nil, nil, fmt.Errorf("prepare for the SMTP server: %w", err)
	}
	connection, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return nil, nil, s.described(ctx, err, to)
	}
	if beyond, _ := connection.Extension("SMTPUTF8"); !beyond { // RFC 6531
		if err := s.mustBeASCII(to); err != nil {
			_ = client.CloseWithSMTPClient(connection)
			return nil, nil, err
		}
	}
	return client, connection, nil
}

func (s *Sender) mustBeASCII(to string) error {
	isASCII := func(text string) bool {
		return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
	}
	local := to[:max(strings.LastIndexByte(to, '@'), 0)] // the domain is sent in A-labels
	switch {
	case !isASCII(s.from.Address):
		return fmt.Errorf("%w: our address has letters beyond ASCII, and the server has no SMTPUTF8", errOurs)
	case !isASCII(local):
		return fmt.Errorf("%w: the address has letters beyond ASCII, and the SMTP server has no SMTPUTF8", ErrRefused)
	}
	return nil
}

func (s *Sender) compose(m Message) (*gomail.Msg, error) {
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	message.FromMailAddress(s.from)
	to, err := mailbox.Parse(m.To)
	if err == nil {
		err = message.To(to)
	}
	if err != nil {
		return nil, fmt.Errorf("write the recipient's address: %w", ErrRefused)
	}
	_, domain, _ := strings.Cut(s.from.Address, "@")
	message.SetMessageIDWithValue(m.ID + "@" + domain)
	message.SetDateWithValue(m.Date)
	message.SetGenHeader("Auto-Submitted", "auto-generated") // asks for no out-of-office replies: RFC 3834
	message.Subject(m.Subject)
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	message.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return message, nil
}

// options are the options of a client for one message. Its connection ends with ctx.
func (s Server) options(ctx context.Context) []gomail.Option {
	timeout := defaultTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(time.Until(deadline), 0) + time.Second // later than ctx, which closes the connection
	}
	options := []gomail.Option{
		gomail.WithPort(s.port), gomail.WithTimeout(timeout), gomail.WithTLSPolicy(s.startTLS),
		gomail.WithoutNoop(), gomail.WithoutRset(), // they are not needed for one message per connection
		gomail.WithDialContextFunc(func(dialing context.Context, network, address string) (net.Conn, error) {
			conn, err := s.dial(dialing, network, address)
			if err == nil {
				// go-mail observes the context only while it dials.
				context.AfterFunc(ctx, func() { _ = conn.Close() })
			}
			return conn, err
		}),
	}
	if s.name != "" {
		options = append(options, gomail.WithHELO(s.name))
	}
	if s.user != "" {
		options = append(options, gomail.WithUsername(s.user), gomail.WithPassword(s.password),
			// In place of NTLM, which go-mail would prefer. The connection is encrypted.
			gomail.WithOpportunisticSMTPAuth(
				gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	return options
}

func (s Server) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if s.implicitTLS {
		dialer := tls.Dialer{Config: &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}}
		return dialer.DialContext(ctx, network, address)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}
