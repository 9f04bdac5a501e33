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

// languages are those that letters are written in, the first for all others.
var (
	languages = []language.Tag{language.English, language.French}
	matcher   = language.NewMatcher(languages)
)

// Template is what one kind of e-mail says, in every language that we write.
type Template []version // as languages

// version is a Template in one language.
type version struct {
	text *texttemplate.Template // with a template "subject"
	html *template.Template
}

// Read reads a letter from the files LANGUAGE.txt and LANGUAGE.html of a folder. The text defines
// "subject"; the HTML is what the layout wants, which links to the field Link. In both, date writes a
// time in the letter's language.
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

// Write words a letter in the language nearest to a BCP 47 tag, or in English. The message has yet to
// be addressed. Names in the content have to be Harmless.
func (l Template) Write(tag string, content any) (Message, error) {
	wanted, _ := language.Parse(tag) // what cannot be read matches the first
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

// likeALink finds where mail programs would see a link or an address in a name. Domains are also written
// with the dots of other scripts (RFC 3490).
var likeALink = regexp.MustCompile(`([./:@\x{3002}\x{FF0E}\x{FF61}])([\pL\pN])`)

// Harmless returns a name in which nothing breaks a line, turns text around, or becomes a link: names
// are free, and whoever has us write to others under one of them should not advertise with it.
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
