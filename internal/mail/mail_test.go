package mail_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	netmail "net/mail"
	"net/textproto"
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
		if err == io.EOF {
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

func TestServersAnswerDecidesAboutRetries(t *testing.T) {
	t.Parallel()
	const message = "<bob@example.com>: Bob is busy, ask eve@example.net, not foyer@example.org"
	at := func(code int, enhanced ...int) error {
		answer := &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: message}
		if enhanced != nil {
			answer.EnhancedCode = smtp.EnhancedCode{code / 100, enhanced[0], enhanced[1]}
		}
		return answer
	}
	tests := []struct {
		name            string
		recipient, data error
		refused         bool
		saying          string
	}{
		{"a recipient who is busy", at(451, 1, 1), nil, false, "451 4.1.1"},
		{"a server that is busy", at(421, 1, 1), nil, false, "421 4.1.1"},
		{"no such mailbox", at(550, 1, 1), nil, true, "550 5.1.1"},
		{"a mailbox that is full", at(552, 2, 2), nil, true, "552 5.2.2"},
		{"no such mailbox, in old words", at(550), nil, true, "550 <"},
		{"no mailbox of that form, in old words", at(553), nil, true, "553 <"},
		{"no mailbox, of an unsaid kind", at(550, 0, 0), nil, true, "550 5.0.0"},
		{"our name", at(504, 5, 2), nil, false, "504 5.5.2"},
		{"our name, in old words", at(504), nil, false, "504 <"},
		{"our sender", at(553, 7, 1), nil, false, "553 5.7.1"},
		{"our sender's domain", at(550, 1, 8), nil, false, "550 5.1.8"},
		{"relaying", at(554, 7, 1), nil, false, "554 5.7.1"},
		{"relaying, in old words", at(554), nil, false, "554 <"},
		{"a message for later", nil, at(452, 1, 1), false, "452 4.1.1"},
		{"a message", nil, at(554, 6, 0), true, "554 5.6.0"},
		{"a message, in old words", nil, at(554), true, "554 <"},
		{"a message of ours", nil, at(550, 7, 26), false, "550 5.7.26"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := started(t, func(s *env.SMTP) {
				s.OnRecipient = func(string) error { return test.recipient }
				s.OnData = func(string) error { return test.data }
			})
			err := sender(t, "smtp://"+server.Addr()+"?tls=none").Send(t.Context(), letter())
			require.ErrorContains(t, err, test.saying)
			assert.Equal(t, test.refused, errors.Is(err, mail.ErrRefused), "%v", err)
			require.ErrorContains(t, err, "is busy, ask …@…, not foyer@example.org", "in the server's words")
			assert.NotContains(t, strings.ToLower(err.Error()), "bob")
		})
	}
}

func TestServersAnswerBecomesOneShortLine(t *testing.T) {
	t.Parallel()
	server := started(t, func(s *env.SMTP) {
		s.OnRecipient = func(string) error {
			return &smtp.SMTPError{Code: 550, Message: "no\x1b[31m\u202e " + strings.Repeat("long ", 100)}
		}
	})
	err := sender(t, "smtp://"+server.Addr()+"?tls=none").Send(t.Context(), letter())
	require.Error(t, err)
	assert.Less(t, len(err.Error()), 350)
	assert.NotContains(t, err.Error(), "\x1b")
	assert.NotContains(t, err.Error(), "\u202e")
}

func TestInvalidAddressIsRefused(t *testing.T) {
	t.Parallel()
	server := started(t, nil)
	for _, to := range []string{"", "bob", "a b@example.com", "a@example.com>\r\nRCPT TO:<eve@example.net"} {
		m := letter()
		m.To = to
		err := sender(t, "smtp://"+server.Addr()+"?tls=none").Send(t.Context(), m)
		assert.ErrorIs(t, err, mail.ErrRefused, "%q", to)
	}
	assert.Empty(t, server.Received())
}

func TestOutageOfTheServerIsReported(t *testing.T) {
	t.Parallel()
	server := env.NewSMTP(t)
	err := sender(t, "smtp://"+server.Addr()).Send(t.Context(), letter())
	require.ErrorContains(t, err, "connection refused")
	assert.NotErrorIs(t, err, mail.ErrRefused)
}

func TestSlowServerTimesOut(t *testing.T) {
	t.Parallel()
	t.Run("to take a message", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		asked, answer := make(chan struct{}), make(chan struct{})
		server := started(t, func(s *env.SMTP) {
			s.OnData = func(string) error { close(asked); <-answer; return nil }
		})
		t.Cleanup(func() { close(answer) })
		go func() { <-asked; cancel() }()
		began := time.Now()
		err := sender(t, "smtp://"+server.Addr()+"?tls=none").Send(ctx, letter())
		require.ErrorIs(t, err, context.Canceled)
		assert.Less(t, time.Since(began), time.Minute)
	})
	t.Run("to greet", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer listener.Close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		accepted := make(chan net.Conn, 1)
		go func() {
			conn, err := listener.Accept()
			if assert.NoError(t, err) {
				accepted <- conn
			}
			cancel()
		}()
		err = sender(t, "smtp://"+listener.Addr().String()).Send(ctx, letter())
		require.ErrorIs(t, err, context.Canceled)
		conn := <-accepted
		defer conn.Close()
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		_, err = bufio.NewReader(conn).ReadByte()
		assert.ErrorIs(t, err, io.EOF, "no connection is left behind")
	})
}

// TestFailedQUITIsNoError: a message that the server has accepted is not sent again.
func TestFailedQUITIsNoError(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close() // at the command that it does not expect: QUIT
		lines := textproto.NewConn(conn)
		_ = lines.PrintfLine("220 mail.test")
		for _, answer := range []string{"EHLO 250 mail.test", "MAIL 250 go on", "RCPT 250 go on", "DATA 354 say"} {
			command, reply, _ := strings.Cut(answer, " ")
			line, err := lines.ReadLine()
			if err != nil || !strings.HasPrefix(line, command) {
				return
			}
			_ = lines.PrintfLine("%s", reply)
		}
		if _, err := lines.ReadDotBytes(); err == nil {
			_ = lines.PrintfLine("250 taken")
		}
	}()
	url := "smtp://" + listener.Addr().String() + "?tls=none"
	require.NoError(t, sender(t, url).Send(t.Context(), letter()))
}

// TestBrokenConnectionIsRetried if it breaks before the server accepts the message.
func TestBrokenConnectionIsRetried(t *testing.T) {
	t.Parallel()
	for _, at := range []func(*env.SMTP){
		func(s *env.SMTP) { s.OnRecipient = func(string) error { go s.Stop(); return errors.New("") } },
		func(s *env.SMTP) { s.OnData = func(string) error { s.Stop(); return nil } },
	} {
		server := env.NewSMTP(t)
		at(server)
		server.Start()
		err := sender(t, "smtp://"+server.Addr()+"?tls=none").Send(t.Context(), letter())
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "bob")
	}
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
