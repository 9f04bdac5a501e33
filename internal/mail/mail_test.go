package mail_test

import (
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/mail"
	"foyer/test/env"
)

// certificate is a certificate for 127.0.0.1 that this process trusts.
var certificate tls.Certificate

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mail")
	if err != nil {
		panic(err)
	}
	file := filepath.Join(dir, "certificate.pem")
	if certificate, err = env.NewCertificate(file); err != nil {
		panic(err)
	}
	os.Setenv("SSL_CERT_FILE", file)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func sender(t *testing.T, url string) *mail.Sender {
	t.Helper()
	server, err := mail.ParseServer(url)
	require.NoError(t, err)
	from, err := mail.ParseFrom(`"Foyer, Inc." <foyer@example.org>`)
	require.NoError(t, err)
	return mail.NewSender(server, from)
}

func letter() mail.Message {
	return mail.Message{
		ID: "0194d2f0", Date: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), To: "bob@example.com",
		Subject: "Hello", Text: "Hello, Bob.\n", HTML: "<p>Hello, Bob.</p>",
	}
}

func started(t *testing.T, set func(s *env.SMTP)) *env.SMTP {
	t.Helper()
	server := env.NewSMTP(t)
	if set != nil {
		set(server)
	}
	server.Start()
	return server
}

func TestMessageArrivesUnchanged(t *testing.T) {
	t.Parallel()
	server := started(t, nil)
	m := letter()
	m.Subject = "Zoë “quotes” 🦊 \r\nBcc: eve@example.net\u202e"
	m.Text = "Grüße 🦊\n.\nQUIT\n" + strings.Repeat("long ", 500)
	m.HTML = "<p>שלום</p>"
	require.NoError(t, sender(t, "smtp://"+server.Addr()+"?tls=none").Send(t.Context(), m))
	got := server.Received()
	require.Len(t, got, 1)
	assert.Equal(t, "foyer@example.org", got[0].From)
	assert.Equal(t, "bob@example.com", got[0].To)

	parsed := got[0].Parse(t)
	subject, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
	require.NoError(t, err)
	assert.Equal(t, m.Subject, subject, "within one header")
	assert.Empty(t, parsed.Header.Get("Bcc"))
	assert.Equal(t, "<0194d2f0@example.org>", parsed.Header.Get("Message-ID"))
	assert.Equal(t, "auto-generated", parsed.Header.Get("Auto-Submitted"))
	assert.Equal(t, `"Foyer, Inc." <foyer@example.org>`, parsed.Header.Get("From"))
	assert.Equal(t, "<bob@example.com>", parsed.Header.Get("To"))
	assert.Empty(t, parsed.Header.Get("X-Mailer"))
	date, err := parsed.Header.Date()
	require.NoError(t, err)
	assert.True(t, m.Date.Equal(date))
	for line := range strings.Lines(string(got[0].Raw)) {
		assert.LessOrEqual(t, len(line), 998+2, "RFC 5322")
	}
	assert.Equal(t, []string{"text/plain", m.Text, "text/html", m.HTML}, parts(t, parsed))
}

// parts returns the type and the text of each alternative.
func parts(t *testing.T, m *netmail.Message) (list []string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	require.NoError(t, err)
	assert.Equal(t, "multipart/alternative", kind)
	for reader := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return list
		}
		require.NoError(t, err)
		kind, params, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		require.NoError(t, err)
		assert.Equal(t, "UTF-8", params["charset"])
		text, err := io.ReadAll(part)
		require.NoError(t, err)
		list = append(list, kind, strings.ReplaceAll(string(text), "\r\n", "\n"))
	}
}

func TestURLDecidesAboutEncryption(t *testing.T) {
	t.Parallel()
	offers := func(s *env.SMTP) { s.Certificate = &certificate }
	implicit := func(s *env.SMTP) { s.Certificate, s.ImplicitTLS = &certificate, true }
	tests := []struct {
		name, before, after string
		server              func(*env.SMTP)
		sent, encrypted     bool
	}{
		{"required, by default", "smtp://", "", offers, true, true},
		{"required, and not offered", "smtp://", "", nil, false, false},
		{"required", "smtp://", "?tls=required", offers, true, true},
		{"opportunistic", "smtp://", "?tls=opportunistic", offers, true, true},
		{"opportunistic, and not offered", "smtp://", "?tls=opportunistic", nil, true, false},
		{"none", "smtp://", "?tls=none", offers, true, false},
		{"from the first byte", "smtps://", "", implicit, true, true},
		{"from the first byte, and not offered", "smtps://", "", nil, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := started(t, test.server)
			err := sender(t, test.before+server.Addr()+test.after).Send(t.Context(), letter())
			if !test.sent {
				require.Error(t, err)
				assert.NotErrorIs(t, err, mail.ErrRefused, "it may be mended")
				assert.Empty(t, server.Received())
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.encrypted, server.Received()[0].TLS)
		})
	}
}

