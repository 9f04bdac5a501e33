package mail_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/mail"
	"foyer/test/env"
)

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
