package config

import (
	"slices"
	"time"

	"foyer/internal/mail"
	"foyer/internal/webhook"
)

// Mail is how Foyer sends e-mail.
type Mail struct {
	SMTPURL   string `env:"FOYER_SMTP_URL" unset:"no e-mail" doc:"'smtp://user:password@host:587' (STARTTLS) or 'smtps://user:password@host:465' (TLS from the first byte). The default ports are 587 and 465. Without a user Foyer does not sign in. Write special characters of a password as in any URL ('%40' for '@'). 'smtp://…?tls=opportunistic' does without TLS if the server has none, and '?tls=none' always; both only without a password."`
	From      string `env:"FOYER_MAIL_FROM" doc:"The sender: 'Foyer <foyer@example.org>'. 'FOYER_SMTP_URL' requires it."`
	Helo      string `env:"FOYER_SMTP_HELO" unset:"the host of 'FOYER_PUBLIC_URL', or else the name of this machine" doc:"Foyer's name for the SMTP server (EHLO): the name of a host, or an IP address. Some servers refuse names that are not in DNS."`
	MaxEmails int    `env:"FOYER_INVITATION_EMAILS" envDefault:"50" check:"1.." doc:"How many addresses one 'inviteToRoom' may have."`
}

// Outbox is how deliveries are made and retried.
type Outbox struct {
	Timeout     time.Duration `env:"FOYER_OUTBOX_TIMEOUT" envDefault:"30s" check:"1ms..8760h" doc:"How long one delivery may take. If a server dies during a delivery, another one repeats it after twice this time. The clocks of the servers must differ by less than this."`
	Concurrency int           `env:"FOYER_OUTBOX_CONCURRENCY" envDefault:"4" check:"1.." doc:"Deliveries of one kind that one server makes in parallel: invitations, e-mail about recordings, webhooks to one address. Kinds do not wait for each other."`
	GiveUp      time.Duration `env:"FOYER_OUTBOX_GIVE_UP" envDefault:"24h" check:"1ms..8760h" doc:"How long Foyer retries a delivery. It retries deleting the files of deleted recordings for as long as they exist."`
	Keep        time.Duration `env:"FOYER_OUTBOX_KEEP" envDefault:"168h" check:"1ms..8760h" doc:"How long delivered and refused messages stay in the database. Invitations contain addresses."`
}

// Webhooks are Foyer's reports to other services, and theirs to Foyer.
type Webhooks struct {
	URLs             []string      `env:"FOYER_WEBHOOK_URLS" secret:"path" doc:"Where Foyer reports recordings to: 'https://transcripts.example.org/foyer'. Plain http is for this machine only."`
	Secrets          []string      `env:"FOYER_WEBHOOK_SECRET" check:"whsec_ and 24 to 64 bytes in base64" secret:"all" doc:"The secret with which Foyer signs, and receivers check. Make one with 'echo whsec_$(openssl rand -base64 32)'. All receivers share it: list only receivers that trust each other. To change it, set both with a comma between them, then change the receivers, then remove the old one. 'FOYER_WEBHOOK_URLS' requires it."`
	AllowHTTP        bool          `env:"FOYER_WEBHOOK_ALLOW_HTTP" doc:"Allow plain http to other machines too, for instance in a private network. Development mode always allows it."`
	DownloadURLs     bool          `env:"FOYER_WEBHOOK_DOWNLOAD_URLS" doc:"'recording.ready' has a 'downloadUrl', at which anybody who knows it gets the file from 'S3_PUBLIC_ENDPOINT'. For services without access to the bucket."`
	DownloadTTL      time.Duration `env:"FOYER_WEBHOOK_DOWNLOAD_TTL" envDefault:"1h" check:"1s..168h" doc:"How long such a URL is valid, from the attempt that delivered it."`
	TranscriptSecret string        `env:"FOYER_TRANSCRIPT_WEBHOOK_SECRET" unset:"the path answers 404" check:"32 or more letters, digits or ._~+/=-" secret:"all" doc:"What the service that makes transcripts sends to 'POST /webhooks/transcript'."`
}

func (c *Config) checkMail(p *problems) {
	m := c.Mail
	for name, limit := range map[string]int{
		"FOYER_INVITATIONS_PER_USER": c.Rates.InvitationsPerUser,
		"FOYER_INVITATIONS_PER_ROOM": c.Rates.InvitationsPerRoom,
	} {
		p.add(limit > 0 && limit < m.MaxEmails, "%s is less than FOYER_INVITATION_EMAILS", name)
	}
	if m.SMTPURL == "" {
		return
	}
	server, err := mail.ParseServer(m.SMTPURL)
	p.add(err != nil, "FOYER_SMTP_URL is %v", err)
	if m.Helo != "" {
		_, err = server.Named(m.Helo)
		p.add(err != nil, "FOYER_SMTP_HELO is %v", err)
	}
	_, err = mail.ParseFrom(m.From)
	p.add(m.From == "", "FOYER_MAIL_FROM is not set, but FOYER_SMTP_URL is")
	p.add(m.From != "" && err != nil, "FOYER_MAIL_FROM is %v", err)
}

func (c *Config) checkWebhooks(p *problems) {
	w := c.Webhooks
	for i, address := range w.URLs {
		err := webhook.CheckURL(address, w.AllowHTTP || c.Development())
		p.add(err != nil, "FOYER_WEBHOOK_URLS has what is %v: number %d", err, i+1)
		p.add(slices.Contains(w.URLs[:i], address), "FOYER_WEBHOOK_URLS has number %d twice", i+1)
	}
	p.add(len(w.URLs) > 0 && len(w.Secrets) == 0, "FOYER_WEBHOOK_SECRET is not set, but FOYER_WEBHOOK_URLS is")
	p.add(w.DownloadURLs && c.Storage.Endpoint == "", "FOYER_WEBHOOK_DOWNLOAD_URLS is set, but S3_ENDPOINT is not")
}
