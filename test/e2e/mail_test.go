package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/test/env"
)

const inviteToRoom = `mutation($input: InviteToRoomInput!) { inviteToRoom(input: $input) { invited } }`

// mailServer is a real SMTP server that offers TLS and requires a password, not yet started, and the settings with
// which Foyer uses it.
func mailServer(t *testing.T) (*env.SMTP, []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "certificate.pem")
	certificate, err := env.NewCertificate(file)
	require.NoError(t, err)
	smtp := env.NewSMTP(t)
	smtp.Certificate, smtp.User, smtp.Password = &certificate, "foyer", "hunter2"
	return smtp, []string{
		"FOYER_SMTP_URL=smtp://foyer:hunter2@" + smtp.Addr(), "SSL_CERT_FILE=" + file,
		"FOYER_MAIL_FROM=Foyer <foyer@example.org>", "FOYER_PUBLIC_URL=https://meet.example.org",
		"FOYER_OUTBOX_TIMEOUT=5s",
	}
}

func invitation(roomID string, emails ...string) object {
	return object{"input": object{"roomId": roomID, "emails": emails}}
}

// recipients returns how many e-mails each address has got.
func recipients(smtp *env.SMTP) map[string]int {
	count := map[string]int{}
	for _, m := range smtp.Received() {
		count[m.To]++
	}
	return count
}

func TestInvitationsArrive(t *testing.T) {
	t.Parallel()
	smtp, environ := mailServer(t)
	smtp.OnRecipient = func(to string) error {
		if to == "gone@example.com" {
			return &gosmtp.SMTPError{Code: 550, Message: "no <" + to + "> here"}
		}
		return nil
	}
	smtp.Start()
	s := startServer(t, environ...)
	host := s.login("Olga Owner")
	roomID := s.room(host, object{"name": "Zoë’s 🦊", "slug": "zoes-room"})
	data := s.must(host, inviteToRoom, invitation(roomID, "Bob@Example.com", "eve@example.com"))
	assert.Equal(t, []any{"bob@example.com", "eve@example.com"}, at(data, "inviteToRoom.invited"))
	env.Eventually(t, func(c *assert.CollectT) {
		assert.Equal(c, map[string]int{"bob@example.com": 1, "eve@example.com": 1}, recipients(smtp))
	})
	for _, m := range smtp.Received() {
		assert.True(t, m.TLS)
		assert.Contains(t, strings.ReplaceAll(string(m.Raw), "=\r\n", ""), "https://meet.example.org/zoes-room")
	}

	as := invitation(roomID, "carl@example.org")
	as["input"].(object)["role"] = "MEMBER"
	s.must(host, inviteToRoom, as)
	mine := s.must(s.login("Carl"), `{ rooms { edges { node { slug viewerRole } } } }`, nil)
	assert.Equal(t, []any{object{"node": object{"slug": "zoes-room", "viewerRole": "MEMBER"}}},
		at(mine, "rooms.edges"))

	a := s.ask(host, inviteToRoom, invitation(roomID, "bob@example.com", "bob"))
	assert.Equal(t, "INVALID", a.code())
	assert.Equal(t, "emails", a.Errors[0].Extensions["field"])
	assert.Equal(t, []any{1.0}, a.Errors[0].Extensions["indexes"])
	assert.Equal(t, []any{"bob"}, a.Errors[0].Extensions["emails"])
	assert.Contains(t, a.Errors[0].Message, "“bob”")
	assert.Equal(t, "FORBIDDEN", s.ask(s.login("Mallory"), inviteToRoom, invitation(roomID, "a@b.c")).code())
	assert.Equal(t, "UNAUTHENTICATED", s.ask("", inviteToRoom, invitation(roomID, "a@b.c")).code())
	s.must(host, inviteToRoom, invitation(roomID, "gone@example.com"))
	env.Eventually(t, func(c *assert.CollectT) { assert.Contains(c, s.log(), "refused for good") })
	require.NoError(t, s.stop())
	for _, name := range []string{"bob", "eve", "carl", "gone"} {
		assert.NotContains(t, strings.ToLower(s.log()), name+"@", "nobody's address is in the log")
	}
	assert.NotContains(t, s.log(), "hunter2")
}

