package invitations

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"regexp"
	"strings"
	texttemplate "text/template"
	"unicode"

	"golang.org/x/text/language"

	"foyer/ent"
	"foyer/mail"
	"foyer/outbox"
)

//go:embed templates
var templates embed.FS

// letters are the templates of an invitation in each language that we write.
type letters struct {
	matcher language.Matcher
	texts   []letter // in the matcher's order
}

type letter struct {
	text *texttemplate.Template // with a template "subject"
	html *template.Template
}

// content is what the templates show.
type content struct {
	Inviter, Room, Link string
	HasRole             bool
}

func readLetters() (letters, error) {
	languages := []language.Tag{language.English, language.French} // the first for all others
	l := letters{matcher: language.NewMatcher(languages)}
	for _, tag := range languages {
		file := "templates/" + tag.String()
		text, textErr := texttemplate.ParseFS(templates, file+".txt")
		html, htmlErr := template.ParseFS(templates, "templates/layout.html", file+".html")
		if err := errors.Join(textErr, htmlErr); err != nil {
			return letters{}, err
		}
		l.texts = append(l.texts, letter{text, html})
	}
	return l, nil
}

// Deliver sends the e-mail of an invitation, as the outbox wants it.
func (s *Service) Deliver(ctx context.Context, m *ent.OutboxMessage) error {
	var i invitation
	if err := json.Unmarshal(m.Payload, &i); err != nil {
		return outbox.Permanent(errors.New("the payload is not an invitation"))
	}
	message, err := s.letters.write(i, s.settings.PublicURL)
	if err != nil {
		return outbox.Permanent(err)
	}
	message.ID, message.Date = m.ID.String(), m.CreatedAt
	if err = s.settings.Send(ctx, message); errors.Is(err, mail.ErrRefused) {
		return outbox.Permanent(err)
	}
	return err
}

// write words an invitation in the language nearest to the one it asks for.
func (l letters) write(i invitation, publicURL string) (mail.Message, error) {
	tag, _ := language.Parse(i.Language) // what cannot be read matches the first
	_, best, _ := l.matcher.Match(tag)
	c := content{
		Inviter: harmless(i.Inviter), Room: harmless(i.Room), HasRole: i.HasRole,
		Link: strings.TrimRight(publicURL, "/") + "/" + url.PathEscape(i.Slug),
	}
	var subject, text, html strings.Builder
	err := errors.Join(
		l.texts[best].text.ExecuteTemplate(&subject, "subject", c),
		l.texts[best].text.Execute(&text, c),
		l.texts[best].html.ExecuteTemplate(&html, "layout.html", c),
	)
	if err != nil {
		return mail.Message{}, fmt.Errorf("write an invitation: %w", err)
	}
	return mail.Message{
		To: i.To, Subject: subject.String(), Text: text.String(), HTML: html.String(),
	}, nil
}

// likeALink finds where mail programs would see a link or an address in a name. Domains are also written
// with the dots of other scripts (RFC 3490).
var likeALink = regexp.MustCompile(`([./:@\x{3002}\x{FF0E}\x{FF61}])([\pL\pN])`)

// harmless returns a name in which nothing breaks a line, turns text around, or becomes a link: names
// are free, and whoever invites strangers under one of them should not advertise with it.
func harmless(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, name)
	const zeroWidthSpace = "\u200b"
	return likeALink.ReplaceAllString(strings.Join(strings.Fields(name), " "), "$1"+zeroWidthSpace+"$2")
}