func TestCertificateOfAnotherNameIsNotTrusted(t *testing.T) {
	t.Parallel()
	server := started(t, func(s *env.SMTP) { s.Certificate = &certificate })
	_, port, err := net.SplitHostPort(server.Addr())
	require.NoError(t, err)
	err = sender(t, "smtp://localhost:"+port).Send(t.Context(), letter())
	require.ErrorContains(t, err, "certificate")
	assert.Empty(t, server.Received())
}

func TestSenderSignsIn(t *testing.T) {
	t.Parallel()
	for _, implicit := range []bool{false, true} {
		server := started(t, func(s *env.SMTP) {
			s.Certificate, s.ImplicitTLS, s.User, s.Password = &certificate, implicit, "foyer@x", "p@ss:w/rd"
		})
		scheme := map[bool]string{false: "smtp://", true: "smtps://"}[implicit]
		url := scheme + "foyer%40x:p%40ss%3Aw%2Frd@" + server.Addr()
		require.NoError(t, sender(t, url).Send(t.Context(), letter()))
		assert.Equal(t, "foyer@x", server.Received()[0].User)

		for _, wrong := range []string{scheme + "foyer%40x:hunter2@" + server.Addr(), scheme + server.Addr()} {
			err := sender(t, wrong).Send(t.Context(), letter())
			require.Error(t, err)
			assert.NotErrorIs(t, err, mail.ErrRefused, "it may be mended")
			assert.NotContains(t, err.Error(), "hunter2")
		}
		assert.Len(t, server.Received(), 1)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	for _, implicit := range []bool{false, true} {
		for version, sent := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true} {
			server := started(t, func(s *env.SMTP) {
				s.Certificate, s.ImplicitTLS, s.MaxTLS = &certificate, implicit, version
			})
			scheme := map[bool]string{false: "smtp://", true: "smtps://"}[implicit]
			err := sender(t, scheme+server.Addr()).Send(t.Context(), letter())
			if sent {
				assert.NoError(t, err)
				continue
			}
			require.ErrorContains(t, err, "protocol version")
			assert.Empty(t, server.Received())
		}
	}
}

func TestDomainBeyondASCIIIsSentInALabels(t *testing.T) {
	t.Parallel()
	server := started(t, nil)
	at, err := mail.ParseServer("smtp://" + server.Addr() + "?tls=none")
	require.NoError(t, err)
	from, err := mail.ParseFrom("Foyer <Foyer@Müller.example>")
	require.NoError(t, err)
	m := letter()
	m.To = "bob@bücher.example"
	require.NoError(t, mail.NewSender(at, from).Send(t.Context(), m))
	got := server.Received()[0]
	assert.Equal(t, "Foyer@xn--mller-kva.example", got.From)
	assert.Equal(t, "bob@xn--bcher-kva.example", got.To)
	assert.NotContains(t, string(got.Raw), "ü")
}

