package env

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/mail"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Mail is an e-mail that an SMTP server has accepted.
type Mail struct {
	From, To string // of the envelope
	User     string // who was signed in
	Hello    string // the client's name for itself
	TLS      bool
	Raw      []byte
}

// Parse returns the e-mail's headers and body.
func (m Mail) Parse(t testing.TB) *mail.Message {
	t.Helper()
	parsed, err := mail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// SMTP is a real SMTP server on a loopback port, which keeps the e-mails that it receives. Set its fields before Start.
type SMTP struct {
	// Certificate makes it offer STARTTLS; ImplicitTLS makes it speak TLS from the first byte instead.
	Certificate *tls.Certificate
	ImplicitTLS bool
	// MaxTLS is the newest version of TLS that it supports, if set.
	MaxTLS uint16
	// ASCIIOnly: it does not offer SMTPUTF8.
	ASCIIOnly bool
	// User and Password are required from senders, if set.
	User, Password string
	// OnRecipient and OnData answer RCPT and the end of DATA for a recipient; nil accepts everything.
	OnRecipient, OnData func(to string) error

	t    testing.TB
	addr string

	mu       sync.Mutex
	stop     func() // may be called at any time and repeatedly
	received []Mail
}

// NewSMTP returns a stopped server. Its port stays the same.
func NewSMTP(t testing.TB) *SMTP {
	t.Helper()
	return &SMTP{t: t, addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t)))}
}

func listen(t testing.TB, addr string) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// Addr is its host:port.
func (s *SMTP) Addr() string { return s.addr }

// Start makes the server listen until Stop or the end of the test.
func (s *SMTP) Start() {
	s.t.Helper()
	listener := listen(s.t, s.addr)
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{smtp: s, conn: c}, nil
	}))
	server.Domain, server.EnableSMTPUTF8 = "mail.test", !s.ASCIIOnly
	server.ErrorLog = log.New(io.Discard, "", 0) // tests break connections on purpose
	if s.Certificate != nil {
		server.TLSConfig = &tls.Config{
			Certificates: []tls.Certificate{*s.Certificate}, MinVersion: tls.VersionTLS10, MaxVersion: s.MaxTLS,
		}
	}
	if s.ImplicitTLS {
		listener = tls.NewListener(listener, server.TLSConfig)
	}
	go func() { _ = server.Serve(listener) }()
	stop := sync.OnceFunc(func() {
		listener.Close() // the server may not know it yet
		_ = server.Close()
	})
	s.t.Cleanup(stop)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop = stop
}

// Stop ends the server and its connections immediately.
func (s *SMTP) Stop() {
	s.mu.Lock()
	stop := s.stop
	s.mu.Unlock()
	stop()
}

// Received returns the e-mails that the server has accepted so far.
func (s *SMTP) Received() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

// session is one connection to an SMTP server.
type session struct {
	smtp *SMTP
	conn *smtp.Conn
	mail Mail
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.smtp.User || password != s.smtp.Password {
			return smtp.ErrAuthFailed
		}
		s.mail.User = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.mail.User != s.smtp.User {
		return smtp.ErrAuthRequired
	}
	s.mail.From, s.mail.Hello = from, s.conn.Hostname()
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.mail.To != "" {
		return errors.New("two recipients of one message")
	}
	if s.smtp.OnRecipient != nil {
		if err := s.smtp.OnRecipient(to); err != nil {
			return err
		}
	}
	s.mail.To = to
	return nil
}

func (s *session) Data(r io.Reader) (err error) {
	if s.mail.Raw, err = io.ReadAll(r); err != nil {
		return err
	}
	if s.smtp.OnData != nil {
		if err := s.smtp.OnData(s.mail.To); err != nil {
			return err
		}
	}
	_, s.mail.TLS = s.conn.TLSConnectionState()
	s.smtp.mu.Lock()
	defer s.smtp.mu.Unlock()
	s.smtp.received = append(s.smtp.received, s.mail)
	return nil
}

func (s *session) Reset()        { s.mail = Mail{User: s.mail.User} }
func (s *session) Logout() error { return nil }

// NewCertificate makes a certificate for 127.0.0.1 and writes it to a file. A client that is to trust it gets the file
// as SSL_CERT_FILE.
func NewCertificate(file string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, os.WriteFile(file, text, 0o600)
}
