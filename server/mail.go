package main

import (
	"context"
	"log/slog"
	"net/url"

	"foyer/internal/mail"
	"foyer/server/config"
)

// sendMail returns the function that sends e-mail; nil without an SMTP server outside development mode.
func sendMail(c *config.Config) func(context.Context, mail.Message) error {
	switch {
	case c.Mail.SMTPURL != "":
		sender, _ := mailSender(c)
		return sender.Send
	case c.Development():
		return logMail
	default:
		return nil
	}
}

// mailSender returns a sender for the SMTP server, and the address of its e-mail. config.Load has checked the settings.
func mailSender(c *config.Config) (*mail.Sender, string) {
	server, _ := mail.ParseServer(c.Mail.SMTPURL)
	from, _ := mail.ParseFrom(c.Mail.From)
	name := c.Mail.Helo
	if public, err := url.Parse(c.Server.PublicURL); name == "" && err == nil {
		name = public.Hostname()
	}
	if named, err := server.Named(name); err == nil {
		server = named
	}
	return mail.NewSender(server, from), from.Address
}

// logMail logs an e-mail, in development mode without an SMTP server.
func logMail(ctx context.Context, m mail.Message) error {
	slog.InfoContext(ctx, "an e-mail, not sent since FOYER_SMTP_URL is not set",
		"to", m.To, "subject", m.Subject, "text", m.Text)
	return nil
}