// TestAddressBeyondASCIIRequiresSMTPUTF8: it is not sent raw to other servers, which could change it, and the recipient
// is to blame.
func TestAddressBeyondASCIIRequiresSMTPUTF8(t *testing.T) {
	t.Parallel()
	m := letter()
	m.To = "zoë@bücher.example"
	takes := started(t, nil)
	require.NoError(t, sender(t, "smtp://"+takes.Addr()+"?tls=none").Send(t.Context(), m))
	assert.Equal(t, "zoë@xn--bcher-kva.example", takes.Received()[0].To)

	asked := make(chan string, 9)
	ascii := started(t, func(s *env.SMTP) {
		s.ASCIIOnly, s.OnRecipient = true, func(to string) error { asked <- to; return nil }
	})
	s := sender(t, "smtp://"+ascii.Addr()+"?tls=none")
	for _, err := range []error{s.Send(t.Context(), m), s.Check(t.Context(), m.To)} {
		require.ErrorIs(t, err, mail.ErrRefused)
		assert.ErrorContains(t, err, "SMTPUTF8")
		assert.NotContains(t, err.Error(), "zoë")
	}
	assert.Empty(t, asked)
	assert.Empty(t, ascii.Received())
	m.To = "bob@bücher.example" // its domain has an ASCII form
	require.NoError(t, s.Send(t.Context(), m))

	at, err := mail.ParseServer("smtp://" + ascii.Addr() + "?tls=none")
	require.NoError(t, err)
	from, err := mail.ParseFrom("größe@example.org")
	require.NoError(t, err)
	err = mail.NewSender(at, from).Send(t.Context(), letter())
	assert.ErrorContains(t, err, "a matter of settings")
	assert.NotErrorIs(t, err, mail.ErrRefused)
}

func TestConfiguredNameIsSentInEHLO(t *testing.T) {
	t.Parallel()
	server := started(t, nil)
	at, err := mail.ParseServer("smtp://" + server.Addr() + "?tls=none")
	require.NoError(t, err)
	from, err := mail.ParseFrom("foyer@example.org")
	require.NoError(t, err)
	for name, want := range map[string]string{
		"Meet.example.org": "meet.example.org", "müller.example": "xn--mller-kva.example",
		"192.0.2.1": "[192.0.2.1]", "[192.0.2.1]": "[192.0.2.1]", "2001:db8::1": "[IPv6:2001:db8::1]",
		"localhost": "localhost",
	} {
		named, err := at.Named(name)
		require.NoError(t, err, name)
		require.NoError(t, mail.NewSender(named, from).Send(t.Context(), letter()))
		received := server.Received()
		assert.Equal(t, want, received[len(received)-1].Hello, name)
	}
	for _, bad := range []string{"", "a b", "a\r\nQUIT", "-a", "a/b", "[a b]", strings.Repeat("a", 254)} {
		_, err := at.Named(bad)
		assert.Error(t, err, "%q", bad)
	}
}

func TestCheckSendsNothing(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 9)
	server := started(t, func(s *env.SMTP) {
		s.Certificate, s.User, s.Password = &certificate, "foyer", "right"
		s.OnRecipient = func(to string) error {
			asked <- to
			switch to {
			case "gone@example.com":
				return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
			case "carl@example.com":
				return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "relay access denied"}
			}
			return nil
		}
	})
	check := func(password, to string) error {
		return sender(t, "smtp://foyer:"+password+"@"+server.Addr()).Check(t.Context(), to)
	}
	require.NoError(t, check("right", "foyer@example.org"))
	assert.Equal(t, "foyer@example.org", <-asked)
	require.ErrorIs(t, check("right", "gone@example.com"), mail.ErrRefused)
	err := check("right", "carl@example.com")
	require.ErrorContains(t, err, "554 5.7.1 relay access denied")
	require.NotErrorIs(t, err, mail.ErrRefused)
	err = check("hunter2", "foyer@example.org")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "hunter2")
	assert.Empty(t, server.Received())
}

func TestServerURLIsReadOrRefused(t *testing.T) {
	t.Parallel()
	for url, fine := range map[string]bool{
		"smtp://mail.example.org": true, "smtp://mail.example.org:25?tls=none": true,
		"smtps://u:p@mail.example.org": true, "smtp://u:p@[::1]:2525": true,
		"smtp://u:p@mail.example.org?tls=required": true, "smtp://mail.example.org/": true,
		"smtp://u:p@mail.example.org?tls=none": false, "smtp://u:p@mail.example.org?tls=opportunistic": false,
		"smtp://mail.example.org?tls=perhaps": false, "smtp://mail.example.org?tls=none&x=y": false,
		"smtps://mail.example.org?tls=none": false, "smtp://": false, "mail.example.org:25": false,
		"http://mail.example.org": false, "smtp://mail.example.org/inbox": false,
		"smtp://mail.example.org:0": false, "smtp://mail.example.org:65536": false, "": false,
		"smtp://u:hunter2@mail.example.org:bad port": false,
	} {
		_, err := mail.ParseServer(url)
		assert.Equal(t, fine, err == nil, "%s: %v", url, err)
		if err != nil {
			assert.NotContains(t, err.Error(), "hunter2")
		}
	}
}
