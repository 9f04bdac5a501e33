package mail

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"regexp"
	"strings"
	texttemplate "text/template"
	"unicode"

	"golang.org/x/text/language"
)

//go:embed layout.html
var layout string

// languages are the languages of e-mails. The first one is used for all others.
var (
	languages = []language.Tag{language.English, language.French}
	matcher   = language.NewMatcher(languages)
)

// Template is one kind of e-mail, in every language.
type Template []version // in the order of languages

// version is a Template in one language.
type version struct {
	text *texttemplate.Template // it contains a template "subject"
	html *template.Template
}

// ReadTemplate reads a template from the files LANGUAGE.txt and LANGUAGE.html of a folder. The text defines "subject".
// The HTML defines what the layout uses, and its button links to the field Link. In both, date formats a time in the
// language of the e-mail.
func ReadTemplate(files fs.FS, folder string) (Template, error) {
	var l Template
	for _, tag := range languages {
		name := tag.String()
		functions := map[string]any{"date": dates[name], "language": tag.String}
		text, textErr := texttemplate.New(name+".txt").Funcs(functions).ParseFS(files, folder+"/"+name+".txt")
		html := template.Must(template.New("layout").Funcs(functions).Parse(layout))
		html, htmlErr := html.ParseFS(files, folder+"/"+name+".html")
		if err := errors.Join(textErr, htmlErr); err != nil {
			return nil, fmt.Errorf("read the templates of letters: %w", err)
		}
		l = append(l, version{text, html})
	}
	return l, nil
}

// Write writes an e-mail in the language closest to a BCP 47 tag, or in English. The caller sets the recipient. Names
// in the content must be Harmless.
func (l Template) Write(tag string, content any) (Message, error) {
	wanted, _ := language.Parse(tag) // the zero value matches the first language
	_, best, _ := matcher.Match(wanted)
	var subject, text, html strings.Builder
	err := errors.Join(
		l[best].text.ExecuteTemplate(&subject, "subject", content),
		l[best].text.Execute(&text, content),
		l[best].html.Execute(&html, content),
	)
	if err != nil {
		return Message{}, fmt.Errorf("write a letter: %w", err)
	}
	return Message{Subject: subject.String(), Text: text.String(), HTML: html.String()}, nil
}

// likeALink matches the parts of a name that mail programs would turn into a link or an address. Domains can also be
// written with the dots of other scripts (RFC 3490).
var likeALink = regexp.MustCompile(`([./:@\x{3002}\x{FF0E}\x{FF61}])([\pL\pN])`)

// Harmless returns a name in which nothing breaks a line, changes the text direction, or becomes a link. People choose
// their names freely, and must not be able to advertise with them in Foyer's e-mails.
func Harmless(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, name)
	const zeroWidthSpace = "\u200b"
	return likeALink.ReplaceAllString(strings.Join(strings.Fields(name), " "), "$1"+zeroWidthSpace+"$2")
}