// TestInvitationsSurviveACrash: the mail server is away, the server is killed, and a later server sends everything.
func TestInvitationsSurviveACrash(t *testing.T) {
	t.Parallel()
	smtp, environ := mailServer(t)
	environ = append(environ, shared(t)...)
	first := startServer(t, environ...)
	host := first.login("Olga Owner")
	roomID := first.room(host, object{})
	first.must(host, inviteToRoom, invitation(roomID, "bob@example.com", "eve@example.com"))
	first.kill()
	smtp.Start()
	second := startServer(t, environ...)
	env.Eventually(t, func(c *assert.CollectT) {
		assert.Equal(c, map[string]int{"bob@example.com": 1, "eve@example.com": 1}, recipients(smtp))
	})
	require.NoError(t, second.stop())
}

// TestServerKilledWhileItSendsLeavesTheRestToAnother, which claims the same messages again.
func TestServerKilledWhileItSendsLeavesTheRestToAnother(t *testing.T) {
	t.Parallel()
	smtp, environ := mailServer(t)
	environ = append(environ, shared(t)...)
	asked, hold := make(chan struct{}, 99), make(chan struct{})
	smtp.OnRecipient = func(string) error {
		asked <- struct{}{}
		<-hold
		return nil
	}
	smtp.Start()
	first := startServer(t, environ...)
	host := first.login("Olga Owner")
	roomID := first.room(host, object{})
	first.must(host, inviteToRoom, invitation(roomID, "a@example.com", "b@example.com", "c@example.com"))
	env.Receive(t, asked)
	first.kill() // between RCPT and DATA
	close(hold)
	second := startServer(t, environ...)
	env.Eventually(t, func(c *assert.CollectT) {
		assert.Equal(c, map[string]int{"a@example.com": 1, "b@example.com": 1, "c@example.com": 1},
			recipients(smtp))
	})
	require.NoError(t, second.stop())
}

func TestStoppingServerFinishesTheEmailThatItSends(t *testing.T) {
	t.Parallel()
	smtp, environ := mailServer(t)
	asked, hold := make(chan struct{}, 9), make(chan struct{})
	smtp.OnData = func(string) error {
		asked <- struct{}{}
		<-hold
		return nil
	}
	smtp.Start()
	s := startServer(t, append(environ, "FOYER_OUTBOX_TIMEOUT=1m", "FOYER_DRAIN_TIMEOUT=30s")...)
	host := s.login("Olga Owner")
	roomID := s.room(host, object{})
	s.must(host, inviteToRoom, invitation(roomID, "a@example.com"))
	env.Receive(t, asked)
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	env.Eventually(t, func(c *assert.CollectT) { assert.Contains(c, s.log(), "stopping") })
	close(hold)
	require.NoError(t, env.Receive(t, stopped))
	assert.Equal(t, map[string]int{"a@example.com": 1}, recipients(smtp))
	assert.NotContains(t, s.log(), "not delivered")
}

func TestDevelopmentModeLogsInvitationsInsteadOfSendingThem(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	host := s.login("Olga Owner")
	roomID := s.room(host, object{"slug": "my-room"})
	s.must(host, inviteToRoom, invitation(roomID, "bob@example.com"))
	env.Eventually(t, func(c *assert.CollectT) {
		assert.Contains(c, s.log(), "bob@example.com")
		assert.Contains(c, s.log(), "/my-room")
	})
}

// TestRefusalOfThisServerIsRetriedAndLogged: the refusal does not concern the recipient.
func TestRefusalOfThisServerIsRetriedAndLogged(t *testing.T) {
	t.Parallel()
	smtp, environ := mailServer(t)
	mended := make(chan struct{})
	smtp.OnRecipient = func(string) error {
		select {
		case <-mended:
			return nil
		default:
			return &gosmtp.SMTPError{Code: 504, EnhancedCode: gosmtp.EnhancedCode{5, 5, 2},
				Message: "need a better name"}
		}
	}
	smtp.Start()
	s := startServer(t, environ...)
	host := s.login("Olga Owner")
	s.must(host, inviteToRoom, invitation(s.room(host, object{}), "bob@example.com"))
	env.Eventually(t, func(c *assert.CollectT) { assert.Contains(c, s.log(), "504 5.5.2 need a better name") })
	assert.Contains(t, s.log(), "a matter of settings")
	assert.NotContains(t, s.log(), "refused for good")
	close(mended)
	env.Eventually(t, func(c *assert.CollectT) {
		assert.Equal(c, map[string]int{"bob@example.com": 1}, recipients(smtp))
	})
	assert.Equal(t, "meet.example.org", smtp.Received()[0].Hello)
}
